//! What a target takes per second before it says 429, learned from its saying so: cut by a third at a
//! rate limit, raised by the same small step every second without one, forgotten when it has grown
//! past what is needed. Counts, decides nothing else.

use terms::time::Moment;

use crate::error_rate::kept;

/// A start counts half as much after this.
const HALF_LIFE_MS: u64 = 5_000;
/// What is left of the rate after a rate limit.
const CUT: f64 = 0.7;
/// What comes back per second, as a part of the rate at the cut.
const REGAINED_PER_S: f64 = 0.02;
/// Rate limits within this belong together: they answer requests that were under way at the first.
const ONE_CUT_MS: u64 = 1_000;
/// No cut goes below one request in ten seconds: a target that is never asked teaches nothing.
const LEAST_PER_S: f64 = 0.1;
/// The part of the capacity up to which a target counts as free.
const FREE: f64 = 0.8;

#[derive(Debug, Clone, Copy)]
struct Cut {
    at: Moment,
    /// The rate at which it said 429.
    rate: f64,
    /// What was left.
    cap: f64,
}

/// The learned capacity of one target.
#[derive(Debug, Clone, Copy, Default)]
pub struct Capacity {
    starts: f64,
    at: Moment,
    cut: Option<Cut>,
}

impl Capacity {
    /// A request goes there.
    pub fn started(&mut self, now: Moment) {
        self.starts = self.starts * kept(now.since(self.at), HALF_LIFE_MS) + 1.0;
        self.at = self.at.max(now);
    }

    /// It said that this was too much.
    pub fn limited(&mut self, now: Moment) {
        if self.cut.is_some_and(|cut| now.since(cut.at) < ONE_CUT_MS) {
            return;
        }
        let rate = self.rate(now).max(LEAST_PER_S);
        let cap = (self.cap(now).unwrap_or(rate).min(rate) * CUT).max(LEAST_PER_S);
        self.cut = Some(Cut { at: now, rate, cap });
    }

    /// Requests per second that it takes, as far as anything is known.
    pub fn cap(&self, now: Moment) -> Option<f64> {
        let cut = self.cut?;
        let seconds = now.since(cut.at) as f64 / 1_000.0;
        let cap = cut.cap + seconds * (cut.rate * REGAINED_PER_S).max(LEAST_PER_S / 10.0);
        // Twice what was once too much: whatever the reason was, it is over.
        (cap < 2.0 * cut.rate).then_some(cap)
    }

    /// How free it is: 1 where nothing is known or there is room, 0 at its capacity.
    pub fn room(&self, now: Moment) -> f64 {
        let Some(cap) = self.cap(now) else { return 1.0 };
        ((cap - self.rate(now)) / (cap * (1.0 - FREE))).clamp(0.0, 1.0)
    }

    /// Requests per second, lately.
    fn rate(&self, now: Moment) -> f64 {
        let starts = self.starts * kept(now.since(self.at), HALF_LIFE_MS);
        starts * std::f64::consts::LN_2 / (HALF_LIFE_MS as f64 / 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use terms::time::Moment;

    use super::Capacity;

    /// A target that was asked ten times a second for a minute, and the time now.
    fn busy() -> (Capacity, Moment) {
        let mut capacity = Capacity::default();
        for tick in 0..600_u64 {
            capacity.started(Moment(tick * 100));
        }
        (capacity, Moment(60_000))
    }

    #[test]
    fn a_rate_limit_cuts_once_and_time_gives_back_in_even_steps() {
        let (mut capacity, now) = busy();
        assert_eq!(capacity.cap(now), None);
        capacity.limited(now);
        capacity.limited(now.after(300));
        let cap = capacity.cap(now).unwrap();
        assert!((6.0..8.0).contains(&cap), "{cap}");
        let after = |seconds: u64| capacity.cap(now.after(seconds * 1_000)).unwrap();
        let (first, second) = (after(10) - cap, after(20) - after(10));
        assert!((first - second).abs() < 1e-9 && first > 1.0, "{first} {second}");
        assert_eq!(capacity.cap(now.after(120_000)), None, "forgotten once it has grown past it");
    }

    #[test]
    fn it_is_full_at_its_capacity_and_free_again_when_less_is_asked() {
        let (mut capacity, now) = busy();
        assert!((capacity.room(now) - 1.0).abs() < 1e-9);
        capacity.limited(now);
        assert!(capacity.room(now) < 1e-9);
        assert!((capacity.room(now.after(10_000)) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn again_and_again_never_cuts_to_nothing() {
        let mut capacity = Capacity::default();
        for second in 0..100_u64 {
            capacity.started(Moment(second * 2_000));
            capacity.limited(Moment(second * 2_000));
        }
        assert!(capacity.cap(Moment(200_000)).unwrap() >= 0.1);
    }
}
