//! How a conversation begins: the same in all of its requests, and different in another one.

use serde_json::{Value, json};
use terms::dialect::Dialect;
use wire::{opening, read_head};

fn begins(dialect: Dialect, field: &str, turns: Value) -> Option<String> {
    let body = json!({ "model": "m", "max_tokens": 9, field: turns }).to_string();
    let head = read_head(dialect, body.as_bytes()).unwrap();
    opening(&head, body.as_bytes()).map(|text| String::from_utf8_lossy(text).into_owned())
}

/// Two requests of one conversation, and one of another.
fn check(dialect: Dialect, field: &str, first: &Value, second: &Value, other: &Value) {
    let [first, second, other] =
        [first, second, other].map(|turns| begins(dialect, field, turns.clone()).unwrap());
    assert_eq!(first, second, "{dialect}");
    assert_ne!(first, other, "{dialect}");
}

#[test]
fn all_requests_of_a_conversation_begin_alike_and_no_others() {
    let system = json!({ "role": "system", "content": "You are brief." });
    let asked = json!({ "role": "user", "content": "hi, \"role\": \"assistant\"" });
    let answer = json!({ "role": "assistant", "content": "hello" });
    let again = json!({ "role": "user", "content": "and now?" });
    let other = json!({ "role": "user", "content": "ho" });
    check(
        Dialect::OpenaiChat,
        "messages",
        &json!([system, asked]),
        &json!([system, asked, answer, again]),
        &json!([system, other]),
    );
    check(
        Dialect::AnthropicMessages,
        "messages",
        &json!([asked]),
        &json!([asked, answer, again]),
        &json!([other]),
    );
    check(
        Dialect::OpenaiResponses,
        "input",
        &json!([asked]),
        &json!([asked, answer, again]),
        &json!("hi"),
    );
    let part = |role: &str, text: &str| json!({ "role": role, "parts": [{ "text": text }] });
    check(
        Dialect::Gemini,
        "contents",
        &json!([part("user", "hi")]),
        &json!([part("user", "hi"), part("model", "hello"), part("user", "so?")]),
        &json!([part("user", "ho")]),
    );
}

#[test]
fn a_text_is_its_own_opening_and_an_answer_alone_has_none() {
    assert_eq!(begins(Dialect::OpenaiResponses, "input", json!("hi")).as_deref(), Some("\"hi\""));
    let answer = json!([{ "role": "assistant", "content": "hello" }]);
    assert_eq!(begins(Dialect::OpenaiChat, "messages", answer), None);
}
