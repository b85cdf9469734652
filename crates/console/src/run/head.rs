//! The head of a run's page: its name, where it stands in a sentence, how far it is, and the button that
//! stops it.

use askama::Template;
use terms::{
    run::{ExecutionState, RunState},
    time::Timestamp,
};

use crate::{
    format::{counted, shown_time},
    pipelines::RunPage,
    run::look::{Look, Stretch, bar, of_run, took},
};

/// Failures that are shown in the head; the table has them all.
const FAILURES: usize = 5;

#[derive(Template)]
#[template(path = "run/head.html")]
struct Head<'a> {
    run: &'a RunPage,
    look: Look,
    sentence: String,
    submitted: String,
    bar: Vec<Stretch>,
    failures: Vec<(&'a str, &'a str)>,
    more_failures: usize,
    can_cancel: bool,
}

pub(super) fn render(run: &RunPage, now: Timestamp) -> askama::Result<String> {
    let is = |state| run.executions.iter().filter(|row| row.state == state).count();
    let failed = run
        .executions
        .iter()
        .filter(|row| matches!(row.state, ExecutionState::Failed | ExecutionState::SystemError));
    Head {
        run,
        look: of_run(run.state),
        sentence: sentence(run, now),
        submitted: shown_time(run.submitted_at),
        bar: bar(is),
        more_failures: failed.clone().count().saturating_sub(FAILURES),
        failures: failed
            .take(FAILURES)
            .map(|row| (row.name.as_str(), row.message.as_deref().unwrap_or("it failed")))
            .collect(),
        can_cancel: run.state == RunState::Running,
    }
    .render()
}

fn sentence(run: &RunPage, now: Timestamp) -> String {
    let is = |state| run.executions.iter().filter(|row| row.state == state).count() as u64;
    let all = run.executions.len() as u64;
    let done = is(ExecutionState::Succeeded);
    let reused = run.executions.iter().filter(|row| row.reused_from.is_some()).count() as u64;
    let took = took(Some(run.submitted_at), run.ended_at, now).unwrap_or_default();
    let reused = match reused {
        0 => String::new(),
        reused => format!(", {reused} reused"),
    };
    match run.state {
        RunState::Running => format!(
            "Runs for {took}: {done} of {} done{reused}, {} at work.",
            counted(all, "execution", "executions"),
            is(ExecutionState::Running)
        ),
        RunState::Cancelling => format!("Is being cancelled after {took}."),
        RunState::Succeeded => {
            format!("Succeeded in {took}: {}{reused}.", counted(all, "execution", "executions"))
        }
        RunState::Failed => format!("Failed after {took}: {done} of {all} done{reused}."),
        RunState::Cancelled => format!("Cancelled after {took}: {done} of {all} done{reused}."),
    }
}
