//! How long an upstream asks us to stay away. Pure parsing: no decision, no clock.
//!
//! Forms seen in the wild: `retry-after` in seconds (whole or fractional) or as an HTTP date
//! (RFC 9110, 10.2.3), `retry-after-ms` (OpenAI, Azure), `x-ratelimit-reset-*` as `1s`, `6m0s`,
//! `120ms` (OpenAI, Groq), as seconds (the IETF's draft) or as Unix time in seconds or milliseconds
//! (OpenRouter), `anthropic-ratelimit-*-reset` as RFC 3339. That last one names the next full refill
//! rather than the next free slot, and so it is believed only where nothing else is said.

use terms::time::Timestamp;

/// The header values that matter, as text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Headers<'a> {
    /// `retry-after-ms`, else `x-ms-retry-after-ms`.
    pub retry_after_ms: Option<&'a str>,
    /// `retry-after`.
    pub retry_after: Option<&'a str>,
    /// `x-ratelimit-reset-requests` or `x-ratelimit-reset-tokens`, whichever bucket is empty, and the
    /// like.
    pub rate_limit_reset: Option<&'a str>,
}

/// Milliseconds to wait, as the upstream asks; `None` when it does not say or says nonsense.
/// `http_date_ms` turns an HTTP date into milliseconds from now (negative when past).
pub fn wait_ms(
    headers: &Headers<'_>,
    now: Timestamp,
    http_date_ms: impl Fn(&str) -> Option<i64>,
) -> Option<u64> {
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
    headers.rate_limit_reset.map(str::trim).and_then(|text| reset_ms(text, now))
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

/// Numbers from here on are Unix time in seconds, and from there on in milliseconds.
const UNIX_S: f64 = 1e9;
const UNIX_MS: f64 = 1e12;

fn reset_ms(text: &str, now: Timestamp) -> Option<u64> {
    let ahead = |at_ms: f64| whole_ms((at_ms - now.0 as f64).max(0.0));
    match text.parse::<f64>() {
        Ok(number) if number >= UNIX_MS => ahead(number),
        Ok(number) if number >= UNIX_S => ahead(number * 1_000.0),
        Ok(seconds) => whole_ms(seconds * 1_000.0),
        Err(_) => match rfc3339(text) {
            Some(at) => ahead(at as f64),
            None => duration_ms(text),
        },
    }
}

/// Milliseconds of Unix time of `2026-11-21T16:45:00Z`, with a fraction or an offset or neither.
fn rfc3339(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once(['T', 't'])?;
    let Timestamp(day) = Timestamp::from_date(date)?;
    let zone = rest.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = rest.split_at(zone);
    let mut parts = clock.split(':');
    let mut part = || parts.next()?.parse::<f64>().ok().filter(|part| (0.0..61.0).contains(part));
    let (hours, minutes, seconds) = (part()?, part()?, part()?);
    let ahead = match zone.get(1..).filter(|offset| !offset.is_empty()) {
        None => 0,
        Some(offset) => {
            let (hours, minutes) = offset.split_once(':')?;
            let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
            if zone.starts_with('-') { -minutes } else { minutes }
        }
    };
    #[expect(clippy::cast_possible_truncation, reason = "within a day")]
    let ms = ((hours * 3_600.0 + minutes * 60.0 + seconds) * 1_000.0) as i64;
    Some(day + ms - ahead * 60_000)
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
    use terms::time::Timestamp;

    use super::{Headers, wait_ms};

    /// 2026-11-21, 00:00 UTC.
    const NOW: Timestamp = Timestamp(1_795_219_200_000);

    fn check(retry_after: &str, expect: Option<u64>) {
        let headers = Headers { retry_after: Some(retry_after), ..Headers::default() };
        let date = |text: &str| (text == "Wed, 21 Oct 2026 07:28:00 GMT").then_some(-5);
        assert_eq!(wait_ms(&headers, NOW, date), expect, "{retry_after}");
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
        assert_eq!(wait_ms(&all, NOW, none), Some(1500));
        assert_eq!(
            wait_ms(&Headers { retry_after_ms: None, retry_after: None, ..all }, NOW, none),
            Some(360_000)
        );
        for (text, expect) in [
            ("120ms", Some(120)),
            ("1h0m1.5s", Some(3_601_500)),
            ("7", Some(7_000)),
            ("0.5", Some(500)),
            ("1795219230", Some(30_000)),
            ("1795219230500", Some(30_500)),
            ("1795219100", Some(0)),
            ("2026-11-21T00:00:45Z", Some(45_000)),
            ("2026-11-21T01:00:45.5+01:00", Some(45_500)),
            ("2026-11-20T23:59:00Z", Some(0)),
            ("2026-11-21T25:61:99", None),
            ("soon", None),
            ("", None),
        ] {
            let headers = Headers { rate_limit_reset: Some(text), ..Headers::default() };
            assert_eq!(wait_ms(&headers, NOW, none), expect, "{text}");
        }
    }
}
