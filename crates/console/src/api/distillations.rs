//! `/api/distillations`: a task file becomes a run, or the unfinished run of the same task goes on.

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
};
use http::StatusCode;

use crate::{
    api::pipelines::{BegunRun, begun},
    error::ConsoleError,
    pipelines::DistillationOrder,
    state::App,
};

pub(crate) async fn begin(
    State(app): State<App>,
    order: Result<Json<DistillationOrder>, JsonRejection>,
) -> Result<(StatusCode, Json<BegunRun>), ConsoleError> {
    let Json(order) = order.map_err(|error| ConsoleError::BadInput(error.body_text()))?;
    if !order.task_file.is_absolute() {
        let message = "`task_file` must be a whole path: the program has a folder of its own";
        return Err(ConsoleError::BadInput(message.to_owned()));
    }
    begun(app.state.pipelines.distill(order).await)
}
