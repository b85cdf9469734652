//! The table of the guide that says which recorded cases pass, per pair of dialects: counted here, so
//! that it stays true. That each of them passes is proven in `recorded`.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

use bytes::Bytes;
use terms::dialect::Dialect;
use wire::{StreamOptions, relay_reply};

use crate::{
    shared::{self, What},
    splits::account,
};

/// What was recorded of one dialect, and how much of it each caller's dialect carries.
#[derive(Debug, Default)]
struct Counts {
    streams: usize,
    replies: usize,
    /// Whole answers, by the caller's dialect.
    carried: BTreeMap<&'static str, usize>,
    /// Streams that end with an explicit error, because the recorded one does or cannot be continued.
    told: BTreeMap<&'static str, usize>,
}

fn count(data: &Path) -> BTreeMap<&'static str, Counts> {
    let mut all: BTreeMap<&'static str, Counts> = BTreeMap::new();
    for recording in shared::wire_recordings(data) {
        let counts = all.entry(recording.dialect.name()).or_default();
        match &recording.what {
            What::Stream(stream) => {
                counts.streams += 1;
                for to in Dialect::ALL {
                    let options = StreamOptions { include_usage: true, ..StreamOptions::default() };
                    let played = account(recording.dialect, *to, &options, stream.as_bytes(), &[]);
                    let which =
                        if played.error.is_none() { &mut counts.carried } else { &mut counts.told };
                    *which.entry(to.name()).or_default() += 1;
                }
            }
            What::Reply(body) if shared::is_reply(body) => {
                counts.replies += 1;
                let body = Bytes::copy_from_slice(body.as_bytes());
                for to in Dialect::ALL {
                    let is_carried = relay_reply(recording.dialect, *to, &body).is_ok();
                    *counts.carried.entry(to.name()).or_default() += usize::from(is_carried);
                }
            }
            What::Reply(_) | What::Error(_) | What::Request(_) => {}
        }
    }
    all
}

fn table(all: &BTreeMap<&'static str, Counts>) -> String {
    let mut text = String::from("| recorded of | streams | replies |");
    for to in Dialect::ALL {
        write!(text, " to {to} |").unwrap();
    }
    text.push_str("\n|---|---:|---:|");
    text.push_str(&"---|".repeat(Dialect::ALL.len()));
    text.push('\n');
    for (from, counts) in all {
        write!(text, "| {from} | {} | {} |", counts.streams, counts.replies).unwrap();
        for to in Dialect::ALL {
            let carried = counts.carried.get(to.name()).copied().unwrap_or(0);
            let told = counts.told.get(to.name()).copied().unwrap_or(0);
            write!(text, " {carried}").unwrap();
            if told > 0 {
                write!(text, ", {told} as errors").unwrap();
            }
            text.push_str(" |");
        }
        text.push('\n');
    }
    text
}

#[test]
fn the_guides_table_says_what_passes() {
    let Some(data) = shared::data() else { return };
    let all = count(&data);
    for (from, counts) in &all {
        for to in Dialect::ALL {
            let ends = [&counts.carried, &counts.told]
                .map(|ends| ends.get(to.name()).copied().unwrap_or(0));
            let sum: usize = ends.iter().sum();
            assert_eq!(sum, counts.streams + counts.replies, "from {from} to {to}");
        }
    }
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/dialects.md");
    let guide = fs::read_to_string(guide).unwrap();
    let table = table(&all);
    assert!(guide.contains(&table), "docs/guide/dialects.md must hold this table:\n{table}");
}
