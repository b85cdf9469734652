//! What is done now and then: soon after the start, then again and again, each at its own time so that no
//! two ask at once. How often is asked anew each time, because the config may change.

use std::time::Duration;

use decide::spray;
use tokio::time::{Instant, sleep_until};

use crate::models::ModelDesk;

/// Within this time of the start it is done first.
const SOON_MS: u64 = 4_000;

/// How often it is looked whether the config wants it sooner, or at all.
const LOOK: Duration = Duration::from_secs(1);

/// It is done up to so many percent earlier or later.
const JITTER: u64 = 10;

/// After what failed it is tried again no later than this.
const AGAIN: Duration = Duration::from_hours(1);

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Well,
    Failed,
}

/// When it is to be done. `chance` differs from turn to turn.
pub(super) struct Schedule<C> {
    chance: C,
    turn: u64,
    last: Option<(Instant, Done)>,
    soon: Instant,
}

impl<C: Fn(u64) -> u64> Schedule<C> {
    pub(super) fn begin(chance: C) -> Self {
        let soon = Instant::now() + Duration::from_millis(chance(0) % SOON_MS);
        Self { chance, turn: 0, last: None, soon }
    }

    /// Waits until it is to be done. `period` is `None` where it is not wanted; where `is_other` says
    /// that it is something else than what was done last, that is not waited for.
    pub(super) async fn due(
        &self,
        period: impl Fn() -> Option<Duration>,
        is_other: impl Fn() -> bool,
    ) {
        loop {
            let now = Instant::now();
            let due = period().map(|period| if is_other() { now } else { self.after(period) });
            if due.is_some_and(|due| due <= Instant::now()) {
                return;
            }
            let look = Instant::now() + LOOK;
            sleep_until(due.map_or(look, |due| due.min(look))).await;
        }
    }

    /// It was done.
    pub(super) fn done(&mut self, done: Done) {
        self.last = Some((Instant::now(), done));
        self.turn += 1;
    }

    fn after(&self, period: Duration) -> Instant {
        let chance = (self.chance)(self.turn);
        match self.last {
            None => self.soon,
            Some((at, Done::Well)) => at + jittered(period, chance),
            Some((at, Done::Failed)) => at + jittered(period.min(AGAIN), chance),
        }
    }
}

fn jittered(period: Duration, chance: u64) -> Duration {
    let percent = 100 - JITTER + chance % (2 * JITTER + 1);
    let ms = u64::try_from(period.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis((ms / 100).saturating_mul(percent))
}

impl ModelDesk {
    /// Differs from process to process, and stays the same within one turn; nothing depends on nobody
    /// knowing it.
    pub(super) fn chance(&self, what: &str) -> impl Fn(u64) -> u64 + use<> {
        let started = self.ledger.now().0.unsigned_abs();
        let seed = [started, u64::from(std::process::id())].map(u64::to_le_bytes).concat();
        let seed = [seed.as_slice(), what.as_bytes()].concat();
        move |turn| spray::hash(&[seed.as_slice(), &turn.to_le_bytes()].concat())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, timeout};

    use super::{Done, JITTER, Schedule};

    const HOUR: Duration = Duration::from_hours(1);

    /// When it was done, in half hours and rounded; `outcome` of each turn, `period` at each time.
    async fn check(
        hours: u32,
        period: impl Fn(Duration) -> Option<Duration>,
        outcome: impl Fn(usize) -> Done,
        expect: &[u64],
    ) {
        let (start, mut done) = (Instant::now(), Vec::new());
        // The middle of the jitter.
        let mut schedule = Schedule::begin(|_| JITTER);
        let all = async {
            loop {
                schedule.due(|| period(start.elapsed()), || false).await;
                done.push(start.elapsed());
                schedule.done(outcome(done.len()));
            }
        };
        let ended: Result<(), _> = timeout(HOUR * hours, all).await;
        assert!(ended.is_err(), "it has no end");
        let rounded = |at: &Duration| (at.as_secs() + 900) / 1_800;
        assert_eq!(done.iter().map(rounded).collect::<Vec<_>>(), expect);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_done_soon_then_every_period_and_sooner_after_a_failure() {
        let daily = |_| Some(HOUR * 24);
        check(73, daily, |_| Done::Well, &[0, 48, 96, 144]).await;
        let fails_twice = |turn| if turn <= 2 { Done::Failed } else { Done::Well };
        check(30, daily, fails_twice, &[0, 2, 4, 52]).await;
        // A failure makes nothing later.
        check(2, |_| Some(HOUR / 2), |_| Done::Failed, &[0, 1, 2, 3]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn another_thing_is_done_at_once() {
        let start = Instant::now();
        let mut schedule = Schedule::begin(|_| JITTER);
        schedule.done(Done::Failed);
        let is_other = || start.elapsed() > Duration::from_secs(5);
        schedule.due(|| Some(HOUR), is_other).await;
        assert_eq!(start.elapsed().as_secs(), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn it_follows_the_config_while_it_waits() {
        let wanted = |at: Duration| (at > HOUR * 5).then_some(HOUR * 24);
        check(30, wanted, |_| Done::Well, &[10, 58]).await;
        let sooner = |at| Some(if at < HOUR * 3 { HOUR * 24 } else { HOUR * 4 });
        check(9, sooner, |_| Done::Well, &[0, 8, 16]).await;
    }
}
