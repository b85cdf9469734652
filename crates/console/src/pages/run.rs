//! A run with its graph, kept live; one of its executions in full where the address names it.

use std::convert::Infallible;

use askama::Template;
use axum::{
    Extension,
    extract::{Path, Query, State, rejection::QueryRejection},
    response::{Html, Redirect, Sse, sse::Event},
};
use futures_util::Stream;
use serde::Deserialize;

use crate::{
    error::ConsoleError,
    guard::Seat,
    live::Overview,
    run,
    state::App,
    stream::{self, Source},
};

/// What of a run is shown.
#[derive(Deserialize)]
pub(crate) struct Shown {
    /// The execution to show in full.
    execution: Option<u32>,
}

#[derive(Template)]
#[template(path = "run.html")]
struct Page {
    simulated: Option<String>,
    version: String,
    title: String,
    live: String,
    sections: Vec<String>,
}

pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
    shown: Result<Query<Shown>, QueryRejection>,
) -> Result<Html<String>, ConsoleError> {
    let Query(Shown { execution }) = shown.map_err(bad)?;
    let title = app.state.pipelines.run(&id).await.ok_or(ConsoleError::NoSuchRun)?.name;
    let sections = run::page(&app, &id, execution).await?.sections;
    let Overview { simulated, version, .. } = app.state.live.overview();
    let asked = execution.map_or(String::new(), |index| format!("?execution={index}"));
    let live = format!("/pipelines/{id}/live{asked}");
    Ok(Html(Page { simulated, version, title, live, sections }.render()?))
}

pub(crate) async fn live(
    State(app): State<App>,
    Extension(seat): Extension<Seat>,
    Path(run): Path<String>,
    shown: Result<Query<Shown>, QueryRejection>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ConsoleError> {
    let Query(Shown { execution }) = shown.map_err(bad)?;
    app.state.pipelines.run(&run).await.ok_or(ConsoleError::NoSuchRun)?;
    stream::open(app, seat, Source::Run { run, shown: execution })
}

pub(crate) async fn cancel(
    State(app): State<App>,
    Path(run): Path<String>,
) -> Result<Redirect, ConsoleError> {
    if !app.state.pipelines.cancel(&run).await {
        return Err(ConsoleError::NoSuchRun);
    }
    Ok(Redirect::to(&format!("/pipelines/{run}")))
}

fn bad(error: QueryRejection) -> ConsoleError {
    ConsoleError::BadInput(error.body_text())
}
