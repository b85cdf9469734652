//! `/api/pipelines`: runs listed, begun, followed and cancelled. Who may do so was asked by the guard.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::{
    error::ConsoleError,
    pipelines::{ExecutionPage, RunOrder, RunPage, RunRow, Unfit, newer},
    state::App,
};

/// Bytes of a pipeline with all its components, as an order for a run.
pub(crate) const BODY_LIMIT: usize = 16 << 20;

/// The runs, under a name, so that the answer can grow.
#[derive(Serialize)]
pub(crate) struct RunList {
    runs: Vec<RunRow>,
}

/// A run that was begun.
#[derive(Serialize)]
pub(crate) struct BegunRun {
    run: String,
}

/// How a run is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// Wait until the run has gone past this event.
    after: Option<u64>,
}

pub(crate) async fn list(State(app): State<App>) -> Json<RunList> {
    Json(RunList { runs: app.state.pipelines.runs().await })
}

pub(crate) async fn submit(
    State(app): State<App>,
    order: Result<Json<RunOrder>, JsonRejection>,
) -> Result<(StatusCode, Json<BegunRun>), ConsoleError> {
    let Json(order) = order.map_err(|error| ConsoleError::BadInput(error.body_text()))?;
    begun(app.state.pipelines.submit(order).await)
}

/// The answer to an order for a run.
pub(crate) fn begun(
    run: Result<String, Unfit>,
) -> Result<(StatusCode, Json<BegunRun>), ConsoleError> {
    let run = run.map_err(|Unfit(problems)| ConsoleError::Unfit(problems))?;
    Ok((StatusCode::CREATED, Json(BegunRun { run })))
}

pub(crate) async fn run(
    State(app): State<App>,
    Path(run): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<RunPage>, ConsoleError> {
    let Query(asked) = asked.map_err(|error| ConsoleError::BadInput(error.body_text()))?;
    let pipelines = &*app.state.pipelines;
    let mut closing = app.state.closing.clone();
    let found = match asked.after {
        // Who waits must not hold up the program's end.
        Some(after) => {
            let closed = async { drop(closing.wait_for(|closing| *closing).await) };
            let newer = tokio::select! {
                found = newer(pipelines, &run, after) => Some(found),
                () = closed => None,
            };
            match newer {
                Some(found) => found,
                None => pipelines.run(&run).await,
            }
        }
        None => pipelines.run(&run).await,
    };
    found.map(Json).ok_or(ConsoleError::NoSuchRun)
}

pub(crate) async fn execution(
    State(app): State<App>,
    Path((run, execution)): Path<(String, u32)>,
) -> Result<Json<ExecutionPage>, ConsoleError> {
    let found = app.state.pipelines.execution(&run, execution).await;
    found.map(Json).ok_or(ConsoleError::NoSuchRun)
}

pub(crate) async fn cancel(
    State(app): State<App>,
    Path(run): Path<String>,
) -> Result<StatusCode, ConsoleError> {
    let found = app.state.pipelines.cancel(&run).await;
    if found { Ok(StatusCode::NO_CONTENT) } else { Err(ConsoleError::NoSuchRun) }
}
