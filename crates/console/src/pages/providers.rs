//! The Providers page: every target with its gate and why requests passed it by, live.

use askama::Template;
use axum::{extract::State, response::Html};

use crate::{error::ConsoleError, live::Overview, provider_sections, state::App};

#[derive(Template)]
#[template(path = "providers.html")]
struct ProvidersPage<'a> {
    simulated: Option<&'a str>,
    version: &'a str,
    sections: Vec<String>,
}

pub(crate) async fn show(State(app): State<App>) -> Result<Html<String>, ConsoleError> {
    Ok(Html(render(&app.state.live.overview())?))
}

fn render(overview: &Overview) -> askama::Result<String> {
    ProvidersPage {
        simulated: overview.simulated.as_deref(),
        version: &overview.version,
        sections: provider_sections::all(overview)?,
    }
    .render()
}
