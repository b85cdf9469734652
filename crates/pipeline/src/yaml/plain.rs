//! What a plain (unquoted) word means by YAML 1.1, as PyYAML's resolver has it
//! (<https://github.com/yaml/pyyaml>, `resolver.py` and `constructor.py`), on which Tangle stands.
//! Words of more than one meaning only there (`=`) are text here.

use super::Content;

/// The value of a plain word.
pub(super) fn resolve(word: &str) -> Content {
    match word {
        "" | "~" | "null" | "Null" | "NULL" => Content::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Content::Bool(true)
        }
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Content::Bool(false)
        }
        _ => number(word)
            .or_else(|| is_date(word).then(|| Content::Date(word.to_owned())))
            .unwrap_or_else(|| Content::Text(word.to_owned())),
    }
}

fn number(word: &str) -> Option<Content> {
    let first = *word.as_bytes().first()?;
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.')) {
        return None;
    }
    let (sign, digits) = match first {
        b'-' => (-1, &word[1..]),
        b'+' => (1, &word[1..]),
        _ => (1, word),
    };
    let whole = integer(digits).map(|value| Content::Integer(value.saturating_mul(sign)));
    whole.or_else(|| float(word, digits, sign))
}

/// A whole number without its sign. Past 64 bits it is still a number; which one does not matter here.
fn integer(digits: &str) -> Option<i64> {
    let radix = |prefix: &str, radix: u32| {
        let rest = digits.strip_prefix(prefix)?;
        let fits = |byte: u8| byte == b'_' || char::from(byte).is_digit(radix);
        (!rest.is_empty() && rest.bytes().all(fits)).then(|| of(rest, radix))
    };
    if digits == "0" {
        return Some(0);
    }
    if let Some(found) = radix("0b", 2).or_else(|| radix("0x", 16)).or_else(|| radix("0", 8)) {
        return Some(found);
    }
    let begins_well = digits.as_bytes().first().is_some_and(|&byte| (b'1'..=b'9').contains(&byte));
    if !begins_well {
        return None;
    }
    if is_made_of_digits(digits) {
        return Some(of(digits, 10));
    }
    base_sixty(digits)
}

fn of(digits: &str, radix: u32) -> i64 {
    let digits = digits.replace('_', "");
    if digits.is_empty() { 0 } else { i64::from_str_radix(&digits, radix).unwrap_or(i64::MAX) }
}

fn is_made_of_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

/// `1:30` is ninety.
fn base_sixty(digits: &str) -> Option<i64> {
    let mut parts = digits.split(':');
    let begins_well = |head: &str| head.as_bytes().first().is_some_and(u8::is_ascii_digit);
    let head = parts.next().filter(|head| begins_well(head) && is_made_of_digits(head))?;
    let mut total = of(head, 10);
    let mut count = 0;
    for part in parts {
        count += 1;
        let value = sixtieth(part)?;
        total = total.saturating_mul(60).saturating_add(value);
    }
    (count > 0).then_some(total)
}

/// One or two digits below sixty.
fn sixtieth(part: &str) -> Option<i64> {
    let is_one = part.len() == 1 || (part.len() == 2 && part.as_bytes()[0] <= b'5');
    (is_one && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse().ok())?
}

fn float(word: &str, digits: &str, sign: i64) -> Option<Content> {
    match digits {
        ".inf" | ".Inf" | ".INF" => return Some(Content::Float(f64::INFINITY * sign as f64)),
        ".nan" | ".NaN" | ".NAN" if word == digits => return Some(Content::Float(f64::NAN)),
        _ => {}
    }
    let (whole, rest) = digits.split_once('.')?;
    if let Some((_, last)) = whole.rsplit_once(':') {
        sixtieth(last)?;
        let found = base_sixty(whole)?;
        return is_made_of_digits(rest).then_some(Content::Float(found as f64));
    }
    let (fraction, exponent) = match rest.split_once(['e', 'E']) {
        Some((fraction, exponent)) => (fraction, Some(exponent)),
        None => (rest, None),
    };
    // The exponent must carry its sign; `1.0e5` is text in YAML 1.1.
    let exponent_fits = exponent.is_none_or(|exponent| {
        exponent
            .strip_prefix(['+', '-'])
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    });
    let whole_fits = if whole.is_empty() {
        // `.5` may not carry a sign, and begins with a digit.
        word == digits && fraction.as_bytes().first().is_some_and(u8::is_ascii_digit)
    } else {
        whole.as_bytes()[0].is_ascii_digit() && is_made_of_digits(whole)
    };
    if !(exponent_fits && whole_fits && is_made_of_digits(fraction)) {
        return None;
    }
    let mut text = format!("0{whole}.{fraction}0").replace('_', "");
    if let Some(exponent) = exponent {
        text.push('e');
        text.push_str(exponent);
    }
    text.parse::<f64>().ok().map(|value| Content::Float(value * sign as f64))
}

/// `2026-11-20`, or a date with a time after it.
fn is_date(word: &str) -> bool {
    let mut parts = word.splitn(3, '-');
    let (Some(year), Some(month), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let is_number = |text: &str, least: usize, most: usize| {
        (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !is_number(year, 4, 4) || !is_number(month, 1, 2) {
        return false;
    }
    if is_number(rest, 2, 2) {
        return month.len() == 2;
    }
    let Some((day, time)) = rest.split_once(['T', 't', ' ', '\t']) else {
        return false;
    };
    is_number(day, 1, 2) && is_time(time.trim_start())
}

/// `1:02:03`, perhaps a fraction, perhaps a zone.
fn is_time(text: &str) -> bool {
    let end =
        text.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.'))).unwrap_or(text.len());
    let (clock, zone) = text.split_at(end);
    let clock = clock.split_once('.').map_or(clock, |(clock, _)| clock);
    let parts: Vec<&str> = clock.split(':').collect();
    let clock_fits = parts.len() == 3
        && (1..=2).contains(&parts[0].len())
        && parts[1..].iter().all(|part| part.len() == 2);
    let zone = zone.trim();
    let zone_fits = zone.is_empty()
        || zone == "Z"
        || zone.strip_prefix(['+', '-']).is_some_and(|offset| {
            !offset.is_empty() && offset.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
        });
    clock_fits && zone_fits
}

#[cfg(test)]
mod tests {
    use super::{Content, resolve};

    #[test]
    fn words_mean_what_they_mean_in_yaml_1_1() {
        let text = |word: &str| Content::Text(word.to_owned());
        let date = |word: &str| Content::Date(word.to_owned());
        for (word, expected) in [
            ("", Content::Null),
            ("~", Content::Null),
            ("nULL", text("nULL")),
            ("no", Content::Bool(false)),
            ("On", Content::Bool(true)),
            ("y", text("y")),
            ("0", Content::Integer(0)),
            ("-17", Content::Integer(-17)),
            ("1_000", Content::Integer(1000)),
            ("010", Content::Integer(8)),
            ("09", text("09")),
            ("0o10", text("0o10")),
            ("0x1F", Content::Integer(31)),
            ("0b101", Content::Integer(5)),
            ("1:30", Content::Integer(90)),
            ("1:99", text("1:99")),
            ("20:30:00", Content::Integer(73_800)),
            ("1.5", Content::Float(1.5)),
            ("1.", Content::Float(1.0)),
            (".5", Content::Float(0.5)),
            ("-.5", text("-.5")),
            ("1.0e5", text("1.0e5")),
            ("1.0e+5", Content::Float(100_000.0)),
            ("1e5", text("1e5")),
            ("-.inf", Content::Float(f64::NEG_INFINITY)),
            ("1.2.3", text("1.2.3")),
            ("3.12-slim", text("3.12-slim")),
            ("2026-11-20", date("2026-11-20")),
            ("2026-1-2", text("2026-1-2")),
            ("2026-1-2 3:04:05.6 +1:00", date("2026-1-2 3:04:05.6 +1:00")),
            ("2026-11-20T10:00:00Z", date("2026-11-20T10:00:00Z")),
            ("2026-11-20-rc1", text("2026-11-20-rc1")),
            ("-", text("-")),
            ("--", text("--")),
            ("+", text("+")),
            (".", text(".")),
            ("99999999999999999999", Content::Integer(i64::MAX)),
        ] {
            assert_eq!(resolve(word), expected, "{word:?}");
        }
    }
}
