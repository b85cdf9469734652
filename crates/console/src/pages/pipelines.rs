//! The list of runs, kept live.

use std::convert::Infallible;

use askama::Template;
use axum::{
    Extension,
    extract::State,
    response::{Html, Sse, sse::Event},
};
use futures_util::Stream;

use crate::{
    error::ConsoleError,
    guard::Seat,
    live::Overview,
    run,
    state::App,
    stream::{self, Source},
};

#[derive(Template)]
#[template(path = "pipelines.html")]
struct PipelinesPage {
    simulated: Option<String>,
    version: String,
    sections: Vec<String>,
}

pub(crate) async fn show(State(app): State<App>) -> Result<Html<String>, ConsoleError> {
    let sections = run::list(&app).await?.sections;
    let Overview { simulated, version, .. } = app.state.live.overview();
    Ok(Html(PipelinesPage { simulated, version, sections }.render()?))
}

pub(crate) async fn live(
    State(app): State<App>,
    Extension(seat): Extension<Seat>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ConsoleError> {
    stream::open(app, seat, Source::Runs)
}
