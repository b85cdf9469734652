//! Two kinds of time that must never be mixed: the wall clock, for people and bills, and the
//! monotonic clock, for limits. Neither is read here; both are arguments.

use serde::{Deserialize, Serialize};

/// A wall-clock time in Unix milliseconds, UTC. May jump; never used for a limit.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// Milliseconds per day, for day boundaries in UTC.
pub const DAY_MS: i64 = 86_400_000;

impl Timestamp {
    /// Days since 1970-01-01 in UTC.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(DAY_MS)
    }

    /// `YYYY-MM-DD` in UTC, by the civil-from-days algorithm (H. Hinnant, "chrono-compatible
    /// low-level date algorithms").
    pub fn date(self) -> String {
        let days = self.day() + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// Midnight in UTC of a day counted from 1970-01-01.
    pub const fn of_day(day: i64) -> Self {
        Self(day * DAY_MS)
    }

    /// Midnight in UTC of a date written `YYYY-MM-DD` that exists in the calendar, by the
    /// days-from-civil algorithm of the same source as [`Timestamp::date`].
    pub fn from_date(text: &str) -> Option<Self> {
        let digits = |range: std::ops::Range<usize>| {
            let part = text.get(range)?;
            part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<i64>().ok())?
        };
        let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
        let shifted_year = if month <= 2 { year - 1 } else { year };
        let era = shifted_year.div_euclid(400);
        let year_of_era = shifted_year.rem_euclid(400);
        let shifted_month = if month > 2 { month - 3 } else { month + 9 };
        let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let midnight = Self::of_day(era * 146_097 + day_of_era - 719_468);
        // A date that the calendar does not have, or other punctuation, does not come back the same.
        (midnight.date() == text).then_some(midnight)
    }

    /// `HH:MM:SS` in UTC.
    pub fn clock(self) -> String {
        let seconds = self.0.rem_euclid(DAY_MS) / 1000;
        format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

/// A point on a monotonic clock, in milliseconds since an arbitrary start. Used for every limit.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl Moment {
    /// This moment, `ms` later. Saturates.
    pub const fn after(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment; 0 when `earlier` is not earlier.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn a_date_is_read_back_and_an_impossible_one_is_not() {
        for text in ["1970-01-01", "2000-02-29", "2026-11-20", "2026-01-31"] {
            assert_eq!(Timestamp::from_date(text).map(Timestamp::date).as_deref(), Some(text));
        }
        for text in ["2026-02-29", "2026-13-01", "2026-1-1", "2026/01/01", "yesterday", ""] {
            assert_eq!(Timestamp::from_date(text), None, "{text}");
        }
    }

    #[test]
    fn dates_are_civil_utc_dates() {
        assert_eq!(Timestamp(0).date(), "1970-01-01");
        assert_eq!(Timestamp(951_782_400_000).date(), "2000-02-29");
        assert_eq!(Timestamp(-1).date(), "1969-12-31");
        assert_eq!(Timestamp(1_795_219_199_999).date(), "2026-11-20");
        assert_eq!(Timestamp(1_795_219_199_999).clock(), "23:59:59");
    }
}
