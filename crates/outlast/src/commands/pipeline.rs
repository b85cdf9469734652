//! `outlast pipeline …`: runs of pipelines, begun, listed, shown and cancelled. Talks to the running
//! process, or opens the data folder itself when none runs.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use console::pipelines::{RunOrder, RunRow};
use terms::run::RunState;

use crate::{
    commands::{
        ConfigArguments,
        serve::{StopSignal, log_to_stderr},
    },
    config::Environment,
    pipelines::{Reach, ended, follow},
    terminal,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Run a pipeline. What was computed before is reused.
    Run {
        /// A pipeline or component in YAML, as Tangle has them
        file: PathBuf,
        /// An argument of the pipeline; may be given several times
        #[arg(long = "arg", value_name = "NAME=VALUE", value_parser = argument)]
        arguments: Vec<(String, String)>,
        /// Stay until it is over, where another process runs it
        #[arg(long)]
        follow: bool,
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// List the runs, the newest first.
    List {
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// Show a run with its executions.
    Show {
        /// Its id, as `outlast pipeline list` shows it
        run: String,
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// Ask a run to stop.
    Cancel {
        /// Its id, as `outlast pipeline list` shows it
        run: String,
        #[command(flatten)]
        config: ConfigArguments,
    },
}

fn argument(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(crate) fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    log_to_stderr("warn");
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(act(&arguments.action, environment))
}

async fn act(action: &Action, environment: &Environment) -> anyhow::Result<ExitCode> {
    let (Action::Run { config, .. }
    | Action::List { config }
    | Action::Show { config, .. }
    | Action::Cancel { config, .. }) = action;
    // Read before anything is opened: a mistake in the file needs no folder.
    let order = match action {
        Action::Run { file, arguments, .. } => Some(order(file, arguments)?),
        _ => None,
    };
    let reach = Reach::find(&config.data_folder(environment)?, environment).await?;
    let done = match (action, order) {
        (Action::Run { follow, .. }, Some(order)) => begin(&reach, order, *follow).await,
        (Action::Show { run, .. }, _) => show(&reach, run).await,
        (Action::Cancel { run, .. }, _) => cancel(&reach, run).await,
        (Action::List { .. } | Action::Run { .. }, _) => list(&reach).await,
    };
    reach.close().await;
    done
}

fn order(file: &PathBuf, arguments: &[(String, String)]) -> anyhow::Result<RunOrder> {
    let pipeline = pipeline::load(file).with_context(|| format!("{}", file.display()))?;
    let given: BTreeMap<String, String> = arguments.iter().cloned().collect();
    if given.len() < arguments.len() {
        bail!("an argument is given twice");
    }
    pipeline::Engine::check(&pipeline, &given).with_context(|| format!("{}", file.display()))?;
    Ok(RunOrder { pipeline: pipeline.to_json(), arguments: given })
}

async fn begin(reach: &Reach, order: RunOrder, stay: bool) -> anyhow::Result<ExitCode> {
    let mut stop = StopSignal::catch()?;
    let resting = match reach {
        Reach::Ours(..) => reach.runs().await?.iter().filter(|run| !run.state.is_final()).count(),
        Reach::Running(_) => 0,
    };
    if resting > 0 {
        terminal::error(&format!(
            "unfinished runs here: {resting}; `outlast serve` takes them up, `outlast pipeline cancel` ends them"
        ));
    }
    let run = reach.submit(order).await?;
    terminal::line(&format!("run {run}"));
    let is_ours = matches!(reach, Reach::Ours(..));
    if !is_ours && !stay {
        return Ok(ExitCode::SUCCESS);
    }
    let page = tokio::select! {
        page = follow(reach, &run) => page?,
        () = stop.received() => {
            if !is_ours {
                // It goes on in the other process.
                return Ok(ExitCode::FAILURE);
            }
            reach.cancel(&run).await?;
            follow(reach, &run).await?
        }
    };
    terminal::line(&ended(&page));
    Ok(code(page.state))
}

async fn show(reach: &Reach, run: &str) -> anyhow::Result<ExitCode> {
    let page = reach.run(run, None).await?;
    terminal::line(&ended(&page));
    for output in &page.outputs {
        if let Some(path) = &output.path {
            terminal::line(&format!("output {}: {}", output.name, path.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn cancel(reach: &Reach, run: &str) -> anyhow::Result<ExitCode> {
    reach.cancel(run).await?;
    terminal::line(&format!("{run} is asked to stop"));
    Ok(ExitCode::SUCCESS)
}

async fn list(reach: &Reach) -> anyhow::Result<ExitCode> {
    let runs = reach.runs().await?;
    if runs.is_empty() {
        terminal::line("no run yet: `outlast pipeline run FILE` begins one");
        return Ok(ExitCode::SUCCESS);
    }
    let head = ["run", "pipeline", "state", "done", "submitted"];
    terminal::line(terminal::table(&head, runs.iter().map(row), &[3]).trim_end());
    Ok(ExitCode::SUCCESS)
}

fn row(run: &RunRow) -> Vec<String> {
    let done = run.executions.get("SUCCEEDED").copied().unwrap_or(0);
    let all: usize = run.executions.values().sum();
    vec![
        run.id.clone(),
        run.name.clone(),
        format!("{:?}", run.state).to_lowercase(),
        format!("{done}/{all}"),
        format!("{} {}", run.submitted_at.date(), run.submitted_at.clock()),
    ]
}

/// What a script learns of a run's end.
pub(super) fn code(state: RunState) -> ExitCode {
    if state == RunState::Succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
