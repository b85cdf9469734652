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

/// What a model makes of a task on its own, with no word to its caller in between.
#[test]
fn a_loop_of_tools_begins_alike_in_every_turn() {
    let asked = json!({ "role": "user", "content": "Tidy up." });
    let other = json!({ "role": "user", "content": "Mess up." });
    let call =
        json!({ "id": "c1", "type": "function", "function": { "name": "ls", "arguments": "{}" } });
    let called = json!({ "role": "assistant", "content": null, "tool_calls": [call] });
    let result = json!({ "role": "tool", "tool_call_id": "c1", "content": "a b" });
    check(
        Dialect::OpenaiChat,
        "messages",
        &json!([asked]),
        &json!([asked, called, result, called, result]),
        &json!([other]),
    );
    let used = json!({ "content": [{ "type": "tool_use", "id": "c1", "name": "ls", "input": {} }], "role": "assistant" });
    let result = json!({ "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "c1", "content": "a b" }] });
    check(
        Dialect::AnthropicMessages,
        "messages",
        &json!([asked]),
        &json!([asked, used, result]),
        &json!([other]),
    );
    let content = |role: &str, part: Value| json!({ "role": role, "parts": [part] });
    let asked = content("user", json!({ "text": "Tidy up." }));
    let called = content("model", json!({ "functionCall": { "name": "ls", "args": {} } }));
    let result =
        content("user", json!({ "functionResponse": { "name": "ls", "response": { "a": 1 } } }));
    check(
        Dialect::Gemini,
        "contents",
        &json!([asked]),
        &json!([asked, called, result]),
        &json!([content("user", json!({ "text": "Mess up." }))]),
    );
    let system = json!({ "type": "message", "role": "developer", "content": [{ "type": "input_text", "text": "Be brief." }] });
    let asked = json!({ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "Tidy up." }] });
    let output = json!({ "type": "function_call_output", "call_id": "c1", "output": "a b" });
    for made in [
        json!({ "type": "function_call", "call_id": "c1", "name": "ls", "arguments": "{}" }),
        json!({ "id": "rs", "type": "reasoning", "summary": [], "encrypted_content": "x" }),
        json!({ "type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": "x" }),
        json!({ "type": "local_shell_call", "call_id": "c1", "action": { "type": "exec" } }),
        json!({ "type": "web_search_call", "id": "ws", "status": "completed" }),
        json!({ "type": "mcp_list_tools", "id": "l", "server_label": "s", "tools": [] }),
        json!({ "type": "compaction", "id": "cmp", "encrypted_content": "x" }),
        json!({ "type": "item_reference", "id": "rs" }),
    ] {
        check(
            Dialect::OpenaiResponses,
            "input",
            &json!([system, asked]),
            &json!([system, asked, made, output, made, output]),
            &json!([system, other]),
        );
    }
}

#[test]
fn a_text_is_its_own_opening_and_an_answer_alone_has_none() {
    assert_eq!(begins(Dialect::OpenaiResponses, "input", json!("hi")).as_deref(), Some("\"hi\""));
    let answer = json!([{ "role": "assistant", "content": "hello" }]);
    assert_eq!(begins(Dialect::OpenaiChat, "messages", answer), None);
}
