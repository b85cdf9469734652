//! Numbers as people read them. Money prints itself (`terms::money`); this is the rest.

use terms::{money::thousands, time::Timestamp};

/// `0`, `12,483`.
pub(crate) fn count(number: u64) -> String {
    thousands(number)
}

/// `1 call`, `12,483 calls`.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

/// A duration with as much detail as helps: `820 ms`, `4.2 s`, `38 s`, `12 min`, `2 h 5 min`,
/// `3 d 4 h`.
pub(crate) fn duration(ms: u64) -> String {
    let (seconds, minutes, hours) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{seconds}.{} s", ms % 1_000 / 100),
        10_000..60_000 => format!("{seconds} s"),
        60_000..3_600_000 => format!("{minutes} min"),
        3_600_000..86_400_000 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

/// A moment in UTC: `2026-11-20 12:34:56`.
pub(crate) fn shown_time(at: Timestamp) -> String {
    format!("{} {}", at.date(), at.clock())
}

/// An amount of bytes: `0 B`, `812 B`, `4.2 kB`, `1.7 MB`, `38 GB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let mut amount = bytes as f64 / 1_000.0;
    let mut units = UNITS.iter();
    let mut unit = units.next().unwrap_or(&"kB");
    while amount >= 999.5
        && let Some(next) = units.next()
    {
        amount /= 1_000.0;
        unit = next;
    }
    if amount < 9.95 { format!("{amount:.1} {unit}") } else { format!("{amount:.0} {unit}") }
}

/// A time in UTC as much as it must be told: `14:03:11` today, `2026-11-20 14:03` before.
pub(crate) fn moment(at: Timestamp, now: Timestamp) -> String {
    let clock = at.clock();
    if at.day() == now.day() { clock } else { format!("{} {}", at.date(), &clock[..5]) }
}

/// A share of a whole: `0 %`, `< 0.1 %`, `1.7 %`, `42 %`, `100 %`; a share that is not all of it
/// never reads as 100 %.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    match (part, whole) {
        (0, _) | (_, 0) => "0 %".to_owned(),
        _ if part >= whole => "100 %".to_owned(),
        _ => share(part as f64 / whole as f64),
    }
}

/// The same for a share between 0 and 1.
pub(crate) fn share(share: f64) -> String {
    let percent = share * 100.0;
    if percent <= 0.0 {
        "0 %".to_owned()
    } else if percent < 0.1 {
        "< 0.1 %".to_owned()
    } else if percent < 9.95 {
        format!("{percent:.1} %")
    } else if percent < 99.0 {
        format!("{percent:.0} %")
    } else {
        // Cut, not rounded, so that what is left stays visible.
        format!("{:.1} %", (percent * 10.0).floor() / 10.0)
    }
}

/// A word of the code as words of a sentence: `timed_out` becomes `timed out`.
pub(crate) fn words(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::{bytes, counted, duration, percent};

    #[test]
    fn durations_have_the_detail_that_helps() {
        for (ms, expected) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (4_250, "4.2 s"),
            (59_999, "59 s"),
            (60_000, "1 min"),
            (7_500_000, "2 h 5 min"),
            (273_600_000, "3 d 4 h"),
        ] {
            assert_eq!(duration(ms), expected);
        }
    }

    #[test]
    fn bytes_have_the_detail_that_helps() {
        for (amount, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (4_240, "4.2 kB"),
            (38_400, "38 kB"),
            (999_600, "1.0 MB"),
            (7_500_000_000_000_000, "7500 TB"),
        ] {
            assert_eq!(bytes(amount), expected);
        }
    }

    #[test]
    fn a_part_never_reads_as_all_or_nothing() {
        for (part, whole, expected) in [
            (0, 0, "0 %"),
            (0, 9, "0 %"),
            (1, 100_000, "< 0.1 %"),
            (17, 1_000, "1.7 %"),
            (2, 5, "40 %"),
            (99_999, 100_000, "99.9 %"),
            (9, 9, "100 %"),
        ] {
            assert_eq!(percent(part, whole), expected, "{part}/{whole}");
        }
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(counted(1, "call", "calls"), "1 call");
        assert_eq!(counted(1_200, "call", "calls"), "1,200 calls");
    }
}
