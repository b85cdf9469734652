//! Reasoning of earlier turns at vendors that want it back, or refuse it.

use std::sync::Arc;

use gateway::{Provider, Source};
use serde_json::{Value, json};
use wire::ReasoningBack;

use crate::{
    harness::{CHAT, House, MESSAGES, path, provider_at, table},
    recorder::{Recorder, Told},
};

const REPLY: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","reasoning_content":"Hm.","content":null,"tool_calls":[{"id":"t1","type":"function","function":{"name":"look","arguments":"{}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;

fn row(recorder: &Recorder, reasoning_back: ReasoningBack) -> Arc<Provider> {
    let mut row = (*provider_at("vendor", &recorder.base, CHAT)).clone();
    if let Source::Remote { endpoints, .. } = &mut row.source {
        endpoints[0].habits.reasoning_back = reasoning_back;
    }
    Arc::new(row)
}

/// A tool loop of Anthropic's client, after one call; `thinking` tells what it asks for.
async fn second_turn(house: &House, thinking: &Value) -> Value {
    let tools = json!([{ "name": "look", "input_schema": { "type": "object" } }]);
    let question = json!({ "role": "user", "content": "Look." });
    let mut body = json!({ "model": "r", "max_tokens": 2000, "tools": tools, "thinking": thinking, "messages": [question] });
    let reply = house.post(path(MESSAGES), body.to_string()).await;
    let called = json!({ "role": "assistant", "content": reply.json()["content"] });
    let result = json!([{ "type": "tool_result", "tool_use_id": "t1", "content": "a cat" }]);
    body["messages"] = json!([question, called, { "role": "user", "content": result }]);
    let reply = house.post(path(MESSAGES), body.to_string()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    body
}

#[tokio::test]
async fn who_wants_its_reasoning_back_gets_it_from_clients_of_another_dialect() {
    let vendor = Recorder::start(vec![Told::json(200, REPLY)]).await;
    let house = House::open(table("r", &[(row(&vendor, ReasoningBack::Wanted), "m")])).await;
    for (thinking, back) in [
        (json!({ "type": "enabled", "budget_tokens": 1024 }), "Hm."),
        // Who was shown no thought has none to give back: a space says that there was one.
        (json!({ "type": "disabled" }), " "),
    ] {
        second_turn(&house, &thinking).await;
        let sent: Value = serde_json::from_str(&vendor.last().body).unwrap();
        assert_eq!(sent["messages"][1]["reasoning_content"], back, "{sent}");
        assert_eq!(sent["messages"][1]["tool_calls"][0]["id"], "t1");
    }
}

#[tokio::test]
async fn who_refuses_it_gets_none_and_that_is_listed() {
    let vendor = Recorder::start(vec![Told::json(200, REPLY)]).await;
    let refused = ReasoningBack::Refused(&["reasoning_content", "reasoning"]);
    let house = House::open(table("r", &[(row(&vendor, refused), "m")])).await;
    let body = r#"{"model":"r","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","reasoning_content":"Hm."},{"role":"user","content":"c"}]}"#;
    let reply = house.post(path(CHAT), body).await;
    assert_eq!(reply.header("x-outlast-dropped"), "messages[].reasoning_content");
    assert!(!vendor.last().body.contains("Hm."));
}

#[tokio::test]
async fn of_whom_nobody_knows_it_gets_what_its_own_clients_send_and_nothing_else() {
    let vendor = Recorder::start(vec![Told::json(200, REPLY)]).await;
    let house = House::open(table("r", &[(row(&vendor, ReasoningBack::Unknown), "m")])).await;
    second_turn(&house, &json!({ "type": "enabled", "budget_tokens": 1024 })).await;
    assert!(!vendor.last().body.contains("Hm."), "{}", vendor.last().body);
    let body = r#"{"model":"r","messages":[{"role":"assistant","content":"b","reasoning_content":"Hm."},{"role":"user","content":"c"}]}"#;
    house.post(path(CHAT), body).await;
    assert!(vendor.last().body.contains("Hm."));
}
