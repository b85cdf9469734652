//! Bodies and replies that were damaged at random: refused or carried, never a panic, and what is
//! sent on is always valid JSON that says what was decided on.

use bytes::Bytes;
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use serde_json::Value;
use terms::{dialect::Dialect, model::Capabilities};
use wire::{Upstream, encode_request, read_error, read_head, relay_reply};

const REQUESTS: [&str; 4] = [
    r#"{"model":"m","stream":true,"stream_options":{"a":1},"max_tokens":7,"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"t\u00e9"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}]},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"c","content":"r"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"tool_choice":"auto","response_format":{"type":"json_object"},"stop":["x"],"temperature":0.5,"reasoning_effort":"low"}"#,
    r#"{"model":"m","stream":false,"max_tokens":7,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}},{"type":"text","text":"t"}]},{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{"a":1}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":[{"type":"text","text":"r"}]}]}],"tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"},"thinking":{"type":"adaptive"},"output_config":{"effort":"low"},"stop_sequences":["x"]}"#,
    r#"{"model":"m","stream":true,"store":true,"previous_response_id":null,"include":["a"],"max_output_tokens":7,"instructions":"s","input":[{"role":"user","content":[{"type":"input_text","text":"t"},{"type":"input_image","image_url":"data:image/png;base64,AA"}]},{"type":"reasoning","id":"rs","summary":[]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"r"}],"tools":[{"type":"function","name":"f","parameters":{"type":"object"}}],"tool_choice":{"type":"function","name":"f"},"text":{"format":{"type":"json_object"}},"reasoning":{"effort":"low"}}"#,
    r#"{"model":"m","stream":true,"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"text":"t"},{"inlineData":{"mimeType":"image/png","data":"AA"}}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"x"}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"r"}}}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT"}}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}},"generationConfig":{"temperature":0.5,"topK":3.0,"responseMimeType":"application/json","thinkingConfig":{"thinkingBudget":-1}}}"#,
];

const REPLIES: [&str; 4] = [
    r#"{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"t","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":1}}}"#,
    r#"{"id":"m","type":"message","model":"m","content":[{"type":"text","text":"t"},{"type":"tool_use","id":"c","name":"f","input":{}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":2}}"#,
    r#"{"id":"r","object":"response","status":"completed","model":"m","output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"h"}]},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"t"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}],"usage":{"input_tokens":1,"output_tokens":2}}"#,
    r#"{"candidates":[{"content":{"parts":[{"text":"h","thought":true},{"text":"t"},{"functionCall":{"name":"f","args":{}}}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2},"modelVersion":"m","responseId":"r"}"#,
];

/// Something that is put in place of a piece of the body.
fn shard() -> impl Strategy<Value = String> {
    let shards = [
        "",
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "true",
        "-1",
        "1e400",
        "\\",
        "\\ud800",
        "\"model\":\"n\",",
        "[[[[",
        "{}",
        "\"x\"",
        "7",
        "é",
        "\u{0}",
    ];
    prop_oneof![
        prop::sample::select(shards.to_vec()).prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
        Just(String::new())
    ]
}

fn damaged(body: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let cuts = prop::collection::vec((any::<prop::sample::Index>(), 0..12_usize, shard()), 1..3);
    cuts.prop_map(move |cuts| {
        let mut bytes = body.as_bytes().to_vec();
        for (at, length, shard) in cuts {
            let start = at.index(bytes.len() + 1);
            let end = (start + length).min(bytes.len());
            bytes.splice(start..end, shard.into_bytes());
        }
        bytes
    })
}

fn send_everywhere(from: Dialect, bytes: &[u8]) {
    let Ok(head) = read_head(from, bytes) else { return };
    let body = Bytes::copy_from_slice(bytes);
    let read: Value = serde_json::from_slice(bytes).unwrap_or(Value::Null);
    // A lone surrogate is the one thing that is passed on and that others cannot read.
    assert!(!read.is_null() || String::from_utf8_lossy(bytes).contains("\\u"));
    for to in Dialect::ALL {
        let capabilities = Capabilities::default();
        let upstream = Upstream {
            provider: "maker",
            dialect: *to,
            model: "target",
            max_output: 0,
            capabilities,
            instruction: None,
        };
        let Ok(sent) = encode_request(from, &head, &body, &upstream) else {
            assert_ne!(from, *to, "what has a valid head goes to its own dialect");
            continue;
        };
        if !read.is_null() {
            let value: Value = serde_json::from_slice(&sent.body).unwrap();
            assert_eq!(value["model"], "target");
            let stream = value["stream"].as_bool().unwrap_or(false);
            assert_eq!(stream, head.stream);
        }
        assert!(sent.dropped.iter().all(|field| field.is_ascii() && field.len() <= 100));
    }
}

proptest! {
    #[test]
    fn damaged_requests_are_refused_or_carried(
        chat in damaged(REQUESTS[0]),
        messages in damaged(REQUESTS[1]),
        responses in damaged(REQUESTS[2]),
        gemini in damaged(REQUESTS[3]),
    ) {
        send_everywhere(Dialect::Gemini, &gemini);
        send_everywhere(Dialect::OpenaiChat, &chat);
        send_everywhere(Dialect::AnthropicMessages, &messages);
        send_everywhere(Dialect::OpenaiResponses, &responses);
    }

    #[test]
    fn damaged_replies_are_refused_or_carried(
        chat in damaged(REPLIES[0]),
        messages in damaged(REPLIES[1]),
        responses in damaged(REPLIES[2]),
        gemini in damaged(REPLIES[3]),
    ) {
        for (from, bytes) in [
            (Dialect::OpenaiChat, chat),
            (Dialect::AnthropicMessages, messages),
            (Dialect::OpenaiResponses, responses),
            (Dialect::Gemini, gemini),
        ] {
            let body = Bytes::from(bytes);
            for to in Dialect::ALL {
                if let Ok(relayed) = relay_reply(from, *to, &body) && from != *to {
                    serde_json::from_slice::<Value>(&relayed.body).unwrap();
                }
            }
            assert!(!read_error(from, &body).message.is_empty());
        }
    }
}

#[test]
fn the_list_of_what_was_dropped_is_bounded() {
    let fields: Vec<String> = (0..1_000).map(|field| format!("\"é{field}\\n\":1")).collect();
    let body = format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":"x"}}],{}}}"#,
        fields.join(",")
    );
    let head = read_head(Dialect::OpenaiChat, body.as_bytes()).unwrap();
    let dialect = Dialect::AnthropicMessages;
    let capabilities = Capabilities::default();
    let upstream = Upstream {
        provider: "maker",
        dialect,
        model: "m",
        max_output: 0,
        capabilities,
        instruction: None,
    };
    let sent = encode_request(Dialect::OpenaiChat, &head, &body.into(), &upstream).unwrap();
    assert_eq!(sent.dropped.len(), 64);
    assert!(sent.dropped.iter().all(|field| field.chars().all(|c| c.is_ascii_graphic())));
}
