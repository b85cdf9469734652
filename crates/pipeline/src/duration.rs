//! Durations as specifications write them (ISO 8601, `P30DT1H22M3S`), in milliseconds. A month counts
//! thirty days and a year 365, as it does not matter here.

const DAY: f64 = 86_400_000.0;

/// Milliseconds of a duration; none where the text is not one.
pub(crate) fn milliseconds(text: &str) -> Option<u64> {
    let rest = text.strip_prefix('P')?;
    let (days, time) = match rest.split_once('T') {
        Some((days, time)) if !time.is_empty() => (days, time),
        Some(_) => return None,
        None => (rest, ""),
    };
    if days.is_empty() && time.is_empty() {
        return None;
    }
    let in_days = [('Y', 365.0 * DAY), ('M', 30.0 * DAY), ('W', 7.0 * DAY), ('D', DAY)];
    let in_time = [('H', 3_600_000.0), ('M', 60_000.0), ('S', 1000.0)];
    let total = sum(days, &in_days)? + sum(time, &in_time)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in range")]
    (total < 1e18).then_some(total as u64)
}

/// Adds numbers that each carry their unit, the units in this order and each at most once.
fn sum(mut text: &str, units: &[(char, f64)]) -> Option<f64> {
    let mut total = 0.0;
    let mut next = 0;
    while !text.is_empty() {
        let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let number: f64 = text[..end].parse().ok()?;
        let letter = text[end..].chars().next()?;
        let at = units[next..].iter().position(|(unit, _)| *unit == letter)?;
        total += number * units[next + at].1;
        next += at + 1;
        text = &text[end + letter.len_utf8()..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn durations_are_read_and_other_text_is_not() {
        for (text, expected) in [
            ("P0D", Some(0)),
            ("PT1S", Some(1000)),
            ("PT0.25S", Some(250)),
            ("P7D", Some(604_800_000)),
            ("P30DT1H22M3S", Some(2_596_923_000)),
            ("P1W", Some(604_800_000)),
            ("P1M", Some(2_592_000_000)),
            ("PT1M", Some(60_000)),
            ("P", None),
            ("PT", None),
            ("P1DT", None),
            ("P1H", None),
            ("PT1S1H", None),
            ("7 days", None),
            ("", None),
            ("P1", None),
            ("P99999999999999999999D", None),
        ] {
            assert_eq!(milliseconds(text), expected, "{text:?}");
        }
    }
}
