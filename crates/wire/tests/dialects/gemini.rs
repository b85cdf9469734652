//! Translations from and to Gemini, shown whole: what a caller sends, what an upstream gets, and the
//! answers on their way back.

use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};
use terms::{dialect::Dialect, model::Capabilities};
use wire::{
    BadRequest, StreamOptions, StreamRelay, Upstream, encode_request, human_spoke, read_head,
    relay_reply_with,
};

const CHAT: Dialect = Dialect::OpenaiChat;
const MESSAGES: Dialect = Dialect::AnthropicMessages;
const GEMINI: Dialect = Dialect::Gemini;

const ABLE: Capabilities = Capabilities {
    images: true,
    tools: true,
    json_schema: true,
    reasoning: true,
    sampling: true,
    prefill: false,
};

fn try_translate(
    from: Dialect,
    to: Dialect,
    model: &str,
    body: &str,
) -> Result<String, BadRequest> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let head = read_head(from, &body)?;
    let upstream = Upstream {
        provider: "maker",
        dialect: to,
        model,
        max_output: 64_000,
        capabilities: ABLE,
        instruction: None,
    };
    let encoded = encode_request(from, &head, &body, &upstream)?;
    let value: serde_json::Value = serde_json::from_slice(&encoded.body).unwrap();
    let mut shown = serde_json::to_string_pretty(&value).unwrap();
    write!(shown, "\n\ndropped: {}", encoded.dropped.join(", ")).unwrap();
    Ok(shown)
}

const ASKED: &str = r#"{
    "model": "m", "stream": true,
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "contents": [
        {"role": "user", "parts": [
            {"text": "What is this?"},
            {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
            {"inline_data": {"mime_type": "application/pdf", "data": "BBBB"}}
        ]},
        {"role": "model", "parts": [
            {"text": "hm", "thought": true},
            {"functionCall": {"name": "look", "args": {"at": 12345678901234567890}}, "thoughtSignature": "c2ln"},
            {"functionCall": {"name": "look", "args": {"at": 2}}}
        ]},
        {"role": "user", "parts": [
            {"functionResponse": {"name": "look", "response": {"output": "a cat"}}},
            {"functionResponse": {"name": "look", "response": {"found": ["a", "dog"]}}}
        ]},
        {"parts": [{"text": "Go on"}]}
    ],
    "tools": [
        {"functionDeclarations": [
            {"name": "look", "description": "Looks", "parameters": {"type": "OBJECT", "properties": {"at": {"type": "INTEGER", "nullable": true}}}},
            {"name": "wait", "parametersJsonSchema": {"type": "object", "properties": {}}}
        ]},
        {"googleSearch": {}}
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["look"]}},
    "safetySettings": [{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_NONE"}],
    "generationConfig": {
        "temperature": 0.5, "topK": 40.0, "maxOutputTokens": 500, "stopSequences": ["END"], "seed": 7,
        "responseMimeType": "application/json", "responseSchema": {"type": "OBJECT", "properties": {"name": {"type": "STRING"}}, "propertyOrdering": ["name"]},
        "thinkingConfig": {"thinkingBudget": 9000, "includeThoughts": true}
    }
}"#;

#[test]
fn a_gemini_request_becomes_chat_and_messages() {
    insta::assert_snapshot!(try_translate(GEMINI, CHAT, "gpt-5.5", ASKED).unwrap());
    insta::assert_snapshot!(try_translate(GEMINI, MESSAGES, "claude-opus-4-8", ASKED).unwrap());
}

#[test]
fn a_messages_request_becomes_gemini() {
    let asked = r#"{
        "model": "m", "max_tokens": 100000, "top_k": 5, "metadata": {"user_id": "u-1"}, "stop_sequences": ["END"],
        "thinking": {"type": "enabled", "budget_tokens": 20000},
        "system": [{"type": "text", "text": "You are helpful."}],
        "messages": [
            {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}, {"type": "text", "text": "What is this?"}]},
            {"role": "assistant", "content": [
                {"type": "text", "text": "Let me look."},
                {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": 12345678901234567890}}
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": true, "content": [{"type": "text", "text": "not found"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]},
                {"type": "text", "text": "Go on"}
            ]}
        ],
        "tools": [{"name": "look", "description": "Looks", "input_schema": {"type": "object", "properties": {}}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "properties": {"a": {"type": "string"}}}}}
    }"#;
    insta::assert_snapshot!(try_translate(MESSAGES, GEMINI, "gemini-3-pro", asked).unwrap());
    let older = try_translate(MESSAGES, GEMINI, "gemini-2.5-pro", asked).unwrap();
    assert!(older.contains("\"thinkingBudget\": 20000"), "{older}");
    assert!(!older.contains("thoughtSignature"), "only newer models ask for it: {older}");
}

#[test]
fn what_would_change_the_meaning_is_refused_by_name() {
    let check = |fields: &str, param: &str, code: &str| {
        let body = format!(r#"{{"model":"m",{fields}}}"#);
        let refusal = try_translate(GEMINI, CHAT, "m", &body).expect_err(fields);
        assert_eq!((refusal.param.as_deref(), refusal.code), (Some(param), code), "{refusal}");
    };
    let across = "unsupported_across_dialects";
    for (config, name) in [
        (r#""candidateCount":2"#, "candidateCount"),
        (r#""responseLogprobs":true"#, "responseLogprobs"),
        (r#""responseModalities":["IMAGE"]"#, "responseModalities"),
        (r#""speechConfig":{}"#, "speechConfig"),
        (r#""responseMimeType":"text/x.enum""#, "responseMimeType"),
    ] {
        let fields = format!(r#""generationConfig":{{{config}}},"contents":[]"#);
        check(&fields, &format!("generationConfig.{name}"), across);
    }
    for (part, name) in [
        (
            r#"{"fileData":{"mimeType":"application/pdf","fileUri":"https://generativelanguage.googleapis.com/v1beta/files/x"}}"#,
            "fileData",
        ),
        (r#"{"inlineData":{"mimeType":"audio/wav","data":"AA"}}"#, "mimeType"),
        (r#"{"functionResponse":{"name":"never","response":{}}}"#, "functionResponse"),
    ] {
        let fields = format!(r#""contents":[{{"parts":[{part}]}}]"#);
        check(&fields, &format!("contents[0].parts[].{name}"), across);
    }
    check(r#""cachedContent":"cachedContents/x","contents":[]"#, "cachedContent", "invalid_field");
    check(r#""contents":"hi""#, "contents", "invalid_field");
}

#[test]
fn the_first_look_finds_images_and_who_speaks() {
    let head = |contents: &str| {
        let body = format!(r#"{{"model":"m","contents":[{contents}]}}"#);
        let head = read_head(GEMINI, body.as_bytes()).unwrap();
        let human = human_spoke(&head, body.as_bytes());
        (head.needs.images, human)
    };
    let said = r#"{"role":"user","parts":[{"text":"hi"}]}"#;
    let image = r#"{"parts":[{"inlineData":{"mimeType":"image/png","data":"AA"}}],"role":"user"}"#;
    let call = r#"{"role":"model","parts":[{"functionCall":{"name":"f","args":{"mimeType":"image/png"}}}]}"#;
    let result =
        r#"{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"text":"x"}}}]}"#;
    assert_eq!(head(said), (false, true));
    assert_eq!(head(&format!("{said},{image}")), (true, true));
    assert!(!head(&format!("{said},{call},{result}")).1);
}

fn options() -> StreamOptions {
    StreamOptions {
        fallback_id: "fallback".into(),
        model: "asked".into(),
        created_unix_s: 1_700_000_000,
        ..StreamOptions::default()
    }
}

fn reply(from: Dialect, to: Dialect, body: &'static str) -> String {
    let relayed = relay_reply_with(from, to, &body.into(), &options()).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&relayed.body).unwrap();
    let shown = serde_json::to_string_pretty(&value).unwrap();
    format!("{shown}\n\ndropped: {}", relayed.dropped.join(", "))
}

#[test]
fn replies_are_carried_over() {
    let gemini = r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"Let me look."},{"functionCall":{"name":"look","args":{"at":1}},"thoughtSignature":"c2ln"}],"role":"model"},"finishReason":"STOP","index":0,"groundingMetadata":{}}],"usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":3,"thoughtsTokenCount":2,"totalTokenCount":15},"modelVersion":"gemini-3","responseId":"r1"}"#;
    insta::assert_snapshot!(reply(GEMINI, CHAT, gemini));
    let message = r#"{"id":"msg_1","type":"message","model":"claude","content":[{"type":"thinking","thinking":"hm","signature":"c2ln"},{"type":"text","text":"Let me look."},{"type":"tool_use","id":"toolu_1","name":"look","input":{"at":1}}],"stop_reason":"tool_use","usage":{"input_tokens":3,"cache_read_input_tokens":4,"output_tokens":5}}"#;
    insta::assert_snapshot!(reply(MESSAGES, GEMINI, message));
}

#[test]
fn streams_are_carried_over() {
    let stream = |from: Dialect, to: Dialect, records: &[&str]| {
        let mut relay = StreamRelay::new(from, to, options());
        let mut out = BytesMut::new();
        for record in records {
            relay.push(format!("data: {record}\r\n\r\n").as_bytes(), &mut out);
        }
        relay.finish(&mut out);
        format!(
            "{}dropped: {}",
            String::from_utf8(out.to_vec()).unwrap(),
            relay.dropped().join(", ")
        )
    };
    insta::assert_snapshot!(stream(
        CHAT,
        GEMINI,
        &[
            r#"{"id":"c","model":"gpt","choices":[{"index":0,"delta":{"role":"assistant","content":"caf\u00e9"}}]}"#,
            r#"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"look","arguments":"{\"at\""}}]}}]}"#,
            r#"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"wait","arguments":""}}]}}]}"#,
            r#"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}"#,
            r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
            r#"{"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
            "[DONE]",
        ],
    ));
    insta::assert_snapshot!(stream(
        GEMINI,
        MESSAGES,
        &[
            r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true}]}}],"modelVersion":"g","responseId":"r"}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"caf\u00e9"}]}}],"usageMetadata":{"promptTokenCount":3}}"#,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"look","args":{"at":1}}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2}}"#,
        ],
    ));
}
