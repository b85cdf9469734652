//! From scores to honest probabilities: softmax with a temperature, the temperature that fits held-out
//! rows best, and how well it fits (C. Guo et al. 2017, "On calibration of modern neural networks",
//! arXiv 1706.04599). Knows scores only, not what made them.

use crate::student::{Row, highest};

/// Temperatures outside this range mean that the rows say nothing about it.
const RANGE: (f64, f64) = (0.02, 50.0);

/// Halvings of the range of 1 / temperature; more do not change a 32-bit result.
const HALVINGS: usize = 60;

/// Bins of confidence for the calibration error, as in the source.
const BINS: usize = 15;

/// What calibration came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// The temperature now in force.
    pub temperature: f32,
    /// Rows whose label the student knows: those that were used.
    pub rows: usize,
    /// Rows left out because the student has never seen their label.
    pub unknown_labels: usize,
    /// Mean negative log-likelihood of the rows' labels, in nats, before; 0 without rows.
    pub nll_before: f64,
    /// The same after.
    pub nll_after: f64,
    /// Expected calibration error (15 bins) before: the mean distance between confidence and accuracy.
    pub error_before: f64,
    /// The same after.
    pub error_after: f64,
}

/// Held-out rows as scores.
#[derive(Debug, Default)]
pub(crate) struct Scored {
    /// The scores of a row and the place of its true label.
    known: Vec<(Vec<f32>, usize)>,
    unknown_labels: usize,
}

/// Scores every row whose label is among `labels`.
pub(crate) fn score(rows: &[Row], labels: &[String], scores: impl Fn(&str) -> Vec<f32>) -> Scored {
    let mut scored = Scored::default();
    for row in rows {
        match labels.binary_search(&row.label) {
            Ok(truth) => scored.known.push((scores(&row.text), truth)),
            Err(_) => scored.unknown_labels += 1,
        }
    }
    scored
}

/// Finds the temperature of least negative log-likelihood; keeps `before` where there are no rows.
pub(crate) fn fit(scored: &Scored, before: f32) -> Calibration {
    let temperature = if scored.known.is_empty() { before } else { best(&scored.known) };
    let (nll_before, error_before) = fitness(&scored.known, before);
    let (nll_after, error_after) = fitness(&scored.known, temperature);
    Calibration {
        temperature,
        rows: scored.known.len(),
        unknown_labels: scored.unknown_labels,
        nll_before,
        nll_after,
        error_before,
        error_after,
    }
}

/// Turns scores into probabilities, in place. Sums to 1 but for rounding.
pub(crate) fn softmax(scores: &mut [f32], temperature: f32) {
    let top = scores[highest(scores)];
    let mut sum = 0.0;
    for score in &mut *scores {
        *score = ((*score - top) / temperature).exp();
        sum += *score;
    }
    for score in scores {
        *score /= sum;
    }
}

/// The likelihood is concave in `inverse = 1 / temperature`, so its slope has one zero: bisection.
#[expect(clippy::cast_possible_truncation, reason = "the temperature is kept in 32 bits")]
fn best(known: &[(Vec<f32>, usize)]) -> f32 {
    let (mut low, mut high) = (1.0 / RANGE.1, 1.0 / RANGE.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if slope(known, middle) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    (1.0 / f64::midpoint(low, high)) as f32
}

/// Slope of the summed negative log-likelihood by the inverse temperature: for each row the expected
/// score less the true label's.
fn slope(known: &[(Vec<f32>, usize)], inverse: f64) -> f64 {
    let mut slope = 0.0;
    for (scores, truth) in known {
        let top = f64::from(scores[highest(scores)]);
        let (mut sum, mut weighted) = (0.0, 0.0);
        for score in scores {
            let score = f64::from(*score) - top;
            let weight = (score * inverse).exp();
            sum += weight;
            weighted += weight * score;
        }
        slope += weighted / sum - (f64::from(scores[*truth]) - top);
    }
    slope
}

/// Mean negative log-likelihood and expected calibration error at a temperature.
fn fitness(known: &[(Vec<f32>, usize)], temperature: f32) -> (f64, f64) {
    if known.is_empty() {
        return (0.0, 0.0);
    }
    let mut nll = 0.0;
    let mut bins = [(0.0_f64, 0.0_f64); BINS];
    for (scores, truth) in known {
        let mut probabilities = scores.clone();
        softmax(&mut probabilities, temperature);
        let label = highest(scores);
        let confidence = f64::from(probabilities[label]);
        nll -= f64::from(probabilities[*truth]).max(f64::from(f32::MIN_POSITIVE)).ln();
        let bin = &mut bins[bin_of(confidence)];
        bin.0 += confidence;
        bin.1 += f64::from(u8::from(label == *truth));
    }
    let rows = known.len() as f64;
    let error: f64 = bins.iter().map(|(confidence, right)| (confidence - right).abs()).sum();
    (nll / rows, error / rows)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a probability times a small number, clamped"
)]
fn bin_of(confidence: f64) -> usize {
    ((confidence * BINS as f64) as usize).min(BINS - 1)
}

#[cfg(test)]
mod tests {
    use super::{fit, score};
    use crate::student::Row;

    fn rows(labels: &[&str]) -> Vec<Row> {
        let row = |label: &&str| Row { text: String::new(), label: (*label).to_owned() };
        labels.iter().map(row).collect()
    }

    #[test]
    fn the_temperature_makes_confidence_equal_accuracy() {
        // Two labels, always the same scores, right three times of four: the best probability is 3/4,
        // so scores that differ by 4 need a temperature of 4 / ln 3.
        let labels = ["a".to_owned(), "b".to_owned()];
        let scored = score(&rows(&["a", "a", "a", "b", "c"]), &labels, |_| vec![4.0, 0.0]);
        let calibration = fit(&scored, 1.0);
        assert!((calibration.temperature - 4.0 / 3.0_f32.ln()).abs() < 1e-4, "{calibration:?}");
        assert_eq!((calibration.rows, calibration.unknown_labels), (4, 1));
        assert!(calibration.error_after < 1e-4 && calibration.error_before > 0.2);
        assert!(calibration.nll_after < calibration.nll_before);
    }

    #[test]
    fn without_rows_nothing_changes() {
        let scored = score(&[], &[], |_| vec![]);
        assert!((fit(&scored, 2.5).temperature - 2.5).abs() < f32::EPSILON);
    }
}
