//! Answers of words, refusals and calls in any order that break off anywhere and are told again: their
//! caller reads what an unbroken stream would have said, and nothing of a telling that differs.

use bytes::BytesMut;
use proptest::prelude::{
    Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use serde_json::{Value, json};
use terms::dialect::Dialect;
use wire::{Finish, Framing, Progress, Resumption::Restart, StreamRelay};

use crate::{
    recorded::{options, read_stream, records},
    splits::account,
};

const CHAT: Dialect = Dialect::OpenaiChat;

/// One thing that an answer says.
#[derive(Debug, Clone)]
enum Said {
    Text(String),
    Refusal(String),
    /// Calls at once.
    Calls(Vec<(&'static str, Value)>),
}

/// The least that can come of it.
#[derive(Debug, Clone, PartialEq)]
enum Unit {
    Text(char),
    Refusal(char),
    Start(u64, &'static str),
    Argument(u64, char),
}

/// How an answer is told.
#[derive(Debug, Clone)]
struct Telling {
    /// Where records end, beside those between units of different kinds.
    ends: Vec<bool>,
    /// Which call goes on next, where the arguments of calls at once come mixed.
    mixed: Option<Vec<prop::sample::Index>>,
    /// Whether a call without arguments says so.
    says_empty: bool,
}

fn words() -> impl Strategy<Value = String> {
    "[abcé🟦\"\\\\ \n]{1,9}"
}

fn arguments() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({})),
        words().prop_map(|at| json!({ "at": at })),
        words().prop_map(|at| json!({ "at": [{ "a b": at }, 1], "c": {} })),
    ]
}

fn answer() -> impl Strategy<Value = Vec<Said>> {
    let call = (prop_oneof![Just("look"), Just("go")], arguments());
    let said = prop_oneof![
        words().prop_map(Said::Text),
        words().prop_map(Said::Refusal),
        prop::collection::vec(call, 1..4).prop_map(Said::Calls),
    ];
    prop::collection::vec(said, 1..6)
}

fn telling(mixed: bool) -> impl Strategy<Value = Telling> {
    let order = prop::collection::vec(any::<prop::sample::Index>(), 1..9);
    (prop::collection::vec(any::<bool>(), 1..20), order, any::<bool>()).prop_map(
        move |(ends, order, says_empty)| Telling {
            ends,
            mixed: mixed.then_some(order),
            says_empty,
        },
    )
}

/// The units of an answer in the order in which they are told.
fn units(answer: &[Said], telling: &Telling) -> Vec<Unit> {
    let (mut units, mut begun) = (Vec::new(), 0);
    for said in answer {
        match said {
            Said::Text(text) => units.extend(text.chars().map(Unit::Text)),
            Said::Refusal(text) => units.extend(text.chars().map(Unit::Refusal)),
            Said::Calls(calls) => {
                let mut open = Vec::new();
                for (number, (name, arguments)) in (begun..).zip(calls) {
                    let is_said = telling.says_empty || *arguments != json!({});
                    let written = if is_said { arguments.to_string() } else { String::new() };
                    let mut written: Vec<Unit> =
                        written.chars().map(|next| Unit::Argument(number, next)).collect();
                    units.push(Unit::Start(number, name));
                    match telling.mixed {
                        None => units.append(&mut written),
                        Some(_) => open.push(written.into_iter()),
                    }
                }
                begun += calls.len() as u64;
                for turn in 0.. {
                    open.retain(|call| call.len() > 0);
                    let Some(order) = telling.mixed.as_ref().filter(|_| !open.is_empty()) else {
                        break;
                    };
                    let next = order[turn % order.len()].index(open.len());
                    units.extend(open[next].next());
                }
            }
        }
    }
    units
}

fn delta(delta: &Value) -> String {
    format!("data: {}\n\n", json!({ "id": "c", "choices": [{ "index": 0, "delta": delta }] }))
}

/// The records that say these units.
fn stream(units: &[Unit], ends: &[bool]) -> String {
    let mut stream = String::new();
    let mut pending: Option<(&Unit, String)> = None;
    for (at, unit) in units.iter().enumerate() {
        let text = match unit {
            Unit::Text(next) | Unit::Refusal(next) | Unit::Argument(_, next) => next.to_string(),
            Unit::Start(..) => String::new(),
        };
        match &mut pending {
            Some((first, said)) if goes_on(first, unit) && !ends[at % ends.len()] => {
                said.push_str(&text);
            }
            _ => {
                stream.extend(pending.take().map(|(first, said)| record(first, &said)));
                pending = Some((unit, text));
            }
        }
    }
    stream.extend(pending.map(|(first, said)| record(first, &said)));
    stream
}

fn goes_on(first: &Unit, next: &Unit) -> bool {
    match (first, next) {
        (Unit::Text(_), Unit::Text(_)) | (Unit::Refusal(_), Unit::Refusal(_)) => true,
        (Unit::Start(one, _) | Unit::Argument(one, _), Unit::Argument(other, _)) => one == other,
        _ => false,
    }
}

fn record(first: &Unit, said: &str) -> String {
    let call = |call: Value| delta(&json!({ "tool_calls": [call] }));
    match first {
        Unit::Text(_) => delta(&json!({ "content": said })),
        Unit::Refusal(_) => delta(&json!({ "refusal": said })),
        Unit::Start(number, name) => call(json!({
            "index": number, "id": format!("call_{number}"),
            "function": { "name": name, "arguments": said },
        })),
        Unit::Argument(number, _) => {
            call(json!({ "index": number, "function": { "arguments": said } }))
        }
    }
}

const END: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":9}}\n\ndata: [DONE]\n\n";

/// What an openai-chat stream says, in its order: words of one kind in a row, and calls as they begin.
fn in_order(stream: &str) -> Vec<(String, String)> {
    let mut said: Vec<(String, String)> = Vec::new();
    let mut add = |kind: String, text: &str, goes_on: bool| {
        let known = if goes_on {
            said.last_mut().filter(|(last, _)| *last == kind)
        } else {
            said.iter_mut().find(|(known, _)| *known == kind)
        };
        match known {
            Some((_, before)) => before.push_str(text),
            None => said.push((kind, text.to_owned())),
        }
    };
    for record in records(stream) {
        let delta = &record["choices"][0]["delta"];
        for kind in ["content", "refusal"] {
            if let Some(text) = delta[kind].as_str().filter(|text| !text.is_empty()) {
                add(kind.to_owned(), text, true);
            }
        }
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let arguments = call["function"]["arguments"].as_str().unwrap_or_default();
            add(format!("call {}", call["index"]), arguments, false);
        }
    }
    for (kind, text) in &mut said {
        if kind.starts_with("call") && text.is_empty() {
            text.push_str("{}");
        }
    }
    said
}

struct Joined {
    out: String,
    /// Bytes that the first part gave its caller.
    before: usize,
    progress: Progress,
    finish: Finish,
}

/// An answer of which a part came, and that was told again from its beginning.
fn joined(to: Dialect, first: &str, second: &str) -> Joined {
    let mut out = BytesMut::new();
    let mut relay = StreamRelay::new(CHAT, to, options());
    let progress = relay.push(first.as_bytes(), &mut out);
    assert_eq!(progress.error, None);
    let unfinished = relay.into_unfinished().map_err(|(_, why)| why).unwrap();
    let before = out.len();
    let mut relay = unfinished.relay(Restart, Framing::of(CHAT), CHAT, "second");
    let progress = relay.push(second.as_bytes(), &mut out);
    let finish = relay.finish(&mut out);
    Joined { out: String::from_utf8(out.to_vec()).unwrap(), before, progress, finish }
}

/// Whether a call has nothing but the bracket that opens its arguments.
fn has_half_an_object(told: &[Unit]) -> bool {
    let begun = told.iter().filter_map(|unit| match unit {
        Unit::Start(number, _) => Some(*number),
        _ => None,
    });
    let arguments = |call: u64| {
        told.iter().filter(move |unit| matches!(unit, Unit::Argument(number, _) if *number == call))
    };
    begun.into_iter().any(|call| arguments(call).count() == 1)
}

/// Checks that a second telling is joined to the part of a first one.
fn check(answer: &[Said], first: &Telling, second: &Telling, cut: usize, to: Dialect) {
    let told = units(answer, first);
    // Where an empty object broke off in its middle, saying nothing does not end it.
    let says_empty = second.says_empty || has_half_an_object(&told[..cut]);
    let again = units(answer, &Telling { says_empty, ..second.clone() });
    let whole = stream(&again, &second.ends) + END;
    let joined = joined(to, &stream(&told[..cut], &first.ends), &whole);
    assert_eq!(joined.progress.error, None, "{to}");
    assert_ne!(joined.finish, Finish::Cut, "{to}");
    let unbroken = account(CHAT, to, &options(), whole.as_bytes(), &[]).out;
    assert_eq!(read_stream(to, &joined.out), read_stream(to, &unbroken), "{to}");
    if to == CHAT {
        assert_eq!(in_order(&joined.out), in_order(&unbroken));
    }
}

/// The same telling with one unit told otherwise; `None` where that would say the same.
fn altered(units: &[Unit], at: usize, kind: bool) -> Option<Vec<Unit>> {
    let mut units = units.to_vec();
    units[at] = match units[at].clone() {
        Unit::Text(next) if kind => Unit::Refusal(next),
        Unit::Refusal(next) if kind => Unit::Text(next),
        Unit::Text(_) => Unit::Text('Z'),
        Unit::Refusal(_) => Unit::Refusal('Z'),
        Unit::Start(number, _) => Unit::Start(number, "listen"),
        // In a string or a key.
        Unit::Argument(number, 'a'..='c' | 'é' | '🟦') => Unit::Argument(number, 'Z'),
        Unit::Argument(..) => return None,
    };
    Some(units)
}

proptest! {
    #[test]
    fn what_was_met_is_swallowed_and_what_goes_beyond_is_passed_on(
        answer in answer(),
        first in telling(false),
        second in telling(false),
        cut in any::<prop::sample::Index>(),
    ) {
        let cut = 1 + cut.index(units(&answer, &first).len());
        for to in Dialect::ALL {
            check(&answer, &first, &second, cut, *to);
        }
    }

    /// Two dialects can say arguments that come mixed.
    #[test]
    fn calls_at_once_whose_arguments_come_mixed_are_joined(
        answer in answer(),
        tellings in prop_oneof![
            (telling(true), telling(true)),
            (telling(true), telling(false)),
            (telling(false), telling(true)),
        ],
        cut in any::<prop::sample::Index>(),
    ) {
        let (first, second) = tellings;
        let cut = 1 + cut.index(units(&answer, &first).len());
        for to in [CHAT, Dialect::Gemini] {
            check(&answer, &first, &second, cut, to);
        }
    }

    #[test]
    fn one_that_differs_in_what_was_met_is_a_mismatch_and_nothing_of_it_passes(
        answer in answer(),
        first in telling(false),
        ends in prop::collection::vec(any::<bool>(), 1..20),
        places in any::<(prop::sample::Index, prop::sample::Index)>(),
        kind in any::<bool>(),
    ) {
        let told = units(&answer, &first);
        let cut = 1 + places.0.index(told.len());
        let Some(other) = altered(&told, places.1.index(cut), kind) else { return Ok(()) };
        let second = stream(&other, &ends) + END;
        for to in Dialect::ALL {
            let joined = joined(*to, &stream(&told[..cut], &first.ends), &second);
            prop_assert!(joined.progress.mismatch, "{to}: {:?}", joined.progress);
            prop_assert_eq!(joined.finish, Finish::Cut);
            prop_assert_eq!(joined.out.len(), joined.before);
        }
    }
}
