//! The way of one request in sentences: the plan, every attempt, wait and skip with its reason, and what
//! each attempt cost. The same for the console's page and for the terminal.

use store::AttemptRow;
use terms::{
    event::{ASSUMED_PRICES, Hold, Settlement},
    ids::{RequestId, TargetName},
    money::thousands,
    outcome::{Ending, Failure},
    time::Timestamp,
    trace::{Happening, Step, Trace},
};

use crate::format::{counted, duration, words};

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Its id.
    pub request: String,
    /// What came of it, in a line.
    pub headline: String,
    /// Who asked, when and for what.
    pub about: String,
    /// What happened, in its order.
    pub steps: Vec<ExplainedStep>,
    /// What stands in the books.
    pub attempts: Vec<ExplainedAttempt>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedStep {
    /// After how long: `+312 ms`.
    pub at: String,
    /// What.
    pub text: String,
    /// Whether it went well, where that can be said.
    pub went: Option<bool>,
}

/// One attempt of the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedAttempt {
    /// 1 for the first.
    pub ordinal: u8,
    /// Where.
    pub target: String,
    /// The word for how it ended.
    pub ending: String,
    /// Tokens in and out.
    pub tokens: String,
    /// What it cost; `estimated` where the provider stated nothing, `assumed` where nobody knows the price.
    pub cost: String,
    /// How long it took, and when the first token was there.
    pub took: String,
}

/// Puts together what is known; `None` where nothing is.
pub fn explain(
    request: RequestId,
    trace: Option<&Trace>,
    attempts: &[AttemptRow],
) -> Option<Explained> {
    let first = attempts.first();
    if trace.is_none() && first.is_none() {
        return None;
    }
    let at = trace.map(|trace| trace.at).or_else(|| first.map(|row| row.hold.at))?;
    let steps = match trace {
        Some(trace) => trace.steps.iter().map(step).collect(),
        None => attempts.iter().flat_map(|row| of_books(row, at)).collect(),
    };
    Some(Explained {
        request: request.to_string(),
        headline: headline(trace, attempts),
        about: about(at, trace, first.map(|row| &row.hold)),
        steps,
        attempts: attempts.iter().map(attempt).collect(),
    })
}

fn about(at: Timestamp, trace: Option<&Trace>, hold: Option<&Hold>) -> String {
    let route = trace.map(|trace| trace.route.to_string());
    let route = route.or_else(|| hold.map(|hold| hold.route.to_string())).unwrap_or_default();
    let principal = trace.map(|trace| trace.principal.to_string());
    let principal = principal.or_else(|| hold.map(|hold| hold.principal.to_string()));
    let how = hold.map_or(String::new(), |hold| {
        format!(" · {}{}", hold.dialect, if hold.stream { ", streamed" } else { "" })
    });
    let principal = principal.unwrap_or_default();
    format!("{} {} UTC · {principal} · route {route}{how}", at.date(), at.clock())
}

fn headline(trace: Option<&Trace>, attempts: &[AttemptRow]) -> String {
    let last = attempts.last().and_then(|row| row.settlement.as_ref());
    let ending = trace.map(|trace| trace.ending).or_else(|| last.map(|last| last.ending));
    // What was sent last may not be in the books yet.
    let sent = trace.map_or(0, |trace| {
        trace.steps.iter().filter(|step| matches!(step.what, Happening::Sent { .. })).count()
    });
    let tries = counted(attempts.len().max(sent) as u64, "attempt", "attempts");
    let took = trace.map_or(String::new(), |trace| format!(", {}", duration(trace.total_ms)));
    match ending {
        Some(Ending::Answered) => {
            let by = answerer(trace, attempts).map_or(String::new(), |by| format!(" by {by}"));
            format!("Answered{by}: {tries}{took}")
        }
        Some(Ending::CallerLeft) => format!("The caller left: {tries}{took}"),
        Some(Ending::Interrupted) => format!("Interrupted, because the program stopped: {tries}"),
        Some(Ending::Failed(failure)) => {
            format!("Not answered, {}: {tries}{took}", words(failure.name()))
        }
        None => format!("Under way: {tries}"),
    }
}

/// Who answered in the end, which need not be whom the last attempt went to: a hedge may have lost.
fn answerer<'t>(trace: Option<&'t Trace>, attempts: &'t [AttemptRow]) -> Option<&'t TargetName> {
    let mut told = trace.into_iter().flat_map(|trace| trace.steps.iter().rev());
    let told = told.find_map(|step| match &step.what {
        Happening::Answers { target } | Happening::GoesOn { target } => Some(target),
        _ => None,
    });
    let answered = |row: &&AttemptRow| {
        row.settlement.as_ref().is_some_and(|settled| settled.ending == Ending::Answered)
    };
    told.or_else(|| attempts.iter().rev().find(answered).map(|row| &row.hold.target))
}

fn step(step: &Step) -> ExplainedStep {
    let (text, went) = said(&step.what);
    ExplainedStep { at: format!("+{}", duration(step.at_ms)), text, went }
}

fn said(what: &Happening) -> (String, Option<bool>) {
    match what {
        Happening::Planned { targets } if targets.is_empty() => {
            ("no target is left to try".to_owned(), Some(false))
        }
        Happening::Planned { targets } => {
            let names: Vec<&str> = targets.iter().map(TargetName::as_str).collect();
            (format!("plan: {}", names.join(", then ")), None)
        }
        Happening::Skipped { target, reason } => {
            (format!("{target} is passed by: {}", words(reason)), None)
        }
        Happening::Sent { attempt, target, key, keys } => {
            let key =
                if *key > 1 || *keys > 1 { format!(", with key {key}") } else { String::new() };
            (format!("attempt {attempt} goes to {target}{key}"), None)
        }
        Happening::Failed { target, failure, status, asked_ms, said } => {
            (failed(target.as_str(), *failure, *status, *asked_ms, said.as_deref()), Some(false))
        }
        Happening::Waited { ms } => (format!("waits {}", duration(*ms)), None),
        Happening::Broke { target, failure } => {
            let text = format!("the answer of {target} breaks off: {}", words(failure.name()));
            (text, Some(false))
        }
        Happening::AskedForRest { target, way } => {
            (format!("{target} is asked for the rest, by {way}"), None)
        }
        Happening::GoesOn { target } => (format!("{target} goes on with the answer"), Some(true)),
        Happening::Dropped { fields } => (
            format!("left out, because the target's dialect cannot say it: {}", fields.join(", ")),
            None,
        ),
        Happening::Noise { records } => {
            let records = counted(u64::from(*records), "record", "records");
            (format!("{records} of the stream said nothing that could be read"), None)
        }
        Happening::Injected { target, fault } => {
            (format!("a fault is injected at {target}: {fault}"), None)
        }
        Happening::Answers { target } => (format!("{target} answers"), Some(true)),
    }
}

fn failed(
    target: &str,
    failure: Failure,
    status: u16,
    asked_ms: Option<u64>,
    said: Option<&str>,
) -> String {
    use std::fmt::Write;
    let mut text = match failure {
        Failure::Declined => format!("{target} leaves it to the next"),
        Failure::Mismatch => format!("{target} tells another answer"),
        failure => format!("{target} fails: {}", words(failure.name())),
    };
    if status != 0 {
        let _ = write!(text, " (status {status})");
    }
    if let Some(ms) = asked_ms {
        let _ = write!(text, ", asks to wait {}", duration(ms));
    }
    if let Some(said) = said.filter(|said| !said.is_empty()) {
        let _ = write!(text, "; it says: {said}");
    }
    text
}

/// What the books alone tell of an attempt.
fn of_books(row: &AttemptRow, began: Timestamp) -> Vec<ExplainedStep> {
    let AttemptRow { hold, settlement } = row;
    let after = |at: Timestamp| {
        let ms = u64::try_from(at.0.saturating_sub(began.0)).unwrap_or(0);
        format!("+{}", duration(ms))
    };
    let sent = ExplainedStep {
        at: after(hold.at),
        text: format!("attempt {} goes to {}", hold.attempt.ordinal, hold.target),
        went: None,
    };
    let ended = settlement.as_ref().map(|settlement| {
        let (text, went) = match settlement.ending {
            Ending::Answered => (format!("{} has answered", hold.target), Some(true)),
            Ending::CallerLeft => ("the caller leaves".to_owned(), None),
            Ending::Interrupted => ("the program stops".to_owned(), None),
            Ending::Failed(failure) => {
                (failed(hold.target.as_str(), failure, 0, None, None), Some(false))
            }
        };
        ExplainedStep { at: after(settlement.at), text, went }
    });
    std::iter::once(sent).chain(ended).collect()
}

fn attempt(row: &AttemptRow) -> ExplainedAttempt {
    let AttemptRow { hold, settlement } = row;
    let (ending, tokens, cost, took) = match settlement {
        None => ("under way".to_owned(), String::new(), String::new(), String::new()),
        Some(settlement) => settled(settlement),
    };
    ExplainedAttempt {
        ordinal: hold.attempt.ordinal,
        target: hold.target.to_string(),
        ending,
        tokens,
        cost,
        took,
    }
}

fn settled(settlement: &Settlement) -> (String, String, String, String) {
    let Settlement { ending, usage, source, cost, first_token_ms, total_ms, .. } = settlement;
    let tokens = format!("{} in, {} out", thousands(usage.input()), thousands(usage.output()));
    let is_assumed = settlement.price_version == ASSUMED_PRICES;
    let estimated = match (source.name() == "estimated", is_assumed) {
        (true, true) => " (estimated, at an assumed price)",
        (true, false) => " (estimated)",
        (false, true) => " (at an assumed price)",
        (false, false) => "",
    };
    let first =
        first_token_ms.map_or(String::new(), |ms| format!(", first token {}", duration(ms)));
    let took = format!("{}{first}", duration(*total_ms));
    (words(ending.name()), tokens, format!("{cost}{estimated}"), took)
}

#[cfg(test)]
mod tests {
    use terms::{
        ids::RequestId,
        outcome::Ending,
        time::Timestamp,
        trace::{Happening, Step, Trace},
    };

    use super::explain;

    fn check(keys: u8, expect: &str) {
        let request = RequestId::from_parts(1, 1);
        let sent = Happening::Sent { attempt: 1, target: "a/m".into(), key: 1, keys };
        let trace = Trace {
            request,
            at: Timestamp(0),
            principal: "ada".into(),
            route: "m".into(),
            steps: vec![Step { at_ms: 0, what: sent }],
            ending: Ending::Answered,
            total_ms: 12,
        };
        // The books may not know of it yet.
        let explained = explain(request, Some(&trace), &[]).unwrap();
        assert_eq!(explained.headline, "Answered: 1 attempt, 12 ms");
        assert_eq!(explained.steps[0].text, expect);
    }

    #[test]
    fn what_was_sent_counts_and_its_key_is_named_where_there_are_several() {
        check(1, "attempt 1 goes to a/m");
        check(2, "attempt 1 goes to a/m, with key 1");
    }
}
