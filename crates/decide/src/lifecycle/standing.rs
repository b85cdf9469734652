//! What a request needs to know of a model whose end is near or past: whether the model keeps its
//! place, or stands behind its successor.

use terms::time::Timestamp;

use super::{RAMP, Stage, end_of};
use crate::{route::SkipReason, spray::hash};

/// Where a model stands, as far as requests are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its stage.
    pub stage: Stage,
    /// Its last day, where one is known.
    pub last_day: Option<Timestamp>,
    /// Milliseconds before the end of that day from which its successor gets a share.
    pub ramp_ms: i64,
    /// Whether copies of its requests go to its successor.
    pub mirrors: bool,
    /// Whether it was refused, is missing, or gone, and did not answer since.
    pub waits: bool,
    /// Whether whoever answers in its place does so well that one more good answer is no news.
    pub is_sound: bool,
}

/// Where a target goes in the order of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Where the route has it.
    Own,
    /// Behind everything else; its successor takes its place.
    Behind(SkipReason),
}

impl Standing {
    /// The percentage of requests that the successor gets.
    pub fn share(&self, now: Timestamp) -> u8 {
        match (self.stage, self.last_day) {
            (Stage::Live | Stage::Announced, _) => 0,
            (Stage::Gone, _) => 100,
            (Stage::Ramping, None) => RAMP[0],
            (Stage::Ramping, Some(day)) => {
                let left = end_of(day).0.saturating_sub(now.0).max(0);
                let parts = i64::try_from(RAMP.len()).unwrap_or(i64::MAX);
                let gone = self.ramp_ms.saturating_sub(left).max(0);
                let part = gone.saturating_mul(parts).checked_div(self.ramp_ms).unwrap_or(parts);
                let last = RAMP.len() - 1;
                RAMP[usize::try_from(part).unwrap_or(last).min(last)]
            }
        }
    }

    /// Whether an answer of the model is news: where something speaks against it, or its last day is over.
    pub fn wants_answers(&self, now: Timestamp) -> bool {
        self.waits || self.last_day.is_some_and(|day| now >= end_of(day))
    }

    /// Where the target called `name` goes for the requests with this draw. Whoever was among a share
    /// is among every larger one.
    pub fn placement(&self, name: &str, draw: u64, now: Timestamp) -> Placement {
        let share = u64::from(self.share(now));
        let place = hash(&(draw ^ hash(name.as_bytes())).to_le_bytes()) % 100;
        match self.stage {
            Stage::Gone => Placement::Behind(SkipReason::ModelGone),
            _ if place < share => Placement::Behind(SkipReason::ModelRetiring),
            _ => Placement::Own,
        }
    }
}
