//! `outlast distill TASK.toml`: a distillation from task to verdict, in the running process, or with a
//! gateway of its own when none runs. Killed at any moment and started again, it goes on where it was.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};
use clap::Args;
use console::pipelines::{DistillationOrder, RunPage};
use distill::{TaskFile, report::Report};
use terms::run::RunState;

use crate::{
    admin_client::AdminClient,
    commands::{
        ConfigArguments,
        serve::{StopSignal, log_to_stderr},
    },
    config::{Environment, Overrides},
    data_folder::{DataFolder, Opened},
    distillation::{copy, shown},
    pipelines::{PipelinesView, Reach, ended, follow},
    running::Running,
    terminal,
};

/// Where the gateway and the console of a distillation listen when nothing else runs: on free ports of
/// this machine, so that they are in nobody's way.
const FREE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The task: what is asked of whom, about which labels, and what it may cost
    task: PathBuf,
    /// Copy report.json, report.md and the package here [default: the task's `output`]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArguments,
}

pub(crate) fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    // What fails is told by the step that it fails for, not once more by every attempt.
    log_to_stderr("error");
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(distill(arguments, environment))
}

async fn distill(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    // Read as it was named first, so that what is wrong is told of the file as its writer knows it.
    let file = TaskFile::read(&arguments.task)?;
    file.contents()?;
    let task_file = std::fs::canonicalize(&arguments.task)?;
    let out = arguments.out.clone().unwrap_or(file.output);
    let order = DistillationOrder { task_file };
    let data = arguments.config.data_folder(environment)?;
    match DataFolder::open(&data)? {
        Opened::Running(instance) => {
            let client = AdminClient::new(instance.console, &data, environment)?;
            let reach = Reach::Running(client);
            let run = reach.distill(order).await?;
            terminal::line(&format!("console  http://{}/pipelines/{run}", instance.console));
            finish(&follow(&reach, &run).await?, &out)
        }
        Opened::Ours(folder) => {
            // Opened again by what runs in it; nobody else takes it in between, or is told so.
            drop(folder);
            alone(arguments, environment, order, &out).await
        }
    }
}

/// With a gateway of its own for as long as it takes.
async fn alone(
    arguments: &Arguments,
    environment: &Environment,
    order: DistillationOrder,
    out: &std::path::Path,
) -> anyhow::Result<ExitCode> {
    let mut stop = StopSignal::catch()?;
    let overrides =
        Overrides { listen: Some(FREE), console: Some(FREE), ..arguments.config.overrides() };
    let config = arguments.config.load(environment, &overrides)?;
    let running = Running::start(&config, environment).await?;
    terminal::line(&format!("console  {}", running.sign_in_link()?));
    let pipelines = PipelinesView::clone(&running.pipelines);
    let reach = Reach::Ours(pipelines, None);
    let done = tokio::select! {
        done = begin_and_follow(&reach, order) => Some(done),
        () = stop.received() => None,
    };
    drop(reach);
    running.stop().await;
    match done {
        Some(page) => finish(&page?, out),
        None => {
            terminal::line("stopped; the same command goes on from here");
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn begin_and_follow(reach: &Reach, order: DistillationOrder) -> anyhow::Result<RunPage> {
    let run = reach.distill(order).await?;
    follow(reach, &run).await
}

/// The result for people, and its copies.
fn finish(page: &RunPage, out: &std::path::Path) -> anyhow::Result<ExitCode> {
    terminal::line(&ended(page));
    if page.state != RunState::Succeeded {
        return Ok(ExitCode::FAILURE);
    }
    let path = |name: &str| {
        let output = page.outputs.iter().find(|output| output.name == name);
        output.and_then(|output| output.path.clone())
    };
    let (Some(report), Some(package)) = (path("report"), path("package")) else {
        bail!("the run made no report; its folder may have been changed from outside");
    };
    copy(&report, &package, out)?;
    let text = std::fs::read_to_string(report.join("report.md")).context("the report is gone")?;
    terminal::line(&format!("\n{}", shown(&Report::read(&report)?, &text)));
    terminal::line(&format!("report   {}", out.join("report.md").display()));
    terminal::line(&format!("package  {}", out.join("package").display()));
    Ok(ExitCode::SUCCESS)
}
