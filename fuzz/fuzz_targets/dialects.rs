//! Any bytes as a request, a reply, an error or a stream of any dialect, on the way to any other: no
//! panic, nothing invalid sent on, the same events for every split of the bytes, and no end that is
//! none. The first three bytes of the input choose what the rest is taken for.

#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use terms::{dialect::Dialect, model::Capabilities};
use wire::{
    Envelope, Finish, Framing, Habits, Prefill, Prefills, ReasoningBack, Resumption, StreamOptions,
    StreamRelay, Upstream, UpstreamRequest, adapt, as_stream, completion_from_chat,
    completion_records, completions_as_chat, embeddings_for_gemini, embeddings_for_openai,
    encode_request, gathered, human_spoke, mark_file_id, read_error, read_head, read_passed_answer,
    read_passed_form, read_passed_json, read_question, relay_reply, relay_reply_with,
    unmark_file_ids, without_reasoning, without_seals,
};

fuzz_target!(|data: &[u8]| {
    let [choice, pair, cut, rest @ ..] = data else { return };
    let callers = Dialect::ALL;
    let providers = [Dialect::ALL, Dialect::OF_PROVIDERS].concat();
    let dialect = |all: &[Dialect], number: u8| all[usize::from(number) % all.len()];
    let (caller, provider) = (dialect(callers, *pair), dialect(&providers, *pair / 16));
    match choice % 6 {
        0 => request(caller, provider, rest, *cut),
        1 => reply(provider, caller, rest),
        2 => drop(read_error(provider, rest)),
        3 if provider == Dialect::BedrockConverse => {
            stream(provider, caller, &framed(rest), usize::from(*cut));
        }
        3 => stream(provider, caller, rest, usize::from(*cut)),
        4 => broken(caller, dialect(callers, *pair / 16), rest, usize::from(*cut)),
        _ => passed(rest),
    }
});

fn request(from: Dialect, to: Dialect, bytes: &[u8], choice: u8) {
    let Ok(head) = read_head(from, bytes) else { return };
    let body = Bytes::copy_from_slice(bytes);
    let _ = human_spoke(&head, &body);
    let _ = read_question(from, &body);
    let _ = without_seals(from, &body, "target");
    let (bare, left_out) = without_reasoning(from, &body, "gemini-3-pro");
    if serde_json::from_slice::<Value>(bytes).is_ok() {
        let value: Value = serde_json::from_slice(&bare).expect("what is left is JSON");
        assert!(value.is_object() && (left_out.is_empty() == (bare == body)));
    }
    let able = choice & 1 == 1;
    let capabilities = Capabilities {
        images: able,
        tools: able,
        json_schema: able,
        reasoning: able,
        sampling: choice & 2 == 2,
        prefill: choice & 4 == 4,
    };
    let instruction = (choice & 8 == 8).then_some("Say \"yes\".\n");
    let upstream = Upstream {
        dialect: to,
        provider: "maker",
        model: "target",
        max_output: 64,
        capabilities,
        instruction,
    };
    let Ok(sent) = encode_request(from, &head, &body, &upstream) else { return };
    // A lone surrogate is passed on within its own dialect, and is no JSON to us.
    if serde_json::from_slice::<Value>(bytes).is_ok() {
        let value: Value = serde_json::from_slice(&sent.body).expect("what is sent is JSON");
        assert!(value.is_object());
    }
    assert!(sent.dropped.iter().all(|field| field.is_ascii()));
    for habits in HABITS {
        let sent = UpstreamRequest { continues: able, ..sent.clone() };
        let adapted = adapt(sent, *habits, &["context-1m-2025-08-07", "other"]);
        if serde_json::from_slice::<Value>(bytes).is_ok() {
            let value: Value = serde_json::from_slice(&adapted.body).expect("adapted JSON is JSON");
            assert!(value.is_object());
        }
    }
    if let Some((head, body)) = as_stream(&head, &body) {
        assert!(head.stream && read_head(from, &body).is_ok_and(|again| again.stream));
    }
}

const USUAL: Habits = Habits {
    envelope: Envelope::None,
    no_stream_options: false,
    only_max_tokens: false,
    prefill: Prefill::Unknown,
    reasoning_back: ReasoningBack::Unknown,
    strict_turns: false,
};

/// Every habit, some of them together.
const HABITS: &[Habits] = &[
    Habits {
        no_stream_options: true,
        only_max_tokens: true,
        prefill: Prefill::Prefix,
        reasoning_back: ReasoningBack::Refused(&["reasoning_content", "reasoning"]),
        strict_turns: true,
        ..USUAL
    },
    Habits {
        prefill: Prefill::ContinueFinalMessage,
        reasoning_back: ReasoningBack::Wanted,
        ..USUAL
    },
    Habits { envelope: Envelope::Bedrock, ..USUAL },
    Habits { envelope: Envelope::Vertex, reasoning_back: ReasoningBack::Taken, ..USUAL },
];

fn reply(from: Dialect, to: Dialect, bytes: &[u8]) {
    let body = Bytes::copy_from_slice(bytes);
    let Ok(relayed) = relay_reply_with(from, to, &body, &options()) else { return };
    if from == to {
        assert_eq!(relayed.body, body);
        return;
    }
    let again = relay_reply(to, to, &relayed.body).expect("what we write is a reply");
    if let Some(stop) = relayed.stop {
        assert!(again.stop.is_some(), "the reason {stop:?} is kept in some word");
    }
}

fn stream(from: Dialect, to: Dialect, bytes: &[u8], cut: usize) {
    let whole = played(from, to, [bytes].into_iter());
    let pieces = played(from, to, bytes.chunks(cut % 32 + 1));
    assert_eq!(whole, pieces, "the same for every split");
    let (out, is_complete) = whole;
    if !is_complete {
        return;
    }
    let (_, again) = played(to, to, [out.as_ref()].into_iter());
    assert!(again, "what we end as complete is complete to its reader");
    if let Some(gathered) = gathered(to, &out) {
        let value: Value = serde_json::from_slice(&gathered).expect("a gathered reply is JSON");
        assert!(value.is_object());
    }
}

/// A stream that breaks off somewhere and is told again, gone on with, or told otherwise.
fn broken(from: Dialect, to: Dialect, bytes: &[u8], cut: usize) {
    for hold_calls in [false, true] {
        let options = StreamOptions { hold_calls, ..options() };
        let framing = Framing::of(from);
        let mut relay = StreamRelay::framed(framing, from, to, options);
        let mut out = BytesMut::new();
        let at = bytes.len() * cut / 256;
        relay.push(&bytes[..at], &mut out);
        let resumption = [Resumption::Restart, Resumption::Instruct, Resumption::Prefill][cut % 3];
        let Ok(unfinished) = relay.into_unfinished() else { continue };
        let prefills = [Prefills::No, Prefills::Natively, Prefills::ByHabit][at % 3];
        let ways = unfinished.resumptions(bytes, prefills);
        assert!(ways.contains(&Resumption::Restart));
        let mut relay = unfinished.relay(resumption, framing, from, "second");
        let progress = relay.push(bytes, &mut out);
        let finish = relay.finish(&mut out);
        if progress.error.is_none() && finish != Finish::Cut {
            let (_, again) = played(to, to, [out.as_ref()].into_iter());
            assert!(again, "what we end as complete is complete to its reader");
        } else if let Ok(mut unfinished) = relay.into_unfinished() {
            let _ = unfinished.end_with_calls(&mut out);
        }
    }
}

/// Lines as the messages of Amazon's streams, so that their checksums hold: the first byte of a line
/// chooses its event.
fn framed(lines: &[u8]) -> Vec<u8> {
    const EVENTS: &[&str] =
        &["messageStart", "contentBlockStart", "contentBlockDelta", "messageStop", "metadata"];
    let mut out = Vec::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let Some((choice, payload)) = line.split_first() else { continue };
        let name = EVENTS[usize::from(*choice) % EVENTS.len()];
        let mut headers = Vec::new();
        for (header, value) in [(":event-type", name), (":message-type", "event")] {
            headers.extend([header.len() as u8]);
            headers.extend(header.as_bytes());
            headers.extend([7, 0, value.len() as u8]);
            headers.extend(value.as_bytes());
        }
        let begin = out.len();
        out.extend((16 + headers.len() as u32 + payload.len() as u32).to_be_bytes());
        out.extend((headers.len() as u32).to_be_bytes());
        let sum = crc32fast::hash(&out[begin..]);
        out.extend(sum.to_be_bytes());
        out.extend(headers);
        out.extend(payload);
        let sum = crc32fast::hash(&out[begin..]);
        out.extend(sum.to_be_bytes());
    }
    out
}

/// What a caller gets, and whether it is told that it is whole.
fn played<'a>(
    from: Dialect,
    to: Dialect,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (BytesMut, bool) {
    let mut relay = StreamRelay::new(from, to, options());
    let mut out = BytesMut::new();
    let mut failed = false;
    for piece in pieces {
        let progress = relay.push(piece, &mut out);
        failed |= progress.error.is_some();
    }
    let finish = relay.finish(&mut out);
    (out, !failed && finish != Finish::Cut)
}

fn passed(bytes: &[u8]) {
    let is_batch = bytes.len() % 2 == 0;
    let asked = [embeddings_for_gemini(bytes, "m"), embeddings_for_openai(bytes, is_batch, "m")];
    for asked in asked.into_iter().flatten() {
        serde_json::from_slice::<Value>(&asked.body).expect("what is sent is JSON");
        let _ = asked.answered(bytes, "m");
    }
    if let Ok(chat) = completions_as_chat(bytes) {
        serde_json::from_slice::<Value>(&chat).expect("a chat is JSON");
    }
    let _ = completion_from_chat(bytes);
    let _ = completion_records(bytes);
    let body = Bytes::copy_from_slice(bytes);
    let _ = mark_file_id(&body, str::to_uppercase);
    let _ = unmark_file_ids(&body, |id| Ok::<_, ()>(id.to_owned()));
    let _ = read_passed_json(bytes, None);
    let _ = read_passed_form(bytes, "XX");
    let _ = read_passed_answer(bytes);
}

fn options() -> StreamOptions {
    StreamOptions {
        include_usage: true,
        fallback_id: "id".to_owned(),
        model: "model".to_owned(),
        show_reasoning: true,
        created_unix_s: 1,
        ..StreamOptions::default()
    }
}
