//! What the live view holds, as plain values: counts by time, target and principal, and the newest
//! failovers. Filled by `activity`; rendered by whoever asks.

use std::collections::{BTreeMap, VecDeque};

use terms::{
    ids::{PrincipalName, RequestId, RouteName, TargetName},
    money::NanoUsd,
    outcome::Ending,
    time::Timestamp,
};

/// Milliseconds of the smallest piece of time that is told apart.
pub const BAR_MS: i64 = 5_000;

/// A piece of time, and what ended in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bar {
    /// When it starts, a multiple of its width.
    pub at: Timestamp,
    /// Cost settled in it.
    pub cost: NanoUsd,
    /// The part of the cost that is estimated.
    pub estimated: NanoUsd,
    /// The part of the cost that rests on assumed prices.
    pub assumed: NanoUsd,
    /// Requests that ended in it.
    pub requests: u64,
    /// Of these, the ones that the caller saw fail.
    pub failed: u64,
    /// Of these, the ones that another target than the first answered.
    pub rescued: u64,
}

impl Bar {
    fn add(&mut self, other: &Self) {
        self.cost = self.cost + other.cost;
        self.estimated = self.estimated + other.estimated;
        self.assumed = self.assumed + other.assumed;
        self.requests += other.requests;
        self.failed += other.failed;
        self.rescued += other.rescued;
    }
}

/// What a target did.
#[derive(Debug, Clone, Default)]
pub struct TargetTotals {
    /// Attempts that ended.
    pub attempts: u64,
    /// Of these, failed ones.
    pub failures: u64,
    /// Attempts under way.
    pub in_flight: u64,
    /// Cost so far.
    pub cost: NanoUsd,
    pub(crate) first_tokens: VecDeque<u64>,
}

impl TargetTotals {
    /// The median time to the first token over the last answers, in milliseconds.
    pub fn first_token_p50_ms(&self) -> Option<u64> {
        let mut times: Vec<u64> = self.first_tokens.iter().copied().collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }
}

/// What a student did for its task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StudentTotals {
    /// Requests that it answered.
    pub answered: u64,
    /// Requests that it left to its teacher.
    pub declined: u64,
    /// What its answers would have cost at its teacher, estimated.
    pub avoided: NanoUsd,
}

/// What a principal used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrincipalTotals {
    /// Requests that ended.
    pub requests: u64,
    /// Cost so far.
    pub cost: NanoUsd,
}

/// A request that its first target did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failover {
    /// When the request ended or, for a stream, was taken over.
    pub at: Timestamp,
    /// Which request.
    pub request: RequestId,
    /// What the caller asked for.
    pub route: RouteName,
    /// The target that should have answered.
    pub from: TargetName,
    /// The one that did; `None` when none did.
    pub to: Option<TargetName>,
    /// Why the first did not.
    pub reason: &'static str,
    /// Milliseconds that the caller waited for the failed tries.
    pub added_ms: u64,
}

/// How a request ended, as its caller saw it.
#[derive(Debug, Clone)]
pub struct RequestEnd {
    /// Who asked.
    pub principal: PrincipalName,
    /// Answered, failed, or left by the caller.
    pub ending: Ending,
    /// Present when another target than the route's first answered, or none did.
    pub failover: Option<Failover>,
}

/// A copy of everything, for rendering.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// When this process started.
    pub started: Option<Timestamp>,
    /// Requests that ended.
    pub requests: u64,
    /// Answered whole.
    pub answered: u64,
    /// Seen to fail by the caller.
    pub failed: u64,
    /// Left by the caller.
    pub left: u64,
    /// Answered by another target than the first.
    pub rescued: u64,
    /// Refused by a breaker: not among the requests that ended, and never billed.
    pub refused: u64,
    /// Requests under way.
    pub in_flight: u64,
    /// Cost settled by this process, by day since 1970; at most two days are kept.
    pub days: Vec<(i64, NanoUsd)>,
    /// The last hour in pieces of [`BAR_MS`], oldest first; pieces in which nothing ended are missing.
    pub bars: Vec<Bar>,
    /// By target.
    pub targets: BTreeMap<TargetName, TargetTotals>,
    /// By principal.
    pub principals: BTreeMap<PrincipalName, PrincipalTotals>,
    /// By task, where a student serves.
    pub students: BTreeMap<RouteName, StudentTotals>,
    /// Cost that students avoided, by day since 1970; at most two days are kept.
    pub avoided_days: Vec<(i64, NanoUsd)>,
    /// Newest first.
    pub failovers: Vec<Failover>,
}

impl Snapshot {
    /// The time up to `now` in `count` bars of `width_ms` (a multiple of [`BAR_MS`]), oldest first,
    /// without gaps; the last one is still filling.
    pub fn bars_until(&self, now: Timestamp, width_ms: i64, count: i64) -> Vec<Bar> {
        let newest = now.0.div_euclid(width_ms);
        (newest - count + 1..=newest)
            .map(|index| {
                let mut bar = Bar { at: Timestamp(index * width_ms), ..Bar::default() };
                self.bars
                    .iter()
                    .filter(|piece| piece.at.0.div_euclid(width_ms) == index)
                    .for_each(|piece| bar.add(piece));
                bar
            })
            .collect()
    }

    /// Everything that ended in the last `ms` before `now`, which the current piece belongs to.
    pub fn last(&self, now: Timestamp, ms: i64) -> Bar {
        let mut total = Bar { at: Timestamp(now.0 - ms), ..Bar::default() };
        self.bars.iter().filter(|piece| piece.at.0 > now.0 - ms).for_each(|piece| total.add(piece));
        total
    }

    /// Cost settled by this process on a day since 1970.
    pub fn cost_of_day(&self, day: i64) -> NanoUsd {
        of_day(&self.days, day)
    }

    /// Cost that students avoided in this process on a day since 1970.
    pub fn avoided_on_day(&self, day: i64) -> NanoUsd {
        of_day(&self.avoided_days, day)
    }
}

fn of_day(days: &[(i64, NanoUsd)], day: i64) -> NanoUsd {
    days.iter().filter(|(seen, _)| *seen == day).map(|(_, cost)| *cost).sum()
}
