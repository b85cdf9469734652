//! The Models page: models in use whose end is announced or past, who takes their place and how that
//! does; all models that can be reached; prices that wait for a person, and the versions that were taken
//! over. Forms decide; it works without JavaScript.

use askama::Template;
use axum::{
    Extension, Form,
    extract::{State, rejection::FormRejection},
    response::{Html, Redirect},
};
use serde::Deserialize;
use terms::{ids::TargetName, model::Prices, money::NanoUsd};

use crate::{
    error::ConsoleError,
    format::{counted, moment, words},
    guard::Seat,
    models::{CheckRow, ModelBoard, ModelRow, PriceVersionRow, WaitingPrice},
    state::App,
};

#[derive(Template)]
#[template(path = "models.html")]
struct ModelsPage<'a> {
    simulated: Option<&'a str>,
    version: &'a str,
    headline: String,
    models: Vec<Model>,
    unused: String,
    reached: String,
    used: Vec<Reached>,
    others: Vec<Reached>,
    strangers: String,
    price_version: &'a str,
    price_list: String,
    price_list_failed: Option<String>,
    price_damage: &'a [String],
    rejected: String,
    waiting: Vec<Waiting>,
    versions: Vec<Version>,
    notices: Vec<(String, &'a str)>,
}

struct Model {
    target: String,
    mark: &'static str,
    stage: String,
    detail: String,
    last_day: String,
    successor: String,
    share: String,
    checked: String,
    complaint: Option<String>,
    held: bool,
}

/// A model that can be reached.
struct Reached {
    target: String,
    mark: &'static str,
    stage: String,
    tier: String,
    price: String,
    last_day: String,
    successor: String,
    in_catalog: bool,
}

struct Waiting {
    target: String,
    before: String,
    after: String,
    why: String,
    from: String,
    since: String,
}

struct Version {
    name: String,
    at: String,
    from: String,
    changes: String,
    month: String,
}

/// What the form sends.
#[derive(Deserialize)]
pub(crate) struct DecisionForm {
    decision: Verb,
    target: TargetName,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verb {
    Hold,
    Release,
    Confirm,
    Reject,
}

pub(crate) async fn show(State(app): State<App>) -> Result<Html<String>, ConsoleError> {
    Ok(Html(render(&app.state.models.board())?))
}

pub(crate) async fn act(
    State(app): State<App>,
    Extension(seat): Extension<Seat>,
    form: Result<Form<DecisionForm>, FormRejection>,
) -> Result<Redirect, ConsoleError> {
    let Form(form) = form.map_err(|error| ConsoleError::BadInput(error.body_text()))?;
    let decision = form.decision.about(form.target);
    let done = app.state.models.decide(decision, seat.who().to_owned()).await;
    done.map_err(ConsoleError::BadInput)?;
    Ok(Redirect::to("/models"))
}

fn render(board: &ModelBoard) -> askama::Result<String> {
    let (used, others): (Vec<&ModelRow>, Vec<&ModelRow>) =
        board.models.iter().partition(|row| row.in_use);
    let goes = |row: &&&ModelRow| row.stage != "live";
    let ending = used.iter().filter(goes).count() as u64;
    let strangers = used.iter().filter(|row| !row.in_catalog).count() as u64;
    let is_refused = |row: &ModelRow| row.stage == "live" && row.refusals > 0;
    let refused = used.iter().filter(|row| is_refused(row)).count() as u64;
    let models = board
        .models
        .iter()
        .filter(|row| row.held || (row.in_use && (row.stage != "live" || is_refused(row))));
    ModelsPage {
        simulated: board.simulated.as_deref(),
        version: &board.version,
        headline: match (ending, refused) {
            (0, 0) => "No model in use is about to go".to_owned(),
            (0, some) => counted(some, "model in use may be gone", "models in use may be gone"),
            (some, _) => counted(some, "model in use goes or is gone", "models in use go or are gone"),
        },
        models: models.map(|row| model(row, board)).collect(),
        unused: match others.iter().filter(goes).count() as u64 {
            0 => String::new(),
            some => format!(
                "{}, too.",
                counted(
                    some,
                    "model not in use goes or is gone",
                    "models not in use go or are gone"
                ),
            ),
        },
        reached: match board.models.len() as u64 {
            0 => "No model can be reached".to_owned(),
            some => counted(some, "model can be reached", "models can be reached"),
        },
        strangers: match strangers {
            0 => String::new(),
            some => format!(
                "{} in use {} not in the catalog: no tier, successor or last day of {} is known, unless the provider says so.",
                counted(some, "model", "models"),
                if some == 1 { "is" } else { "are" },
                if some == 1 { "it" } else { "them" },
            ),
        },
        used: used.into_iter().map(reached).collect(),
        others: others.into_iter().map(reached).collect(),
        price_version: &board.price_version,
        price_list: board.price_list.as_ref().map_or_else(String::new, |row| row.sentence(board.now)),
        price_list_failed: board.price_list.as_ref().and_then(|row| row.failure.clone()),
        price_damage: &board.price_damage,
        rejected: rejected(board),
        waiting: board.waiting.iter().map(|row| waiting(row, board)).collect(),
        versions: board.price_versions.iter().map(|row| version(row, board)).collect(),
        notices: board
            .notices
            .iter()
            .map(|notice| (moment(notice.at, board.now), notice.text.as_str()))
            .collect(),
    }
    .render()
}

fn reached(row: &ModelRow) -> Reached {
    let unknown = || "–".to_owned();
    Reached {
        target: row.target.to_string(),
        mark: mark(row),
        stage: if row.held { format!("{}, held", row.stage) } else { row.stage.clone() },
        tier: row.tier.clone().unwrap_or_else(unknown),
        price: row.prices.as_ref().map_or_else(unknown, price),
        last_day: row.last_day.clone().unwrap_or_else(unknown),
        successor: row.successor.as_ref().map_or_else(unknown, ToString::to_string),
        in_catalog: row.in_catalog,
    }
}

fn mark(row: &ModelRow) -> &'static str {
    match row.stage.as_str() {
        "gone" => "shut",
        "live" if row.refusals > 0 => "probing",
        "live" => "open",
        _ => "probing",
    }
}

fn model(row: &ModelRow, board: &ModelBoard) -> Model {
    let since = (row.stage != "live").then(|| format!("since {}", moment(row.since, board.now)));
    let reason = Some(words(&row.reason)).filter(|reason| !reason.is_empty());
    let detail: Vec<String> = reason.into_iter().chain(since).collect();
    Model {
        target: row.target.to_string(),
        mark: mark(row),
        stage: row.stage.clone(),
        detail: match row.stage.as_str() {
            _ if row.held => "held".to_owned(),
            "live" => {
                "its provider said that it does not exist, and it has not answered since".to_owned()
            }
            _ => detail.join(", "),
        },
        last_day: row.last_day.clone().unwrap_or_else(|| "–".to_owned()),
        successor: row.successor.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string),
        share: format!("{} %", row.share),
        checked: checked(&row.mirrored, &row.in_place),
        complaint: row.in_place.complaint.clone().or_else(|| row.mirrored.complaint.clone()),
        held: row.held,
    }
}

fn checked(mirrored: &CheckRow, in_place: &CheckRow) -> String {
    let one = |check: &CheckRow, what: &str| {
        (check.asked > 0).then(|| format!("{} of {} {what}", check.good, check.asked))
    };
    let parts = [one(mirrored, "copies good"), one(in_place, "in its place good")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "not yet".to_owned() } else { parts.join(", ") }
}

fn waiting(row: &WaitingPrice, board: &ModelBoard) -> Waiting {
    Waiting {
        target: row.target.to_string(),
        before: row.before.as_ref().map_or_else(|| "unknown".to_owned(), price),
        after: price(&row.after),
        why: row.why.clone(),
        from: row.from.clone(),
        since: moment(row.since, board.now),
    }
}

/// What somebody rejected, in a line; empty where nothing was.
fn rejected(board: &ModelBoard) -> String {
    let rows = board.rejected.iter().map(|row| format!("{} at {}", row.target, price(&row.after)));
    let rows: Vec<String> = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("Rejected: {}.", rows.join("; "))
}

fn price(prices: &Prices) -> String {
    let cached = prices
        .cache_read
        .map_or_else(String::new, |cached| format!(", ${} cached", cached.usd_per_million()));
    let (input, output) = (prices.input.usd_per_million(), prices.output.usd_per_million());
    format!("${input} in, ${output} out{cached}")
}

fn version(row: &PriceVersionRow, board: &ModelBoard) -> Version {
    let moved = NanoUsd(row.month_after.0.saturating_sub(row.month_before.0));
    let sign = if moved.0 > 0 { "+" } else { "" };
    Version {
        name: row.version.clone(),
        at: moment(row.at, board.now),
        from: row.from.clone(),
        changes: counted(row.changes, "model", "models"),
        month: format!("{} → {} ({sign}{moved})", row.month_before, row.month_after),
    }
}
