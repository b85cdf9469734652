//! Whether a target still answers as it did: a sequential test per target and sign. Every answer is
//! compared with what is usual for its caller and its kind of work, so that another mix of callers
//! proves nothing; what a single caller sees while others see nothing is that caller's own change.
//! Time is an argument; what follows from a finding is the caller's.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use terms::{
    ids::{RequestId, TargetName},
    incident::{Comparison, Level, Sign},
    time::Timestamp,
};

use crate::{
    baseline::{Sums, of_measure, of_share},
    cusum::Cusum,
    interval::{Z95, wilson},
    spray::hash,
};

/// Targets that are watched at most. A new one takes the place of one that was not seen for long, else
/// of the one that least is known of; one whose change is still there keeps its place.
const TARGETS: usize = 1_000;

/// Kinds of work that are told apart per target. A new one takes the place of one that was not seen for
/// long, else of the one that least is known of, so that those with most answers are always watched.
const WORKS: usize = 256;

/// The same of all targets together: the target that has most of them gives one away.
const ALL_WORKS: usize = 8_192;

/// A target or a kind of work that was not seen for so many milliseconds gives its place away first.
const STALE_MS: i64 = 7 * 86_400_000;

/// Answers of other callers from which on it counts that they see nothing.
const OTHERS: f64 = 20.0;

/// Answers after which nobody waits for theirs any more.
const WAITED: f64 = 200.0;

/// Requests that are remembered as examples.
const EXAMPLES: usize = 5;

/// A return is believed once a target that still were changed would look so normal once in so many
/// answers.
const RETURN_IN: f64 = 100.0;

/// How changes are looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignLimits {
    /// Answers of one kind of work before its answers are compared with what was usual.
    pub history: u32,
    /// A test gives a false alarm at most once in so many answers on average.
    pub false_alarm_in: f64,
    /// Milliseconds that a change has to last, so that a burst is none.
    pub lasts_ms: u64,
    /// Milliseconds that a target has to be normal again.
    pub quiet_ms: u64,
}

impl Default for SignLimits {
    fn default() -> Self {
        Self { history: 100, false_alarm_in: 1_000_000.0, lasts_ms: 60_000, quiet_ms: 600_000 }
    }
}

/// Whose answer it is, and of which kind of work: hashes, because names are not needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    caller: u64,
    work: u64,
}

impl Origin {
    /// Of a principal who asks for a route; `kind` tells further kinds of work apart.
    pub fn of(principal: &str, route: &str, kind: u64) -> Self {
        let caller = hash(principal.as_bytes());
        let work = hash(route.as_bytes()) ^ caller.rotate_left(17) ^ kind.rotate_left(41);
        Self { caller, work: hash(&work.to_le_bytes()) }
    }
}

/// What is known of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// To which request.
    pub request: RequestId,
    /// Where it belongs.
    pub origin: Origin,
    /// It refuses.
    pub refused: bool,
    /// It is JSON, where JSON was asked for.
    pub is_json: Option<bool>,
    /// Its tool calls are in order, where it has any.
    pub are_calls_valid: Option<bool>,
    /// How long it is, where it ended by itself.
    pub tokens: Option<u64>,
    /// How fast it flowed, where it was long enough to tell.
    pub tokens_per_second: Option<f64>,
}

impl Answer {
    /// What it says of a sign: 0 or 1, or the logarithm of a measure.
    fn value(&self, sign: Sign) -> Option<f64> {
        let share = |is_so: bool| f64::from(u8::from(is_so));
        match sign {
            Sign::Refusals => Some(share(self.refused)),
            Sign::InvalidJson => self.is_json.map(|is_json| share(!is_json)),
            Sign::InvalidCalls => self.are_calls_valid.map(|are_valid| share(!are_valid)),
            Sign::Shorter | Sign::Longer => {
                // A refusal is short, and is counted as what it is.
                self.tokens.filter(|_| !self.refused).map(|tokens| (tokens.max(1) as f64).ln())
            }
            Sign::Slower => self.tokens_per_second.filter(|speed| *speed > 0.0).map(f64::ln),
        }
    }
}

/// What was found out about a target.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// It answers otherwise than before.
    Changed(Change),
    /// It answers as before again.
    Returned(Sign),
}

/// A change with its evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What changed.
    pub sign: Sign,
    /// When it began.
    pub since: Timestamp,
    /// The numbers.
    pub comparison: Comparison,
    /// Requests that show it, newest last.
    pub examples: Vec<RequestId>,
}

/// All targets that are watched. A clone is cheap: what it shares is copied target by target, once one
/// of them answers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Signs {
    targets: BTreeMap<TargetName, Arc<Watch>>,
}

/// One target.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Watch {
    #[serde(default)]
    seen: Timestamp,
    /// Answers since it is watched.
    #[serde(default)]
    answers: u64,
    tests: [Test; Sign::COUNT],
    works: BTreeMap<u64, Work>,
}

/// The test of one sign.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Test {
    /// For a change; while one holds, for a return.
    cusum: Cusum,
    is_changed: bool,
    examples: Vec<RequestId>,
    /// The kinds of work with answers since nothing was suspected.
    touched: Vec<u64>,
}

/// One kind of work of one caller.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Work {
    caller: u64,
    seen: Timestamp,
    tracks: [Track; Sign::COUNT],
}

/// One sign of one kind of work.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Track {
    known: Sums,
    /// Since the test last found nothing to suspect: it becomes known when it finds nothing again.
    suspected: Sums,
}

/// Who sees a change.
enum SeenBy {
    /// Everybody who could.
    All,
    /// This caller, while the others see none.
    One(u64),
    /// The others have had too few answers since.
    Unclear,
}

impl Track {
    /// Answers of which something is known.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
    fn answers(&self) -> u64 {
        (self.known.answers + self.suspected.answers) as u64
    }
}

impl Signs {
    /// An answer of a target came to its end.
    pub fn answered(
        &mut self,
        target: &TargetName,
        answer: &Answer,
        limits: &SignLimits,
        now: Timestamp,
    ) -> Vec<Finding> {
        if !self.targets.contains_key(target) {
            if !self.has_room(now) {
                return Vec::new();
            }
            self.targets.insert(target.clone(), Arc::default());
        }
        let watch = Arc::make_mut(self.targets.get_mut(target).expect("it was put there"));
        (watch.seen, watch.answers) = (now, watch.answers.saturating_add(1));
        if !watch.works.contains_key(&answer.origin.work) {
            self.make_room_for_work(target, now);
        }
        let watch = self.targets.get_mut(target).expect("what is seen now is not put out");
        let watch = Arc::make_mut(watch);
        watch.takes_part(answer.origin, now);
        let found = Sign::ALL.into_iter().filter_map(|sign| {
            let value = answer.value(sign)?;
            watch.observe(sign, value, answer, limits, now)
        });
        found.collect()
    }

    /// Whether one more target can be watched; another one may have to go.
    fn has_room(&mut self, now: Timestamp) -> bool {
        if self.targets.len() < TARGETS {
            return true;
        }
        let least = |(_, watch): &(&TargetName, &Arc<Watch>)| {
            (!is_stale(watch.seen, now), watch.answers, watch.seen)
        };
        // One that is changed has an open incident, which would never end.
        let others = self.targets.iter().filter(|(_, watch)| !watch.is_changed());
        let out = others.min_by_key(least).map(|(name, _)| name.clone());
        out.is_some_and(|out| self.targets.remove(&out).is_some())
    }

    /// A kind of work of this target, which is seen now, is new: another one may have to go. Looks at
    /// every target once, and at the works of one.
    fn make_room_for_work(&mut self, target: &TargetName, now: Timestamp) {
        if self.targets.get(target).is_some_and(|watch| watch.works.len() >= WORKS) {
            if let Some(watch) = self.targets.get_mut(target) {
                Arc::make_mut(watch).give_away(now);
            }
            return;
        }
        if self.targets.values().map(|watch| watch.works.len()).sum::<usize>() < ALL_WORKS {
            return;
        }
        let is_out = |watch: &Watch| is_stale(watch.seen, now) && !watch.is_changed();
        let out = self.targets.iter().find(|(_, watch)| is_out(watch) && !watch.works.is_empty());
        if let Some(out) = out.map(|(name, _)| name.clone()) {
            self.targets.remove(&out);
        } else if let Some(most) = self.targets.values_mut().max_by_key(|watch| watch.works.len()) {
            Arc::make_mut(most).give_away(now);
        }
    }

    /// Whether a sign of the target counts as changed.
    pub fn is_changed(&self, target: &TargetName, sign: Sign) -> bool {
        self.targets.get(target).is_some_and(|watch| watch.tests[sign.index()].is_changed)
    }

    /// What the target does now is normal from now on: its history begins anew.
    pub fn forget(&mut self, target: &TargetName, sign: Sign) {
        if let Some(watch) = self.targets.get_mut(target).map(Arc::make_mut) {
            watch.tests[sign.index()] = Test::default();
            for work in watch.works.values_mut() {
                work.tracks[sign.index()] = Track::default();
            }
        }
    }
}

impl Watch {
    fn is_changed(&self) -> bool {
        self.tests.iter().any(|test| test.is_changed)
    }

    /// This kind of work was seen; there is room for it.
    fn takes_part(&mut self, origin: Origin, now: Timestamp) {
        let new = || Work { caller: origin.caller, seen: now, tracks: Default::default() };
        self.works.entry(origin.work).or_insert_with(new).seen = now;
    }

    /// One kind of work goes: one that was not seen for long, else the one that least is known of.
    fn give_away(&mut self, now: Timestamp) {
        let least = |work: &Work| (!is_stale(work.seen, now), work.tracks[0].answers(), work.seen);
        let out = self.works.iter().min_by_key(|(_, work)| least(work)).map(|(id, _)| *id);
        if let Some(out) = out {
            self.works.remove(&out);
        }
    }

    fn observe(
        &mut self,
        sign: Sign,
        value: f64,
        answer: &Answer,
        limits: &SignLimits,
        now: Timestamp,
    ) -> Option<Finding> {
        let at = sign.index();
        let test = &mut self.tests[at];
        let work = self.works.get_mut(&answer.origin.work)?;
        let track = &mut work.tracks[at];
        if track.known.answers < f64::from(limits.history) {
            // What a changed target does must not pass for normal.
            if !test.is_changed {
                track.known.add(value);
            }
            return None;
        }
        let evidence = evidence(sign, &track.known, value);
        if test.is_changed {
            test.cusum.add(-evidence, RETURN_IN.ln(), now);
            test.cusum.found(RETURN_IN.ln(), limits.quiet_ms, now)?;
            self.settle(at, false);
            return Some(Finding::Returned(sign));
        }
        if track.suspected.answers <= 0.0 {
            test.touched.push(answer.origin.work);
        }
        track.suspected.add(value);
        track.suspected.evidence += evidence;
        let threshold = limits.false_alarm_in.ln();
        if test.cusum.add(evidence, threshold, now) {
            self.settle(at, true);
            return None;
        }
        if evidence > 0.0 {
            if test.examples.len() == EXAMPLES {
                test.examples.remove(0);
            }
            test.examples.push(answer.request);
        }
        let since = test.cusum.found(threshold, limits.lasts_ms, now)?;
        match self.seen_by(at, limits) {
            SeenBy::Unclear => return None,
            SeenBy::One(caller) => {
                self.adopt(at, caller);
                return None;
            }
            SeenBy::All => {}
        }
        let comparison = self.comparison(sign);
        let test = &mut self.tests[at];
        let examples = std::mem::take(&mut test.examples);
        // What was suspected is looked at no more, and forgotten when the target returns.
        let touched = std::mem::take(&mut test.touched);
        *test = Test { is_changed: true, touched, ..Test::default() };
        Some(Finding::Changed(Change { sign, since, comparison, examples }))
    }

    /// Nothing is suspected any more. What was suspected was normal, or is forgotten.
    fn settle(&mut self, at: usize, was_normal: bool) {
        for id in std::mem::take(&mut self.tests[at]).touched {
            let Some(work) = self.works.get_mut(&id) else { continue };
            let Track { known, suspected } = &mut work.tracks[at];
            if was_normal && suspected.answers > 0.0 {
                known.absorb(suspected);
            }
            *suspected = Sums::default();
        }
    }

    /// Whether other callers than the one that shows most see the change, too.
    fn seen_by(&self, at: usize, limits: &SignLimits) -> SeenBy {
        let mut callers: BTreeMap<u64, Sums> = BTreeMap::new();
        for work in self.works.values() {
            let Track { known, suspected } = &work.tracks[at];
            if known.answers >= f64::from(limits.history) {
                let sums = callers.entry(work.caller).or_default();
                sums.answers += suspected.answers;
                sums.evidence += suspected.evidence;
            }
        }
        let top = callers.iter().max_by(|a, b| a.1.evidence.total_cmp(&b.1.evidence));
        let Some(top) = top.map(|(caller, _)| *caller) else { return SeenBy::All };
        let others = || callers.iter().filter(|(caller, _)| **caller != top).map(|(_, sums)| sums);
        let answers: f64 = others().map(|sums| sums.answers).sum();
        let evidence: f64 = others().map(|sums| sums.evidence).sum();
        let all = answers + callers[&top].answers;
        match others().next() {
            Some(_) if answers < OTHERS && all < WAITED => SeenBy::Unclear,
            Some(_) if answers >= OTHERS && evidence < 0.0 => SeenBy::One(top),
            _ => SeenBy::All,
        }
    }

    /// What a caller does now is what it does: its history begins with it.
    fn adopt(&mut self, at: usize, caller: u64) {
        for work in self.works.values_mut().filter(|work| work.caller == caller) {
            let Track { known, suspected } = &mut work.tracks[at];
            *known = Sums { evidence: 0.0, ..std::mem::take(suspected) };
        }
        self.settle(at, true);
    }

    /// Before and after for the mix of work since the change, so that the mix is in both.
    fn comparison(&self, sign: Sign) -> Comparison {
        let at = sign.index();
        let tracks = || self.works.values().map(|work| &work.tracks[at]);
        let affected = || tracks().filter(|track| track.suspected.answers > 0.0);
        let all: f64 = affected().map(|track| track.suspected.answers).sum();
        let share = |track: &Track| track.suspected.answers / all;
        let known: f64 = affected().map(|track| track.known.answers).sum();
        let before: f64 = affected().map(|track| share(track) * track.known.mean()).sum();
        let after: f64 = affected().map(|track| share(track) * track.suspected.mean()).sum();
        let error = |of: fn(&Track) -> &Sums| {
            let squares = affected().map(|track| {
                let sums = of(track);
                share(track).powi(2) * sums.variance() / sums.answers.max(1.0)
            });
            squares.sum::<f64>().sqrt()
        };
        let level = |value: f64, answers: f64, error: f64| {
            let answers = whole(answers);
            if sign.is_share() {
                let happened = whole(value * answers as f64);
                let of = wilson(happened, answers);
                Level { value, low: of.low, high: of.high, answers }
            } else {
                let end = |half: f64| (value + half).exp();
                let half = Z95 * error;
                Level { value: value.exp(), low: end(-half), high: end(half), answers }
            }
        };
        let mut callers: Vec<u64> = self
            .works
            .values()
            .filter(|work| work.tracks[at].suspected.answers > 0.0)
            .map(|work| work.caller)
            .collect();
        callers.sort_unstable();
        callers.dedup();
        Comparison {
            before: level(before, known, error(|track| &track.known)),
            after: level(after, all, error(|track| &track.suspected)),
            once_in: self.tests[at].cusum.once_in(),
            callers: u32::try_from(callers.len()).unwrap_or(u32::MAX),
        }
    }
}

fn is_stale(seen: Timestamp, now: Timestamp) -> bool {
    now.0.saturating_sub(seen.0) > STALE_MS
}

fn evidence(sign: Sign, known: &Sums, value: f64) -> f64 {
    match sign {
        Sign::Refusals | Sign::InvalidJson | Sign::InvalidCalls => of_share(known, value > 0.5),
        Sign::Longer => of_measure(known, value, 1.0),
        Sign::Shorter | Sign::Slower => of_measure(known, value, -1.0),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count, never negative"
)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}
