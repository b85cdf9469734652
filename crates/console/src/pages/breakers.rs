//! The Breakers page: sessions that ask whether they are meant, those that were stopped, those that
//! run, and who decided what. A form answers; it works without JavaScript.

use askama::Template;
use axum::{
    Extension, Form,
    extract::{Path, State, rejection::FormRejection},
    response::{Html, Redirect},
};
use serde::Deserialize;
use terms::money::NanoUsd;

use crate::{
    breaker_sections,
    breakers::{BreakerAnswer, BreakerBoard},
    error::ConsoleError,
    guard::Seat,
    state::App,
};

/// An hour in milliseconds.
const HOUR_MS: u64 = 3_600_000;

/// Hours that may be allowed at once; more is a typing error.
const HOURS: u64 = 24 * 31;

#[derive(Template)]
#[template(path = "breakers.html")]
struct BreakersPage<'a> {
    simulated: Option<&'a str>,
    version: &'a str,
    sections: Vec<String>,
}

/// What the form sends.
#[derive(Deserialize)]
pub(crate) struct AnswerForm {
    decision: Decision,
    version: Option<u64>,
    /// Dollars, or `own` for what stands in the next field.
    more: Option<String>,
    own: Option<String>,
    hours: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Decision {
    Confirm,
    Stop,
}

pub(crate) async fn show(State(app): State<App>) -> Result<Html<String>, ConsoleError> {
    Ok(Html(render(&app.state.breakers.board())?))
}

pub(crate) async fn act(
    State(app): State<App>,
    Extension(seat): Extension<Seat>,
    Path(id): Path<String>,
    form: Result<Form<AnswerForm>, FormRejection>,
) -> Result<Redirect, ConsoleError> {
    let Form(form) = form.map_err(|error| ConsoleError::BadInput(error.body_text()))?;
    let answer = answer(&form)?;
    app.state.breakers.answer(&id.as_str().into(), form.version, answer, seat.who())?;
    Ok(Redirect::to("/breakers"))
}

fn answer(form: &AnswerForm) -> Result<BreakerAnswer, ConsoleError> {
    if form.decision == Decision::Stop {
        return Ok(BreakerAnswer::Stop);
    }
    let own = form.own.as_deref().map(str::trim).filter(|own| !own.is_empty());
    let amount = match (form.more.as_deref(), own) {
        (Some("own") | None, own) => own,
        (chosen, None) => chosen,
        (Some(chosen), Some(own)) => {
            return Err(ConsoleError::BadInput(format!(
                "two amounts are named, ${chosen} and {own:?}; go back and name one"
            )));
        }
    };
    if form.more.as_deref() == Some("own") && amount.is_none() {
        return Err(ConsoleError::BadInput("say how much more in dollars, such as 20".to_owned()));
    }
    let hours = form.hours.filter(|hours| (1..=HOURS).contains(hours));
    if form.hours.is_some() && hours.is_none() {
        return Err(ConsoleError::BadInput(format!("say 1 to {HOURS} hours")));
    }
    Ok(BreakerAnswer::Confirm {
        cost: amount.map(dollars).transpose()?,
        autonomous_ms: hours.map(|hours| hours * HOUR_MS),
    })
}

fn dollars(text: &str) -> Result<NanoUsd, ConsoleError> {
    NanoUsd::from_usd(text).filter(|amount| *amount > NanoUsd::ZERO).ok_or_else(|| {
        ConsoleError::BadInput(format!(
            "say how much more in dollars, such as 20 or 0.50, not {text:?}"
        ))
    })
}

fn render(board: &BreakerBoard) -> askama::Result<String> {
    BreakersPage {
        simulated: board.simulated.as_deref(),
        version: &board.version,
        sections: breaker_sections::all(board)?,
    }
    .render()
}
