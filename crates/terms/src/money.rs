//! Money as integers. A cost is whole nano-dollars; a price is whole pico-dollars per token, which
//! is the same number as micro-dollars per million tokens, so that every published price is exact.

use std::{fmt, iter::Sum, ops::Add};

use serde::{Deserialize, Serialize};

/// An amount in nano-USD (10⁻⁹ dollars). 2⁶³ of them are 9.2 billion dollars.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NanoUsd(pub i64);

impl NanoUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Reads dollars as people write them: `20`, `0.05`, `$1.5`. Nothing below zero, no more than nine
    /// decimals, no signs but a leading `$`.
    pub fn from_usd(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix('$').unwrap_or(text);
        let (dollars, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(dollars) || !digits(decimals) || decimals.len() > 9 {
            return None;
        }
        let dollars = dollars.parse::<i64>().ok()?.checked_mul(1_000_000_000)?;
        format!("{decimals:0<9}").parse::<i64>().ok()?.checked_add(dollars).map(Self)
    }
}

impl Add for NanoUsd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for NanoUsd {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

/// Dollars with as many decimals as tell the amount: `$1,234.50`, `$0.0123`, `$0.00000042`.
impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        let (dollars, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
        if dollars > 0 || rest == 0 || rest >= 100_000_000 {
            let cents = (rest + 5_000_000) / 10_000_000;
            let (dollars, cents) = if cents == 100 { (dollars + 1, 0) } else { (dollars, cents) };
            return write!(f, "{sign}${}.{cents:02}", thousands(dollars));
        }
        // Two significant digits or four decimals, whichever shows more.
        let digits = format!("{rest:09}");
        let zeros = digits.bytes().take_while(|digit| *digit == b'0').count();
        let shown = digits[..(zeros + 2).clamp(4, 9)].trim_end_matches('0');
        write!(f, "{sign}$0.{shown:0<2}")
    }
}

/// Groups digits by three: `1234567` becomes `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A price in pico-USD per token, equal to micro-USD per million tokens: $5 per million is 5,000,000.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct PicoUsdPerToken(pub u64);

impl PicoUsdPerToken {
    /// Whole dollars per million tokens, for tables that people read.
    pub fn usd_per_million(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::NanoUsd;

    #[test]
    fn dollars_are_read_exactly_or_not_at_all() {
        let read = |text| NanoUsd::from_usd(text).map(|amount| amount.0);
        assert_eq!(read("20"), Some(20_000_000_000));
        assert_eq!(read(" $1.5 "), Some(1_500_000_000));
        assert_eq!(read("0.000000001"), Some(1));
        for wrong in ["", ".", "1.", ".5", "-1", "1e3", "1,000", "0.0000000001", "99999999999", "$"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn amounts_read_like_money() {
        let shown = |nanos: i64| NanoUsd(nanos).to_string();
        assert_eq!(shown(0), "$0.00");
        assert_eq!(shown(1_234_567_890_000), "$1,234.57");
        assert_eq!(shown(999_999_999_999), "$1,000.00");
        assert_eq!(shown(12_300_000), "$0.0123");
        assert_eq!(shown(420), "$0.00000042");
        assert_eq!(shown(1), "$0.000000001");
        assert_eq!(shown(-250_000_000), "-$0.25");
        assert_eq!(shown(90_000_000), "$0.09");
    }
}
