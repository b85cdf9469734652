//! Where commands reach the pipelines of a data folder: the running process by its admin API, or the
//! engine itself where none runs. One face for both.

use std::path::Path;

use anyhow::bail;
use console::pipelines::{DistillationOrder, Pipelines, RunOrder, RunPage, RunRow, Unfit, newer};
use http::Method;
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::{PipelinesView, open};
use crate::{
    admin_client::AdminClient,
    config::Environment,
    data_folder::{DataFolder, Opened},
};

/// Where the pipelines are reached.
pub(crate) enum Reach {
    /// In another process.
    Running(AdminClient),
    /// In this one, with the folder's lock where nothing else of it is open.
    Ours(PipelinesView, Option<DataFolder>),
}

#[derive(Deserialize)]
struct RunList {
    runs: Vec<RunRow>,
}

#[derive(Deserialize)]
struct Begun {
    run: String,
}

impl Reach {
    /// Finds the running process, or opens the data folder.
    pub(crate) async fn find(data: &Path, environment: &Environment) -> anyhow::Result<Self> {
        match DataFolder::open(data)? {
            Opened::Running(instance) => {
                Ok(Self::Running(AdminClient::new(instance.console, data, environment)?))
            }
            Opened::Ours(folder) => {
                let engine = open(folder.path(), None).await?;
                Ok(Self::Ours(PipelinesView { engine, gateway: None }, Some(folder)))
            }
        }
    }

    pub(crate) async fn runs(&self) -> anyhow::Result<Vec<RunRow>> {
        match self {
            Self::Running(client) => {
                let list: RunList =
                    client.ask(Method::GET, "/api/pipelines", String::new()).await?;
                Ok(list.runs)
            }
            Self::Ours(pipelines, _) => Ok(pipelines.runs().await),
        }
    }

    /// A run as it is now, or once it has gone past an event.
    pub(crate) async fn run(&self, run: &str, after: Option<u64>) -> anyhow::Result<RunPage> {
        let found = match self {
            Self::Running(client) => {
                let asked = after.map_or(String::new(), |after| format!("?after={after}"));
                let path = format!("/api/pipelines/{run}{asked}");
                return client.ask(Method::GET, &path, String::new()).await;
            }
            Self::Ours(pipelines, _) => match after {
                Some(after) => newer(pipelines, run, after).await,
                None => pipelines.run(run).await,
            },
        };
        match found {
            Some(found) => Ok(found),
            None => bail!("there is no run `{run}`; `outlast pipeline list` shows them"),
        }
    }

    pub(crate) async fn submit(&self, order: RunOrder) -> anyhow::Result<String> {
        match self {
            Self::Running(client) => begin(client, "/api/pipelines", &order).await,
            Self::Ours(pipelines, _) => fit(pipelines.submit(order).await),
        }
    }

    pub(crate) async fn distill(&self, order: DistillationOrder) -> anyhow::Result<String> {
        match self {
            Self::Running(client) => begin(client, "/api/distillations", &order).await,
            Self::Ours(pipelines, _) => fit(pipelines.distill(order).await),
        }
    }

    pub(crate) async fn cancel(&self, run: &str) -> anyhow::Result<()> {
        match self {
            Self::Running(client) => {
                let path = format!("/api/pipelines/{run}/cancel");
                let _: IgnoredAny = client.ask(Method::POST, &path, String::new()).await?;
            }
            Self::Ours(pipelines, _) => {
                if !pipelines.cancel(run).await {
                    bail!("there is no run `{run}`; `outlast pipeline list` shows them");
                }
            }
        }
        Ok(())
    }

    /// Lets go of the folder. What is unfinished stays so.
    pub(crate) async fn close(self) {
        if let Self::Ours(pipelines, Some(_folder)) = self {
            pipelines.engine.close().await;
        }
    }
}

async fn begin(client: &AdminClient, path: &str, order: &impl Serialize) -> anyhow::Result<String> {
    let begun: Begun = client.ask(Method::POST, path, serde_json::to_string(order)?).await?;
    Ok(begun.run)
}

fn fit(begun: Result<String, Unfit>) -> anyhow::Result<String> {
    begun.map_err(|Unfit(problems)| anyhow::Error::msg(problems.join("\n")))
}
