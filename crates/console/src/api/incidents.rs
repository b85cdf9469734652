//! `/api/incidents`: incidents and canaries listed, one incident shown, and one closed.

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use http::StatusCode;
use serde::Serialize;
use terms::{
    incident::{CanaryRun, Incident},
    time::Timestamp,
};

use crate::{error::ConsoleError, guard::Seat, pages::incidents::closed, state::App};

/// Closed incidents and canaries that are listed.
const LISTED: u32 = 200;

/// What is known of incidents.
#[derive(Serialize)]
pub(crate) struct Known {
    now: Timestamp,
    /// Open ones, then the latest of the closed ones, each newest first.
    incidents: Vec<Incident>,
    /// The newest, newest first.
    canaries: Vec<CanaryRun>,
}

pub(crate) async fn list(State(app): State<App>) -> Result<Json<Known>, ConsoleError> {
    let store = &app.state.store;
    let incidents = store.incidents(LISTED).await?;
    let canaries = store.canary_runs(LISTED).await?;
    Ok(Json(Known { now: app.now(), incidents, canaries }))
}

pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Incident>, ConsoleError> {
    let incident = app.state.store.incident(&id.into()).await?;
    incident.map(Json).ok_or(ConsoleError::NoSuchIncident)
}

pub(crate) async fn close(
    State(app): State<App>,
    Extension(seat): Extension<Seat>,
    Path(id): Path<String>,
) -> Result<StatusCode, ConsoleError> {
    closed(&app, &id, seat).await?;
    Ok(StatusCode::NO_CONTENT)
}
