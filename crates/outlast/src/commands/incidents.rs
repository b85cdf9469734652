//! `outlast incidents`: targets that answer otherwise than they did, with the evidence, from the store;
//! closing one asks the running process.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use console::{IncidentWords, LevelWords};
use http::Method;
use serde::de::IgnoredAny;
use store::Store;
use terms::{
    incident::{Cause, Incident},
    time::Timestamp,
};

use crate::{
    commands::{ConfigArguments, sessions, small_runtime},
    config::Environment,
    terminal,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List incidents, open ones first, and how the canaries went last.
    List {
        /// How many closed ones are listed
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        newest: u32,
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// Show one with its evidence.
    Show {
        /// The incident, as `outlast incidents list` shows it
        id: String,
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// Say that how the target answers now is normal; a canary's opens again when it fails twice in a row.
    Close {
        /// The incident, as `outlast incidents list` shows it
        id: String,
        #[command(flatten)]
        config: ConfigArguments,
    },
}

pub(crate) fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    small_runtime()?.block_on(act(&arguments.action, environment))?;
    Ok(ExitCode::SUCCESS)
}

async fn act(action: &Action, environment: &Environment) -> anyhow::Result<()> {
    match action {
        Action::List { newest, config } => {
            let store = config.books(environment).await?;
            terminal::line(list(&store, *newest).await?.trim_end());
            store.close().await;
        }
        Action::Show { id, config } => {
            let store = config.books(environment).await?;
            let incident = store.incident(&id.as_str().into()).await?;
            let incident = incident.with_context(|| unknown(id))?;
            terminal::line(shown(&incident).trim_end());
            store.close().await;
        }
        Action::Close { id, config } => {
            let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            anyhow::ensure!(plain, unknown(id));
            let client = sessions::running(config, environment)?;
            let path = format!("/api/incidents/{id}");
            let incident: Incident = client.ask(Method::GET, &path, String::new()).await?;
            let _: IgnoredAny = client.ask(Method::DELETE, &path, String::new()).await?;
            terminal::line(&match incident.cause {
                Cause::Sign(_) => format!("{id} is closed; how its target answers now is normal"),
                Cause::Canary(canary) => format!(
                    "{id} is closed; another opens when {canary} fails there twice in a row: change what the canary expects if this is how it is"
                ),
            });
        }
    }
    Ok(())
}

fn unknown(id: &str) -> String {
    format!("there is no incident `{id}`; `outlast incidents list` shows them")
}

async fn list(store: &Store, newest: u32) -> anyhow::Result<String> {
    let incidents = store.incidents(newest).await?;
    let head = ["incident", "since (UTC)", "target", "what", "before", "after", "state"];
    let rows = incidents.iter().map(|incident| {
        let IncidentWords { target, what, before, after, .. } = IncidentWords::of(incident);
        let value = |level: Option<LevelWords>| level.map(|level| level.value).unwrap_or_default();
        vec![
            incident.id.to_string(),
            time(incident.since),
            target.to_string(),
            what,
            value(before),
            value(after),
            state(incident),
        ]
    });
    let mut text = if incidents.is_empty() {
        "no target answered otherwise than before".to_owned()
    } else {
        terminal::table(&head, rows, &[])
    };
    let runs = store.canary_runs(newest).await?;
    if !runs.is_empty() {
        let head = ["canary", "asked (UTC)", "target", "outcome", "cost"];
        let rows = runs.iter().map(|run| {
            let outcome = match run.outcome.why() {
                None => run.outcome.name().to_owned(),
                Some(why) => format!("{}: {why}", run.outcome.name()),
            };
            let (target, cost) = (run.target.to_string(), run.cost.to_string());
            vec![run.canary.to_string(), time(run.at), target, outcome, cost]
        });
        text = format!("{}\n\n{}", text.trim_end(), terminal::table(&head, rows, &[]));
    }
    Ok(text)
}

fn shown(incident: &Incident) -> String {
    use std::fmt::Write;
    let IncidentWords { target, what, before, after, why } = IncidentWords::of(incident);
    let mut text = format!("{target} {what}\n{} · {}\n\n{why}\n", incident.id, state(incident));
    let since = time(incident.since);
    for (when, level) in [("before".to_owned(), before), (format!("since {since} UTC"), after)] {
        if let Some(LevelWords { value, note }) = level {
            let _ = writeln!(text, "{when}: {value} ({note})");
        }
    }
    if !incident.examples.is_empty() {
        text.push_str("\nRequests that show it, for `outlast explain`:\n");
        for example in &incident.examples {
            let _ = writeln!(text, "  {example}");
        }
    }
    text
}

fn state(incident: &Incident) -> String {
    match &incident.closed {
        None => "open".to_owned(),
        Some(closed) => match &closed.by {
            None => format!("as before again since {}", time(closed.at)),
            Some(by) => format!("closed by {by} at {}", time(closed.at)),
        },
    }
}

fn time(at: Timestamp) -> String {
    format!("{} {}", at.date(), at.clock())
}
