//! The sections of the Incidents page: targets that answer otherwise than they did, what became of
//! earlier ones, and the canaries that were asked.

use askama::Template;
use terms::{
    incident::{CanaryOutcome, CanaryRun, Cause, Closed, Incident},
    time::Timestamp,
};

use crate::{
    error::ConsoleError,
    format::{count, counted, duration, moment},
    incidents::{IncidentWords, LevelWords},
    state::App,
};

/// Closed incidents that the page shows.
const CLOSED: u32 = 50;

/// Canaries that the page shows.
const RUNS: u32 = 30;

#[derive(Template)]
#[template(path = "sections/open_incidents.html")]
struct Open {
    headline: String,
    cards: Vec<Card>,
}

struct Card {
    id: String,
    target: String,
    what: String,
    before: Option<LevelWords>,
    after: Option<LevelWords>,
    why: String,
    since: String,
    ago: String,
    examples: Vec<String>,
    closing: &'static str,
}

#[derive(Template)]
#[template(path = "sections/closed_incidents.html")]
struct Earlier {
    rows: Vec<EarlierRow>,
}

struct EarlierRow {
    opened: String,
    target: String,
    what: String,
    change: String,
    lasted: String,
    ended: String,
}

#[derive(Template)]
#[template(path = "sections/canary_runs.html")]
struct Runs {
    rows: Vec<RunRow>,
}

struct RunRow {
    at: String,
    canary: String,
    target: String,
    request: String,
    /// `open`, `shut` or `probing`, for the mark.
    mark: &'static str,
    word: &'static str,
    why: String,
    first_token: String,
    tokens: String,
    cost: String,
}

/// Every section in the order of the page.
pub(crate) async fn all(app: &App) -> Result<Vec<String>, ConsoleError> {
    let store = &app.state.store;
    let now = app.now();
    let incidents = store.incidents(CLOSED).await?;
    let open: Vec<&Incident> =
        incidents.iter().filter(|incident| incident.closed.is_none()).collect();
    let runs = store.canary_runs(RUNS).await?;
    let closed = incidents.iter().filter_map(|incident| {
        incident.closed.as_ref().map(|closed| earlier(incident, closed, now))
    });
    Ok(vec![
        Open {
            headline: headline(&open),
            cards: open.iter().map(|incident| card(incident, now)).collect(),
        }
        .render()?,
        Earlier { rows: closed.collect() }.render()?,
        Runs { rows: runs.iter().map(|run| run_row(run, now)).collect() }.render()?,
    ])
}

fn headline(open: &[&Incident]) -> String {
    let mut targets: Vec<_> = open.iter().map(|incident| &incident.target).collect();
    targets.sort_unstable();
    targets.dedup();
    match targets.len() as u64 {
        0 => "Every target answers as it did".to_owned(),
        some => {
            format!("{} otherwise than before", counted(some, "target answers", "targets answer"))
        }
    }
}

fn card(incident: &Incident, now: Timestamp) -> Card {
    let IncidentWords { target, what, before, after, why } = IncidentWords::of(incident);
    Card {
        id: incident.id.to_string(),
        target: target.to_string(),
        what,
        before,
        after,
        why,
        since: moment(incident.since, now),
        ago: between(incident.since, now),
        examples: incident.examples.iter().map(ToString::to_string).collect(),
        closing: match incident.cause {
            Cause::Sign(_) => "Closing it says that this is normal from now on.",
            Cause::Canary(_) => {
                "When the canary fails twice in a row again, another incident opens: change what it expects if this is how it is."
            }
        },
    }
}

fn earlier(incident: &Incident, closed: &Closed, now: Timestamp) -> EarlierRow {
    let IncidentWords { target, what, before, after, .. } = IncidentWords::of(incident);
    EarlierRow {
        opened: moment(incident.opened, now),
        target: target.to_string(),
        what,
        change: match (before, after) {
            (Some(before), Some(after)) => format!("{} → {}", before.value, after.value),
            _ => String::new(),
        },
        lasted: between(incident.since, closed.at),
        ended: match &closed.by {
            Some(by) => format!("Closed by {by}"),
            None => "It answers as before again".to_owned(),
        },
    }
}

fn run_row(run: &CanaryRun, now: Timestamp) -> RunRow {
    let (mark, word) = match run.outcome {
        CanaryOutcome::Passed => ("open", "Passed"),
        CanaryOutcome::Failed(_) => ("shut", "Failed"),
        CanaryOutcome::Unanswered(_) => ("probing", "No answer"),
    };
    let is_answered = !matches!(run.outcome, CanaryOutcome::Unanswered(_));
    let of_answer = |text: String| if is_answered { text } else { "–".to_owned() };
    RunRow {
        at: moment(run.at, now),
        canary: run.canary.to_string(),
        target: run.target.to_string(),
        request: run.request.to_string(),
        mark,
        word,
        why: run.outcome.why().unwrap_or_default().to_owned(),
        first_token: of_answer(duration(run.first_token_ms)),
        tokens: of_answer(count(run.tokens)),
        cost: run.cost.to_string(),
    }
}

fn between(from: Timestamp, to: Timestamp) -> String {
    duration(u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0))
}
