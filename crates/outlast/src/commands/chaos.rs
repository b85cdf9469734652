//! `outlast chaos …`: faults injected on purpose into the running gateway, for game days.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use console::{ChaosOrder, ChaosRow};
use http::Method;
use serde::Deserialize;

use crate::{
    commands::{ConfigArguments, sessions::running, small_runtime},
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
    /// Inject a fault at a target, or at all targets of a provider, for a while.
    Start {
        /// `provider/model`, or a provider's name
        at: String,
        /// status:503, unreachable, silence, slow:800 (milliseconds) or cut:5 (pieces of the answer)
        fault: String,
        /// Of a hundred attempts there, how many
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u8).range(1..=100))]
        percent: u8,
        /// For how many minutes, up to 60
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
        minutes: u64,
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// List the faults that hold now.
    List {
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// End a fault, or all of them.
    Stop {
        /// Its number, as `outlast chaos list` shows it [default: all]
        id: Option<u64>,
        #[command(flatten)]
        config: ConfigArguments,
    },
}

#[derive(Deserialize)]
struct Ended {
    ended: usize,
}

pub(crate) fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    small_runtime()?.block_on(act(&arguments.action, environment))?;
    Ok(ExitCode::SUCCESS)
}

async fn act(action: &Action, environment: &Environment) -> anyhow::Result<()> {
    match action {
        Action::Start { at, fault, percent, minutes, config } => {
            let order = ChaosOrder {
                at: at.clone(),
                fault: fault.clone(),
                percent: *percent,
                seconds: minutes * 60,
            };
            let body = serde_json::to_string(&order)?;
            let client = running(config, environment)?;
            let begun: ChaosRow = client.ask(Method::POST, "/api/chaos", body).await?;
            terminal::line(&format!(
                "{} holds at {} until {} UTC; `outlast chaos stop {}` ends it sooner",
                begun.fault,
                begun.at,
                begun.until.clock(),
                begun.id
            ));
        }
        Action::List { config } => {
            let client = running(config, environment)?;
            let held: Vec<ChaosRow> = client.ask(Method::GET, "/api/chaos", String::new()).await?;
            if held.is_empty() {
                terminal::line("no fault is injected");
            } else {
                terminal::line(table(&held).trim_end());
            }
        }
        Action::Stop { id, config } => {
            let client = running(config, environment)?;
            let path = id.map_or("/api/chaos".to_owned(), |id| format!("/api/chaos/{id}"));
            let Ended { ended } = client.ask(Method::DELETE, &path, String::new()).await?;
            if let (Some(id), 0) = (id, ended) {
                bail!("no fault has the number {id}; `outlast chaos list` shows those that hold");
            }
            terminal::line(&format!("{ended} ended"));
        }
    }
    Ok(())
}

fn table(held: &[ChaosRow]) -> String {
    let head = ["number", "at", "fault", "percent", "until (UTC)", "by"];
    let rows = held.iter().map(|row| {
        vec![
            row.id.to_string(),
            row.at.clone(),
            row.fault.clone(),
            row.percent.to_string(),
            row.until.clock(),
            row.by.clone(),
        ]
    });
    terminal::table(&head, rows, &[0, 3])
}
