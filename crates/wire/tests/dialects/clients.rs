//! Every request that was recorded of real clients: understood, passed on unchanged to its own
//! dialect, and translated to the others with its texts and tools intact.

use bytes::Bytes;
use serde_json::Value;
use terms::{dialect::Dialect, model::Capabilities};
use wire::{BadRequest, Upstream, UpstreamRequest, encode_request, read_head};

use crate::shared::{self, What};

const ABLE: Capabilities = Capabilities {
    images: true,
    tools: true,
    json_schema: true,
    reasoning: true,
    sampling: true,
    prefill: false,
};

/// Every text, name and id in a value, in no order.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("text" | "content" | "output" | "name", Value::String(text)) => {
                        found.push(text.clone());
                    }
                    _ => texts(value, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| texts(value, found)),
        _ => {}
    }
}

fn encode(
    from: Dialect,
    body: &Bytes,
    to: Dialect,
    same_model: bool,
) -> Result<UpstreamRequest, BadRequest> {
    let head = read_head(from, body)?;
    let other = match to {
        Dialect::AnthropicMessages => "claude-opus-4-8",
        Dialect::Gemini => "gemini-3-flash-preview",
        Dialect::OpenaiChat | Dialect::OpenaiResponses => "gpt-5.1",
        Dialect::BedrockConverse => "us.amazon.nova-pro-v1:0",
    };
    let model = if same_model { head.model.clone() } else { other.to_owned() };
    let upstream = Upstream {
        provider: "maker",
        dialect: to,
        model: &model,
        max_output: 0,
        capabilities: ABLE,
        instruction: None,
    };
    encode_request(from, &head, body, &upstream)
}

/// Passes a request on in both ways; `None` where the translation refuses it.
fn check(source: &str, from: Dialect, body: &Value) -> Option<Vec<String>> {
    let bytes = Bytes::from(body.to_string());
    let same = encode(from, &bytes, from, true).unwrap_or_else(|error| panic!("{source}: {error}"));
    let mut kept: Value = serde_json::from_slice(&same.body).unwrap();
    if from == Dialect::OpenaiChat && body["stream"] == true {
        assert_eq!(kept["stream_options"]["include_usage"], true, "{source}");
        kept["stream_options"] = body["stream_options"].clone();
        if body["stream_options"].is_null() {
            kept.as_object_mut().unwrap().shift_remove("stream_options");
        }
    }
    if from == Dialect::OpenaiResponses {
        assert_eq!(kept["store"], false, "{source}");
        // What is kept is kept here; reasoning must then come back with the next request.
        for field in ["store", "include", "previous_response_id"] {
            kept[field] = body[field].clone();
            if body[field].is_null() {
                kept.as_object_mut().unwrap().shift_remove(field);
            }
        }
        let sealed =
            |item: &Value| item["type"] != "reasoning" || item["encrypted_content"].is_string();
        let mut expected = body.clone();
        if let Some(items) = expected["input"].as_array_mut() {
            items.retain(sealed);
        }
        expected.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        kept.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        assert_eq!(kept, expected, "{source}");
    } else {
        assert_eq!(&kept, body, "{source}");
    }
    let all = Dialect::ALL.iter().chain(Dialect::OF_PROVIDERS);
    let others = all.filter(|to| **to != from);
    let listed: Vec<Option<Vec<String>>> =
        others.map(|to| translate(source, from, body, &bytes, *to)).collect();
    let all: Option<Vec<Vec<String>>> = listed.into_iter().collect();
    all.map(|all| all.concat())
}

fn translate(
    source: &str,
    from: Dialect,
    body: &Value,
    bytes: &Bytes,
    to: Dialect,
) -> Option<Vec<String>> {
    let translated = match encode(from, bytes, to, false) {
        Ok(translated) => translated,
        Err(refusal) => {
            let named = refusal.param.as_deref().is_some_and(|param| !param.is_empty());
            assert!(named && refusal.code == "unsupported_across_dialects", "{source}: {refusal}");
            return None;
        }
    };
    let value: Value = serde_json::from_slice(&translated.body).unwrap();
    let turns = match to {
        Dialect::OpenaiResponses => "input",
        Dialect::Gemini => "contents",
        Dialect::OpenaiChat | Dialect::AnthropicMessages | Dialect::BedrockConverse => "messages",
    };
    assert!(value[turns].as_array().is_some_and(|list| !list.is_empty()), "{source}");
    let of_provider = Dialect::OF_PROVIDERS.contains(&to);
    assert!(of_provider || read_head(to, &translated.body).is_ok(), "{source}");
    survive(source, body, &translated);
    Some(translated.dropped)
}

/// Every text of the caller stands in the translation, but for what is listed as dropped.
fn survive(source: &str, body: &Value, translated: &UpstreamRequest) {
    let (mut given, mut sent) = (Vec::new(), String::new());
    texts(&body["messages"], &mut given);
    texts(&body["input"], &mut given);
    texts(&body["contents"], &mut given);
    texts(&body["systemInstruction"], &mut given);
    texts(&body["system"], &mut given);
    texts(&body["tools"], &mut given);
    let mut kept = Vec::new();
    texts(&serde_json::from_slice(&translated.body).unwrap(), &mut kept);
    sent.extend(kept);
    let own_blocks = [
        "thinking",
        "thought",
        "tool_use",
        "_tool_result",
        "tools",
        "messages[].name",
        "compaction",
        "input[].",
    ];
    let vendors_own =
        translated.dropped.iter().any(|field| own_blocks.iter().any(|own| field.contains(own)));
    for text in given {
        let header = text.starts_with("x-anthropic-billing-header");
        assert!(sent.contains(&text) || header || vendors_own, "{source}: {text}");
    }
}

#[test]
fn every_captured_request_is_understood_and_translated() {
    let Some(data) = shared::data() else { return };
    let requests = shared::client_requests(&data);
    let mut dropped = Vec::new();
    for (source, dialect, body) in &requests {
        let listed = check(source, *dialect, body);
        dropped.extend(listed.unwrap_or_else(|| panic!("{source} was refused")));
    }
    dropped.sort();
    dropped.dedup();
    assert!(requests.len() > 50, "{}", requests.len());
    // What real clients lose between dialects; a longer list is worth a look.
    insta::assert_snapshot!(dropped.join("\n"));
}

#[test]
fn every_request_of_the_cassettes_is_understood() {
    let Some(data) = shared::data() else { return };
    let (mut translated, mut refused) = (0, 0);
    for recording in shared::wire_recordings(&data) {
        let What::Request(body) = &recording.what else { continue };
        let body: Value = serde_json::from_str(body).unwrap();
        if body["background"] == true || !body["conversation"].is_null() {
            let refusal = read_head(recording.dialect, body.to_string().as_bytes()).unwrap_err();
            assert_eq!(refusal.code, "invalid_field");
            continue;
        }
        let turns = ["messages", "input", "contents"].map(|name| &body[name]);
        let turns = turns.into_iter().find(|turns| !turns.is_null()).unwrap_or(&Value::Null);
        if turns.as_array().is_some_and(Vec::is_empty) || turns.is_null() {
            continue;
        }
        match check(&recording.source, recording.dialect, &body) {
            Some(_) => translated += 1,
            None => refused += 1,
        }
    }
    println!("{translated} requests translated, {refused} refused");
    assert!(translated > 150 && refused < translated / 4, "{translated} {refused}");
}
