//! Prices as exact integers, read from the decimal text of a source: `1.25e-07` dollars per token is
//! 125,000 micro-dollars per million tokens. No floating point, hence no rounding.

use anyhow::{Context, Result, bail};

/// From dollars per token to micro-dollars per million tokens.
pub(super) const PER_TOKEN: i32 = 12;
/// From dollars per million tokens to micro-dollars per million tokens.
pub(super) const PER_MILLION: i32 = 6;

/// The number `text` times ten to the power of `shift`, which must be whole and not negative.
pub(super) fn scaled(text: &str, shift: i32) -> Result<u64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            let exponent: i32 =
                exponent.parse().with_context(|| format!("`{text}` has an odd exponent"))?;
            (mantissa, exponent)
        }
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        bail!("`{text}` is not a plain number");
    }
    let number: u128 = digits.parse().with_context(|| format!("`{text}` has too many digits"))?;
    let places = i32::try_from(fraction.len()).context("a fraction too long")?;
    let power = shift + exponent - places;
    let factor = 10_u128.checked_pow(power.unsigned_abs()).context("a power too large")?;
    let exact = if power >= 0 {
        number.checked_mul(factor)
    } else {
        number.is_multiple_of(factor).then(|| number / factor)
    };
    let exact =
        exact.with_context(|| format!("`{text}` is not a whole number of micro-dollars"))?;
    u64::try_from(exact).with_context(|| format!("`{text}` is too large for a price"))
}

#[cfg(test)]
mod tests {
    use super::{PER_MILLION, PER_TOKEN, scaled};

    #[test]
    fn decimals_become_exact_integers() {
        let per_token = |text| scaled(text, PER_TOKEN).unwrap();
        assert_eq!(per_token("5e-06"), 5_000_000);
        assert_eq!(per_token("1.25e-07"), 125_000);
        assert_eq!(per_token("0.00000028"), 280_000);
        assert_eq!(per_token("0"), 0);
        assert_eq!(scaled("0.145", PER_MILLION).unwrap(), 145_000);
        assert_eq!(scaled("10.0", PER_MILLION).unwrap(), 10_000_000);
    }

    #[test]
    fn what_is_not_a_price_is_refused() {
        for text in ["-1", "1e-13", "\"free\"", "", "null", "1e400"] {
            assert!(scaled(text, PER_TOKEN).is_err(), "{text}");
        }
    }
}
