//! `outlast explain`: the way of one request, from the store. The store may be read while the gateway
//! runs.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use console::{Explained, explain};
use store::Store;
use terms::ids::RequestId;

use crate::{
    commands::{ConfigArguments, small_runtime},
    config::Environment,
    terminal,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// What the answer bore as `x-outlast-request-id`; without it, the newest requests to which
    /// anything happened
    #[arg(value_name = "REQUEST_ID")]
    request: Option<String>,
    /// How many requests are listed without an id
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    newest: u32,
}

pub(crate) fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    small_runtime()?.block_on(show(arguments, environment))?;
    Ok(ExitCode::SUCCESS)
}

async fn show(arguments: &Arguments, environment: &Environment) -> anyhow::Result<()> {
    let id = match &arguments.request {
        None => None,
        Some(text) => Some(RequestId::parse(text).with_context(|| {
            format!("`{text}` is no request id: req_ and 32 hexadecimal digits, as x-outlast-request-id says")
        })?),
    };
    let store = arguments.config.books(environment).await?;
    let text = match id {
        None => newest(&store, arguments.newest).await?,
        Some(id) => {
            let trace = store.trace_of(id).await?;
            let attempts = store.attempts_of(id).await?;
            let explained = explain(id, trace.as_ref(), &attempts).with_context(|| {
                format!("nothing is known of {id} here; what happened in the last second may not be written yet")
            })?;
            shown(&explained)
        }
    };
    terminal::line(text.trim_end());
    store.close().await;
    Ok(())
}

async fn newest(store: &Store, most: u32) -> anyhow::Result<String> {
    let traces = store.newest_traces(most).await?;
    if traces.is_empty() {
        return Ok("Nothing happened to any request beyond one attempt that went well.".to_owned());
    }
    let row = |trace: &terms::trace::Trace| {
        vec![
            format!("{} {}", trace.at.date(), trace.at.clock()),
            trace.request.to_string(),
            trace.principal.to_string(),
            trace.route.to_string(),
            trace.ending.name().replace('_', " "),
        ]
    };
    let head = ["time", "request", "principal", "route", "ending"];
    Ok(terminal::table(&head, traces.iter().map(row), &[]))
}

fn shown(explained: &Explained) -> String {
    use std::fmt::Write;
    let Explained { request, headline, about, steps, attempts } = explained;
    let mut text = format!("{headline}\n{request} · {about}\n\n");
    for step in steps {
        let mark = match step.went {
            Some(true) => '✓',
            Some(false) => '×',
            None => '·',
        };
        let _ = writeln!(text, "{:>10}  {mark} {}", step.at, step.text);
    }
    if !attempts.is_empty() {
        let head = ["attempt", "target", "ending", "tokens", "cost", "took"];
        let rows = attempts.iter().map(|attempt| {
            vec![
                attempt.ordinal.to_string(),
                attempt.target.clone(),
                attempt.ending.clone(),
                attempt.tokens.clone(),
                attempt.cost.clone(),
                attempt.took.clone(),
            ]
        });
        let _ = write!(text, "\n{}", terminal::table(&head, rows, &[0, 3, 4]));
    }
    text
}
