//! `outlast key …`: the keys that callers use. Talks to the running process, or opens the store
//! itself when none runs.

use std::{path::Path, process::ExitCode};

use access::Keys;
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use http::Method;
use serde::{Deserialize, Serialize};
use store::Store;
use terms::time::Timestamp;

use crate::{
    admin_client::AdminClient,
    clock::wall,
    commands::{ConfigArguments, small_runtime},
    config::Environment,
    data_folder::{DataFolder, Opened},
    terminal,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a key. It is shown once and kept only as a hash.
    Create {
        /// Who will use it: a person or a service
        #[arg(long)]
        principal: String,
        /// Who pays [default: default]
        #[arg(long, default_value = "default")]
        team: String,
        /// What it is for [default: the principal's name]
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// List the keys, without their secrets.
    List {
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// Disable a key; it is refused from now on.
    Disable {
        /// Its id, as `outlast key list` shows it
        id: String,
        #[command(flatten)]
        config: ConfigArguments,
    },
}

#[derive(Debug, Serialize)]
struct NewKeyRequest<'a> {
    principal: &'a str,
    team: &'a str,
    name: &'a str,
}

#[derive(Debug, Deserialize)]
struct NewKeyAnswer {
    key: String,
}

/// One row of the admin API's list.
#[derive(Debug, Deserialize)]
struct KeyRow {
    id: String,
    name: String,
    principal: String,
    team: String,
    created_at: Timestamp,
    disabled_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct KeyList {
    keys: Vec<KeyRow>,
}

pub(crate) fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    small_runtime()?.block_on(act(&arguments.action, environment))?;
    Ok(ExitCode::SUCCESS)
}

async fn act(action: &Action, environment: &Environment) -> anyhow::Result<()> {
    match action {
        Action::Create { principal, team, name, config } => {
            let place = Place::find(&config.data_folder(environment)?, environment).await?;
            let name = name.as_deref().unwrap_or(principal);
            terminal::line(&place.create(principal, team, name).await?);
            terminal::error("this key is shown once; keep it where your callers find it");
        }
        Action::List { config } => {
            let place = Place::find(&config.data_folder(environment)?, environment).await?;
            show(&place.list().await?);
        }
        Action::Disable { id, config } => {
            let place = Place::find(&config.data_folder(environment)?, environment).await?;
            place.disable(id).await?;
            terminal::line(&format!("{id} is disabled"));
        }
    }
    Ok(())
}

/// Where the keys are reached.
enum Place {
    Running(AdminClient),
    Ours { store: Store, keys: Keys, _folder: DataFolder },
}

impl Place {
    async fn find(data: &Path, environment: &Environment) -> anyhow::Result<Self> {
        match DataFolder::open(data)? {
            Opened::Running(instance) => {
                Ok(Self::Running(AdminClient::new(instance.console, data, environment)?))
            }
            Opened::Ours(folder) => {
                let store = Store::open(&folder.store_path())
                    .await
                    .context("the store cannot be opened")?;
                let keys = Keys::load(&store).await?;
                Ok(Self::Ours { store, keys, _folder: folder })
            }
        }
    }

    async fn create(&self, principal: &str, team: &str, name: &str) -> anyhow::Result<String> {
        match self {
            Self::Running(client) => {
                let body = serde_json::to_string(&NewKeyRequest { principal, team, name })?;
                let answer: NewKeyAnswer = client.ask(Method::POST, "/api/keys", body).await?;
                Ok(answer.key)
            }
            Self::Ours { store, keys, .. } => {
                let new = keys.create(store, principal.into(), team.into(), name, wall()).await?;
                Ok(new.secret.expose().to_owned())
            }
        }
    }

    async fn list(&self) -> anyhow::Result<Vec<KeyRow>> {
        match self {
            Self::Running(client) => {
                let answer: KeyList = client.ask(Method::GET, "/api/keys", String::new()).await?;
                Ok(answer.keys)
            }
            Self::Ours { keys, .. } => Ok(keys
                .list()
                .iter()
                .map(|key| KeyRow {
                    id: key.id.to_string(),
                    name: key.name.clone(),
                    principal: key.principal.to_string(),
                    team: key.team.to_string(),
                    created_at: key.created_at,
                    disabled_at: key.disabled_at,
                })
                .collect()),
        }
    }

    async fn disable(&self, id: &str) -> anyhow::Result<()> {
        match self {
            Self::Running(client) => {
                let _: serde::de::IgnoredAny =
                    client.ask(Method::DELETE, &format!("/api/keys/{id}"), String::new()).await?;
            }
            Self::Ours { store, keys, .. } => {
                if !keys.disable(store, &id.into(), wall()).await? {
                    bail!("no enabled key has the id {id}; `outlast key list` shows them");
                }
            }
        }
        Ok(())
    }
}

fn show(keys: &[KeyRow]) {
    if keys.is_empty() {
        terminal::line("no key yet: `outlast key create --principal NAME` makes one");
        return;
    }
    let head = ["id", "principal", "team", "name", "made", "state"];
    let rows = keys.iter().map(|key| {
        let state = key
            .disabled_at
            .map_or_else(|| "enabled".to_owned(), |at| format!("disabled {}", at.date()));
        vec![
            key.id.clone(),
            key.principal.clone(),
            key.team.clone(),
            key.name.clone(),
            key.created_at.date(),
            state,
        ]
    });
    terminal::line(terminal::table(&head, rows, &[]).trim_end());
}
