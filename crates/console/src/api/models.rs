//! `/api/models` and `/api/prices`: the lives of models and what they cost, a person's decisions about
//! both, and price lists.

use axum::{
    Extension, Json,
    extract::{State, rejection::JsonRejection},
};
use http::StatusCode;
use serde::Deserialize;
use terms::ids::TargetName;

use crate::{
    error::ConsoleError,
    guard::Seat,
    models::{ModelBoard, ModelDecision, PriceRefresh},
    pages::models::Verb,
    state::App,
};

/// A decision about a model.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecisionOrder {
    decision: Verb,
    /// `provider/model`.
    target: TargetName,
}

/// Which list to read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshOrder {
    /// An address, or a file on the machine of the program.
    from: String,
    /// Whether it is taken over.
    #[serde(default)]
    apply: bool,
}

pub(crate) async fn board(State(app): State<App>) -> Json<ModelBoard> {
    Json(app.state.models.board())
}

pub(crate) async fn decide(
    State(app): State<App>,
    Extension(seat): Extension<Seat>,
    order: Result<Json<DecisionOrder>, JsonRejection>,
) -> Result<StatusCode, ConsoleError> {
    let Json(order) = order.map_err(|error| ConsoleError::BadInput(error.body_text()))?;
    let decision = order.decision.about(order.target);
    let done = app.state.models.decide(decision, seat.who().to_owned()).await;
    done.map(|()| StatusCode::NO_CONTENT).map_err(ConsoleError::BadInput)
}

pub(crate) async fn refresh(
    State(app): State<App>,
    order: Result<Json<RefreshOrder>, JsonRejection>,
) -> Result<Json<PriceRefresh>, ConsoleError> {
    let Json(order) = order.map_err(|error| ConsoleError::BadInput(error.body_text()))?;
    let refreshed = app.state.models.refresh(order.from, order.apply).await;
    refreshed.map(Json).map_err(ConsoleError::BadInput)
}

impl Verb {
    pub(crate) fn about(self, target: TargetName) -> ModelDecision {
        match self {
            Self::Hold => ModelDecision::Hold(target),
            Self::Release => ModelDecision::Release(target),
            Self::Confirm => ModelDecision::Confirm(target),
            Self::Reject => ModelDecision::Reject(target),
        }
    }
}
