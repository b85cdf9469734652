//! A run followed in the terminal: a line whenever an execution moves, a table at the end.

use std::collections::BTreeMap;

use console::pipelines::{ExecutionRow, RunPage};
use terms::{
    run::{ExecutionState, RunState},
    time::Timestamp,
};

use super::{artifacts::log_tail, reach::Reach};
use crate::terminal;

/// Lines of a failed program's log that are shown.
const LAST_LINES: usize = 3;

/// Follows a run to its end, and shows every change.
pub(crate) async fn follow(reach: &Reach, run: &str) -> anyhow::Result<RunPage> {
    let mut shown: BTreeMap<u32, &'static str> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = reach.run(run, after).await?;
        for row in &page.executions {
            let Some(word) = word(row) else { continue };
            if shown.insert(row.index, word) != Some(word) {
                terminal::line(&line(row, word, page.submitted_at));
            }
        }
        if page.state.is_final() {
            return Ok(page);
        }
        after = Some(page.sequence);
    }
}

/// What to say of an execution; nothing while it only waits.
fn word(row: &ExecutionRow) -> Option<&'static str> {
    Some(match row.state {
        ExecutionState::WaitingForUpstream | ExecutionState::Queued | ExecutionState::Pending => {
            return None;
        }
        ExecutionState::Running => "runs",
        ExecutionState::Succeeded if row.reused_from.is_some() => "reused",
        ExecutionState::Succeeded => "done",
        ExecutionState::Failed => "failed",
        ExecutionState::SystemError => "system error",
        ExecutionState::Cancelling => "is being cancelled",
        ExecutionState::Cancelled => "cancelled",
        ExecutionState::Skipped => "skipped",
    })
}

/// `00:03  fit  done in 1.42 s`.
fn line(row: &ExecutionRow, word: &str, begun: Timestamp) -> String {
    let at = row.ended_at.or(row.started_at).unwrap_or(begun);
    let seconds = (at.0 - begun.0).max(0) / 1_000;
    let took = took(row).map_or(String::new(), |took| format!(" in {took}"));
    format!("{:02}:{:02}  {}  {word}{took}", seconds / 60, seconds % 60, row.name)
}

/// How long its program took, once it is over.
fn took(row: &ExecutionRow) -> Option<String> {
    if row.reused_from.is_some() || !row.state.is_final() {
        return None;
    }
    let ms = row.ended_at?.0 - row.started_at?.0;
    Some(format!("{}.{:02} s", ms / 1_000, ms % 1_000 / 10))
}

/// How a run ended, with every execution, and where the logs of failures lie.
pub(crate) fn ended(page: &RunPage) -> String {
    let head = ["execution", "state", "tries", "took"];
    let rows = page.executions.iter().map(|row| {
        vec![
            row.name.clone(),
            word(row).unwrap_or("waits").to_owned(),
            row.attempts.to_string(),
            took(row).unwrap_or_default(),
        ]
    });
    let mut text = terminal::table(&head, rows, &[2, 3]);
    for row in &page.executions {
        let (Some(message), true) = (&row.message, row.state != ExecutionState::Succeeded) else {
            continue;
        };
        text.push_str(&format!("{}: {message}\n", row.name));
        if let Some(log) = row.log.as_deref().filter(|log| log.exists()) {
            for line in last_lines(&log_tail(log).0) {
                text.push_str(&format!("  {line}\n"));
            }
            text.push_str(&format!("  all that it said: {}\n", log.display()));
        }
    }
    text.push_str(&format!("{}: {}", page.name, state(page)));
    text
}

/// The last lines of a log: errors stand there.
fn last_lines(log: &str) -> Vec<&str> {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].to_vec()
}

fn state(page: &RunPage) -> String {
    let reused = page.executions.iter().filter(|row| row.reused_from.is_some()).count();
    let all = page.executions.len();
    let ended = page.ended_at.map_or(0, |at| at.0 - page.submitted_at.0);
    let seconds = format!("{}.{:01} s", ended / 1_000, ended % 1_000 / 100);
    match page.state {
        RunState::Succeeded => {
            format!("succeeded in {seconds}, {reused} of {all} executions reused")
        }
        RunState::Failed => format!("failed after {seconds}"),
        RunState::Cancelled => format!("cancelled after {seconds}"),
        RunState::Running | RunState::Cancelling => "not over yet".to_owned(),
    }
}
