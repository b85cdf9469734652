//! `outlast sessions`: the sessions that run now, those that ask and those that are stopped. Asks
//! the running process, because sessions live in its memory.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use http::Method;
use serde::Deserialize;
use terms::{
    breaker::{BreakerState, Evidence, SessionKey},
    time::Timestamp,
};

use crate::{
    admin_client::AdminClient,
    commands::{ConfigArguments, small_runtime},
    config::Environment,
    data_folder::{DataFolder, Opened},
    terminal,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
}

/// As much of the admin API's answer as is shown.
#[derive(Debug, Deserialize)]
pub(super) struct Board {
    pub(super) asking: Vec<Row>,
    pub(super) stopped: Vec<Row>,
    running: Vec<Row>,
    pub(super) now: Timestamp,
}

#[derive(Debug, Deserialize)]
pub(super) struct Row {
    id: String,
    session: SessionKey,
    agent: String,
    state: BreakerState,
    evidence: Evidence,
    last_seen: Timestamp,
}

pub(crate) fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    small_runtime()?.block_on(async {
        let board = board(&running(&arguments.config, environment)?).await?;
        let rows: Vec<_> =
            board.asking.iter().chain(&board.stopped).chain(&board.running).collect();
        if rows.is_empty() {
            terminal::line("no session runs; clients that send x-session-id show here, as Claude Code does by itself");
        } else {
            terminal::line(table(&rows, board.now).trim_end());
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The running process.
pub(super) fn running(
    config: &ConfigArguments,
    environment: &Environment,
) -> anyhow::Result<AdminClient> {
    let data = config.data_folder(environment)?;
    // A question makes no data folder.
    let opened = if data.is_dir() { Some(DataFolder::open(&data)?) } else { None };
    match opened {
        Some(Opened::Running(instance)) => AdminClient::new(instance.console, &data, environment),
        Some(Opened::Ours(_)) | None => bail!(
            "no outlast runs on {}, and this asks the running process: start `outlast serve`, or name its data folder with --data",
            data.display()
        ),
    }
}

pub(super) async fn board(client: &AdminClient) -> anyhow::Result<Board> {
    client.ask(Method::GET, "/api/breakers", String::new()).await
}

pub(super) fn table(rows: &[&Row], now: Timestamp) -> String {
    let head = [
        "breaker",
        "state",
        "principal",
        "client",
        "session",
        "on its own",
        "cost",
        "requests",
        "seen",
    ];
    let lines = rows.iter().map(|row| {
        let used = row.evidence.used;
        let seen = u64::try_from(now.0.saturating_sub(row.last_seen.0)).unwrap_or(0);
        vec![
            row.id.clone(),
            state(row.state).to_owned(),
            row.session.principal.to_string(),
            row.agent.clone(),
            row.session.session.to_string(),
            span(used.autonomous_ms),
            used.cost.to_string(),
            row.evidence.requests.to_string(),
            format!("{} ago", span(seen)),
        ]
    });
    terminal::table(&head, lines, &[5, 6, 7])
}

fn state(state: BreakerState) -> &'static str {
    match state {
        BreakerState::Closed => "runs",
        BreakerState::Pinged => "asks",
        BreakerState::Stopped => "stopped",
    }
}

/// `42 s`, `12 min`, `10 h 12 min`.
fn span(ms: u64) -> String {
    let (seconds, minutes, hours) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    match ms {
        0..60_000 => format!("{seconds} s"),
        60_000..3_600_000 => format!("{minutes} min"),
        _ => format!("{hours} h {} min", minutes % 60),
    }
}
