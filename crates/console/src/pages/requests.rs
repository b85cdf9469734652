//! The Requests pages: the newest requests to which anything happened, and one request with its whole
//! way.

use askama::Template;
use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    response::{Html, IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use terms::{ids::RequestId, outcome::Ending, trace::Trace};

use crate::{
    error::ConsoleError,
    explained::{Explained, explain},
    format::{duration, moment, words},
    state::App,
};

/// Requests that the list shows.
const SHOWN: u32 = 100;

#[derive(Template)]
#[template(path = "requests.html")]
struct ListPage<'a> {
    simulated: Option<&'a str>,
    version: &'a str,
    rows: Vec<Row>,
}

struct Row {
    at: String,
    request: String,
    route: String,
    principal: String,
    ending: String,
    went: bool,
    took: String,
}

#[derive(Template)]
#[template(path = "request.html")]
struct RequestPage<'a> {
    simulated: Option<&'a str>,
    version: &'a str,
    explained: Explained,
}

/// What the form asks for.
#[derive(Deserialize)]
pub(crate) struct Asked {
    id: Option<String>,
}

pub(crate) async fn list(
    State(app): State<App>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, ConsoleError> {
    let Query(asked) = asked.map_err(|error| ConsoleError::BadInput(error.body_text()))?;
    if let Some(id) = asked.id.as_deref().map(str::trim).filter(|id| !id.is_empty()) {
        let id = RequestId::parse(id).ok_or(ConsoleError::NoSuchRequest)?;
        return Ok(Redirect::to(&format!("/requests/{id}")).into_response());
    }
    let traces = app.state.store.newest_traces(SHOWN).await?;
    let now = app.state.clock.now();
    let overview = app.state.live.overview();
    let page = ListPage {
        simulated: overview.simulated.as_deref(),
        version: &overview.version,
        rows: traces
            .iter()
            .map(|trace| {
                let Trace { request, at, principal, route, ending, total_ms, .. } = trace;
                Row {
                    at: moment(*at, now),
                    request: request.to_string(),
                    route: route.to_string(),
                    principal: principal.to_string(),
                    ending: words(ending.name()),
                    went: *ending == Ending::Answered,
                    took: duration(*total_ms),
                }
            })
            .collect(),
    };
    Ok(Html(page.render()?).into_response())
}

pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Html<String>, ConsoleError> {
    let id = RequestId::parse(&id).ok_or(ConsoleError::NoSuchRequest)?;
    let trace = app.state.store.trace_of(id).await?;
    let attempts = app.state.store.attempts_of(id).await?;
    let explained = explain(id, trace.as_ref(), &attempts).ok_or(ConsoleError::NoSuchRequest)?;
    let overview = app.state.live.overview();
    let page = RequestPage {
        simulated: overview.simulated.as_deref(),
        version: &overview.version,
        explained,
    };
    Ok(Html(page.render()?))
}
