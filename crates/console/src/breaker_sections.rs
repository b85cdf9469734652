//! The sections of the Breakers page: what is asked and what was stopped, what runs, and who decided
//! what.

use askama::Template;
use terms::{
    breaker::{Autonomy, BreakerChange, BreakerEvent, BreakerState, ClientFamily, SessionKey},
    time::Timestamp,
};

use crate::{
    breakers::{BreakerBoard, SessionRow},
    format::{count, counted, duration, moment},
};

/// Amounts to choose from, in dollars, and the one that is preset.
const AMOUNTS: [&str; 3] = ["5", "20", "100"];
const PRESET: &str = "20";

#[derive(Template)]
#[template(path = "sections/questions.html")]
struct Questions {
    headline: String,
    explained: String,
    cards: Vec<Card>,
    amounts: [&'static str; 3],
    preset: &'static str,
}

/// A session that asks, or is stopped.
struct Card {
    id: String,
    version: u64,
    stopped: bool,
    principal: String,
    client: String,
    session: String,
    autonomous: String,
    /// Which limit was passed, so that it can be told apart from the other.
    past_time: bool,
    past_cost: bool,
    allowed_time: String,
    allowed_cost: String,
    cost: String,
    requests: String,
    since: String,
    human: String,
    /// Who stopped it, when, and what was refused since.
    stopped_by: Option<String>,
}

#[derive(Template)]
#[template(path = "sections/running.html")]
struct Running {
    rows: Vec<RunningRow>,
    shown: Option<String>,
}

struct RunningRow {
    id: String,
    version: u64,
    principal: String,
    client: String,
    session: String,
    autonomous: String,
    /// How much of the nearer limit is used, in percent.
    length: String,
    cost: String,
    requests: String,
    seen: String,
}

#[derive(Template)]
#[template(path = "sections/decisions.html")]
struct Decisions {
    rows: Vec<DecisionRow>,
}

struct DecisionRow {
    at: String,
    kind: &'static str,
    what: String,
    by: Option<String>,
    principal: String,
    client: String,
    session: String,
    after: String,
}

/// Running sessions shown; the API lists all.
const RUNNING: usize = 100;

/// Every section in the order of the page.
pub(crate) fn all(board: &BreakerBoard) -> askama::Result<Vec<String>> {
    Ok(vec![questions(board)?, running(board)?, decisions(board)?])
}

fn questions(board: &BreakerBoard) -> askama::Result<String> {
    let Autonomy { autonomous_ms, cost } = board.limits;
    let refused = match board.refused {
        0 => String::new(),
        refused => format!(" {} refused so far.", counted(refused, "request was", "requests were")),
    };
    Questions {
        headline: headline(board.asking.len(), board.stopped.len()),
        explained: format!(
            "A session is asked about once it ran {} on its own or cost {cost} since a human last \
             spoke in it. Asking stops nothing; only a person does.{refused}",
            span(autonomous_ms)
        ),
        cards: board.asking.iter().chain(&board.stopped).map(|row| card(row, board.now)).collect(),
        amounts: AMOUNTS,
        preset: PRESET,
    }
    .render()
}

/// What is to be done comes first.
fn headline(asking: usize, stopped: usize) -> String {
    match (asking, stopped) {
        (0, 0) => "No session asks for anything".to_owned(),
        (0, stopped) => {
            format!("{} stopped", counted(stopped as u64, "session is", "sessions are"))
        }
        (1, _) => "1 session asks: did you mean to spend this?".to_owned(),
        (asking, _) => {
            format!("{} sessions ask: did you mean to spend this?", count(asking as u64))
        }
    }
}

fn card(row: &SessionRow, now: Timestamp) -> Card {
    let (used, allowed) = (row.evidence.used, row.allowed);
    let stopped = row.state == BreakerState::Stopped;
    let by = row.changed_by.as_deref().unwrap_or("somebody");
    let at = row.changed_at.unwrap_or(row.last_seen);
    Card {
        id: row.id.to_string(),
        version: row.version,
        stopped,
        principal: row.session.principal.to_string(),
        client: client(row.session.client, &row.agent),
        session: row.session.session.to_string(),
        autonomous: duration(used.autonomous_ms),
        past_time: used.autonomous_ms >= allowed.autonomous_ms,
        past_cost: used.cost >= allowed.cost,
        allowed_time: span(allowed.autonomous_ms),
        allowed_cost: allowed.cost.to_string(),
        cost: used.cost.to_string(),
        requests: count(row.evidence.requests),
        since: moment(row.evidence.run_began, now),
        human: match row.evidence.last_human {
            Some(at) => {
                format!("A human last spoke {} ago, at {}.", ago(at, now), moment(at, now))
            }
            None => "No human was heard in it.".to_owned(),
        },
        stopped_by: stopped.then(|| {
            let refused = counted(row.refused, "request", "requests");
            format!("Stopped by {by} at {}. {refused} refused since.", moment(at, now))
        }),
    }
}

fn running(board: &BreakerBoard) -> askama::Result<String> {
    let all = board.running.len();
    let shown =
        (all > RUNNING).then(|| format!("The {RUNNING} seen last, of {}.", count(all as u64)));
    let rows = board.running.iter().take(RUNNING).map(|row| running_row(row, board.now)).collect();
    Running { rows, shown }.render()
}

fn running_row(row: &SessionRow, now: Timestamp) -> RunningRow {
    let (used, allowed) = (row.evidence.used, row.allowed);
    let time = used.autonomous_ms as f64 / allowed.autonomous_ms.max(1) as f64;
    let cost = used.cost.0.max(0) as f64 / allowed.cost.0.max(1) as f64;
    RunningRow {
        id: row.id.to_string(),
        version: row.version,
        principal: row.session.principal.to_string(),
        client: client(row.session.client, &row.agent),
        session: row.session.session.to_string(),
        autonomous: match used.autonomous_ms {
            // A human just spoke in it.
            0 => "–".to_owned(),
            ms => duration(ms),
        },
        length: format!("{:.1}", time.max(cost).min(1.0) * 100.0),
        cost: used.cost.to_string(),
        requests: count(row.evidence.requests),
        seen: if row.in_flight > 0 {
            "now".to_owned()
        } else {
            format!("{} ago", ago(row.last_seen, now))
        },
    }
}

fn decisions(board: &BreakerBoard) -> askama::Result<String> {
    let rows = board.events.iter().map(|event| decision(event, board.now)).collect();
    Decisions { rows }.render()
}

fn decision(event: &BreakerEvent, now: Timestamp) -> DecisionRow {
    let SessionKey { principal, client: family, session } = &event.session;
    let used = event.evidence.used;
    let (kind, what, decided) = match event.change {
        BreakerChange::Pinged => ("asked", "Asked whether it is meant".to_owned(), false),
        BreakerChange::Confirmed(Autonomy { autonomous_ms, cost }) => {
            ("confirmed", format!("Goes on, {cost} or {} more", span(autonomous_ms)), true)
        }
        BreakerChange::Stopped => ("stopped", "Stopped".to_owned(), true),
        BreakerChange::HumanSpoke => ("confirmed", "A human spoke in it".to_owned(), false),
    };
    DecisionRow {
        at: moment(event.at, now),
        kind,
        what,
        by: decided.then(|| event.by.clone()),
        principal: principal.to_string(),
        client: client(*family, event.agent.as_str()),
        session: session.to_string(),
        after: format!("after {} and {}", duration(used.autonomous_ms), used.cost),
    }
}

fn client(family: ClientFamily, agent: &str) -> String {
    match (family, agent) {
        (ClientFamily::ClaudeCode, "") => "Claude Code".to_owned(),
        (ClientFamily::ClaudeCode, agent) => match agent.rsplit_once('/') {
            Some((_, version)) => format!("Claude Code {version}"),
            None => "Claude Code".to_owned(),
        },
        (ClientFamily::Codex, _) => "Codex".to_owned(),
        (ClientFamily::Other, "") => "unnamed client".to_owned(),
        (ClientFamily::Other, agent) => agent.to_owned(),
    }
}

/// A limit as people say it: `10 h`, not `10 h 0 min`.
fn span(ms: u64) -> String {
    let text = duration(ms);
    let whole = text.strip_suffix(" 0 min").or_else(|| text.strip_suffix(" 0 h"));
    whole.map(str::to_owned).unwrap_or(text)
}

fn ago(at: Timestamp, now: Timestamp) -> String {
    duration(u64::try_from(now.0.saturating_sub(at.0)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::headline;

    #[test]
    fn the_headline_says_first_what_is_asked() {
        assert_eq!(headline(0, 0), "No session asks for anything");
        assert_eq!(headline(0, 1), "1 session is stopped");
        assert_eq!(headline(1, 4), "1 session asks: did you mean to spend this?");
        assert_eq!(headline(2, 0), "2 sessions ask: did you mean to spend this?");
    }
}
