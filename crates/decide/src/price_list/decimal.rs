//! Prices as integers, read from the decimal text of a list: `1.25e-07` dollars per token is 125,000
//! micro-dollars per million tokens. No floating point; what is finer than a micro-dollar per million
//! tokens is rounded up.

/// From dollars per token to micro-dollars per million tokens.
pub const PER_TOKEN: i32 = 12;
/// From dollars per million tokens to micro-dollars per million tokens.
pub const PER_MILLION: i32 = 6;

/// The number `text` times ten to the power of `shift`; `None` where it is no number of at least 0, or
/// too large for a price.
pub fn scaled(text: &str, shift: i32) -> Option<u64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u128 = digits.parse().ok()?;
    let places = i32::try_from(fraction.len()).ok()?;
    let power = shift.checked_add(exponent)?.checked_sub(places)?;
    let scaled = match 10_u128.checked_pow(power.unsigned_abs()) {
        Some(factor) if power >= 0 => number.checked_mul(factor)?,
        Some(factor) => number.div_ceil(factor),
        // Smaller than anything.
        None if power < 0 => u128::from(number > 0),
        None => return (number == 0).then_some(0),
    };
    u64::try_from(scaled).ok()
}

#[cfg(test)]
mod tests {
    use super::{PER_MILLION, PER_TOKEN, scaled};

    #[test]
    fn decimals_become_integers() {
        assert_eq!(scaled("5e-06", PER_TOKEN), Some(5_000_000));
        assert_eq!(scaled("1.25e-07", PER_TOKEN), Some(125_000));
        assert_eq!(scaled("0.00000028", PER_TOKEN), Some(280_000));
        assert_eq!(scaled("0", PER_TOKEN), Some(0));
        assert_eq!(scaled("0.145", PER_MILLION), Some(145_000));
        assert_eq!(scaled("10.0", PER_MILLION), Some(10_000_000));
        assert_eq!(scaled("1e-13", PER_TOKEN), Some(1));
    }

    #[test]
    fn what_is_no_price_is_none() {
        for text in ["-1", "\"free\"", "", "null", "1e400", "NaN", "1e-999999999999", ".", "1e40"] {
            assert_eq!(scaled(text, PER_TOKEN), None, "{text}");
        }
    }
}
