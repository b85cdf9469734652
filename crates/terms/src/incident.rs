//! Incidents: a target that answers, but not as it did. What showed it, with the evidence, and what
//! became of it. When there is one is decided in `decide::signs` and `decide::canary`.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{CanaryName, IncidentId, RequestId, TargetName},
    money::NanoUsd,
    time::Timestamp,
};

/// Something about answers that is watched in live traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// More answers refuse.
    Refusals,
    /// More answers are no JSON where JSON was asked for.
    InvalidJson,
    /// More answers call a tool that was not offered, or with arguments that are no JSON object.
    InvalidCalls,
    /// Answers are shorter.
    Shorter,
    /// Answers are longer.
    Longer,
    /// Answers flow slower after their first token.
    Slower,
}

impl Sign {
    /// How many there are.
    pub const COUNT: usize = 6;

    /// Every sign, in the order of the definition.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Refusals,
        Self::InvalidJson,
        Self::InvalidCalls,
        Self::Shorter,
        Self::Longer,
        Self::Slower,
    ];

    /// Its place in [`Sign::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The word used in logs, in the store and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refusals => "refusals",
            Self::InvalidJson => "invalid_json",
            Self::InvalidCalls => "invalid_calls",
            Self::Shorter => "shorter",
            Self::Longer => "longer",
            Self::Slower => "slower",
        }
    }

    /// The sign of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sign| sign.name() == name)
    }

    /// Whether it is a share of the answers, rather than a measure of each.
    pub const fn is_share(self) -> bool {
        matches!(self, Self::Refusals | Self::InvalidJson | Self::InvalidCalls)
    }
}

/// What showed that a target changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A sign in live traffic.
    Sign(Sign),
    /// A canary, twice in a row.
    Canary(CanaryName),
}

/// What was measured over some answers, with its 95 % interval: a share from 0 to 1, tokens, or tokens
/// per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// What was observed.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How many answers it rests on.
    pub answers: u64,
}

/// A sign before and after, for the same mix of callers and work.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// In the target's own recent history.
    pub before: Level,
    /// Since the change.
    pub after: Level,
    /// Without a change this is seen at most once in so many answers.
    pub once_in: f64,
    /// Principals among whose answers it was seen.
    pub callers: u32,
}

/// A target that answers otherwise than it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its name.
    pub id: IncidentId,
    /// Which target.
    pub target: TargetName,
    /// What showed it.
    pub cause: Cause,
    /// When it was noticed.
    pub opened: Timestamp,
    /// When it began, as far as that can be told.
    pub since: Timestamp,
    /// The numbers, for a sign.
    pub comparison: Option<Comparison>,
    /// What was expected and not found, for a canary.
    pub unmet: Option<String>,
    /// Some of the requests that show it, newest last.
    pub examples: Vec<RequestId>,
    /// What ended it.
    pub closed: Option<Closed>,
}

/// The end of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// When.
    pub at: Timestamp,
    /// By whom; `None`: the target answers as before.
    pub by: Option<String>,
}

/// A canary that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryRun {
    /// The request that it was.
    pub request: RequestId,
    /// When.
    pub at: Timestamp,
    /// Which canary.
    pub canary: CanaryName,
    /// Who was asked.
    pub target: TargetName,
    /// What came of it.
    pub outcome: CanaryOutcome,
    /// Output tokens of the answer.
    pub tokens: u64,
    /// Milliseconds to its first token.
    pub first_token_ms: u64,
    /// What it cost.
    pub cost: NanoUsd,
}

/// What came of asking a canary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CanaryOutcome {
    /// The answer is as expected.
    Passed,
    /// It is not, for this reason.
    Failed(String),
    /// There is no answer, for this reason. That is the gate's business.
    Unanswered(String),
}

impl CanaryOutcome {
    /// The word for it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Unanswered(_) => "unanswered",
        }
    }

    /// Why it did not pass.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Passed => None,
            Self::Failed(why) | Self::Unanswered(why) => Some(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Sign;

    #[test]
    fn every_sign_has_its_place_and_its_name() {
        for (index, sign) in Sign::ALL.into_iter().enumerate() {
            assert_eq!((sign.index(), Sign::named(sign.name())), (index, Some(sign)));
        }
        assert_eq!(Sign::named("louder"), None);
    }
}
