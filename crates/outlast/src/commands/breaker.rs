//! `outlast breaker …`: what asks and what is stopped, and the answers: go on, how much more, or
//! stop. Talks to the running process.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use http::Method;
use serde::{Serialize, de::IgnoredAny};
use terms::money::NanoUsd;

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
    /// List the sessions that ask or are stopped.
    List {
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// Yes, this is meant: let the session go on, by this much more.
    Confirm {
        /// The breaker, as `outlast breaker list` shows it
        id: String,
        /// Dollars more [default: the limit of the config once more]
        #[arg(long, value_name = "USD")]
        cost: Option<String>,
        /// Hours more [default: the limit of the config once more]
        #[arg(long)]
        hours: Option<u32>,
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// Refuse every further request of the session.
    Stop {
        /// The breaker, as `outlast breaker list` or `outlast sessions` shows it
        id: String,
        #[command(flatten)]
        config: ConfigArguments,
    },
}

/// What the admin API takes.
#[derive(Debug, Serialize)]
struct AnswerOrder {
    decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    more_cost_nano_usd: Option<NanoUsd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    more_autonomous_ms: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    small_runtime()?.block_on(act(&arguments.action, environment))?;
    Ok(ExitCode::SUCCESS)
}

async fn act(action: &Action, environment: &Environment) -> anyhow::Result<()> {
    match action {
        Action::List { config } => {
            let board = sessions::board(&sessions::running(config, environment)?).await?;
            let rows: Vec<_> = board.asking.iter().chain(&board.stopped).collect();
            if rows.is_empty() {
                terminal::line("no session asks, and none is stopped");
            } else {
                terminal::line(sessions::table(&rows, board.now).trim_end());
            }
        }
        Action::Confirm { id, cost, hours, config } => {
            let cost = cost.as_deref().map(dollars).transpose()?;
            let order = AnswerOrder {
                decision: "confirm",
                more_cost_nano_usd: cost,
                more_autonomous_ms: hours.map(|hours| u64::from(hours) * 3_600_000),
            };
            answer(id, &order, config, environment).await?;
            terminal::line(&format!("{id} goes on"));
        }
        Action::Stop { id, config } => {
            let order = AnswerOrder {
                decision: "stop",
                more_cost_nano_usd: None,
                more_autonomous_ms: None,
            };
            answer(id, &order, config, environment).await?;
            terminal::line(&format!(
                "{id} is stopped; `outlast breaker confirm {id}` lets it go on"
            ));
        }
    }
    Ok(())
}

fn dollars(text: &str) -> anyhow::Result<NanoUsd> {
    NanoUsd::from_usd(text)
        .with_context(|| format!("`{text}` is no amount; write dollars, such as 20 or 0.50"))
}

async fn answer(
    id: &str,
    order: &AnswerOrder,
    config: &ConfigArguments,
    environment: &Environment,
) -> anyhow::Result<()> {
    let client = sessions::running(config, environment)?;
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    anyhow::ensure!(plain, "`{id}` is no breaker; `outlast breaker list` shows them");
    let body = serde_json::to_string(order)?;
    let _: IgnoredAny = client.ask(Method::POST, &format!("/api/breakers/{id}"), body).await?;
    Ok(())
}
