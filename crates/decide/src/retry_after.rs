//! How long an upstream asks us to stay away. Pure parsing: no decision, no clock.
//!
//! Forms seen in the wild: `retry-after` in seconds (whole or fractional) or as an HTTP date
//! (RFC 9110, 10.2.3), `retry-after-ms` (OpenAI, Azure), `x-ratelimit-reset-*` as `1s`, `6m0s`,
//! `120ms` (OpenAI), `anthropic-ratelimit-*-reset` as RFC 3339 (not read here: it names the next
//! full refill, not the next free slot).

/// The header values that matter, as text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Headers<'a> {
    /// `retry-after-ms`, else `x-ms-retry-after-ms`.
    pub retry_after_ms: Option<&'a str>,
    /// `retry-after`.
    pub retry_after: Option<&'a str>,
    /// `x-ratelimit-reset-requests` or `x-ratelimit-reset-tokens`, whichever bucket is empty.
    pub rate_limit_reset: Option<&'a str>,
}

/// Milliseconds to wait, as the upstream asks; `None` when it does not say or says nonsense.
/// `http_date_ms` turns an HTTP date into milliseconds from now (negative when past).
pub fn wait_ms(headers: &Headers<'_>, http_date_ms: impl Fn(&str) -> Option<i64>) -> Option<u64> {
    if let Some(ms) = headers.retry_after_ms.and_then(|text| text.trim().parse::<f64>().ok()) {
        return whole_ms(ms);
    }
    if let Some(text) = headers.retry_after.map(str::trim) {
        if let Ok(seconds) = text.parse::<f64>() {
            return whole_ms(seconds * 1000.0);
        }
        if let Some(ms) = http_date_ms(text) {
            return Some(u64::try_from(ms).unwrap_or(0));
        }
    }
    headers.rate_limit_reset.and_then(duration_ms)
}

/// A day: anything longer is treated as a day, which no request waits out.
const DAY_MS: f64 = 86_400_000.0;

fn whole_ms(ms: f64) -> Option<u64> {
    if !ms.is_finite() || ms < 0.0 {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=a day"
    )]
    Some(ms.min(DAY_MS).ceil() as u64)
}

/// Reads `6m0s`, `1.5s`, `120ms`, `1h2m3s`.
fn duration_ms(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..]
            .find(|c: char| c.is_ascii_digit())
            .map_or(rest.len(), |offset| digits + offset);
        total += number
            * match &rest[digits..unit_end] {
                "ms" => 1.0,
                "s" => 1000.0,
                "m" => 60_000.0,
                "h" => 3_600_000.0,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    whole_ms(total)
}

#[cfg(test)]
mod tests {
    use super::{Headers, wait_ms};

    fn check(retry_after: &str, expect: Option<u64>) {
        let headers = Headers { retry_after: Some(retry_after), ..Headers::default() };
        let date = |text: &str| (text == "Wed, 21 Oct 2026 07:28:00 GMT").then_some(-5);
        assert_eq!(wait_ms(&headers, date), expect, "{retry_after}");
    }

    #[test]
    fn retry_after_in_all_its_forms() {
        check("2", Some(2000));
        check("0.25", Some(250));
        check("-1", None);
        check("soon", None);
        check("NaN", None);
        check("1e300", Some(86_400_000));
        check("Wed, 21 Oct 2026 07:28:00 GMT", Some(0));
    }

    #[test]
    fn milliseconds_stand_above_seconds_and_reset_below() {
        let all = Headers {
            retry_after_ms: Some("1500"),
            retry_after: Some("9"),
            rate_limit_reset: Some("6m0s"),
        };
        let none = |_: &str| None;
        assert_eq!(wait_ms(&all, none), Some(1500));
        assert_eq!(
            wait_ms(&Headers { retry_after_ms: None, retry_after: None, ..all }, none),
            Some(360_000)
        );
        for (text, expect) in
            [("120ms", Some(120)), ("1h0m1.5s", Some(3_601_500)), ("7", None), ("", None)]
        {
            let headers = Headers { rate_limit_reset: Some(text), ..Headers::default() };
            assert_eq!(wait_ms(&headers, none), expect, "{text}");
        }
    }
}
