//! From which confidence on a student may answer for itself, with a guarantee: "Learn then test"
//! (A. Angelopoulos et al. 2021, arXiv 2110.01052) by fixed sequences over fixed thresholds with exact
//! binomial p-values. Whether the teacher is any better on the rest is a second question, asked here too:
//! deferring to a weaker teacher lowers accuracy.

use serde::{Deserialize, Serialize};

use crate::{binomial, interval::Paired};

/// Sequences that are walked, each from its own start with its share of the risk (Bonferroni), so that
/// one early error among the surest rows does not end the search. The first starts where a test can
/// succeed at all, the others at these shares of the rows.
const STARTS: [f64; 4] = [0.0, 0.25, 0.5, 0.75];

/// What the student's own answers must keep.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Guarantee {
    /// Share of wrong answers among those it gives itself, at most (alpha).
    pub most_errors: f64,
    /// Chance that the guarantee fails, over the draw of the calibration rows (delta).
    pub risk: f64,
}

/// A row of the calibration part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibrated {
    /// The student's calibrated probability for its answer.
    pub confidence: f64,
    /// Whether the student is right.
    pub student_right: bool,
    /// Whether the teacher is right; `None` where it gave no answer.
    pub teacher_right: Option<bool>,
}

/// What the calibration part allows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Found {
    /// At and above this confidence the guarantee holds.
    Threshold {
        /// The lowest such confidence of the fixed list; 0 when every row may be answered.
        threshold: f64,
        /// Calibration rows at or above it.
        accepted: u64,
        /// Wrong answers among them.
        errors: u64,
    },
    /// Even without a single error there are too few rows to show it.
    TooFewRows {
        /// Rows at hand.
        rows: u64,
        /// Rows that could show it if none were wrong.
        needed: u64,
    },
    /// No threshold keeps the guarantee.
    NoneKeepsIt,
}

/// Rows without a single error that show an error share below `most_errors`:
/// ln(risk) / ln(1 - most_errors).
pub fn feasible_start(guarantee: Guarantee) -> u64 {
    let rows = guarantee.risk.ln() / (-guarantee.most_errors).ln_1p();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let rows = rows.ceil().clamp(1.0, 1e12) as u64;
    rows
}

/// The fixed list of thresholds, strict to lax. Fixed before any row is seen, as the method asks.
fn thresholds() -> impl Iterator<Item = f64> {
    (0..=200).rev().map(|step| f64::from(step) / 200.0)
}

/// The laxest threshold of the list that keeps the guarantee.
pub fn learn_then_test(rows: &[Calibrated], guarantee: Guarantee) -> Found {
    let each = Guarantee { risk: guarantee.risk / STARTS.len() as f64, ..guarantee };
    let (count, needed) = (rows.len() as u64, feasible_start(each));
    if count < needed {
        return Found::TooFewRows { rows: count, needed };
    }
    let steps: Vec<Step> = thresholds().map(|threshold| Step::at(threshold, rows)).collect();
    let passed = STARTS.iter().filter_map(|share| {
        let start = needed.max(rounded_up(share * count as f64));
        walk(&steps, start, each)
    });
    match passed.min_by(|a, b| a.threshold.total_cmp(&b.threshold)) {
        Some(Step { threshold, accepted, errors }) => {
            Found::Threshold { threshold, accepted, errors }
        }
        None => Found::NoneKeepsIt,
    }
}

/// A threshold and what the student does at and above it.
#[derive(Debug, Clone, Copy)]
struct Step {
    threshold: f64,
    accepted: u64,
    errors: u64,
}

impl Step {
    fn at(threshold: f64, rows: &[Calibrated]) -> Self {
        let accepted = rows.iter().filter(|row| row.confidence >= threshold);
        let (accepted, errors) = accepted.fold((0, 0), |(accepted, errors), row| {
            (accepted + 1, errors + u64::from(!row.student_right))
        });
        Self { threshold, accepted, errors }
    }
}

/// From the first threshold that accepts `start` rows, laxer and laxer, to the last before a failure.
fn walk(steps: &[Step], start: u64, guarantee: Guarantee) -> Option<Step> {
    let holds = |step: &Step| {
        binomial::at_most(step.errors, step.accepted, guarantee.most_errors) <= guarantee.risk
    };
    let from_start = steps.iter().skip_while(|step| step.accepted < start);
    from_start.take_while(|step| holds(step)).last().copied()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
fn rounded_up(rows: f64) -> u64 {
    rows.ceil() as u64
}

/// Student (as the system) and teacher on the rows below a threshold: those that would be deferred.
/// Rows without a teacher's answer are not counted.
pub fn deferred(rows: &[Calibrated], threshold: f64) -> Paired {
    let mut paired = Paired::default();
    for row in rows.iter().filter(|row| row.confidence < threshold) {
        if let Some(teacher_right) = row.teacher_right {
            paired.count(row.student_right, teacher_right);
        }
    }
    paired
}

/// Rows that go to the teacher because it is better on them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Deferral {
    /// Below this confidence the teacher answers.
    pub threshold: f64,
    /// The student (as the system) and the teacher on those rows.
    pub deferred: Paired,
}

/// The threshold, up to `highest`, below which the teacher answers: of all those where the rows below show
/// the teacher to be better, the one that gains most. Tested lax to strict by the same fixed sequences,
/// with the exact one-sided sign test on the rows where only one of the two is right; `risk` bounds the
/// chance that the teacher is in truth no better on the rows deferred.
pub fn where_teacher_is_better(rows: &[Calibrated], highest: f64, risk: f64) -> Option<Deferral> {
    let mut steps: Vec<Deferral> = thresholds()
        .filter(|threshold| *threshold <= highest)
        .map(|threshold| Deferral { threshold, deferred: deferred(rows, threshold) })
        .collect();
    steps.reverse();
    let discordant = |step: &Deferral| step.deferred.system_only + step.deferred.teacher_only;
    let each = risk / STARTS.len() as f64;
    let most = steps.last().map_or(0, discordant);
    // A coin that never falls on the student's side this often is no fair coin.
    let fewest = rounded_up(each.ln() / 0.5_f64.ln());
    let better = |step: &&Deferral| {
        binomial::at_most(step.deferred.system_only, discordant(step), 0.5) <= each
    };
    let shown = STARTS.iter().flat_map(|share| {
        let start = fewest.max(rounded_up(share * most as f64));
        let from_start = steps.iter().skip_while(move |step| discordant(step) < start);
        from_start.take_while(better)
    });
    let gain =
        |step: &Deferral| step.deferred.teacher_only.saturating_sub(step.deferred.system_only);
    let best = |a: Deferral, b: &Deferral| {
        let more = gain(b) > gain(&a) || (gain(b) == gain(&a) && b.threshold < a.threshold);
        if more { *b } else { a }
    };
    shown.fold(None, |found: Option<Deferral>, step| Some(found.map_or(*step, |a| best(a, step))))
}

#[cfg(test)]
mod tests {
    use super::{
        Calibrated, Found, Guarantee, deferred, feasible_start, learn_then_test,
        where_teacher_is_better,
    };
    use crate::near_duplicate::mix;

    const FIVE_PERCENT: Guarantee = Guarantee { most_errors: 0.05, risk: 0.05 };

    /// Rows of falling confidence; `wrong` says which the student has wrong.
    fn rows(count: u32, wrong: impl Fn(u32) -> bool) -> Vec<Calibrated> {
        let row = |place: u32| Calibrated {
            confidence: 1.0 - f64::from(place) / f64::from(count),
            student_right: !wrong(place),
            teacher_right: Some(!place.is_multiple_of(5)),
        };
        (0..count).map(row).collect()
    }

    /// Even numbers between 0 and 1, always the same.
    fn random() -> impl FnMut() -> f64 {
        let mut state = 0_u64;
        move || {
            state += 1;
            (mix(state) >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    #[test]
    fn a_guarantee_needs_a_feasible_start() {
        let start = |most_errors| feasible_start(Guarantee { most_errors, risk: 0.05 });
        assert_eq!([start(0.05), start(0.02), start(0.01)], [59, 149, 299]);
        let few = learn_then_test(&rows(60, |_| false), FIVE_PERCENT);
        assert_eq!(few, Found::TooFewRows { rows: 60, needed: 86 });
    }

    #[test]
    fn a_student_without_errors_answers_everything() {
        let found = learn_then_test(&rows(200, |_| false), FIVE_PERCENT);
        assert_eq!(found, Found::Threshold { threshold: 0.0, accepted: 200, errors: 0 });
    }

    #[test]
    fn the_threshold_stands_before_the_errors_begin() {
        let found = learn_then_test(&rows(1000, |place| place >= 700), FIVE_PERCENT);
        let Found::Threshold { threshold, accepted, errors } = found else { panic!("{found:?}") };
        assert!((0.27..0.3).contains(&threshold), "{threshold}");
        assert!(errors as f64 / accepted as f64 <= 0.05, "{errors} of {accepted}");
    }

    #[test]
    fn one_early_error_does_not_end_the_search() {
        let found = learn_then_test(&rows(1000, |place| place == 3), FIVE_PERCENT);
        assert_eq!(found, Found::Threshold { threshold: 0.0, accepted: 1000, errors: 1 });
    }

    #[test]
    fn a_student_that_guesses_answers_nothing() {
        assert_eq!(
            learn_then_test(&rows(1000, |place| place.is_multiple_of(2)), FIVE_PERCENT),
            Found::NoneKeepsIt
        );
    }

    #[test]
    fn the_guarantee_fails_no_more_often_than_it_says() {
        // A student whose chance to be wrong is 1 - confidence: among rows at or above t it errs on
        // (1 - t) / 2, so a threshold below 0.9 breaks a guarantee of 5 %.
        let mut state = 1_u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut broken = 0;
        for _ in 0..200 {
            let draw = |_| {
                let confidence = random();
                let student_right = random() < confidence;
                Calibrated { confidence, student_right, teacher_right: None }
            };
            let drawn: Vec<Calibrated> = (0..1500).map(draw).collect();
            if let Found::Threshold { threshold, .. } = learn_then_test(&drawn, FIVE_PERCENT) {
                broken += u32::from(threshold < 0.9);
            }
        }
        assert!(broken <= 16, "{broken} of 200 draws break it; 10 are expected at most");
    }

    #[test]
    fn only_a_teacher_that_is_better_on_those_rows_is_asked() {
        // The teacher is right on four of five; below 0.3 the student is never right, above always.
        let weak = rows(1000, |place| place >= 700);
        let found = where_teacher_is_better(&weak, 1.0, 0.05).unwrap();
        assert!((found.threshold - 0.3).abs() < 1e-9, "{found:?}");
        assert_eq!(deferred(&weak, 0.3).rows(), 299);
        assert!(where_teacher_is_better(&weak, 0.2, 0.05).unwrap().threshold <= 0.2);
        let strong = rows(1000, |place| place % 10 == 9);
        assert_eq!(where_teacher_is_better(&strong, 1.0, 0.05), None);
        assert_eq!(where_teacher_is_better(&weak, 0.0, 0.05), None);
        assert_eq!(where_teacher_is_better(&[], 1.0, 0.05), None);
    }

    #[test]
    fn an_equal_teacher_is_seldom_taken_for_a_better_one() {
        let mut random = random();
        let mut taken = 0;
        for _ in 0..400 {
            let draw = |_| Calibrated {
                confidence: random(),
                student_right: random() < 0.7,
                teacher_right: Some(random() < 0.7),
            };
            let drawn: Vec<Calibrated> = (0..300).map(draw).collect();
            taken += u32::from(where_teacher_is_better(&drawn, 1.0, 0.05).is_some());
        }
        assert!(taken <= 30, "{taken} of 400; 20 are expected at most");
    }
}
