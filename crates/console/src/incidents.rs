//! What the console can do about incidents, and how their numbers are put into words, here and in the
//! terminal. The incidents themselves it reads where they are kept.

use serde::Serialize;
use terms::{
    ids::{IncidentId, TargetName},
    incident::{Cause, Comparison, Incident, Level, Sign},
};

use crate::{
    format::{count, counted, share},
    tasks::Doing,
};

/// The incidents of the running program.
pub trait Incidents: Send + Sync + 'static {
    /// A person closes an incident: how its target answers now is normal from now on. Tells whether one
    /// of this name was open; it is kept as closed then. Where it cannot be kept it stays open, and why is
    /// said.
    fn close<'a>(&'a self, id: &'a IncidentId, by: &'a str) -> Doing<'a, bool>;
}

/// An incident in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncidentWords {
    /// Which target.
    pub target: TargetName,
    /// What it does, after its name: `refuses more often`.
    pub what: String,
    /// The measure before and after, where there are numbers.
    pub before: Option<LevelWords>,
    /// Since the change.
    pub after: Option<LevelWords>,
    /// How sure that is, or what was expected, as sentences.
    pub why: String,
}

/// A level in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LevelWords {
    /// `31 %`, `412 tokens`, `41 tokens/s`.
    pub value: String,
    /// Its interval and the answers that it rests on.
    pub note: String,
}

impl IncidentWords {
    /// Puts an incident into words.
    pub fn of(incident: &Incident) -> Self {
        let level = |sign: Option<Sign>, of: fn(&Comparison) -> Level| {
            Some(level(sign?, of(incident.comparison.as_ref()?)))
        };
        let sign = match &incident.cause {
            Cause::Sign(sign) => Some(*sign),
            Cause::Canary(_) => None,
        };
        Self {
            target: incident.target.clone(),
            what: what(&incident.cause),
            before: level(sign, |numbers| numbers.before),
            after: level(sign, |numbers| numbers.after),
            why: why(incident),
        }
    }
}

fn what(cause: &Cause) -> String {
    let words = match cause {
        Cause::Sign(Sign::Refusals) => "refuses more often",
        Cause::Sign(Sign::InvalidJson) => "gives broken JSON more often",
        Cause::Sign(Sign::InvalidCalls) => "gets tool calls wrong more often",
        Cause::Sign(Sign::Shorter) => "gives shorter answers",
        Cause::Sign(Sign::Longer) => "gives longer answers",
        Cause::Sign(Sign::Slower) => "answers slower",
        Cause::Canary(canary) => return format!("fails the canary {canary}"),
    };
    words.to_owned()
}

fn why(incident: &Incident) -> String {
    let Some(Comparison { once_in, callers, .. }) = incident.comparison else {
        let unmet = incident.unmet.as_deref().unwrap_or("the answer is not as expected");
        return format!("Twice in a row, {unmet}.");
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 1")]
    let once_in = once_in.clamp(1.0, 1e12) as u64;
    let callers = match callers {
        1 => "Seen in the answers of one principal: it may be that principal's own change."
            .to_owned(),
        several => format!(
            "Seen in the answers of {}.",
            counted(u64::from(several), "principal", "principals")
        ),
    };
    format!("By chance alone once in {} answers. {callers}", count(once_in))
}

fn level(sign: Sign, level: Level) -> LevelWords {
    let Level { value, low, high, answers } = level;
    let (value, low, high) = match sign {
        _ if sign.is_share() => (share(value), share(low), share(high)),
        Sign::Slower => (format!("{value:.0} tokens/s"), format!("{low:.0}"), format!("{high:.0}")),
        _ => (format!("{value:.0} tokens"), format!("{low:.0}"), format!("{high:.0}")),
    };
    let answers = counted(answers, "answer", "answers");
    LevelWords { value, note: format!("{low} to {high}, of {answers}") }
}

#[cfg(test)]
mod tests {
    use terms::{
        incident::{Cause, Comparison, Incident, Level, Sign},
        time::Timestamp,
    };

    use super::IncidentWords;

    #[test]
    fn an_incident_says_what_the_target_does_and_how_sure_that_is() {
        let level =
            |value: f64| Level { value, low: value * 0.8, high: value * 1.2, answers: 1_200 };
        let incident = |cause, before, after| Incident {
            id: "inc_1".into(),
            target: "openai/gpt-5.5".into(),
            cause,
            opened: Timestamp(0),
            since: Timestamp(0),
            comparison: Some(Comparison {
                before: level(before),
                after: level(after),
                once_in: 1_234_567.8,
                callers: 3,
            }),
            unmet: None,
            examples: Vec::new(),
            closed: None,
        };
        let words = IncidentWords::of(&incident(Cause::Sign(Sign::Refusals), 0.02, 0.31));
        assert_eq!(words.what, "refuses more often");
        assert_eq!(words.before.unwrap().value, "2.0 %");
        assert_eq!(words.after.unwrap().note, "25 % to 37 %, of 1,200 answers");
        let sure =
            "By chance alone once in 1,234,567 answers. Seen in the answers of 3 principals.";
        assert_eq!(words.why, sure);
        let slow = IncidentWords::of(&incident(Cause::Sign(Sign::Slower), 80.0, 41.0));
        assert_eq!(slow.after.unwrap().value, "41 tokens/s");
        let canary = Incident {
            comparison: None,
            unmet: Some("the answer is no JSON".to_owned()),
            ..incident(Cause::Canary("adds".into()), 1.0, 1.0)
        };
        let canary = IncidentWords::of(&canary);
        assert_eq!(canary.what, "fails the canary adds");
        assert_eq!(
            (canary.before, canary.why.as_str()),
            (None, "Twice in a row, the answer is no JSON.")
        );
    }
}
