//! The first look: what it finds, what it refuses.

use terms::dialect::Dialect;
use wire::{Head, Needs, read_head};

const CHAT: Dialect = Dialect::OpenaiChat;
const MESSAGES: Dialect = Dialect::AnthropicMessages;

fn head(dialect: Dialect, body: &str) -> Head {
    read_head(dialect, body.as_bytes()).unwrap_or_else(|refusal| panic!("{body}: {refusal}"))
}

fn refused(dialect: Dialect, body: &[u8], code: &str, words: &str) {
    let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
    let refusal = read_head(dialect, body).expect_err(&shown);
    assert_eq!(refusal.code, code, "{shown}: {refusal}");
    assert_eq!(refusal.status, 400);
    assert!(refusal.message.contains(words), "{shown}: {refusal}");
}

#[test]
fn what_routing_needs_is_found() {
    let body = r#" {"messages":[{"role":"user","content":"hello"}],"stream":true,"mod\u0065l":"gpt\/5",
        "stream_options":{"include_usage":true},"max_completion_tokens":9,"max_tokens":12} "#;
    let head = head(CHAT, body);
    assert_eq!(head.model, "gpt/5");
    assert!(head.stream && head.include_usage);
    assert_eq!(head.max_output_tokens, Some(9));
    assert_eq!(head.input_bytes, 5);
    assert_eq!(head.needs, Needs::default());
}

#[test]
fn needs_are_found() {
    let needs = |dialect, body: &str| head(dialect, body).needs;
    let image = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]}"#;
    assert_eq!(needs(CHAT, image), Needs { images: true, ..Needs::default() });
    let in_result = r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]}]}]}"#;
    assert!(needs(MESSAGES, in_result).images);
    let in_arguments = r#"{"model":"m","max_tokens":1,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"n","input":{"content":[{"type":"image"}]}}]}]}"#;
    assert!(!needs(MESSAGES, in_arguments).images);
    let tools =
        r#"{"model":"m","messages":[],"tools":[{"type":"function","function":{"name":"f"}}]}"#;
    assert!(needs(CHAT, tools).tools);
    assert!(!needs(CHAT, r#"{"model":"m","messages":[],"tools":[]}"#).tools);
    let schema =
        r#"{"model":"m","messages":[],"response_format":{"type":"json_schema","json_schema":{}}}"#;
    assert!(needs(CHAT, schema).json_schema);
    let object = r#"{"model":"m","messages":[],"response_format":{"type":"json_object"}}"#;
    assert!(!needs(CHAT, object).json_schema);
    let format = r#"{"model":"m","max_tokens":1,"messages":[],"output_config":{"format":{"type":"json_schema","schema":{}}}}"#;
    assert!(needs(MESSAGES, format).json_schema);
}

#[test]
fn input_bytes_count_texts_and_tools_but_not_images() {
    let bytes = |dialect, body: &str| head(dialect, body).input_bytes;
    let with_image = |data: &str| {
        format!(
            r#"{{"model":"m","max_tokens":1,"system":"four","messages":[{{"role":"user","content":[{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{data}"}}}},{{"type":"text","text":"12345"}}]}}]}}"#
        )
    };
    assert_eq!(bytes(MESSAGES, &with_image("")), 9);
    assert_eq!(bytes(MESSAGES, &with_image(&"A".repeat(10_000))), 9);
    let tools = r#"[{"type":"function","function":{"name":"f"}}]"#;
    let body = format!(r#"{{"model":"m","messages":[],"tools":{tools}}}"#);
    assert_eq!(bytes(CHAT, &body), tools.len() as u64);
}

#[test]
fn broken_bodies_are_refused() {
    for body in ["", "{", r#"{"model":"m","messages":[{"#, "nonsense", "{} {}"] {
        refused(CHAT, body.as_bytes(), "invalid_json", "not valid JSON");
    }
    for body in ["[]", "null", "1", "\"a\""] {
        refused(CHAT, body.as_bytes(), "invalid_json", "JSON object");
    }
    let latin = b"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\xfe\xed\xa0\x80\"}]}";
    refused(CHAT, latin, "invalid_json", "UTF-8");
    for number in ["NaN", "Infinity", "-Infinity", "1e400"] {
        let body = format!(r#"{{"model":"m","messages":[],"temperature":{number}}}"#);
        refused(CHAT, body.as_bytes(), "invalid_json", "not valid JSON");
    }
}

#[test]
fn depth_is_refused_at_once() {
    let nested = "[".repeat(100_000) + &"]".repeat(100_000);
    let body = format!(r#"{{"model":"m","messages":{nested}}}"#);
    refused(CHAT, body.as_bytes(), "invalid_field", "must be an object");
    let body = format!(r#"{{"model":"m","x":{nested}}}"#);
    refused(CHAT, body.as_bytes(), "invalid_json", "nested too deeply");
}

#[test]
fn wrong_types_are_refused_by_name() {
    let valid = [("model", "\"m\""), ("messages", "[]")];
    let body = |field: &str, value: &str| {
        let others = valid.iter().filter(|(name, _)| *name != field);
        let fields: Vec<String> =
            others.map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{\"{field}\":{value},{}}}", fields.join(","))
    };
    for (field, value) in [
        ("model", "1"),
        ("model", "\"\""),
        ("model", "null"),
        ("messages", "\"hi\""),
        ("messages", "{}"),
        ("stream", "\"yes\""),
        ("stream", "1"),
        ("max_tokens", "-1"),
        ("max_tokens", "1.5"),
        ("max_tokens", "\"9\""),
        ("max_completion_tokens", "[]"),
        ("tools", "{}"),
        ("n", "0"),
        ("n", "1.5"),
        ("stream_options", "[]"),
    ] {
        refused(CHAT, body(field, value).as_bytes(), "invalid_field", field);
    }
    refused(CHAT, body("messages", "[1]").as_bytes(), "invalid_field", "messages[0]");
    refused(CHAT, body("messages", "[{}]").as_bytes(), "invalid_field", "messages[0].role");
    let role = body("messages", r#"[{"role":"user"},{"role":["user"],"content":"x"}]"#);
    refused(CHAT, role.as_bytes(), "invalid_field", "messages[1].role");
    refused(CHAT, br#"{"messages":[]}"#, "missing_field", "model");
    refused(CHAT, br#"{"model":"m"}"#, "missing_field", "messages");
}

#[test]
fn anthropic_messages_demand_max_tokens() {
    refused(MESSAGES, br#"{"model":"m","messages":[]}"#, "missing_field", "max_tokens");
    for value in ["0", "null", "-5", "1e2"] {
        let body = format!(r#"{{"model":"m","messages":[],"max_tokens":{value}}}"#);
        refused(MESSAGES, body.as_bytes(), "invalid_field", "max_tokens");
    }
}

#[test]
fn a_field_that_decides_must_stand_once() {
    for field in ["model\":\"a\",\"model\":\"b", "model\":\"a\",\"mod\\u0065l\":\"b"] {
        let body = format!(r#"{{"{field}","messages":[]}}"#);
        refused(CHAT, body.as_bytes(), "duplicate_field", "model");
    }
    for (field, value) in [("stream", "true"), ("messages", "[]"), ("max_tokens", "1")] {
        let body = format!(r#"{{"model":"m","messages":[],"{field}":{value},"{field}":{value}}}"#);
        refused(CHAT, body.as_bytes(), "duplicate_field", field);
    }
}

#[test]
fn a_lone_surrogate_never_panics() {
    let body = r#"{"model":"m\ud800","messages":[{"role":"user","content":"\ud800"}]}"#;
    assert_eq!(head(CHAT, body).model, r"m\ud800");
}
