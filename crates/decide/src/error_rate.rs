//! How often a target failed lately: an exponentially weighted moving average over time, with how much
//! evidence it rests on. Time is an argument; what follows from it is the gate's and the spray's.

use terms::time::Moment;

/// Attempts and failures, each counting half as much after every half-life.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorRate {
    half_life_ms: u64,
    attempts: f64,
    failures: f64,
    at: Moment,
}

impl ErrorRate {
    /// Nothing is known yet.
    pub fn new(half_life_ms: u64) -> Self {
        Self { half_life_ms: half_life_ms.max(1), attempts: 0.0, failures: 0.0, at: Moment(0) }
    }

    /// An attempt ended.
    pub fn count(&mut self, failed: bool, now: Moment) {
        let kept = self.kept(now);
        self.attempts = self.attempts * kept + 1.0;
        self.failures = self.failures * kept + f64::from(u8::from(failed));
        self.at = self.at.max(now);
    }

    /// Attempts, as far as they are not forgotten.
    pub fn evidence(&self, now: Moment) -> f64 {
        self.attempts * self.kept(now)
    }

    /// The share of failures, 0 to 1; 0 where nothing is known. It does not move by waiting: only the
    /// evidence behind it fades.
    pub fn share(&self) -> f64 {
        if self.attempts > 0.0 { self.failures / self.attempts } else { 0.0 }
    }

    fn kept(&self, now: Moment) -> f64 {
        kept(now.since(self.at), self.half_life_ms)
    }
}

/// What is left of a weight after this time.
pub(crate) fn kept(elapsed_ms: u64, half_life_ms: u64) -> f64 {
    if elapsed_ms == 0 {
        return 1.0;
    }
    0.5_f64.powf(elapsed_ms as f64 / half_life_ms as f64)
}

#[cfg(test)]
mod tests {
    use terms::time::Moment;

    use super::ErrorRate;

    #[test]
    fn what_is_long_ago_counts_for_less() {
        let mut rate = ErrorRate::new(1_000);
        for _ in 0..4 {
            rate.count(true, Moment(0));
        }
        assert!((rate.share() - 1.0).abs() < 1e-9);
        assert!((rate.evidence(Moment(1_000)) - 2.0).abs() < 1e-9);
        for _ in 0..2 {
            rate.count(false, Moment(1_000));
        }
        assert!((rate.share() - 0.5).abs() < 1e-9, "{}", rate.share());
        assert!(rate.evidence(Moment(60_000)) < 0.001);
    }
}
