//! `outlast deploy`, `undeploy`, `rollback` and `tasks`: which student serves which task. Talks to the
//! running process, or opens the data folder itself when none runs.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use console::TaskRow;
use http::Method;
use serde::{Deserialize, Serialize};
use store::Store;

use crate::{
    admin_client::AdminClient,
    clock::wall,
    commands::{ConfigArguments, small_runtime},
    config::Environment,
    data_folder::{DataFolder, Opened},
    deployments::Deployments,
    tasks::row,
    terminal,
};

#[derive(Debug, Args)]
pub(crate) struct DeployArguments {
    /// The folder of the package, as `outlast distill` writes it
    package: PathBuf,
    /// Also where the verdict is against it
    #[arg(long)]
    anyway: bool,
    #[command(flatten)]
    config: ConfigArguments,
}

#[derive(Debug, Args)]
pub(crate) struct TaskArguments {
    /// The task, with or without `task:`
    task: String,
    #[command(flatten)]
    config: ConfigArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    config: ConfigArguments,
}

#[derive(Debug, Serialize)]
struct DeployOrder<'a> {
    package: &'a Path,
    anyway: bool,
}

#[derive(Debug, Deserialize)]
struct TaskList {
    tasks: Vec<TaskRow>,
}

pub(crate) fn deploy(
    arguments: &DeployArguments,
    environment: &Environment,
) -> anyhow::Result<ExitCode> {
    run(&arguments.config, environment, async |place| {
        let package = arguments
            .package
            .canonicalize()
            .with_context(|| format!("there is no folder {}", arguments.package.display()))?;
        show(&place.deploy(&package, arguments.anyway).await?);
        Ok(())
    })
}

pub(crate) fn undeploy(
    arguments: &TaskArguments,
    environment: &Environment,
) -> anyhow::Result<ExitCode> {
    run(&arguments.config, environment, async |place| {
        show(&place.change("undeploy", &arguments.task).await?);
        Ok(())
    })
}

pub(crate) fn roll_back(
    arguments: &TaskArguments,
    environment: &Environment,
) -> anyhow::Result<ExitCode> {
    run(&arguments.config, environment, async |place| {
        show(&place.change("rollback", &arguments.task).await?);
        Ok(())
    })
}

pub(crate) fn list(
    arguments: &ListArguments,
    environment: &Environment,
) -> anyhow::Result<ExitCode> {
    run(&arguments.config, environment, async |place| {
        let tasks = place.list().await?;
        if tasks.is_empty() {
            terminal::line(
                "no task yet: `outlast distill TASK.toml` makes a student, `outlast deploy FOLDER` puts it into service",
            );
        }
        tasks.iter().for_each(show);
        Ok(())
    })
}

fn run(
    config: &ConfigArguments,
    environment: &Environment,
    act: impl AsyncFnOnce(Place) -> anyhow::Result<()>,
) -> anyhow::Result<ExitCode> {
    small_runtime()?.block_on(async {
        act(Place::find(&config.data_folder(environment)?, environment).await?).await
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Where the deployments are reached.
enum Place {
    Running(AdminClient),
    Ours { deployments: Deployments, _folder: DataFolder },
}

impl Place {
    async fn find(data: &Path, environment: &Environment) -> anyhow::Result<Self> {
        Ok(match DataFolder::open(data)? {
            Opened::Running(instance) => {
                Self::Running(AdminClient::new(instance.console, data, environment)?)
            }
            Opened::Ours(folder) => {
                let store = Store::open(&folder.store_path())
                    .await
                    .context("the store cannot be opened")?;
                let deployments = Deployments::load(folder.path(), store).await?;
                Self::Ours { deployments, _folder: folder }
            }
        })
    }

    async fn deploy(&self, package: &Path, anyway: bool) -> anyhow::Result<TaskRow> {
        match self {
            Self::Running(client) => {
                let order = serde_json::to_string(&DeployOrder { package, anyway })?;
                client.ask(Method::POST, "/api/tasks", order).await
            }
            Self::Ours { deployments, .. } => {
                Ok(row(&deployments.deploy(package, anyway, wall()).await?, None))
            }
        }
    }

    async fn change(&self, what: &str, task: &str) -> anyhow::Result<TaskRow> {
        match self {
            Self::Running(client) => {
                let path = format!("/api/tasks/{task}/{what}");
                client.ask(Method::POST, &path, String::new()).await
            }
            Self::Ours { deployments, .. } if what == "undeploy" => {
                Ok(row(&deployments.undeploy(task, wall()).await?, None))
            }
            Self::Ours { deployments, .. } => {
                Ok(row(&deployments.roll_back(task, false, wall()).await?, None))
            }
        }
    }

    async fn list(&self) -> anyhow::Result<Vec<TaskRow>> {
        match self {
            Self::Running(client) => {
                let list: TaskList = client.ask(Method::GET, "/api/tasks", String::new()).await?;
                Ok(list.tasks)
            }
            Self::Ours { deployments, .. } => {
                Ok(deployments.list().values().map(|served| row(served, None)).collect())
            }
        }
    }
}

fn show(task: &TaskRow) {
    let TaskRow { route, version, family, teacher, threshold, .. } = task;
    let lacks_teacher = task.teacher_is_here == Some(false);
    if !task.student_serves && lacks_teacher {
        terminal::error(&format!(
            "{route}: no student serves, and there is no route `{teacher}` here: callers are told that the model is unknown, until a [[route]] of this name is configured"
        ));
        return;
    }
    terminal::line(&if version.is_empty() {
        format!("{route}: its teacher `{teacher}` answers; no student was deployed yet")
    } else if !task.student_serves {
        format!("{route}: its teacher `{teacher}` answers (the last student was {version})")
    } else if *threshold > 0.0 {
        format!(
            "{route}: student {version} ({family}) answers; below a confidence of {threshold:.2} its teacher `{teacher}` does"
        )
    } else {
        format!("{route}: student {version} ({family}) answers everything")
    });
    if !version.is_empty() {
        terminal::line(&format!("  since {} {} UTC", task.since.date(), task.since.clock()));
    }
    if lacks_teacher {
        terminal::error(&format!(
            "there is no route `{teacher}` here: what the student is not sure of it answers all the same, until a [[route]] of this name is configured"
        ));
    }
}
