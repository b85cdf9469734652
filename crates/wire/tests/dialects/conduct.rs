//! How an answer went is told alike for a whole one and for a stream, in every dialect that says it.

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use terms::dialect::Dialect;
use wire::{Conduct, StreamOptions, StreamRelay, read_head, relay_reply};

const CHAT: Dialect = Dialect::OpenaiChat;
const MESSAGES: Dialect = Dialect::AnthropicMessages;

/// Of a completion with this message, whole and streamed.
fn conduct(message: &Value, finish: &str) -> Conduct {
    let whole = json!({ "id": "c", "object": "chat.completion", "model": "m", "choices": [{ "index": 0, "message": message, "finish_reason": finish }] });
    let whole = relay_reply(CHAT, MESSAGES, &Bytes::from(whole.to_string())).unwrap().conduct;
    let mut delta = message.clone();
    for (index, call) in delta["tool_calls"].as_array_mut().into_iter().flatten().enumerate() {
        call["index"] = json!(index);
    }
    let chunk = |delta: Value, finish: Value| {
        let chunk = json!({ "id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
        format!("data: {chunk}\n\n")
    };
    let stream = chunk(delta, Value::Null) + &chunk(json!({}), json!(finish)) + "data: [DONE]\n\n";
    let mut relay = StreamRelay::new(CHAT, CHAT, StreamOptions::default());
    assert!(relay.push(stream.as_bytes(), &mut BytesMut::new()).complete);
    let streamed = relay.conduct().unwrap();
    assert_eq!(streamed, whole);
    whole
}

fn says(text: &str, finish: &str) -> Conduct {
    conduct(&json!({ "role": "assistant", "content": text }), finish)
}

fn calls(name: &str, arguments: &str, finish: &str) -> Conduct {
    let call = json!({ "id": "1", "type": "function", "function": { "name": name, "arguments": arguments } });
    conduct(&json!({ "role": "assistant", "content": null, "tool_calls": [call] }), finish)
}

#[test]
fn refusals_are_what_the_provider_or_the_words_say() {
    assert!(!says("The answer is 4.", "stop").refuses);
    assert!(says("I'm sorry, but I can't help with that.", "stop").refuses);
    assert!(says("", "content_filter").refuses);
    let refusal = json!({ "role": "assistant", "content": null, "refusal": "no" });
    assert!(conduct(&refusal, "stop").refuses);
}

#[test]
fn json_is_looked_at_where_the_answer_ended_by_itself() {
    assert_eq!(says(r#"{"a": [1]}"#, "stop").is_json(), Some(true));
    assert_eq!(says("```json\n{}\n```", "stop").is_json(), Some(false));
    assert_eq!(says(r#"{"a": [1"#, "length").is_json(), None, "its caller cut it");
    assert_eq!(calls("add", "{}", "tool_calls").is_json(), None);
    assert_eq!(says("I can't help with that.", "stop").is_json(), None);
}

#[test]
fn calls_must_be_whole_and_of_tools_that_were_offered() {
    let tools =
        r#"{"model":"m","messages":[],"tools":[{"type":"function","function":{"name":"add"}}]}"#;
    let body = Bytes::from_static(tools.as_bytes());
    let head = read_head(CHAT, &body).unwrap();
    let check = |conduct: Conduct, expect| {
        assert_eq!(conduct.are_calls_valid(Some((&head, &body))), expect, "{conduct:?}");
    };
    check(calls("add", r#"{"a":1}"#, "tool_calls"), Some(true));
    check(calls("add", "", "tool_calls"), Some(true));
    check(calls("add", r#"{"a":"#, "tool_calls"), Some(false));
    check(calls("add", "[1]", "tool_calls"), Some(false));
    check(calls("add", r#"{"a":"#, "length"), None);
    check(calls("subtract", "{}", "tool_calls"), Some(false));
    check(says("4", "stop"), None);
    assert_eq!(calls("subtract", "{}", "tool_calls").are_calls_valid(None), Some(true));
}

#[test]
fn who_asks_for_json_is_known_in_every_dialect() {
    let check = |dialect, field: &str, expect| {
        let body = match dialect {
            Dialect::Gemini => format!(r#"{{"model":"m","contents":[]{field}}}"#),
            Dialect::OpenaiResponses => format!(r#"{{"model":"m","input":"hi"{field}}}"#),
            _ => format!(r#"{{"model":"m","max_tokens":9,"messages":[]{field}}}"#),
        };
        assert_eq!(read_head(dialect, body.as_bytes()).unwrap().needs.json, expect, "{body}");
    };
    check(CHAT, r#","response_format":{"type":"json_object"}"#, true);
    check(CHAT, r#","response_format":{"type":"json_schema","json_schema":{"schema":{}}}"#, true);
    check(CHAT, r#","response_format":{"type":"text"}"#, false);
    check(MESSAGES, r#","output_config":{"format":{"type":"json_schema","schema":{}}}"#, true);
    check(Dialect::OpenaiResponses, r#","text":{"format":{"type":"json_object"}}"#, true);
    check(Dialect::Gemini, r#","generationConfig":{"responseMimeType":"application/json"}"#, true);
    check(Dialect::Gemini, r#","generationConfig":{"temperature":1}"#, false);
}

#[test]
fn words_beside_a_call_are_no_refusal_also_where_nothing_is_remembered() {
    let refuses = |delta: Value| {
        let options = StreamOptions { forget: true, ..StreamOptions::default() };
        let mut relay = StreamRelay::new(CHAT, CHAT, options);
        let chunk = |delta: &Value, finish: Value| {
            let chunk = json!({ "id": "c", "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
            format!("data: {chunk}\n\n")
        };
        let stream = chunk(&delta, Value::Null) + &chunk(&json!({}), json!("stop"));
        relay.push(format!("{stream}data: [DONE]\n\n").as_bytes(), &mut BytesMut::new());
        relay.conduct().unwrap().refuses
    };
    let sorry = "I'm sorry, I can't do that without a look.";
    let call = json!({ "index": 0, "id": "1", "function": { "name": "look", "arguments": "{}" } });
    assert!(refuses(json!({ "content": sorry })));
    assert!(!refuses(json!({ "content": sorry, "tool_calls": [call] })));
}
