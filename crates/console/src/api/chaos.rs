//! `/api/chaos`: faults that are injected on purpose, listed, begun and ended.

use axum::{
    Extension, Json,
    extract::{Path, State, rejection::JsonRejection},
};
use serde::Serialize;

use crate::{
    chaos::{ChaosOrder, ChaosRow},
    error::ConsoleError,
    guard::Seat,
    state::App,
};

/// How many ended.
#[derive(Serialize)]
pub(crate) struct Ended {
    ended: usize,
}

pub(crate) async fn list(State(app): State<App>) -> Json<Vec<ChaosRow>> {
    Json(app.state.chaos.held())
}

pub(crate) async fn begin(
    State(app): State<App>,
    Extension(seat): Extension<Seat>,
    order: Result<Json<ChaosOrder>, JsonRejection>,
) -> Result<Json<ChaosRow>, ConsoleError> {
    let Json(order) = order.map_err(|error| ConsoleError::BadInput(error.body_text()))?;
    app.state.chaos.begin(&order, seat.who()).map(Json).map_err(ConsoleError::BadInput)
}

pub(crate) async fn end(State(app): State<App>, Path(id): Path<u64>) -> Json<Ended> {
    Json(Ended { ended: app.state.chaos.end(Some(id)) })
}

pub(crate) async fn end_all(State(app): State<App>) -> Json<Ended> {
    Json(Ended { ended: app.state.chaos.end(None) })
}
