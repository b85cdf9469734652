//! How sure a count makes us: 95 % intervals for a share and for the difference of two systems on the
//! same rows, and how many rows a difference needs. Normal intervals that stay honest at small counts;
//! no resampling, so the same counts give the same digits.

use serde::{Deserialize, Serialize};

use crate::binomial;

/// The 97.5 % point of the normal distribution: two-sided 95 %.
pub const Z95: f64 = 1.959_963_984_540_054;

/// More rows than anyone labels: beyond this the answer is that it cannot be shown.
const MOST_ROWS: u64 = 1_000_000_000;

/// An estimate with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// What was observed.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The share of `successes` among `rows`, with the score interval of E. B. Wilson (1927), which does
/// not collapse at 0 or 1. Without rows everything between 0 and 1 is possible.
pub fn wilson(successes: u64, rows: u64) -> Interval {
    if rows == 0 {
        return Interval { estimate: 0.0, low: 0.0, high: 1.0 };
    }
    let n = rows as f64;
    let share = successes as f64 / n;
    let square = Z95 * Z95;
    let middle = (share + square / (2.0 * n)) / (1.0 + square / n);
    let spread = (share * (1.0 - share) / n + square / (4.0 * n * n)).sqrt();
    let half = Z95 * spread / (1.0 + square / n);
    Interval { estimate: share, low: (middle - half).max(0.0), high: (middle + half).min(1.0) }
}

/// A system and the teacher on the same rows: who was right where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paired {
    /// Both right.
    pub both: u64,
    /// The system right, the teacher wrong.
    pub system_only: u64,
    /// The teacher right, the system wrong.
    pub teacher_only: u64,
    /// Both wrong.
    pub neither: u64,
}

impl Paired {
    /// Counts one more row.
    pub fn count(&mut self, system_right: bool, teacher_right: bool) {
        let cell = match (system_right, teacher_right) {
            (true, true) => &mut self.both,
            (true, false) => &mut self.system_only,
            (false, true) => &mut self.teacher_only,
            (false, false) => &mut self.neither,
        };
        *cell += 1;
    }

    /// All rows.
    pub const fn rows(&self) -> u64 {
        self.both + self.system_only + self.teacher_only + self.neither
    }

    /// Rows that the system has right.
    pub const fn system_right(&self) -> u64 {
        self.both + self.system_only
    }

    /// Rows that the teacher has right.
    pub const fn teacher_right(&self) -> u64 {
        self.both + self.teacher_only
    }

    /// Share of rows where one is right and the other is not; 0 without rows.
    pub fn discordant_share(&self) -> f64 {
        match self.rows() {
            0 => 0.0,
            rows => (self.system_only + self.teacher_only) as f64 / rows as f64,
        }
    }

    /// Accuracy of the system less that of the teacher. The interval is the adjusted Wald interval of
    /// D. G. Bonett and R. M. Price (2012, "Adjusted Wald confidence interval for a difference of
    /// binomial proportions based on paired data"): one imagined row in each discordant cell, so that
    /// two systems that never differed on few rows are not taken for equal.
    pub fn difference(&self) -> Interval {
        let rows = self.rows() as f64;
        let (system, teacher) = (self.system_only as f64, self.teacher_only as f64);
        let estimate = if rows > 0.0 { (system - teacher) / rows } else { 0.0 };
        let (low, high) = bonett_price(system, teacher, rows);
        Interval { estimate, low, high }
    }

    /// The exact two-sided p-value of McNemar's test: how often chance alone would part the discordant
    /// rows this unevenly if both were equally good.
    pub fn mcnemar(&self) -> f64 {
        let fewer = self.system_only.min(self.teacher_only);
        let discordant = self.system_only + self.teacher_only;
        (2.0 * binomial::at_most(fewer, discordant, 0.5)).min(1.0)
    }

    /// Rows from which on the interval's lower end would lie above `-margin` if the shares seen so far
    /// persisted; `None` when they never would.
    pub fn needed_rows(&self, margin: f64) -> Option<u64> {
        let rows = (self.rows() as f64).max(1.0);
        let shares = (self.system_only as f64 / rows, self.teacher_only as f64 / rows);
        first_row_count(|rows| {
            let rows = rows as f64;
            bonett_price(shares.0 * rows, shares.1 * rows, rows).0 > -margin
        })
    }
}

/// Lower and upper end of the interval for the difference, within -1 and 1.
fn bonett_price(system_only: f64, teacher_only: f64, rows: f64) -> (f64, f64) {
    let n = rows + 2.0;
    let (system, teacher) = ((system_only + 1.0) / n, (teacher_only + 1.0) / n);
    let difference = system - teacher;
    let spread = ((system + teacher - difference * difference) / n).sqrt();
    ((difference - Z95 * spread).max(-1.0), (difference + Z95 * spread).min(1.0))
}

/// Rows below which no result shows a loss of less than `margin`, however well the two agree.
pub fn fewest_rows(margin: f64) -> u64 {
    let never_differed = Paired::default();
    never_differed.needed_rows(margin).unwrap_or(MOST_ROWS)
}

/// Rows that show a difference of `margin` between two systems that are equally good and differ on this
/// share of rows: z² p / margin².
pub fn rows_to_resolve(discordant_share: f64, margin: f64) -> u64 {
    rounded_up(Z95 * Z95 * discordant_share / (margin * margin))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
fn rounded_up(rows: f64) -> u64 {
    rows.ceil().clamp(0.0, MOST_ROWS as f64) as u64
}

/// The smallest number of rows for which `enough` holds, which once true stays true.
fn first_row_count(enough: impl Fn(u64) -> bool) -> Option<u64> {
    if !enough(MOST_ROWS) {
        return None;
    }
    let (mut too_few, mut fit) = (0, MOST_ROWS);
    while fit - too_few > 1 {
        let middle = u64::midpoint(too_few, fit);
        if enough(middle) {
            fit = middle;
        } else {
            too_few = middle;
        }
    }
    Some(fit)
}

#[cfg(test)]
mod tests {
    use super::{Paired, fewest_rows, rows_to_resolve, wilson};

    fn close(found: f64, expect: f64) {
        assert!((found - expect).abs() < 5e-5, "{found} is not {expect}");
    }

    #[test]
    fn a_share_has_the_interval_of_wilson() {
        let interval = wilson(2558, 3080);
        close(interval.estimate, 0.8305);
        close(interval.low, 0.8169);
        close(interval.high, 0.8434);
        close(wilson(0, 10).high, 0.2775);
        assert!(wilson(0, 10).low.abs() < 1e-12 && (wilson(7, 7).high - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_paired_difference_is_as_sharp_as_the_rows_that_differ() {
        // The measured pair of Banking77: +8.1 points, standard error 0.74 points.
        let paired = Paired { both: 2400, system_only: 395, teacher_only: 145, neither: 140 };
        let difference = paired.difference();
        close(difference.estimate, 250.0 / 3080.0);
        close((difference.high - difference.low) / (2.0 * super::Z95), 0.0074);
        assert!(paired.mcnemar() < 1e-20);
        close(Paired { system_only: 1, teacher_only: 9, ..Paired::default() }.mcnemar(), 0.0215);
        close(Paired::default().mcnemar(), 1.0);
    }

    #[test]
    fn needed_rows_are_the_first_that_suffice() {
        for (system_only, teacher_only, rows) in
            [(85, 85, 1000), (0, 0, 50), (9, 1, 100), (5, 9, 1000)]
        {
            let paired = Paired {
                both: rows - system_only - teacher_only,
                system_only,
                teacher_only,
                neither: 0,
            };
            let needed = paired.needed_rows(0.01).unwrap();
            let share = |part: u64| part as f64 / rows as f64;
            let low = |rows: u64| {
                let n = rows as f64;
                super::bonett_price(share(system_only) * n, share(teacher_only) * n, n).0
            };
            let brute = (1..=needed + 2000).find(|rows| low(*rows) > -0.01);
            assert_eq!(brute, Some(needed));
            assert!((needed..needed + 2000).all(|rows| low(rows) > -0.01), "true stays true");
        }
        let worse = Paired { both: 900, system_only: 20, teacher_only: 80, neither: 0 };
        assert_eq!(worse.needed_rows(0.01), None);
        assert_eq!(fewest_rows(0.01), 276);
        assert_eq!(rows_to_resolve(0.17, 0.01), 6531);
    }

    #[test]
    fn without_rows_nothing_is_known() {
        let interval = Paired::default().difference();
        assert!(interval.low < -0.9 && interval.high > 0.9, "{interval:?}");
        assert!(wilson(0, 0).high > 0.99);
    }
}
