//! `/api/tasks`: which student serves which task, and one call each to deploy, to take away and to go
//! back.

use std::path::PathBuf;

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
};
use serde::{Deserialize, Serialize};

use crate::{error::ConsoleError, state::App, tasks::TaskRow};

/// The tasks, under a name, so that the answer can grow.
#[derive(Serialize)]
pub(crate) struct TaskList {
    tasks: Vec<TaskRow>,
}

/// What to deploy.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeployOrder {
    /// A folder on the machine of the program.
    package: PathBuf,
    /// Also against the verdict.
    #[serde(default)]
    anyway: bool,
}

pub(crate) async fn list(State(app): State<App>) -> Json<TaskList> {
    Json(TaskList { tasks: app.state.tasks.list() })
}

pub(crate) async fn deploy(
    State(app): State<App>,
    order: Result<Json<DeployOrder>, JsonRejection>,
) -> Result<Json<TaskRow>, ConsoleError> {
    let Json(order) = order.map_err(|error| ConsoleError::BadInput(error.body_text()))?;
    let deployed = app.state.tasks.deploy(order.package, order.anyway).await;
    deployed.map(Json).map_err(ConsoleError::BadInput)
}

pub(crate) async fn undeploy(
    State(app): State<App>,
    Path(task): Path<String>,
) -> Result<Json<TaskRow>, ConsoleError> {
    app.state.tasks.undeploy(task).await.map(Json).map_err(ConsoleError::BadInput)
}

pub(crate) async fn roll_back(
    State(app): State<App>,
    Path(task): Path<String>,
) -> Result<Json<TaskRow>, ConsoleError> {
    app.state.tasks.roll_back(task).await.map(Json).map_err(ConsoleError::BadInput)
}
