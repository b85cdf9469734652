//! How the successor of a model did: a sliding count of its latest answers, so that what was wrong and
//! is mended is forgotten, and what was right and broke is seen.

use serde::{Deserialize, Serialize};
use terms::{money::NanoUsd, time::Timestamp};

/// Answers of a successor that are counted, the latest.
pub const LATEST: u32 = 20;

/// Answers of a successor after which it is known whether it does.
const FEWEST: u32 = 3;

/// How a successor did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Check {
    /// Answers that count, at most [`LATEST`].
    pub asked: u32,
    /// Those of them that were as they should be.
    pub good: u32,
    /// Which of them were: a bit for each, the latest the lowest.
    pub latest: u32,
    /// Answers looked at in all.
    pub in_all: u32,
    /// What was paid to check, also for what told nothing.
    pub cost: NanoUsd,
    /// Why the latest that was not as it should be, was not.
    pub complaint: Option<String>,
    /// When the latest came.
    pub at: Option<Timestamp>,
}

/// What the answers of a successor amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Too few of them.
    Unknown,
    /// It does.
    Passed,
    /// More than a fifth of its answers were not as they should be.
    Failed,
}

impl Check {
    /// One more answer.
    pub fn note(&mut self, outcome: Result<(), &str>, cost: NanoUsd, now: Timestamp) {
        // What knows no order was kept by an earlier version: it begins anew.
        if self.latest.count_ones() != self.good {
            (self.asked, self.latest) = (0, 0);
        }
        self.asked = self.asked.saturating_add(1).min(LATEST);
        self.latest = (self.latest << 1 | u32::from(outcome.is_ok())) & ((1 << LATEST) - 1);
        self.good = self.latest.count_ones();
        self.in_all = self.in_all.saturating_add(1);
        self.at = Some(now);
        self.pay(cost);
        if let Err(complaint) = outcome {
            self.complaint = Some(complaint.to_owned());
        }
    }

    /// Something was paid to check, whatever came of it.
    pub fn pay(&mut self, cost: NanoUsd) {
        self.cost = self.cost + cost;
    }

    /// Whether one more answer changes anything.
    pub const fn is_news(&self, outcome: Result<(), &str>) -> bool {
        outcome.is_err() || !self.is_sound()
    }

    /// Whether as many answers as count were all as they should be.
    pub const fn is_sound(&self) -> bool {
        self.latest.count_ones() == LATEST
    }

    /// What they amount to.
    pub const fn verdict(&self) -> Verdict {
        let bad = self.asked.saturating_sub(self.good) as u64;
        match self.asked {
            asked if asked < FEWEST => Verdict::Unknown,
            asked if bad * 5 > asked as u64 => Verdict::Failed,
            _ => Verdict::Passed,
        }
    }
}
