//! The retry budget of a provider: how often requests may come back to one that they already asked.
//! A share of its traffic and a small floor, so that a storm upstream never becomes a storm from us.
//! Moving on to another provider costs nothing and is never asked for here.
//!
//! The figures are linkerd's (`RetryBudget`: ratio 0.2, ttl 10 s), its floor per window instead of per
//! second, because a provider of language models sees tens of requests where a service sees thousands.

use terms::time::Moment;

/// How many times one provider may be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBudgetLimits {
    /// Sends again per hundred requests that reach the provider.
    pub percent: u32,
    /// Sends again per window that are free, so that a rare request may be tried again, too.
    pub floor: u32,
    /// Milliseconds that a request or a send again counts for.
    pub window_ms: u64,
}

impl Default for RetryBudgetLimits {
    fn default() -> Self {
        Self { percent: 20, floor: 10, window_ms: 10_000 }
    }
}

/// Parts of the window: each is forgotten as a whole.
const SLOTS: usize = 10;

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    requests: u32,
    resends: u32,
}

/// The budget of one provider.
#[derive(Debug, Clone)]
pub struct RetryBudget {
    limits: RetryBudgetLimits,
    slots: [Slot; SLOTS],
    /// The number of the newest slot since the clock began.
    newest: u64,
}

impl RetryBudget {
    /// A budget that nobody used yet.
    pub fn new(limits: RetryBudgetLimits) -> Self {
        Self { limits, slots: [Slot::default(); SLOTS], newest: 0 }
    }

    /// A request asks the provider for the first time.
    pub fn asked(&mut self, now: Moment) {
        let slot = self.slot(now);
        slot.requests = slot.requests.saturating_add(1);
    }

    /// A request wants to ask it once more. Where that is granted it is withdrawn at once.
    pub fn withdraw(&mut self, now: Moment) -> bool {
        self.slot(now);
        let (requests, resends) = self.counted();
        let allowed =
            u64::from(self.limits.floor) + requests * u64::from(self.limits.percent) / 100;
        if resends >= allowed {
            return false;
        }
        let slot = self.slot(now);
        slot.resends = slot.resends.saturating_add(1);
        true
    }

    /// Requests and sends again within the window.
    fn counted(&self) -> (u64, u64) {
        let sum = |of: fn(&Slot) -> u32| self.slots.iter().map(|slot| u64::from(of(slot))).sum();
        (sum(|slot| slot.requests), sum(|slot| slot.resends))
    }

    /// The slot of now; those that the clock left behind are emptied.
    fn slot(&mut self, now: Moment) -> &mut Slot {
        let width = (self.limits.window_ms / SLOTS as u64).max(1);
        // A clock that is read on several threads may come a little late.
        let number = (now.0 / width).max(self.newest);
        for passed in (self.newest + 1..=number).rev().take(SLOTS) {
            self.slots[place(passed)] = Slot::default();
        }
        self.newest = number;
        &mut self.slots[place(number)]
    }
}

fn place(number: u64) -> usize {
    usize::try_from(number % SLOTS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};
    use terms::time::Moment;

    use super::{RetryBudget, RetryBudgetLimits};

    /// How many of 1,000 wishes are granted at once after this many requests.
    fn check(requests: u32, granted: usize) {
        let mut budget = RetryBudget::new(RetryBudgetLimits::default());
        for _ in 0..requests {
            budget.asked(Moment(500));
        }
        assert_eq!((0..1_000).filter(|_| budget.withdraw(Moment(500))).count(), granted);
    }

    #[test]
    fn a_fifth_of_the_traffic_and_a_floor() {
        check(0, 10);
        check(4, 10);
        check(5, 11);
        check(1_000, 210);
    }

    #[test]
    fn what_was_spent_comes_back_with_time_and_not_before() {
        let mut budget = RetryBudget::new(RetryBudgetLimits::default());
        while budget.withdraw(Moment(0)) {}
        assert!(!budget.withdraw(Moment(9_999)));
        assert!(budget.withdraw(Moment(10_000)));
        assert!(budget.withdraw(Moment(10_000_000)), "a long silence is forgotten, too");
    }

    proptest! {
        #[test]
        fn over_any_time_a_storm_gets_no_more_than_its_share(
            steps in proptest::collection::vec((0_u64..700, any::<bool>()), 1..400),
        ) {
            let limits = RetryBudgetLimits::default();
            let mut budget = RetryBudget::new(limits);
            let (mut now, mut asked, mut granted) = (Moment(0), 0_u64, 0_u64);
            for (wait, fresh) in steps {
                now = now.after(wait);
                if fresh {
                    budget.asked(now);
                    asked += 1;
                } else {
                    granted += u64::from(budget.withdraw(now));
                }
            }
            let windows = now.0 / (limits.window_ms * 9 / 10) + 1;
            let most = asked * 2 * u64::from(limits.percent) / 100 + windows * u64::from(limits.floor);
            assert!(granted <= most, "{granted} of {asked} in {windows} windows");
        }
    }
}
