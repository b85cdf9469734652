//! Bedrock: what goes out as Converse, and what comes back in binary messages, recorded and written by
//! hand, in the dialects of its callers.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use terms::{dialect::Dialect, model::Capabilities, usage::Usage};
use wire::{
    Finish, Framing, Malformed, StopReason, StreamOptions, StreamRelay, Upstream, encode_request,
    read_head, relay_reply,
};
use yaml_rust2::YamlLoader;

use crate::shared;

const CONVERSE: Dialect = Dialect::BedrockConverse;
const CHAT: Dialect = Dialect::OpenaiChat;
const MESSAGES: Dialect = Dialect::AnthropicMessages;

const ABLE: Capabilities = Capabilities {
    images: true,
    tools: true,
    json_schema: true,
    reasoning: true,
    sampling: true,
    prefill: true,
};

fn sent(from: Dialect, model: &str, body: &Value) -> (Value, Vec<String>) {
    try_sent(from, model, body).unwrap()
}

fn try_sent(
    from: Dialect,
    model: &str,
    body: &Value,
) -> Result<(Value, Vec<String>), wire::BadRequest> {
    let body = Bytes::from(body.to_string());
    let head = read_head(from, &body).unwrap();
    let upstream = Upstream {
        provider: "maker",
        dialect: CONVERSE,
        model,
        max_output: 0,
        capabilities: ABLE,
        instruction: None,
    };
    let encoded = encode_request(from, &head, &body, &upstream)?;
    Ok((serde_json::from_slice(&encoded.body).unwrap(), encoded.dropped))
}

#[test]
fn a_whole_conversation_with_tools_is_said() {
    let (body, dropped) = sent(
        CHAT,
        "eu.amazon.nova-pro-v1:0",
        &json!({
            "model": "route", "stream": true, "max_tokens": 64, "temperature": 0.5, "top_p": 0.9,
            "stop": ["END", "  "], "parallel_tool_calls": false, "user": "ada",
            "messages": [
                { "role": "system", "content": "Be brief." },
                { "role": "user", "content": [
                    { "type": "text", "text": "What is here?" },
                    { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } }
                ] },
                { "role": "user", "content": "And the weather?" },
                { "role": "assistant", "content": "", "tool_calls": [{
                    "id": "functions.w:0", "type": "function",
                    "function": { "name": "weather", "arguments": "{\"city\":\"Oslo\"}" }
                }] },
                { "role": "tool", "tool_call_id": "functions.w:0", "content": "cold" }
            ],
            "tools": [{ "type": "function", "function": {
                "name": "weather", "description": "Tells it", "parameters": { "type": "object" }
            } }],
            "tool_choice": "required"
        }),
    );
    assert_eq!(
        body,
        json!({
            "messages": [
                { "role": "user", "content": [
                    { "text": "What is here?" },
                    { "image": { "format": "png", "source": { "bytes": "AAAA" } } },
                    { "text": "And the weather?" }
                ] },
                { "role": "assistant", "content": [{ "toolUse": {
                    "toolUseId": "functions_w_0", "name": "weather", "input": { "city": "Oslo" }
                } }] },
                { "role": "user", "content": [{ "toolResult": {
                    "toolUseId": "functions_w_0", "content": [{ "text": "cold" }], "status": "success"
                } }] }
            ],
            "system": [{ "text": "Be brief." }],
            "inferenceConfig": {
                "maxTokens": 64, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]
            },
            "toolConfig": {
                "tools": [{ "toolSpec": {
                    "name": "weather", "description": "Tells it",
                    "inputSchema": { "json": { "type": "object" } }
                } }],
                "toolChoice": { "any": {} }
            }
        })
    );
    assert_eq!(dropped, ["parallel_tool_calls", "stop", "user"]);
}

#[test]
fn thought_and_top_k_reach_the_models_that_know_them() {
    let ask = json!({
        "model": "r", "max_tokens": 8000, "top_k": 5,
        "thinking": { "type": "enabled", "budget_tokens": 2048 },
        "messages": [{ "role": "user", "content": "hi" }]
    });
    let (body, dropped) = sent(MESSAGES, "us.anthropic.claude-sonnet-4-20250514-v1:0", &ask);
    let fields = json!({ "thinking": { "type": "enabled", "budget_tokens": 2048 } });
    assert_eq!(body["additionalModelRequestFields"], fields);
    assert_eq!(
        (&body["inferenceConfig"]["maxTokens"], dropped),
        (&json!(8000), vec!["top_k".into()])
    );
    let (body, dropped) = sent(MESSAGES, "amazon.nova-lite-v1:0", &ask);
    assert!(body.get("additionalModelRequestFields").is_none());
    assert_eq!(dropped, ["reasoning", "top_k"]);
}

#[test]
fn a_schema_is_a_text_and_tools_that_were_used_stay_defined() {
    let (body, _) = sent(
        CHAT,
        "google.gemma-3-27b-it",
        &json!({
            "model": "r", "tool_choice": "none",
            "messages": [
                { "role": "user", "content": "hi" },
                { "role": "assistant", "tool_calls": [{ "id": "a", "type": "function",
                    "function": { "name": "look", "arguments": "{}" } }] },
                { "role": "tool", "tool_call_id": "a", "content": "nothing" }
            ],
            "response_format": { "type": "json_schema", "json_schema": {
                "name": "City", "schema": { "type": "object" } } }
        }),
    );
    let json_schema = json!({ "name": "City", "schema": "{\"type\":\"object\"}" });
    assert_eq!(body["outputConfig"]["textFormat"]["structure"]["jsonSchema"], json_schema);
    let empty = json!({ "json": { "type": "object", "properties": {} } });
    let tools = json!({ "tools": [{ "toolSpec": { "name": "look", "inputSchema": empty } }] });
    assert_eq!(body["toolConfig"], tools);
}

#[test]
fn an_image_that_would_have_to_be_fetched_is_refused_by_name() {
    let ask = json!({ "model": "r", "messages": [{ "role": "user", "content": [
        { "type": "image_url", "image_url": { "url": "https://example.com/a.png" } }] }] });
    let refusal = try_sent(CHAT, "amazon.nova-pro-v1:0", &ask).unwrap_err();
    assert_eq!(refusal.code, "unsupported_across_dialects");
    assert_eq!(refusal.param.as_deref(), Some("messages[0].content"));
}

/// A message as Amazon writes it.
fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut named = Vec::new();
    for (name, value) in headers {
        named.push(u8::try_from(name.len()).unwrap());
        named.extend_from_slice(name.as_bytes());
        named.push(7);
        named.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        named.extend_from_slice(value.as_bytes());
    }
    let total = u32::try_from(16 + named.len() + payload.len()).unwrap();
    let mut out = total.to_be_bytes().to_vec();
    out.extend_from_slice(&u32::try_from(named.len()).unwrap().to_be_bytes());
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(&named);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out
}

fn event(name: &str, payload: &Value) -> Vec<u8> {
    let headers =
        [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
    message(&headers, payload.to_string().as_bytes())
}

fn exception(name: &str, words: &str) -> Vec<u8> {
    let headers = [(":exception-type", name), (":message-type", "exception")];
    message(&headers, json!({ "message": words }).to_string().as_bytes())
}

/// What a relay made of a stream that came in pieces of so many bytes.
struct Heard {
    out: String,
    finish: Finish,
    usage: Option<Usage>,
    stop: Option<StopReason>,
    error: Option<wire::UpstreamError>,
}

fn heard(framing: Framing, from: Dialect, to: Dialect, stream: &[u8], piece: usize) -> Heard {
    let options = StreamOptions {
        include_usage: true,
        fallback_id: "f".into(),
        model: "m".into(),
        ..StreamOptions::default()
    };
    let mut relay = StreamRelay::framed(framing, from, to, options);
    let mut out = BytesMut::new();
    let mut error = None;
    for chunk in stream.chunks(piece) {
        error = error.or(relay.push(chunk, &mut out).error);
    }
    let finish = relay.finish(&mut out);
    let out = String::from_utf8(out.to_vec()).unwrap();
    Heard { out, finish, usage: relay.usage(), stop: relay.stop(), error }
}

/// The texts and the arguments of tools that a caller of `to` reads from a stream.
fn said(to: Dialect, out: &str) -> (String, String) {
    let mut said = (String::new(), String::new());
    for line in out.lines() {
        let Some(data) = line.strip_prefix("data: ").filter(|data| *data != "[DONE]") else {
            continue;
        };
        let record: Value = serde_json::from_str(data).unwrap();
        let part = |path: &str| {
            record.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        match to {
            Dialect::OpenaiChat => {
                said.0 += &part("/choices/0/delta/content");
                said.1 += &part("/choices/0/delta/tool_calls/0/function/arguments");
            }
            Dialect::AnthropicMessages => {
                said.0 += &part("/delta/text");
                said.1 += &part("/delta/partial_json");
            }
            Dialect::OpenaiResponses => {
                if record["type"] == "response.output_text.delta" {
                    said.0 += &part("/delta");
                } else if record["type"] == "response.function_call_arguments.delta" {
                    said.1 += &part("/delta");
                }
            }
            Dialect::Gemini => {
                let parts = record["candidates"][0]["content"]["parts"].as_array();
                for part in parts.into_iter().flatten().filter(|part| part["thought"] != true) {
                    said.0 += part["text"].as_str().unwrap_or_default();
                    if part["functionCall"].is_object() {
                        said.1 += &part["functionCall"]["args"].to_string();
                    }
                }
            }
            Dialect::BedrockConverse => unreachable!("no caller speaks it"),
        }
    }
    said
}

/// What a recorded stream says, read with nothing of what is tested.
fn stated(stream: &[u8]) -> (String, String, Value) {
    let mut stated = (String::new(), String::new(), Value::Null);
    let mut at = 0;
    while at < stream.len() {
        let number = |from: usize| {
            u32::from_be_bytes(stream[at + from..at + from + 4].try_into().unwrap()) as usize
        };
        let (total, headers) = (number(0), number(4));
        let payload = &stream[at + 12 + headers..at + total - 4];
        let payload: Value = serde_json::from_slice(payload).unwrap();
        stated.0.push_str(payload["delta"]["text"].as_str().unwrap_or_default());
        stated.1.push_str(payload["delta"]["toolUse"]["input"].as_str().unwrap_or_default());
        if payload["usage"].is_object() {
            stated.2 = payload["usage"].clone();
        }
        at += total;
    }
    stated
}

fn check_stream(source: &str, stream: &[u8]) {
    let (text, arguments, usage) = stated(stream);
    for to in Dialect::ALL {
        let whole = heard(Framing::EventStream, CONVERSE, *to, stream, usize::MAX);
        assert_eq!(whole.error, None, "{source} to {to}");
        // Some recordings leave out the counts, which come last.
        let counted = usage.is_object();
        let end = if counted { Finish::Complete } else { Finish::CompleteWithoutTerminator };
        assert_eq!(whole.finish, end, "{source} to {to}");
        assert!(whole.stop.is_some(), "{source}");
        if let Some(counted) = whole.usage {
            assert_eq!(json!(counted.output()), usage["outputTokens"], "{source}");
            assert_eq!(json!(counted.uncached_in), usage["inputTokens"], "{source}");
        }
        assert_eq!(whole.usage.is_some(), counted, "{source}");
        let (heard_text, heard_arguments) = said(*to, &whole.out);
        assert_eq!(heard_text, text, "{source} to {to}");
        // Gemini's are written anew, and empty ones where its caller's dialect wants them.
        let parsed = |text: &str| -> Option<Value> { serde_json::from_str(text).ok() };
        let same = heard_arguments == arguments
            || parsed(&heard_arguments) == parsed(&arguments)
            || (arguments.is_empty() && heard_arguments == "{}");
        assert!(same, "{source} to {to}: {heard_arguments}");
        for piece in [1, 7, 100] {
            let split = heard(Framing::EventStream, CONVERSE, *to, stream, piece);
            assert_eq!(split.out, whole.out, "{source} to {to} in pieces of {piece}");
        }
    }
}

#[test]
fn recorded_streams_and_replies_reach_every_caller() {
    let Some(data) = shared::data() else { return };
    let (mut streams, mut replies) = (0, 0);
    for path in shared::files(&data.join("wire")) {
        let source = path.display().to_string();
        if !source.contains("bedrock") {
            continue;
        }
        for stream in recorded_streams(&path) {
            check_stream(&source, &stream);
            streams += 1;
        }
        for reply in recorded_replies(&path) {
            let body = Bytes::from(reply.to_string());
            for to in Dialect::ALL {
                let relayed = relay_reply(CONVERSE, *to, &body)
                    .unwrap_or_else(|error| panic!("{source}: {error}"));
                let content = reply["output"]["message"]["content"].as_array().unwrap();
                let told = String::from_utf8(relayed.body.to_vec()).unwrap();
                for text in content.iter().filter_map(|block| block["text"].as_str()) {
                    let first = Value::from(text.lines().next().unwrap_or_default()).to_string();
                    assert!(told.contains(first.trim_matches('"')), "{source} to {to}");
                }
                let usage = relayed.usage.unwrap();
                assert_eq!(json!(usage.output()), reply["usage"]["outputTokens"], "{source}");
                assert!(relayed.stop.is_some(), "{source}");
            }
            replies += 1;
        }
    }
    println!("{streams} streams, {replies} replies");
    assert!(streams >= 12 && replies >= 40, "{streams} {replies}");
}

fn recorded_streams(path: &Path) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    if path.to_string_lossy().ends_with(".chunks.txt") {
        let mut stream = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let chunk: Value = serde_json::from_str(line).unwrap();
            for (name, payload) in chunk.as_object().unwrap() {
                stream.extend(event(name, payload));
            }
        }
        return vec![stream];
    }
    interactions(path, &text)
        .iter()
        .filter_map(|interaction| {
            let body = interaction["response"]["body"]["string"].as_str()?;
            let packed: String = body.chars().filter(|c| !c.is_whitespace()).collect();
            STANDARD.decode(packed).ok()
        })
        .filter(|bytes| bytes.starts_with(&[0, 0]))
        .collect()
}

fn recorded_replies(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let all = if path.extension().is_some_and(|extension| extension == "json") {
        vec![serde_json::from_str(&text).unwrap()]
    } else {
        let parsed = interactions(path, &text);
        parsed.iter().map(|each| shared::json(&each["response"]["parsed_body"])).collect()
    };
    all.into_iter().filter(|reply: &Value| reply["output"]["message"].is_object()).collect()
}

fn interactions(path: &Path, text: &str) -> Vec<yaml_rust2::Yaml> {
    if path.extension().is_none_or(|extension| extension != "yaml") {
        return Vec::new();
    }
    let documents = YamlLoader::load_from_str(text).unwrap();
    documents[0]["interactions"].as_vec().cloned().unwrap_or_default()
}

#[test]
fn an_exception_in_the_stream_is_an_error_with_its_name() {
    let start = event("messageStart", &json!({ "role": "assistant" }));
    let text =
        event("contentBlockDelta", &json!({ "contentBlockIndex": 0, "delta": { "text": "hi" } }));
    let stream = [start, text, exception("throttlingException", "Too many requests")].concat();
    let heard = heard(Framing::EventStream, CONVERSE, CHAT, &stream, 3);
    let error = heard.error.unwrap();
    assert_eq!(error.kind.as_deref(), Some("throttlingException"));
    assert_eq!((error.message.as_str(), heard.finish), ("Too many requests", Finish::Cut));
    let bare = message(
        &[(":message-type", "error"), (":error-code", "500"), (":error-message", "it broke")],
        b"",
    );
    let heard = self::heard(Framing::EventStream, CONVERSE, MESSAGES, &bare, 100);
    assert_eq!(heard.error.unwrap().message, "it broke");
}

#[test]
fn a_stream_that_is_cut_or_garbled_is_never_whole() {
    let mut stream = event("messageStart", &json!({ "role": "assistant" }));
    stream.extend(event(
        "contentBlockDelta",
        &json!({ "contentBlockIndex": 0, "delta": { "text": "a" } }),
    ));
    let cut = heard(Framing::EventStream, CONVERSE, CHAT, &stream, 50);
    assert_eq!((cut.finish, cut.error), (Finish::Cut, None));
    let stop = event("messageStop", &json!({ "stopReason": "end_turn" }));
    let whole = [stream.as_slice(), &stop].concat();
    let without_counts = heard(Framing::EventStream, CONVERSE, CHAT, &whole, 50);
    assert_eq!(without_counts.finish, Finish::CompleteWithoutTerminator);
    let mut garbled = whole.clone();
    let at = stream.len() - 8;
    garbled[at] ^= 1;
    let garbled = heard(Framing::EventStream, CONVERSE, CHAT, &garbled, 50);
    assert!(garbled.error.is_some());
    assert_eq!(garbled.finish, Finish::Cut);
    let inside = heard(Framing::EventStream, CONVERSE, CHAT, &whole[..whole.len() - 3], 50);
    assert_eq!(inside.finish, Finish::Cut);
}

#[test]
fn an_event_that_cannot_be_read_is_noise_unless_it_carries_content() {
    let odd = |name: &str, payload: &str| {
        let odd = message(&[(":event-type", name), (":message-type", "event")], payload.as_bytes());
        let start = event("messageStart", &json!({ "role": "assistant" }));
        let text = json!({ "contentBlockIndex": 0, "delta": { "text": "a" } });
        let stop = event("messageStop", &json!({ "stopReason": "end_turn" }));
        let stream = [start, event("contentBlockDelta", &text), odd, stop].concat();
        let heard = heard(Framing::EventStream, CONVERSE, CHAT, &stream, 40);
        (heard.error.and_then(|error| error.kind), heard.finish)
    };
    let lost = (Some("unparsable".to_owned()), Finish::Cut);
    let noise = (None, Finish::CompleteWithoutTerminator);
    assert_eq!(odd("contentBlockDelta", ""), lost);
    assert_eq!(odd("contentBlockDelta", "{\"x\":"), lost);
    assert_eq!(odd("chunk", "{\"delta\":"), lost);
    assert_eq!(odd("ping", ""), noise);
    assert_eq!(odd("", ""), noise);
}

#[test]
fn messages_in_binary_chunks_come_out_as_server_sent_events() {
    let events = [
        json!({ "type": "message_start", "message": { "id": "m", "model": "claude", "usage": { "input_tokens": 7, "output_tokens": 1 } } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "hé" } }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 4 } }),
        json!({ "type": "message_stop", "amazon-bedrock-invocationMetrics": { "inputTokenCount": 7 } }),
    ];
    let mut stream = Vec::new();
    let mut expected = String::new();
    for record in &events {
        let packed = STANDARD.encode(record.to_string());
        stream.extend(event("chunk", &json!({ "bytes": packed, "p": "abcd" })));
        expected
            .push_str(&format!("event: {}\ndata: {record}\n\n", record["type"].as_str().unwrap()));
    }
    for piece in [1, 64, usize::MAX] {
        let same = heard(Framing::EventStreamOfChunks, MESSAGES, MESSAGES, &stream, piece);
        assert_eq!((same.out, same.finish), (expected.clone(), Finish::Complete));
        assert_eq!(same.usage.map(|usage| (usage.input(), usage.output())), Some((7, 4)));
    }
    let chat = heard(Framing::EventStreamOfChunks, MESSAGES, CHAT, &stream, 9);
    assert_eq!(said(CHAT, &chat.out).0, "hé");
    assert_eq!(chat.stop, Some(StopReason::EndTurn));
}

#[test]
fn what_is_no_reply_is_never_passed_on() {
    let check =
        |body: &'static str| relay_reply(CONVERSE, CHAT, &Bytes::from_static(body.as_bytes()));
    assert!(matches!(check(r#"{"message":"no"}"#), Err(Malformed::ErrorInside(_))));
    assert!(matches!(check("{}"), Err(Malformed::Shape { .. })));
    assert!(matches!(check("<html>"), Err(Malformed::Html)));
}
