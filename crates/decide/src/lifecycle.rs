//! The life of a model at a provider, from what is seen of it: dates of the catalog, headers of
//! replies, refusals, its absence from the provider's list, and how its successor did. What is seen
//! goes in as [`Sign`]s; where the model stands comes out as a [`Stage`]. Knows no clock and no HTTP.
//!
//! Sources of the signs: RFC 8594 (`Sunset`), RFC 9745 (`Deprecation`), the vendors' error tables.

mod check;
mod standing;

use serde::{Deserialize, Serialize};
use terms::{money::NanoUsd, outcome::Failure, time::Timestamp};

pub use check::{Check, LATEST, Verdict};
pub use standing::{Placement, Standing};

/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// Refusals in a row that make a model gone: one may be the provider's slip.
const REFUSALS: u32 = 2;

/// Looks at the provider's list in a row that must lack a model, once it was listed.
const ABSENCES: u32 = 2;

/// Parts into which a ramp is divided, and the share of each in percent: it grows by steps towards the
/// last day, and the last of them gives the successor everything.
const RAMP: [u8; 7] = [1, 5, 10, 25, 50, 75, 100];

/// When a model counts as announced, and how its successor takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifecycleLimits {
    /// Milliseconds before its last day from which a model's end counts as announced. Default 30 days.
    pub announce_ms: i64,
    /// Milliseconds before its last day from which its successor gets a growing share; 0: none. Default
    /// 7 days.
    pub ramp_ms: i64,
    /// Copies of requests that a successor is checked with ahead of time. Default 20; 0: none.
    pub mirrored: u32,
    /// What these copies may cost, per model. Default $1; the last of them may exceed it.
    pub mirrored_cost: NanoUsd,
    /// How often a model that is gone is tried again, in milliseconds. Default an hour.
    pub again_ms: i64,
}

impl Default for LifecycleLimits {
    fn default() -> Self {
        Self {
            announce_ms: 30 * DAY_MS,
            ramp_ms: 7 * DAY_MS,
            mirrored: 20,
            mirrored_cost: NanoUsd(1_000_000_000),
            again_ms: 3_600_000,
        }
    }
}

/// Where a model stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing is known against it.
    #[default]
    Live,
    /// Its end is announced.
    Announced,
    /// Its successor gets a growing share of its requests.
    Ramping,
    /// Its successor answers.
    Gone,
}

impl Stage {
    /// The word for people and programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Announced => "announced",
            Self::Ramping => "ramping",
            Self::Gone => "gone",
        }
    }
}

/// Something that was seen of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// The catalog's last day for it, as that day's beginning; `None` where it names none (any more).
    Catalog(Option<Timestamp>),
    /// A reply said when it ends.
    Sunset(Timestamp),
    /// A reply said that it is, or will then be, deprecated.
    Deprecated(Timestamp),
    /// The provider said that it does not exist.
    Refused,
    /// It answered.
    Answered,
    /// The provider's list of models names it.
    Listed,
    /// The provider's list, which was read and is not empty, does not name it.
    Missing,
}

/// What was seen of a model so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Seen {
    /// The catalog's last day, as its beginning.
    pub catalog: Option<Timestamp>,
    /// What a `Sunset` header said.
    pub sunset: Option<Timestamp>,
    /// What a `Deprecation` header said, or when one came that names no time.
    pub deprecated: Option<Timestamp>,
    /// The last day that the model outlived: it says nothing any more.
    pub outlived: Option<Timestamp>,
    /// Refusals since it last answered.
    pub refusals: u32,
    /// The latest of them.
    pub refused_at: Option<Timestamp>,
    /// When it last answered, as far as that was worth noting.
    pub answered_at: Option<Timestamp>,
    /// When the provider's list last named it.
    pub listed_at: Option<Timestamp>,
    /// Looks in a row that lacked it, since it was listed.
    pub absences: u32,
    /// The first of them.
    pub absent_since: Option<Timestamp>,
}

/// What is known of a model's life. Kept over restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Life {
    /// Where it stands.
    pub stage: Stage,
    /// Since when.
    pub since: Timestamp,
    /// Why, as a word: `catalog`, `sunset`, `deprecation`, `refused`, `unlisted`, `past`.
    pub reason: String,
    /// Somebody wants it left as it is, since then.
    pub held: Option<Timestamp>,
    /// What was seen.
    pub signs: Seen,
    /// How its successor did on copies of requests.
    pub mirrored: Check,
    /// How its successor did in its place.
    pub in_place: Check,
    /// The stage that people were told of.
    pub told: Stage,
}

/// A model came to another stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// From here.
    pub from: Stage,
    /// To there.
    pub to: Stage,
}

impl Life {
    /// Something was seen.
    pub fn heard(&mut self, sign: Sign, now: Timestamp) {
        let last_day = self.last_day();
        let signs = &mut self.signs;
        match sign {
            Sign::Catalog(date) => signs.catalog = date,
            Sign::Sunset(date) => signs.sunset = Some(date),
            Sign::Deprecated(date) => {
                signs.deprecated.get_or_insert(date);
            }
            Sign::Refused => {
                signs.refusals = signs.refusals.saturating_add(1);
                signs.refused_at = Some(now);
            }
            Sign::Answered => {
                signs.refusals = 0;
                signs.answered_at = Some(now);
                // What answers after its last day has another one, or none.
                if last_day.is_some_and(|day| now >= end_of(day)) {
                    signs.outlived = last_day;
                }
            }
            Sign::Listed => {
                signs.listed_at = Some(now);
                (signs.absences, signs.absent_since) = (0, None);
            }
            // A model that was never listed may have a name that lists do not show.
            Sign::Missing if signs.listed_at.is_some() => {
                signs.absences = signs.absences.saturating_add(1);
                signs.absent_since.get_or_insert(now);
            }
            Sign::Missing => {}
        }
    }

    /// Where the model stands now; tells whether that is new.
    pub fn look(&mut self, limits: &LifecycleLimits, now: Timestamp) -> Option<Change> {
        let (stage, reason) = self.stage_at(limits, now);
        if stage == self.stage {
            return None;
        }
        let change = Change { from: self.stage, to: stage };
        if stage == Stage::Live {
            // A later end is another one, for which nothing was checked yet.
            (self.mirrored, self.in_place) = (Check::default(), Check::default());
        }
        (self.stage, self.since) = (stage, now);
        reason.clone_into(&mut self.reason);
        Some(change)
    }

    fn stage_at(&self, limits: &LifecycleLimits, now: Timestamp) -> (Stage, &'static str) {
        if self.held.is_some() {
            return (Stage::Live, "held");
        }
        if let Some(reason) = self.is_gone(now) {
            return (Stage::Gone, reason);
        }
        let Seen { sunset, deprecated, absences, .. } = self.signs;
        let ahead = self.last_day().filter(|day| now < end_of(*day));
        if let Some(day) = ahead {
            let left = end_of(day).0 - now.0;
            if left <= limits.ramp_ms && self.may_ramp(limits, left) {
                return (Stage::Ramping, self.dated_by());
            }
            if left <= limits.announce_ms || sunset.is_some() {
                return (Stage::Announced, self.dated_by());
            }
        }
        if deprecated.is_some() {
            return (Stage::Announced, "deprecation");
        }
        if absences > 0 {
            return (Stage::Announced, "unlisted");
        }
        (Stage::Live, "")
    }

    fn is_gone(&self, now: Timestamp) -> Option<&'static str> {
        let Seen { refusals, absences, absent_since, answered_at, .. } = self.signs;
        let is_past = self.last_day().is_some_and(|day| now >= end_of(day));
        // One refusal is enough where something else says the same.
        if refusals >= REFUSALS || (refusals > 0 && (is_past || absences > 0)) {
            return Some("refused");
        }
        let answers_still = answered_at >= absent_since && answered_at.is_some();
        if absences >= ABSENCES && !answers_still {
            return Some("unlisted");
        }
        // A date alone ends nothing but a ramp that was under way: dates in lists may be wrong.
        let ramped =
            self.stage == Stage::Ramping || (self.stage == Stage::Gone && self.reason == "past");
        (is_past && ramped).then_some("past")
    }

    /// Whether the successor may get a share: not after it failed a check, and without any only where
    /// none is made or the time for it is half over.
    fn may_ramp(&self, limits: &LifecycleLimits, left: i64) -> bool {
        match self.verdict() {
            Verdict::Failed => false,
            Verdict::Passed => true,
            Verdict::Unknown => limits.mirrored == 0 || left <= limits.ramp_ms / 2,
        }
    }

    /// What the checks of its successor amount to.
    pub fn verdict(&self) -> Verdict {
        match (self.mirrored.verdict(), self.in_place.verdict()) {
            (Verdict::Failed, _) | (_, Verdict::Failed) => Verdict::Failed,
            (Verdict::Passed, _) | (_, Verdict::Passed) => Verdict::Passed,
            (Verdict::Unknown, Verdict::Unknown) => Verdict::Unknown,
        }
    }

    /// Whether one more copy of a request may go to the successor.
    pub fn may_mirror(&self, limits: &LifecycleLimits) -> bool {
        let Check { in_all, cost, .. } = self.mirrored;
        matches!(self.stage, Stage::Announced | Stage::Ramping)
            && in_all < limits.mirrored
            && cost < limits.mirrored_cost
    }

    /// A successor answered in its place, or not. Tells whether that is looked at: what its caller, or
    /// the vendor's day, is the cause of says nothing of the successor.
    pub fn stood_in(&mut self, outcome: Result<(), Failure>, now: Timestamp) -> bool {
        let outcome = match outcome {
            Ok(()) => Ok(()),
            Err(failure @ (Failure::Malformed | Failure::ModelGone)) => Err(failure.name()),
            Err(_) => return false,
        };
        let is_news = self.in_place.is_news(outcome);
        if is_news {
            self.in_place.note(outcome, NanoUsd::ZERO, now);
        }
        is_news
    }

    /// Its last day, as the day's beginning or the moment that was named: what its provider says in
    /// replies stands above the catalog.
    pub fn last_day(&self) -> Option<Timestamp> {
        let Seen { sunset, catalog, outlived, .. } = self.signs;
        sunset.or(catalog).filter(|day| outlived != Some(*day))
    }

    fn dated_by(&self) -> &'static str {
        if self.signs.sunset.is_some() { "sunset" } else { "catalog" }
    }

    /// What requests need to know of it; `None` where that is nothing.
    pub fn standing(&self, limits: &LifecycleLimits) -> Option<Standing> {
        let Seen { refusals, absences, absent_since, answered_at, .. } = self.signs;
        // What has answered since it went missing need not say so again.
        let is_missed = absences > 0 && answered_at < absent_since;
        let waits = refusals > 0 || is_missed || self.stage == Stage::Gone;
        let is_dated = self.last_day().is_some() && self.held.is_none();
        (self.stage != Stage::Live || waits || is_dated).then(|| Standing {
            stage: self.stage,
            last_day: self.last_day(),
            ramp_ms: limits.ramp_ms,
            mirrors: self.may_mirror(limits),
            waits,
            is_sound: self.in_place.is_sound(),
        })
    }
}

/// The end of a day that is given by its beginning; a moment within a day is its own end.
fn end_of(day: Timestamp) -> Timestamp {
    let is_day = day.0.rem_euclid(DAY_MS) == 0;
    if is_day { Timestamp(day.0.saturating_add(DAY_MS)) } else { day }
}

#[cfg(test)]
mod tests;
