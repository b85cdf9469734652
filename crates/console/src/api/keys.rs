//! `/api/keys`: virtual keys listed, made and disabled. Who may do so was asked by the guard.

use access::KeySummary;
use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use terms::{
    ids::{KeyId, PrincipalName, TeamName},
    time::Timestamp,
};

use crate::{error::ConsoleError, state::App};

/// The keys, under a name, so that the answer can grow.
#[derive(Serialize)]
pub(crate) struct KeyList {
    keys: Vec<ListedKey>,
}

#[derive(Serialize)]
struct ListedKey {
    id: KeyId,
    name: String,
    principal: PrincipalName,
    team: TeamName,
    /// Unix milliseconds.
    created_at: Timestamp,
    disabled_at: Option<Timestamp>,
}

/// Whose key it is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyOrder {
    principal: PrincipalName,
    team: TeamName,
    name: String,
}

#[derive(Serialize)]
struct MadeKey {
    id: KeyId,
    /// The whole key, shown this once.
    key: String,
}

pub(crate) async fn list(State(app): State<App>) -> Json<KeyList> {
    let keys = app.state.keys.list().iter().map(|key| listed(key)).collect();
    Json(KeyList { keys })
}

pub(crate) async fn create(
    State(app): State<App>,
    order: Result<Json<KeyOrder>, JsonRejection>,
) -> Result<Response, ConsoleError> {
    let Json(order) = order.map_err(|error| ConsoleError::BadInput(error.body_text()))?;
    let made = app
        .state
        .keys
        .create(&app.state.store, order.principal, order.team, &order.name, app.now())
        .await?;
    let made = MadeKey { id: made.id, key: made.secret.expose().to_owned() };
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

pub(crate) async fn disable(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, ConsoleError> {
    let disabled = app.state.keys.disable(&app.state.store, &id.into(), app.now()).await?;
    if disabled { Ok(StatusCode::NO_CONTENT) } else { Err(ConsoleError::NoSuchKey) }
}

fn listed(key: &KeySummary) -> ListedKey {
    ListedKey {
        id: key.id.clone(),
        name: key.name.clone(),
        principal: key.principal.clone(),
        team: key.team.clone(),
        created_at: key.created_at,
        disabled_at: key.disabled_at,
    }
}
