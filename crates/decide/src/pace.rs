//! How long a target usually takes, and the time limit that follows: a target whose own recent history
//! is slow gets longer than the configured limit, so that it is not cut off for being itself. Only
//! answers that came are its history: a limit that was hit teaches nothing, or a frozen target would
//! earn itself ever more time.

use terms::time::Moment;

use crate::error_rate::kept;

/// An answer counts half as much after this.
const HALF_LIFE_MS: u64 = 600_000;
/// Steps of the scale: two per doubling, from 1 ms to more than two hours.
const STEPS: usize = 48;
/// Weights are made older at most this often, which is often enough for a half-life of minutes.
const AGED_EVERY_MS: u64 = 1_000;
/// Answers, as far as they are not forgotten, below which nothing is concluded.
const EVIDENCE: f32 = 8.0;
/// The quantile that is called usual.
const USUAL: f32 = 0.95;
/// The limit is this many times what is usual.
const ROOM: u64 = 3;
/// At most this many times the configured limit, so that a slow target cannot make its callers wait
/// for ever.
const MOST: u64 = 6;

/// Times of a target, as a histogram that forgets.
#[derive(Debug, Clone)]
pub struct Pace {
    weights: [f32; STEPS],
    aged: Moment,
}

impl Default for Pace {
    fn default() -> Self {
        Self { weights: [0.0; STEPS], aged: Moment(0) }
    }
}

impl Pace {
    /// It took this long.
    pub fn observe(&mut self, ms: u64, now: Moment) {
        let elapsed = now.since(self.aged);
        if elapsed >= AGED_EVERY_MS {
            #[expect(clippy::cast_possible_truncation, reason = "a weight needs no precision")]
            let kept = kept(elapsed, HALF_LIFE_MS) as f32;
            for weight in &mut self.weights {
                *weight *= kept;
            }
            self.aged = now;
        }
        self.weights[step(ms)] += 1.0;
    }

    /// Milliseconds within which nineteen of twenty answers came; `None` while too little is known.
    pub fn usual_ms(&self) -> Option<u64> {
        self.quantile_ms(USUAL)
    }

    /// The median in milliseconds; `None` while too little is known.
    pub fn median_ms(&self) -> Option<u64> {
        self.quantile_ms(0.5)
    }

    /// The limit of this target where `configured` is what holds for one that nothing is known of:
    /// three times what is usual, never shorter and at most six times as long as configured.
    pub fn limit_ms(&self, configured: u64) -> u64 {
        let learned = self.usual_ms().unwrap_or(0).saturating_mul(ROOM);
        learned.min(configured.saturating_mul(MOST)).max(configured)
    }

    fn quantile_ms(&self, quantile: f32) -> Option<u64> {
        let total: f32 = self.weights.iter().sum();
        if total < EVIDENCE {
            return None;
        }
        let mut below = 0.0;
        let step = self.weights.iter().position(|weight| {
            below += weight;
            below >= total * quantile
        });
        step.map(upper_ms)
    }
}

/// The step that a time falls into: the first whose upper bound is not below it.
fn step(ms: u64) -> usize {
    (0..STEPS - 1).find(|step| upper_ms(*step) >= ms).unwrap_or(STEPS - 1)
}

/// 1, 1, 2, 3, 4, 6, 8, 12, 16 … milliseconds.
fn upper_ms(step: usize) -> u64 {
    let doubled = 1_u64 << (step / 2);
    doubled + (step % 2) as u64 * (doubled / 2)
}

#[cfg(test)]
mod tests {
    use terms::time::Moment;

    use super::Pace;

    fn paced(times: &[u64]) -> Pace {
        let mut pace = Pace::default();
        for ms in times {
            pace.observe(*ms, Moment(0));
        }
        pace
    }

    #[test]
    fn nothing_known_or_a_quick_history_leaves_the_configured_limit() {
        assert_eq!(Pace::default().limit_ms(10_000), 10_000);
        assert_eq!(paced(&[9_000; 7]).limit_ms(10_000), 10_000, "seven answers prove nothing");
        assert_eq!(paced(&[400; 100]).limit_ms(10_000), 10_000);
    }

    #[test]
    fn a_slow_history_gets_longer_up_to_a_cap() {
        // 8 s fall into the step that ends at 8.192 s.
        assert_eq!(paced(&[8_000; 20]).limit_ms(10_000), 3 * 8_192);
        assert_eq!(paced(&[50_000; 20]).limit_ms(10_000), 60_000);
    }

    #[test]
    fn one_slow_answer_among_many_changes_nothing() {
        let mut times = vec![500; 40];
        times.push(60_000);
        assert_eq!(paced(&times).limit_ms(10_000), 10_000);
        assert_eq!(paced(&times).median_ms(), Some(512));
    }

    #[test]
    fn a_slow_day_is_forgotten() {
        let mut pace = paced(&[8_000; 20]);
        for second in 0..60 {
            pace.observe(300, Moment(7_200_000 + second * 1_000));
        }
        assert_eq!(pace.limit_ms(10_000), 10_000);
    }
}
