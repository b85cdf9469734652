//! Live totals in memory, for the console: what this process saw since it started. The store holds
//! the truth; this is the view of the last hour, and of what is happening right now.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use terms::{
    event::{ASSUMED_PRICES, Hold, Settlement},
    ids::{PrincipalName, TargetName},
    money::NanoUsd,
    outcome::{Ending, Failure},
    time::Timestamp,
    usage::UsageSource,
};
use tokio::sync::watch;

use crate::snapshot::{BAR_MS, Bar, Failover, PrincipalTotals, RequestEnd, Snapshot, TargetTotals};

/// Milliseconds of time kept in bars.
const HOUR_MS: i64 = 3_600_000;
/// Failovers kept.
const FAILOVERS: usize = 50;
/// First-token times kept per target, for its median.
const FIRST_TOKENS: usize = 64;
/// Principals kept in memory; more than this are counted together as `(others)`.
const PRINCIPALS: usize = 1_000;
/// Targets kept in memory; callers can make names up (`provider/anything`).
const TARGETS: usize = 1_000;
/// Days kept.
const DAYS: usize = 2;

#[derive(Debug, Default)]
struct Inner {
    totals: Snapshot,
    bars: VecDeque<Bar>,
    failovers: VecDeque<Failover>,
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

    /// A breaker refused a request: nothing was sent, nothing is billed.
    pub fn request_refused(&self) {
        self.lock().totals.refused += 1;
        self.touch();
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
            let bar = inner.bar(at);
            bar.requests += 1;
            bar.failed += u64::from(failed);
            bar.rescued += u64::from(rescued);
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
        let declined = settlement.ending == Ending::Failed(Failure::Declined);
        let failed = matches!(settlement.ending, Ending::Failed(_)) && !declined;
        target.failures += u64::from(failed);
        target.cost = target.cost + settlement.cost;
        if let Some(ms) = settlement.first_token_ms {
            target.first_tokens.truncate(FIRST_TOKENS - 1);
            target.first_tokens.push_front(ms);
        }
        let principal = inner.principal(&hold.principal);
        principal.cost = principal.cost + settlement.cost;
        add_to_day(&mut inner.totals.days, settlement.at, settlement.cost);
        inner.student(hold, settlement);
        let bar = inner.bar(settlement.at);
        bar.cost = bar.cost + settlement.cost;
        if settlement.source == UsageSource::Estimated {
            bar.estimated = bar.estimated + settlement.cost;
        }
        if settlement.price_version == ASSUMED_PRICES {
            bar.assumed = bar.assumed + settlement.cost;
        }
    }

    /// A copy of everything.
    pub fn snapshot(&self) -> Snapshot {
        let inner = self.lock();
        Snapshot {
            bars: inner.bars.iter().copied().collect(),
            failovers: inner.failovers.iter().cloned().collect(),
            ..inner.totals.clone()
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn target(&mut self, name: &TargetName) -> &mut TargetTotals {
        let known = self.totals.targets.contains_key(name);
        let counted = known || self.totals.targets.len() < TARGETS;
        let name = if counted { name.clone() } else { TargetName::new("(others)") };
        self.totals.targets.entry(name).or_default()
    }

    fn principal(&mut self, name: &PrincipalName) -> &mut PrincipalTotals {
        let known = self.totals.principals.contains_key(name);
        let counted = known || self.totals.principals.len() < PRINCIPALS;
        let name = if counted { name.clone() } else { PrincipalName::new("(others)") };
        self.totals.principals.entry(name).or_default()
    }

    fn bar(&mut self, at: Timestamp) -> &mut Bar {
        let start = Timestamp(at.0.div_euclid(BAR_MS) * BAR_MS);
        if self.bars.back().is_none_or(|last| last.at < start) {
            self.bars.push_back(Bar { at: start, ..Bar::default() });
            while self.bars.front().is_some_and(|first| first.at.0 <= start.0 - HOUR_MS) {
                self.bars.pop_front();
            }
        }
        // A wall clock that jumped back books into the newest bar.
        self.bars.back_mut().expect("pushed above when it was empty")
    }

    /// Counts for its task what a student answered or left to its teacher.
    fn student(&mut self, hold: &Hold, settlement: &Settlement) {
        // Deployed tasks only: callers cannot make these names up.
        let Some(avoided) = settlement.avoided else { return };
        let student = self.totals.students.entry(hold.route.clone()).or_default();
        student.answered += u64::from(settlement.ending == Ending::Answered);
        student.declined += u64::from(settlement.ending == Ending::Failed(Failure::Declined));
        student.avoided = student.avoided + avoided;
        add_to_day(&mut self.totals.avoided_days, settlement.at, avoided);
    }
}

fn add_to_day(days: &mut Vec<(i64, NanoUsd)>, at: Timestamp, cost: NanoUsd) {
    match days.last_mut() {
        Some((last, total)) if *last >= at.day() => *total = *total + cost,
        _ => days.push((at.day(), cost)),
    }
    if days.len() > DAYS {
        days.remove(0);
    }
}
