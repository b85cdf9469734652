//! Live totals in memory, for the console: what this process saw since it started. The store holds
//! the truth; this is the view of the last hour, and of what is happening right now.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use terms::{
    event::{Hold, Settlement},
    ids::{PrincipalName, RequestId, RouteName, TargetName},
    money::NanoUsd,
    outcome::Ending,
    time::Timestamp,
    usage::UsageSource,
};
use tokio::sync::watch;

/// Minutes kept.
const MINUTES: i64 = 60;
/// Failovers kept.
const FAILOVERS: usize = 50;
/// First-token times kept per target, for its median.
const FIRST_TOKENS: usize = 64;
/// Principals kept in memory; more than this are counted together as `(others)`.
const PRINCIPALS: usize = 1_000;
const MINUTE_MS: i64 = 60_000;
const SECOND_MS: i64 = 1_000;
/// Seconds over which the rate is counted.
const SECONDS: i64 = 60;
/// Days kept.
const DAYS: usize = 2;

/// One minute of traffic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Minute {
    /// Minutes since 1970.
    pub minute: i64,
    /// Cost settled in it.
    pub cost: NanoUsd,
    /// The part of the cost that is estimated.
    pub estimated: NanoUsd,
    /// Requests that ended in it.
    pub requests: u64,
    /// Of these, the ones that the caller saw fail.
    pub failed: u64,
    /// Of these, the ones that another target than the first answered.
    pub rescued: u64,
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
    first_tokens: VecDeque<u64>,
}

impl TargetTotals {
    /// The median time to the first token over the last answers, in milliseconds.
    pub fn first_token_p50_ms(&self) -> Option<u64> {
        let mut times: Vec<u64> = self.first_tokens.iter().copied().collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }
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
    /// Requests under way.
    pub in_flight: u64,
    /// Requests that ended in the last minute.
    pub per_minute: u64,
    /// Cost settled by this process, by day since 1970; at most two days are kept.
    pub days: Vec<(i64, NanoUsd)>,
    /// The last hour, oldest first, without gaps, ending with the current minute.
    pub minutes: Vec<Minute>,
    /// By target.
    pub targets: BTreeMap<TargetName, TargetTotals>,
    /// By principal.
    pub principals: BTreeMap<PrincipalName, PrincipalTotals>,
    /// Newest first.
    pub failovers: Vec<Failover>,
}

impl Snapshot {
    /// Cost settled by this process on a day since 1970.
    pub fn cost_of_day(&self, day: i64) -> NanoUsd {
        self.days.iter().filter(|(seen, _)| *seen == day).map(|(_, cost)| *cost).sum()
    }
}

#[derive(Debug, Default)]
struct Inner {
    totals: Snapshot,
    minutes: VecDeque<Minute>,
    failovers: VecDeque<Failover>,
    /// Ends of the last minute, by second, for the rate.
    seconds: VecDeque<(i64, u64)>,
}

/// Live totals.
#[derive(Debug)]
pub struct Activity {
    inner: Mutex<Inner>,
    changes: watch::Sender<u64>,
}

impl Activity {
    pub(crate) fn new(now: Timestamp) -> Self {
        let mut inner = Inner::default();
        inner.totals.started = Some(now);
        Self { inner: Mutex::new(inner), changes: watch::Sender::new(0) }
    }

    /// A counter that moves when something changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Something outside of the ledger changed that is worth showing (a gate).
    pub fn touch(&self) {
        if self.changes.receiver_count() > 0 {
            self.changes.send_modify(|count| *count += 1);
        }
    }

    /// A request arrived.
    pub fn request_began(&self) {
        self.lock().totals.in_flight += 1;
    }

    /// A request ended.
    pub fn request_ended(&self, end: RequestEnd, at: Timestamp) {
        {
            let mut inner = self.lock();
            let failed = matches!(end.ending, Ending::Failed(_) | Ending::Interrupted);
            let answered = end.ending == Ending::Answered;
            let rescued = answered && end.failover.is_some();
            let totals = &mut inner.totals;
            totals.in_flight = totals.in_flight.saturating_sub(1);
            totals.requests += 1;
            totals.answered += u64::from(answered);
            totals.failed += u64::from(failed);
            totals.left += u64::from(end.ending == Ending::CallerLeft);
            totals.rescued += u64::from(rescued);
            inner.principal(&end.principal).requests += 1;
            inner.second(at);
            let minute = inner.minute(at);
            minute.requests += 1;
            minute.failed += u64::from(failed);
            minute.rescued += u64::from(rescued);
            if let Some(failover) = end.failover {
                inner.failovers.truncate(FAILOVERS - 1);
                inner.failovers.push_front(failover);
            }
        }
        self.touch();
    }

    pub(crate) fn held(&self, hold: &Hold) {
        self.lock().target(&hold.target).in_flight += 1;
    }

    pub(crate) fn settled(&self, hold: &Hold, settlement: &Settlement) {
        let mut inner = self.lock();
        let target = inner.target(&hold.target);
        target.in_flight = target.in_flight.saturating_sub(1);
        target.attempts += 1;
        target.failures += u64::from(matches!(settlement.ending, Ending::Failed(_)));
        target.cost = target.cost + settlement.cost;
        if let Some(ms) = settlement.first_token_ms {
            target.first_tokens.truncate(FIRST_TOKENS - 1);
            target.first_tokens.push_front(ms);
        }
        let principal = inner.principal(&hold.principal);
        principal.cost = principal.cost + settlement.cost;
        inner.day(settlement.at, settlement.cost);
        let minute = inner.minute(settlement.at);
        minute.cost = minute.cost + settlement.cost;
        if settlement.source == UsageSource::Estimated {
            minute.estimated = minute.estimated + settlement.cost;
        }
    }

    /// A copy of everything at `now`.
    pub fn snapshot(&self, now: Timestamp) -> Snapshot {
        let inner = self.lock();
        let mut snapshot = inner.totals.clone();
        let current = now.0.div_euclid(MINUTE_MS);
        let first = current - (MINUTES - 1);
        snapshot.minutes = (first..=current)
            .map(|minute| {
                let seen = inner.minutes.iter().find(|seen| seen.minute == minute);
                seen.cloned().unwrap_or(Minute { minute, ..Minute::default() })
            })
            .collect();
        let second = now.0.div_euclid(SECOND_MS);
        snapshot.per_minute = inner
            .seconds
            .iter()
            .filter(|(seen, _)| *seen > second - SECONDS)
            .map(|(_, count)| count)
            .sum();
        snapshot.failovers = inner.failovers.iter().cloned().collect();
        snapshot
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn target(&mut self, name: &TargetName) -> &mut TargetTotals {
        if !self.totals.targets.contains_key(name) {
            self.totals.targets.insert(name.clone(), TargetTotals::default());
        }
        self.totals.targets.get_mut(name).expect("inserted above when it was missing")
    }

    fn principal(&mut self, name: &PrincipalName) -> &mut PrincipalTotals {
        let known = self.totals.principals.contains_key(name);
        let counted = known || self.totals.principals.len() < PRINCIPALS;
        let name = if counted { name.clone() } else { PrincipalName::new("(others)") };
        self.totals.principals.entry(name).or_default()
    }

    fn minute(&mut self, at: Timestamp) -> &mut Minute {
        let minute = at.0.div_euclid(MINUTE_MS);
        if self.minutes.back().is_none_or(|last| last.minute < minute) {
            self.minutes.push_back(Minute { minute, ..Minute::default() });
            while self.minutes.front().is_some_and(|first| first.minute <= minute - MINUTES) {
                self.minutes.pop_front();
            }
        }
        // A wall clock that jumped back books into the newest minute.
        self.minutes.back_mut().expect("pushed above when it was empty")
    }
    fn second(&mut self, at: Timestamp) {
        let second = at.0.div_euclid(SECOND_MS);
        match self.seconds.back_mut() {
            Some((last, count)) if *last >= second => *count += 1,
            _ => self.seconds.push_back((second, 1)),
        }
        while self.seconds.front().is_some_and(|(first, _)| *first <= second - SECONDS) {
            self.seconds.pop_front();
        }
    }

    fn day(&mut self, at: Timestamp, cost: NanoUsd) {
        let days = &mut self.totals.days;
        match days.last_mut() {
            Some((last, total)) if *last >= at.day() => *total = *total + cost,
            _ => days.push((at.day(), cost)),
        }
        if days.len() > DAYS {
            days.remove(0);
        }
    }
}
