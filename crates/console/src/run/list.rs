//! The list of runs: what runs, how far it is, how it ended.

use askama::Template;
use terms::time::Timestamp;

use crate::{
    format::{counted, shown_time},
    pipelines::RunRow,
    run::look::{Look, Stretch, bar, of_run, of_state, took},
};

/// Runs shown; older ones stand in the JSON.
const SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "run/list.html")]
struct List {
    headline: String,
    runs: Vec<Row>,
    older: usize,
}

struct Row {
    id: String,
    name: String,
    look: Look,
    submitted: String,
    took: String,
    bar: Vec<Stretch>,
    counts: String,
}

pub(super) fn render(runs: &[RunRow], now: Timestamp) -> askama::Result<String> {
    let running = runs.iter().filter(|run| !run.state.is_final()).count() as u64;
    let headline = match (runs.is_empty(), running) {
        (true, _) => "No pipeline has run yet.".to_owned(),
        (false, 0) => "Nothing is running.".to_owned(),
        (false, running) => {
            format!("{}.", counted(running, "pipeline is running", "pipelines are running"))
        }
    };
    let older = runs.len().saturating_sub(SHOWN);
    List { headline, runs: runs.iter().take(SHOWN).map(|run| row(run, now)).collect(), older }
        .render()
}

fn row(run: &RunRow, now: Timestamp) -> Row {
    let of = |name: &str| run.executions.get(name).copied().unwrap_or(0);
    let all: usize = run.executions.values().sum();
    let mut counts = vec![format!("{} of {all} done", of("SUCCEEDED"))];
    for state in terms::run::ExecutionState::ALL {
        let notable = !matches!(state.as_str(), "SUCCEEDED" | "WAITING_FOR_UPSTREAM" | "QUEUED");
        if notable && of(state.as_str()) > 0 {
            counts.push(format!("{} {}", of(state.as_str()), of_state(*state).word));
        }
    }
    Row {
        id: run.id.clone(),
        name: run.name.clone(),
        look: of_run(run.state),
        submitted: shown_time(run.submitted_at),
        took: took(Some(run.submitted_at), run.ended_at, now).unwrap_or_default(),
        bar: bar(|state| of(state.as_str())),
        counts: counts.join(", "),
    }
}
