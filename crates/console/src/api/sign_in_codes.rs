//! `/api/sign-in-codes`: a single-use code for a sign-in link, for commands that print one.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::Serialize;

use crate::{error::ConsoleError, state::App};

#[derive(Serialize)]
struct MadeCode {
    code: String,
    /// Where it is used, on this host.
    path: String,
}

pub(crate) async fn create(State(app): State<App>) -> Result<Response, ConsoleError> {
    let code = app.state.admin.issue_code(app.moment())?.expose().to_owned();
    let path = format!("/sign-in?code={code}");
    Ok((StatusCode::CREATED, Json(MadeCode { code, path })).into_response())
}
