//! Answers that broke off and were gone on with by another stream: the caller reads what an unbroken
//! stream would have said, or nothing that the second stream tells otherwise.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use terms::{dialect::Dialect, model::Capabilities};
use wire::{
    Finish, Framing, Prefills, Progress,
    Resumption::{self, Instruct, Prefill, Restart},
    StreamRelay, Unfinished, Upstream, read_head,
};

use crate::{
    recorded::{Answer, options, read_stream},
    shared::{self, What},
    splits::account,
};

/// Relays the beginning of a stream that breaks off there.
fn cut(
    from: Dialect,
    to: Dialect,
    beginning: &str,
    out: &mut BytesMut,
) -> Result<Unfinished, &'static str> {
    let mut relay = StreamRelay::new(from, to, options());
    relay.push(beginning.as_bytes(), out);
    relay.into_unfinished().map_err(|(_, why)| why)
}

/// Goes on with another stream.
fn go_on(
    unfinished: Unfinished,
    resumption: Resumption,
    from: Dialect,
    stream: &str,
    out: &mut BytesMut,
) -> (Progress, Finish) {
    let mut relay = unfinished.relay(resumption, Framing::of(from), from, "second");
    let progress = relay.push(stream.as_bytes(), out);
    (progress, relay.finish(out))
}

/// A few places where a record ends and a part of the answer has passed, but not all of it.
fn cuts(from: Dialect, stream: &str) -> Vec<usize> {
    let ends: Vec<usize> = stream.match_indices("\n\n").map(|(at, _)| at + 2).collect();
    let is_in_the_middle = |end: &usize| {
        let said = account(from, from, &options(), &stream.as_bytes()[..*end], &[]);
        said.output_bytes > 0 && said.stop.is_none() && *end < stream.len()
    };
    let step = ends.len().div_ceil(5).max(1);
    ends.into_iter().step_by(step).filter(is_in_the_middle).collect()
}

/// Recorded streams that end well, and that can be told in every dialect.
fn recorded() -> Option<Vec<(String, Dialect, String)>> {
    const ODD: [&str; 3] = ["partialArgs", "event: error", r#""type":"error""#];
    let recordings = shared::wire_recordings(&shared::data()?).into_iter();
    let streams = recordings.filter_map(|recording| match recording.what {
        What::Stream(stream) => Some((recording.source, recording.dialect, stream)),
        _ => None,
    });
    let is_plain = |(source, _, stream): &(String, Dialect, String)| {
        !ODD.iter().any(|odd| stream.contains(odd)) && !source.contains("spliced-message")
    };
    Some(streams.filter(is_plain).collect())
}

#[test]
fn an_answer_told_again_is_the_answer_in_every_dialect() {
    let Some(recorded) = recorded() else { return };
    let (mut joined, mut refused) = (0, BTreeMap::<&str, u32>::new());
    for (number, (source, from, stream)) in recorded.iter().enumerate() {
        let told: Vec<String> = Dialect::ALL
            .iter()
            .map(|to| account(*from, *to, &options(), stream.as_bytes(), &[]).out)
            .collect();
        for (nth, end) in cuts(*from, stream).into_iter().enumerate() {
            for (to, unbroken) in Dialect::ALL.iter().zip(&told) {
                // Of the dialects that may tell it again each has its turn.
                let other = (number + nth) % Dialect::ALL.len();
                let (again, retelling) = (Dialect::ALL[other], &told[other]);
                let case = format!("{source}: {from} to {to}, cut at {end}, then {again}");
                let mut out = BytesMut::new();
                let unfinished = match cut(*from, *to, &stream[..end], &mut out) {
                    Ok(unfinished) => unfinished,
                    Err(why) => {
                        *refused.entry(why).or_default() += 1;
                        continue;
                    }
                };
                let unstated = read_stream(*from, stream).usage.is_none();
                // Arguments that end in their middle are no object, which this dialect demands.
                let halved = source.contains("incomplete_partial_json") && again == Dialect::Gemini;
                if again != *from && (unstated || halved) {
                    continue;
                }
                let (progress, finish) = go_on(unfinished, Restart, again, retelling, &mut out);
                assert_eq!(progress.error, None, "{case}");
                assert_ne!(finish, Finish::Cut, "{case}");
                let heard = read_stream(*to, std::str::from_utf8(&out).unwrap());
                assert_eq!(heard, read_stream(*to, unbroken), "{case}");
                joined += 1;
            }
        }
    }
    println!("{joined} joined, not to be gone on with: {refused:?}");
    assert!(joined > 1_000, "{joined}");
}

const CHAT: Dialect = Dialect::OpenaiChat;
const MESSAGES: Dialect = Dialect::AnthropicMessages;

/// A whole openai-chat stream that says these pieces.
fn said(pieces: &[&str]) -> String {
    let records = pieces.iter().map(|piece| delta(&json!({ "content": piece })));
    records.collect::<String>() + &ended("stop", 40, 9)
}

fn delta(delta: &Value) -> String {
    format!("data: {}\n\n", json!({ "id": "c", "choices": [{ "index": 0, "delta": delta }] }))
}

fn ended(reason: &str, input: u64, output: u64) -> String {
    let stop = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] });
    let usage = json!({ "prompt_tokens": input, "completion_tokens": output });
    let usage = json!({ "choices": [], "usage": usage });
    format!("data: {stop}\n\ndata: {usage}\n\ndata: [DONE]\n\n")
}

fn call(index: u64, name: &str, pieces: &[&str]) -> String {
    let function = json!({ "name": name, "arguments": "" });
    let begun =
        json!({ "index": index, "id": format!("call_{index}_{name}"), "function": function });
    let pieces = pieces.iter().map(|piece| {
        let piece = json!({ "index": index, "function": { "arguments": piece } });
        delta(&json!({ "tool_calls": [piece] }))
    });
    delta(&json!({ "tool_calls": [begun] })) + &pieces.collect::<String>()
}

/// What a caller of each dialect read of an answer of two parts, which is the same in all of them.
fn joined(resumption: Resumption, first: &str, second: &str) -> Result<Answer, String> {
    let read = |to: &Dialect| {
        let mut out = BytesMut::new();
        let unfinished = cut(CHAT, *to, first, &mut out).unwrap();
        let before = out.len();
        let (progress, finish) = go_on(unfinished, resumption, CHAT, second, &mut out);
        match progress.error {
            None => {
                assert_ne!(finish, Finish::Cut, "{to}");
                Ok(read_stream(*to, std::str::from_utf8(&out).unwrap()))
            }
            Some(error) => {
                assert!(progress.mismatch, "{error}");
                assert_eq!(out.len(), before, "nothing of another answer is passed on");
                assert_eq!(finish, Finish::Cut);
                Err(error.to_string())
            }
        }
    };
    let mut answers = Dialect::ALL.iter().map(read);
    let first = answers.next().unwrap();
    for other in answers {
        assert_eq!(other, first);
    }
    first
}

fn text(resumption: Resumption, first: &str, second: &[&str]) -> Result<String, String> {
    let first = delta(&json!({ "content": first }));
    joined(resumption, &first, &said(second)).map(|answer| answer.text)
}

#[test]
fn an_answer_that_differs_is_given_up_and_nothing_of_it_is_passed_on() {
    let restart = |first, second: &[&str]| text(Restart, first, second);
    assert_eq!(restart("Blue is", &["Blu", "e", " is it."]), Ok("Blue is it.".into()));
    assert!(restart("Blue is", &["Blue", " was"]).is_err());
    assert!(restart("Blue is", &["Green"]).is_err());
    assert!(restart("Blue is", &["Blue"]).is_err(), "it ended before the first one did");
    assert_eq!(restart("Blue 🟦", &["Blue 🟦", "!"]), Ok("Blue 🟦!".into()));
}

#[test]
fn a_continuation_is_joined_without_what_it_repeats() {
    const FIRST: &str = "The sky is blue because short waves ";
    let instruct = |second: &[&str]| text(Instruct, FIRST, second).unwrap();
    let whole = "The sky is blue because short waves scatter more.";
    assert_eq!(instruct(&["scatter", " more."]), whole);
    assert_eq!(instruct(&["because short waves ", "scatter more."]), whole);
    assert_eq!(instruct(&["The sky is blue because sh", "ort waves scatter more."]), whole);
    // Fewer repeated bytes may be meant.
    assert_eq!(instruct(&["waves and waves."]), format!("{FIRST}waves and waves."));
    // It began again, and then told something else.
    assert!(text(Instruct, FIRST, &["The sky is blue because God"]).is_err());
    // One that began again is another one where its spaces differ, and is not put behind the first.
    let padded = delta(&json!({ "content": format!("\n\n{FIRST}") }));
    assert!(joined(Instruct, &padded, &said(&[FIRST, "scatter more."])).is_err());
    // What was taken for reasoning is no rest.
    let reasoned = delta(&json!({ "reasoning_content": "scatter more." })) + &ended("stop", 9, 3);
    assert!(joined(Prefill, &delta(&json!({ "content": FIRST })), &reasoned).is_err());
    // A target that goes on is asked without the spaces at the end, and may say them again.
    let prefill = |second: &[&str]| text(Prefill, FIRST, second).unwrap();
    assert_eq!(prefill(&[" scatter", " more."]), whole);
    assert_eq!(prefill(&["scatter more."]), whole);
}

#[test]
fn an_open_call_is_told_again_and_a_whole_one_is_kept() {
    let look = |pieces| call(0, "look", pieces);
    let first = look(&["{\"at\": \"Ro"]);
    let whole = |arguments: &str| json!({ "at": arguments });
    let tools = |joined: Answer| (joined.tools, joined.stop);
    let second = look(&["{\"at\":", "\"Rome\"}"]) + &ended("tool_calls", 40, 9);
    let answer = joined(Restart, &first, &second).map(tools);
    assert_eq!(answer, Ok((vec![("look".into(), whole("Rome"))], "tool")));
    let other = look(&["{\"at\":", "\"Paris\"}"]) + &ended("tool_calls", 40, 9);
    assert!(joined(Restart, &first, &other).is_err());
    let other = call(0, "listen", &["{\"at\": \"Rome\"}"]) + &ended("tool_calls", 40, 9);
    assert!(joined(Restart, &first, &other).is_err());
    // A whole one may be told again with its fields spaced otherwise; a second one follows it.
    let first = look(&["{\"at\": \"Rome\"}"]) + &call(1, "look", &["{\"a"]);
    let second = look(&["{\"at\":\"Rome\"}"])
        + &call(1, "look", &["{\"at\":\"Oslo\"}"])
        + &ended("tool_calls", 40, 9);
    let answer = joined(Restart, &first, &second).map(tools);
    let calls = vec![("look".into(), whole("Rome")), ("look".into(), whole("Oslo"))];
    assert_eq!(answer, Ok((calls, "tool")));
}

#[test]
fn an_answer_that_ends_with_whole_calls_can_end_there() {
    for to in Dialect::ALL {
        let first = call(0, "look", &["{\"at\":", " 1}"]);
        let mut out = BytesMut::new();
        let mut unfinished = cut(CHAT, *to, &first, &mut out).unwrap();
        assert!(unfinished.end_with_calls(&mut out).is_some(), "{to}");
        let answer = read_stream(*to, std::str::from_utf8(&out).unwrap());
        assert_eq!(
            (answer.tools, answer.stop),
            (vec![("look".into(), json!({ "at": 1 }))], "tool")
        );
        let open = call(0, "look", &["{\"at\":"]);
        let mut unfinished = cut(CHAT, *to, &open, &mut BytesMut::new()).unwrap();
        assert_eq!(unfinished.end_with_calls(&mut BytesMut::new()), None, "{to}");
    }
}

#[test]
fn the_counts_are_those_of_one_answer() {
    // The first part was forty bytes, about ten tokens, that the second target read as input.
    let words = "0123456789".repeat(4);
    let first = delta(&json!({ "content": words }));
    let answer = |resumption, second: &[&str]| joined(resumption, &first, &said(second)).unwrap();
    assert_eq!(answer(Restart, &[&words, "!"]).usage, Some((40, 9)));
    assert_eq!(answer(Instruct, &["!"]).usage, Some((30, 19)));
}

/// The request for the rest of an answer that a Claude and others are asked for.
fn asked(from: Dialect, resumption: Resumption, to: Dialect, said: &str) -> Value {
    let limit = if from == Dialect::OpenaiResponses { "max_output_tokens" } else { "max_tokens" };
    let body = match from {
        Dialect::Gemini => json!({
            "model": "route", "stream": true,
            "contents": [{ "role": "user", "parts": [{ "text": "Why?" }] }],
            "generationConfig": { "maxOutputTokens": 500 },
        }),
        Dialect::OpenaiResponses => {
            json!({ "model": "route", "stream": true, "input": "Why?", "store": false, limit: 500 })
        }
        _ => json!({
            "model": "route", "stream": true, limit: 500,
            "messages": [{ "role": "user", "content": "Why?" }],
        }),
    };
    let body = Bytes::from(body.to_string());
    let head = read_head(from, &body).unwrap();
    let first = delta(&json!({ "content": said }));
    let unfinished = cut(CHAT, from, &first, &mut BytesMut::new()).unwrap();
    let capabilities = Capabilities { prefill: true, ..Capabilities::default() };
    let upstream = Upstream {
        dialect: to,
        provider: "p",
        model: "other",
        max_output: 0,
        capabilities,
        instruction: None,
    };
    let request = unfinished.request(resumption, &head, &body, &upstream, false).unwrap();
    assert_eq!(request.dropped, Vec::<String>::new(), "{from} {to}");
    serde_json::from_slice(&request.body).unwrap()
}

#[test]
fn what_is_asked_for_the_rest_is_a_request_of_its_dialect() {
    for from in Dialect::ALL {
        let prefill = asked(*from, Prefill, MESSAGES, "Because the ");
        let turns = prefill["messages"].as_array().unwrap();
        assert_eq!(turns.len(), 2, "{prefill}");
        assert_eq!(turns[1]["role"], "assistant", "{from}");
        let said = turns[1]["content"].as_str().or(turns[1]["content"][0]["text"].as_str());
        assert_eq!(said, Some("Because the"), "a last turn must not end with spaces");
        // What was said counts against the limit, where it stands outside of Gemini's nested fields.
        let limit = if *from == Dialect::Gemini { 500 } else { 497 };
        assert_eq!(prefill["max_tokens"], limit, "{from}");

        let instruct = asked(*from, Instruct, CHAT, "Because the ");
        let turns = instruct["messages"].as_array().unwrap();
        let roles: Vec<&Value> = turns.iter().map(|turn| &turn["role"]).collect();
        assert_eq!(roles, ["user", "assistant", "user"], "{from}");
        assert!(turns[1].to_string().contains("Because the "), "{from}");
        assert!(turns[2].to_string().contains("Continue it"), "{from}");

        let restart = asked(*from, Restart, CHAT, "Because the ");
        assert_eq!(restart["messages"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn ways_to_go_on_are_those_that_the_answer_allows() {
    let ways = |first: &str, body: Value, prefills| {
        let unfinished = cut(CHAT, CHAT, first, &mut BytesMut::new()).unwrap();
        unfinished.resumptions(body.to_string().as_bytes(), prefills)
    };
    let asked = |more: Value| {
        let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "Why?" }] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let words = delta(&json!({ "content": "Because" }));
    assert_eq!(ways(&words, asked(json!({})), Prefills::Natively), [Prefill, Restart, Instruct]);
    assert_eq!(ways(&words, asked(json!({})), Prefills::No), [Restart, Instruct]);
    // Where the beginning may be told again it must be long enough to be known.
    assert_eq!(ways(&words, asked(json!({})), Prefills::ByHabit), [Restart, Instruct]);
    let more = delta(&json!({ "content": "Because the sky scatters the light" }));
    assert_eq!(ways(&more, asked(json!({})), Prefills::ByHabit), [Prefill, Restart, Instruct]);
    let spaces = delta(&json!({ "content": format!("Sure:\n{}", " ".repeat(30)) }));
    assert_eq!(ways(&spaces, asked(json!({})), Prefills::ByHabit), [Restart, Instruct]);
    let reasoned = delta(&json!({ "reasoning_content": "Hm" })) + &more;
    assert_eq!(ways(&reasoned, asked(json!({})), Prefills::ByHabit), [Restart, Instruct]);
    // A model that reasons would have its last turn refused; a shape would be begun anew.
    let reasoning = asked(json!({ "reasoning_effort": "high" }));
    assert_eq!(ways(&words, reasoning, Prefills::Natively), [Restart, Instruct]);
    let shaped = asked(json!({ "response_format": { "type": "json_object" } }));
    assert_eq!(ways(&words, shaped, Prefills::Natively), [Restart]);
    // Of a call only another telling can go on.
    assert_eq!(ways(&call(0, "look", &["{\"a"]), asked(json!({})), Prefills::Natively), [Restart]);
    let with_call = words + &call(0, "look", &["{\"a"]);
    assert_eq!(ways(&with_call, asked(json!({})), Prefills::Natively), [Restart, Instruct]);
}

#[test]
fn an_answer_that_nobody_can_go_on_with_says_why() {
    let searching = [
        r#"{"type":"message_start","message":{"id":"m","usage":{"input_tokens":7,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}"#,
    ];
    let stream = format!("data: {}\n\n", searching.join("\n\ndata: "));
    let why = cut(MESSAGES, MESSAGES, &stream, &mut BytesMut::new()).unwrap_err();
    assert_eq!(why, "output of a kind that only its own dialect has");
    let other = json!({ "id": "c", "choices": [{ "index": 1, "delta": { "content": "no" } }] });
    let two = delta(&json!({ "content": "yes" })) + &format!("data: {other}\n\n");
    let why = cut(CHAT, CHAT, &two, &mut BytesMut::new()).unwrap_err();
    assert_eq!(why, "several choices, or output of another kind");
}
