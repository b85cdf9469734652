//! The Overview: what happens now and in the last hour, and the same as JSON. The page is put
//! together from `sections`, which the live stream sends again as they change.

use askama::Template;
use axum::{Json, extract::State, response::Html};

use crate::{
    error::ConsoleError,
    live::Overview,
    sections::{self, Column, Section},
    state::App,
};

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage<'a> {
    simulated: Option<&'a str>,
    version: &'a str,
    top: Vec<String>,
    left: Vec<String>,
    right: Vec<String>,
}

pub(crate) async fn show(State(app): State<App>) -> Result<Html<String>, ConsoleError> {
    Ok(Html(render(&app.state.live.overview())?))
}

pub(crate) async fn json(State(app): State<App>) -> Json<Overview> {
    Json(app.state.live.overview())
}

fn render(overview: &Overview) -> askama::Result<String> {
    OverviewPage {
        simulated: overview.simulated.as_deref(),
        version: &overview.version,
        top: column(Column::Top, overview)?,
        left: column(Column::Left, overview)?,
        right: column(Column::Right, overview)?,
    }
    .render()
}

fn column(column: Column, overview: &Overview) -> askama::Result<Vec<String>> {
    let stand_here = |section: &&Section| section.column == column;
    sections::ALL.iter().filter(stand_here).map(|section| (section.render)(overview)).collect()
}
