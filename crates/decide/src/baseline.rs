//! What is usual for a sign: the mean and the spread of the answers before, and how likely an answer is
//! if nothing changed against if something did. Old answers are forgotten slowly.

use serde::{Deserialize, Serialize};

/// Answers that a history amounts to at most: beyond that, older ones count for less.
const MEMORY: f64 = 1_000.0;

/// A measure counts as changed by so many of its standard deviations.
const SHIFT: f64 = 1.0;

/// Standard deviations beyond which an answer proves no more, so that one monster proves nothing.
const CLIP: f64 = 3.0;

/// The least spread of a logarithm that is believed: what moves by less than a quarter did not change.
const LEAST_SPREAD: f64 = 0.223;

/// A share counts as changed by at least this much.
const LEAST_RISE: f64 = 0.05;

/// Answers, sums and sums of squares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sums {
    pub(crate) answers: f64,
    pub(crate) sum: f64,
    pub(crate) squares: f64,
    /// What they said for a change, as the logarithm of a likelihood ratio.
    pub(crate) evidence: f64,
}

impl Sums {
    pub(crate) fn add(&mut self, value: f64) {
        self.answers += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    /// Takes over what another holds, and forgets what is beyond the memory.
    pub(crate) fn absorb(&mut self, other: &Self) {
        let all = self.answers + other.answers;
        let kept =
            if all > MEMORY { ((MEMORY - other.answers) / self.answers).max(0.0) } else { 1.0 };
        self.answers = self.answers * kept + other.answers;
        self.sum = self.sum * kept + other.sum;
        self.squares = self.squares * kept + other.squares;
    }

    pub(crate) fn mean(&self) -> f64 {
        if self.answers > 0.0 { self.sum / self.answers } else { 0.0 }
    }

    /// The variance of one answer.
    pub(crate) fn variance(&self) -> f64 {
        if self.answers < 2.0 {
            return 0.0;
        }
        ((self.squares - self.sum * self.mean()) / (self.answers - 1.0)).max(0.0)
    }
}

/// What an answer says for a rise of a share, as the logarithm of the likelihood ratio of Bernoulli
/// trials. The share before is taken a little too high, so that a history without a single case does
/// not make the first one a sensation.
pub(crate) fn of_share(known: &Sums, happened: bool) -> f64 {
    let before = (known.sum + 2.0) / (known.answers + 3.0);
    let after = before + LEAST_RISE.max((2.0 * before).min((1.0 - before) / 2.0));
    let after = after.min(0.999);
    if happened { (after / before).ln() } else { ((1.0 - after) / (1.0 - before)).ln() }
}

/// What an answer says for a shift of a measure, upwards (`direction` 1) or downwards (-1): the
/// logarithm of the likelihood ratio of two normal distributions, their distance one standard deviation.
pub(crate) fn of_measure(known: &Sums, value: f64, direction: f64) -> f64 {
    // The mean is itself an estimate.
    let spread = (known.variance() * (1.0 + 1.0 / known.answers.max(1.0))).sqrt();
    let deviations = direction * (value - known.mean()) / spread.max(LEAST_SPREAD);
    SHIFT * (deviations.clamp(-CLIP, CLIP) - SHIFT / 2.0)
}

#[cfg(test)]
mod tests {
    use super::{Sums, of_measure, of_share};

    #[test]
    fn a_history_knows_its_mean_and_spread_and_forgets_slowly() {
        let mut known = Sums::default();
        for value in [1.0, 2.0, 3.0] {
            known.add(value);
        }
        assert!((known.mean() - 2.0).abs() < 1e-9 && (known.variance() - 1.0).abs() < 1e-9);
        let mut later = Sums::default();
        for _ in 0..500 {
            later.add(10.0);
        }
        for _ in 0..4 {
            known.absorb(&later);
        }
        assert!((known.answers - 1_000.0).abs() < 1e-9, "{}", known.answers);
        assert!(known.mean() > 9.9, "{}", known.mean());
    }

    #[test]
    fn only_what_is_far_from_usual_speaks_for_a_change() {
        let usual = Sums { answers: 100.0, sum: 0.0, squares: 99.0, evidence: 0.0 };
        assert!(of_measure(&usual, 0.0, 1.0) < 0.0);
        assert!(of_measure(&usual, 2.0, 1.0) > 1.0);
        assert!(of_measure(&usual, 2.0, -1.0) < -2.0);
        assert!((of_measure(&usual, 1e9, 1.0) - 2.5).abs() < 1e-9, "one monster is clipped");
        let never = Sums { answers: 100.0, ..Sums::default() };
        assert!(of_share(&never, true) > 1.0 && of_share(&never, false) < -0.01);
        let always = Sums { answers: 100.0, sum: 100.0, ..Sums::default() };
        assert!(of_share(&always, true).abs() < 0.1, "what always happened proves nothing");
    }
}
