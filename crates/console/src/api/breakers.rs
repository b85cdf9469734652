//! `/api/breakers`: sessions and their breakers listed, and a breaker answered.

use axum::{
    Extension, Json,
    extract::{Path, State, rejection::JsonRejection},
};
use http::StatusCode;
use serde::Deserialize;
use terms::money::NanoUsd;

use crate::{
    breakers::{BreakerAnswer, BreakerBoard},
    error::ConsoleError,
    guard::Seat,
    pages::breakers::Decision,
    state::App,
};

/// An answer to a breaker.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerOrder {
    decision: Decision,
    /// The version that it is an answer to; without, it is one to whatever holds now.
    version: Option<u64>,
    more_cost_nano_usd: Option<NanoUsd>,
    more_autonomous_ms: Option<u64>,
}

pub(crate) async fn list(State(app): State<App>) -> Json<BreakerBoard> {
    Json(app.state.breakers.board())
}

pub(crate) async fn answer(
    State(app): State<App>,
    Extension(seat): Extension<Seat>,
    Path(id): Path<String>,
    order: Result<Json<AnswerOrder>, JsonRejection>,
) -> Result<StatusCode, ConsoleError> {
    let Json(order) = order.map_err(|error| ConsoleError::BadInput(error.body_text()))?;
    let answer = match order.decision {
        Decision::Stop => BreakerAnswer::Stop,
        Decision::Confirm => BreakerAnswer::Confirm {
            cost: order.more_cost_nano_usd,
            autonomous_ms: order.more_autonomous_ms,
        },
    };
    app.state.breakers.answer(&id.as_str().into(), order.version, answer, seat.who())?;
    Ok(StatusCode::NO_CONTENT)
}
