//! One request with its whole way, for programs.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Serialize;
use terms::{
    event::{Hold, Settlement},
    ids::RequestId,
    trace::Trace,
};

use crate::{error::ConsoleError, state::App};

/// What is known of a request.
#[derive(Serialize)]
pub(crate) struct Known {
    /// `null` where nothing happened beyond one attempt that went well.
    trace: Option<Trace>,
    attempts: Vec<Booked>,
}

/// An attempt of the books.
#[derive(Serialize)]
struct Booked {
    hold: Hold,
    settlement: Option<Settlement>,
}

pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Known>, ConsoleError> {
    let id = RequestId::parse(&id).ok_or(ConsoleError::NoSuchRequest)?;
    let trace = app.state.store.trace_of(id).await?;
    let attempts = app.state.store.attempts_of(id).await?;
    if trace.is_none() && attempts.is_empty() {
        return Err(ConsoleError::NoSuchRequest);
    }
    let booked =
        attempts.into_iter().map(|row| Booked { hold: row.hold, settlement: row.settlement });
    Ok(Json(Known { trace, attempts: booked.collect() }))
}
