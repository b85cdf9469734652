//! Runs of pipelines as sections of pages: the list, and one run with its report, its graph, one
//! execution in full and the table behind the graph. Pure functions of what the engine's side tells; the
//! live streams send again what changed.

mod execution;
mod graph;
mod head;
mod list;
mod look;
mod report;
mod table;

use crate::{error::ConsoleError, state::App, stream::Rendered};

/// The list of runs.
pub(crate) async fn list(app: &App) -> Result<Rendered, ConsoleError> {
    let runs = app.state.pipelines.runs().await;
    let is_moving = runs.iter().any(|run| !run.state.is_final());
    Ok(Rendered { sections: vec![list::render(&runs, app.now())?], is_moving })
}

/// A run, with one of its executions in full.
pub(crate) async fn page(
    app: &App,
    id: &str,
    shown: Option<u32>,
) -> Result<Rendered, ConsoleError> {
    let run = app.state.pipelines.run(id).await.ok_or(ConsoleError::NoSuchRun)?;
    let execution = match shown {
        Some(index) => app.state.pipelines.execution(id, index).await,
        None => None,
    };
    let now = app.now();
    let sections = vec![
        head::render(&run, now)?,
        report::render(&run)?,
        graph::render(&run, shown, now)?,
        execution::render(&run, execution.as_ref(), now)?,
        table::render(&run, shown, now)?,
    ];
    Ok(Rendered { sections, is_moving: !run.state.is_final() })
}
