//! Reasoning of earlier turns at vendors that want it back, that refuse it, or that did not seal it.

use std::sync::Arc;

use decide::{attempt::AttemptLimits, catalog::Catalog};
use gateway::{Provider, Route, Source, Table, Target};
use serde_json::{Value, json};
use simulator::Fault;
use store::SpendDimension;
use terms::dialect::Dialect;
use wire::ReasoningBack;

use crate::{
    harness::{
        CHAT, FOX, GEMINI, House, MESSAGES, RESPONSES, path, provider, provider_at, table,
        table_whole, vendor, whole_text,
    },
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

/// A dialect, a request with reasoning of an earlier turn, how providers refuse it, an answer, and what
/// of the request tells that reasoning.
const SEALED_ELSEWHERE: [(Dialect, &str, &str, &str, &str); 4] = [
    (
        RESPONSES,
        r#"{"model":"r","store":false,"input":[{"type":"message","role":"user","content":"a"},{"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"SECRET"},{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"output_text","text":"b"}]},{"type":"message","role":"user","content":"c"}]}"#,
        r#"{"error":{"message":"The encrypted content SECR...RET could not be verified.","type":"invalid_request_error","param":null,"code":"invalid_encrypted_content"}}"#,
        r#"{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":[{"id":"m1","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"d","annotations":[]}]}],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}"#,
        "input[].id, input[].reasoning",
    ),
    (
        MESSAGES,
        r#"{"model":"r","max_tokens":9,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"SECRET"},{"type":"text","text":"b"}]},{"role":"user","content":"c"}]}"#,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid `signature` in `thinking` block"}}"#,
        r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"d"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#,
        "messages[].content[].thinking",
    ),
    (
        GEMINI,
        r#"{"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[{"text":"b","thoughtSignature":"SECRET"}]},{"role":"user","parts":[{"text":"c"}]}]}"#,
        r#"{"error":{"code":400,"message":"Corrupted thought signature.","status":"INVALID_ARGUMENT"}}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"d"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1,"totalTokenCount":2}}"#,
        "contents[].parts[].thoughtSignature",
    ),
    (
        CHAT,
        r#"{"model":"r","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","reasoning_content":"SECRET"},{"role":"user","content":"c"}]}"#,
        r#"{"error":{"message":"'messages.1' : for 'role:assistant' the following must be satisfied[('messages.1' : property 'reasoning_content' is unsupported)]","type":"invalid_request_error"}}"#,
        r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"d"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#,
        "messages[].reasoning_content",
    ),
];

async fn house_of(told: Vec<Told>, dialect: Dialect) -> (House, Recorder) {
    let vendor = Recorder::start(told).await;
    let row = match dialect {
        GEMINI => crate::sealed::at("vendor", &vendor, "/v1beta", GEMINI),
        dialect => provider_at("vendor", &vendor.base, dialect),
    };
    (House::open(table_whole("r", &[(row, "m")])).await, vendor)
}

fn path_of(dialect: Dialect) -> &'static str {
    if dialect == GEMINI { "/v1beta/models/r:generateContent" } else { path(dialect) }
}

#[tokio::test]
async fn reasoning_that_another_sealed_is_left_out_and_its_caller_is_answered() {
    for (dialect, body, refusal, answer, lost) in SEALED_ELSEWHERE {
        let told = vec![Told::json(400, refusal), Told::json(200, answer)];
        let (house, vendor) = house_of(told, dialect).await;
        let reply = house.post(path_of(dialect), body).await;
        assert_eq!(reply.status, 200, "{dialect}: {}", reply.text());
        assert_eq!(reply.header("x-outlast-dropped"), lost, "{dialect}");
        let heard = vendor.heard();
        assert_eq!(heard.len(), 2, "{dialect}");
        assert!(heard[0].body.contains("SECRET"), "what may be its own is sent");
        assert!(!heard[1].body.contains("SECRET"), "{dialect}: {}", heard[1].body);
        for said in ["\"a\"", "\"b\"", "\"c\""] {
            assert!(heard[1].body.contains(said), "{dialect}: {}", heard[1].body);
        }
        let rows = house.close(&[SpendDimension::Model]).await;
        assert_eq!((rows[0].requests, rows[0].attempts), (1, 2), "{dialect}");
    }
}

#[tokio::test]
async fn it_is_left_out_as_often_as_it_is_refused() {
    let (_, body, refusal, answer, _) = SEALED_ELSEWHERE[3];
    let turns = (0..20).flat_map(|_| [Told::json(400, refusal), Told::json(200, answer)]);
    let (house, vendor) = house_of(turns.collect(), CHAT).await;
    for number in 0..20 {
        let reply = house.post(path(CHAT), body).await;
        assert_eq!(reply.status, 200, "{number}: {}", reply.text());
    }
    assert_eq!(vendor.heard().len(), 40, "its provider's retry budget does not pay");
}

#[tokio::test]
async fn where_there_is_one_attempt_the_refusal_is_the_callers_to_see() {
    let (_, body, refusal, ..) = SEALED_ELSEWHERE[3];
    let vendor = Recorder::start(vec![Told::json(400, refusal)]).await;
    let row = provider_at("vendor", &vendor.base, CHAT);
    let catalog = Arc::new(Catalog::built_in().unwrap());
    let target = Arc::new(Target::new(Arc::clone(&row), "m".into(), &catalog));
    let limits = AttemptLimits { attempts: 1, ..AttemptLimits::default() };
    let route = Route::new("r".into(), vec![target], limits);
    let house = House::open(Table::new(catalog, vec![row], vec![route], limits)).await;
    let reply = house.post(path(CHAT), body).await;
    assert_eq!((reply.status.as_u16(), reply.text()), (400, refusal));
}

#[tokio::test]
async fn what_is_kept_and_what_is_carried_are_left_out_together() {
    let (_, _, refusal, ..) = SEALED_ELSEWHERE[0];
    let kept = r#"{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":[{"id":"rs_9","type":"reasoning","summary":[],"encrypted_content":"KEPT"},{"id":"m1","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"d","annotations":[]}]}],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}"#;
    let told = vec![Told::json(200, kept), Told::json(400, refusal), Told::json(200, kept)];
    let (house, vendor) = house_of(told, RESPONSES).await;
    let first = r#"{"model":"r","input":[{"type":"message","role":"user","content":"a"},{"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"SECRET"},{"type":"message","role":"user","content":"c"}]}"#;
    let reply = house.post(path(RESPONSES), first).await;
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    let next = json!({ "model": "r", "previous_response_id": id, "input": "go" });
    let reply = house.post(path(RESPONSES), next.to_string()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let heard = vendor.heard();
    assert!(heard[1].body.contains("KEPT") && heard[1].body.contains("SECRET"));
    assert!(!heard[2].body.contains("KEPT") && !heard[2].body.contains("SECRET"));
    assert!(heard[2].body.contains("go"), "{}", heard[2].body);
}

#[tokio::test]
async fn a_refusal_of_reasoning_that_goes_on_is_the_callers_to_see() {
    for (dialect, body, refusal, ..) in SEALED_ELSEWHERE {
        let (house, vendor) = house_of(vec![Told::json(400, refusal)], dialect).await;
        let reply = house.post(path_of(dialect), body).await;
        assert_eq!((reply.status.as_u16(), reply.text()), (400, refusal), "{dialect}");
        assert_eq!(vendor.heard().len(), 2, "{dialect}");
        let bare = if dialect == GEMINI {
            r#"{"contents":[{"parts":[{"text":"a"}]}]}"#
        } else {
            r#"{"model":"r","max_tokens":9,"messages":[{"role":"user","content":"a"}],"input":"a"}"#
        };
        house.post(path_of(dialect), bare).await;
        assert_eq!(vendor.heard().len(), 3, "{dialect}: there is nothing to leave out");
    }
}

#[tokio::test]
async fn whoever_goes_on_with_an_answer_is_spared_it_too() {
    let first = vendor("first", CHAT, &["m"]).await;
    first.set_fault(Fault::MidStreamCut { after_chunks: 3 });
    let (_, _, refusal, ..) = SEALED_ELSEWHERE[3];
    let record = |delta: Value, reason: Value| {
        format!(
            "data: {}\n\n",
            json!({ "id": "c", "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }] })
        )
    };
    let told = record(json!({ "content": FOX }), Value::Null)
        + &record(json!({}), json!("stop"))
        + "data: [DONE]\n\n";
    let second =
        Recorder::start(vec![Told::json(400, refusal), Told::new(200, "text/event-stream", told)]);
    let second = second.await;
    let targets =
        [(provider("first", &first, CHAT), "m"), (provider_at("second", &second.base, CHAT), "m")];
    let house = House::open(table("r", &targets)).await;
    let body = r#"{"model":"r","stream":true,"messages":[{"role":"assistant","content":"b","reasoning_content":"SECRET"},{"role":"user","content":"c"}]}"#;
    let reply = house.post(path(CHAT), body).await;
    assert_eq!(whole_text(CHAT, true, &reply), FOX, "{}", reply.text());
    let heard = second.heard();
    assert!(heard[0].body.contains("SECRET") && !heard[1].body.contains("SECRET"));
}
