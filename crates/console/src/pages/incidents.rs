//! The Incidents page: targets that answer otherwise than they did, with the evidence; a person may
//! close one.

use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    response::{Html, Redirect},
};

use crate::{error::ConsoleError, guard::Seat, incident_sections, state::App};

#[derive(Template)]
#[template(path = "incidents.html")]
struct IncidentsPage<'a> {
    simulated: Option<&'a str>,
    version: &'a str,
    sections: Vec<String>,
}

pub(crate) async fn show(State(app): State<App>) -> Result<Html<String>, ConsoleError> {
    let sections = incident_sections::all(&app).await?;
    let overview = app.state.live.overview();
    let page = IncidentsPage {
        simulated: overview.simulated.as_deref(),
        version: &overview.version,
        sections,
    };
    Ok(Html(page.render()?))
}

pub(crate) async fn close(
    State(app): State<App>,
    Extension(seat): Extension<Seat>,
    Path(id): Path<String>,
) -> Result<Redirect, ConsoleError> {
    closed(&app, &id, seat).await?;
    Ok(Redirect::to("/incidents"))
}

/// Closes an incident, or says why there is none to close.
pub(crate) async fn closed(app: &App, id: &str, seat: Seat) -> Result<(), ConsoleError> {
    let id = id.into();
    let closed = app.state.incidents.close(&id, seat.who()).await;
    if closed.map_err(ConsoleError::NotClosed)? {
        Ok(())
    } else {
        Err(ConsoleError::NoSuchIncident)
    }
}
