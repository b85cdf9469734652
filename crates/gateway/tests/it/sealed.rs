//! Reasoning that only its maker can read, through a caller of another dialect: back to its maker, and to
//! nobody else.

use std::sync::Arc;

use gateway::{Credential, Endpoint, Provider, Source};
use serde_json::{Value, json};
use terms::dialect::Dialect;

use crate::{
    harness::{FAST, House, MESSAGES, RESPONSES, table},
    recorder::{Recorder, Told},
};

const THOUGHT: &str = r#"{"id":"r","object":"response","model":"gpt-5.5","status":"completed","output":[{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"Hm."}],"encrypted_content":"gAAAsecret"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Four.","annotations":[]}]}],"usage":{"input_tokens":3,"output_tokens":9,"output_tokens_details":{"reasoning_tokens":5}}}"#;

const MESSAGE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-4-6","content":[{"type":"text","text":"Yes."}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":2}}"#;

pub(crate) fn at(name: &str, recorder: &Recorder, path: &str, dialect: Dialect) -> Arc<Provider> {
    let uri = format!("{}{path}", recorder.base).parse().unwrap();
    Arc::new(Provider {
        name: name.into(),
        source: Source::Remote {
            endpoints: vec![Endpoint::at(dialect, uri)],
            keys: Some(Credential::new("upstream-secret").unwrap()).into(),
        },
        limits: FAST,
    })
}

fn question(model: &str, said: &[Value]) -> String {
    let asked = json!({ "role": "user", "content": "What is two and two?" });
    let mut messages = vec![asked];
    messages.extend(said.iter().cloned());
    json!({ "model": model, "max_tokens": 900, "thinking": { "type": "adaptive" }, "messages": messages })
        .to_string()
}

#[tokio::test]
async fn sealed_reasoning_comes_back_to_its_maker_alone() {
    let openai = Recorder::start(vec![Told::json(200, THOUGHT)]).await;
    let claude = Recorder::start(vec![Told::json(200, MESSAGE)]).await;
    let maker = at("openai", &openai, "/v1/responses", RESPONSES);
    let vendor = at("anthropic", &claude, "/v1/messages", MESSAGES);
    let routes = |model| {
        let targets = [(Arc::clone(&maker), "gpt-5.5"), (Arc::clone(&vendor), "claude-opus-4-6")];
        table(model, &targets)
    };
    let house = House::open(routes("r")).await;
    let first = house.post("/v1/messages", question("openai/gpt-5.5", &[])).await.json();
    assert_eq!(first["content"][0]["thinking"], "Hm.");
    assert!(!first.to_string().contains("gAAAsecret"), "{first}");
    let include = &serde_json::from_str::<Value>(&openai.last().body).unwrap()["include"];
    assert_eq!(include, &json!(["reasoning.encrypted_content"]));
    let said = [
        json!({ "role": "assistant", "content": first["content"] }),
        json!({ "role": "user", "content": "Sure?" }),
    ];

    let again = house.post("/v1/messages", question("openai/gpt-5.5", &said)).await;
    assert_eq!(again.status, 200, "{}", again.text());
    assert!(openai.last().body.contains(r#""encrypted_content":"gAAAsecret""#));

    let elsewhere = house.post("/v1/messages", question("anthropic/claude-opus-4-6", &said)).await;
    assert_eq!(elsewhere.status, 200, "{}", elsewhere.text());
    assert_eq!(elsewhere.header("x-outlast-dropped"), "messages[].content[].thinking");
    let counted =
        house.post("/v1/messages/count_tokens", question("anthropic/claude-opus-4-6", &said)).await;
    assert_eq!(counted.status, 200, "{}", counted.text());
    for heard in claude.heard() {
        let body: Value = serde_json::from_str(&heard.body).unwrap();
        let content = json!([{ "type": "text", "text": "Four." }]);
        assert_eq!(body["messages"][1]["content"], content, "{}", heard.target);
    }
    assert_eq!(claude.heard().len(), 2);
}
