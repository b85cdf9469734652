//! A stream gives the same bytes and the same facts however its bytes are split.

use bytes::BytesMut;
use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};
use terms::dialect::Dialect;
use wire::{Finish, StopReason, StreamOptions, StreamRelay};

/// Everything that a relay says of a stream.
#[derive(Debug, PartialEq)]
pub(crate) struct Account {
    pub(crate) out: String,
    pub(crate) finish: Finish,
    pub(crate) usage: Option<terms::usage::Usage>,
    pub(crate) stop: Option<StopReason>,
    pub(crate) error: Option<String>,
    pub(crate) output_bytes: u64,
    pub(crate) noise: u32,
}

/// Relays a stream that arrives in pieces ended at the given offsets.
pub(crate) fn account(
    from: Dialect,
    to: Dialect,
    options: &StreamOptions,
    stream: &[u8],
    splits: &[usize],
) -> Account {
    let mut relay = StreamRelay::new(from, to, options.clone());
    let mut out = BytesMut::new();
    let mut error = None;
    let mut at = 0;
    let mut ends: Vec<usize> = splits.iter().map(|split| split % (stream.len() + 1)).collect();
    ends.push(stream.len());
    ends.sort_unstable();
    for end in ends {
        let progress = relay.push(&stream[at..end], &mut out);
        error = error.or(progress.error.map(|error| error.to_string()));
        at = end;
    }
    let finish = relay.finish(&mut out);
    Account {
        out: String::from_utf8(out.to_vec()).expect("only whole records of valid UTF-8 pass"),
        finish,
        usage: relay.usage(),
        stop: relay.stop(),
        error,
        output_bytes: relay.output_bytes(),
        noise: relay.noise(),
    }
}

fn line_end() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("\n"), Just("\r\n"), Just("\r")]
}

/// One record's lines: data of both dialects, comments, noise and oddities of the grammar.
fn lines() -> impl Strategy<Value = Vec<String>> {
    let line = |text: &str| Just(vec![text.to_owned()]);
    prop_oneof![
        "[a-zé😀\\\\n ]{0,6}".prop_map(|text| {
            let text = serde_json::to_string(&text).unwrap();
            vec![format!(r#"data: {{"choices":[{{"index":0,"delta":{{"content":{text}}}}}]}}"#)]
        }),
        "[a-zé😀 ]{0,6}".prop_map(|text| {
            let delta = format!(r#"{{"type":"text_delta","text":"{text}"}}"#);
            let data = format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#);
            vec!["event: content_block_delta".to_owned(), format!("data:{data}")]
        }),
        line(r#"data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#),
        line(r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#),
        line(r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#),
        line("data: [DONE]"),
        line(r#"data: {"type":"message_stop"}"#),
        line(": comment"),
        line("data: {broken"),
        line("garbage"),
        line("\u{feff}odd"),
        Just(vec!["data: {".to_owned(), "data: \"choices\":[]".to_owned(), "data: }".to_owned()]),
        Just(vec![]),
    ]
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let record = (lines(), line_end()).prop_map(|(lines, end)| {
        lines.iter().map(|line| format!("{line}{end}")).chain([end.to_owned()]).collect::<String>()
    });
    let mark = prop_oneof![Just(""), Just("\u{feff}")];
    let tail = prop_oneof![Just(""), Just("data: [DONE]"), Just("data: {\"cho"), Just("\r")];
    (mark, prop::collection::vec(record, 0..8), tail)
        .prop_map(|(mark, records, tail)| format!("{mark}{}{tail}", records.concat()).into_bytes())
}

fn options() -> StreamOptions {
    StreamOptions { include_usage: true, model: "m".into(), ..StreamOptions::default() }
}

proptest! {
    #[test]
    fn every_split_says_the_same(
        stream in stream(),
        splits in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        for from in Dialect::ALL {
            for to in Dialect::ALL {
                let whole = account(*from, *to, &options(), &stream, &[]);
                let split = account(*from, *to, &options(), &stream, &splits);
                prop_assert_eq!(&whole, &split);
                let bytewise: Vec<usize> = (0..stream.len()).collect();
                prop_assert_eq!(&whole, &account(*from, *to, &options(), &stream, &bytewise));
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(
        stream in prop::collection::vec(any::<u8>(), 0..200),
        splits in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        for from in Dialect::ALL {
            for to in Dialect::ALL {
                let whole = account(*from, *to, &options(), &stream, &[]);
                prop_assert_eq!(&whole, &account(*from, *to, &options(), &stream, &splits));
            }
        }
    }
}
