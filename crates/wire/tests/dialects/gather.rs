//! A whole reply out of a stream has every field that the stream said, known to us or not.

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use terms::dialect::Dialect;
use wire::{Finish, OwnReply, StreamOptions, StreamRelay, as_stream, gathered, read_head};

/// The same records as servers write them: in lines of every kind, with comments and names between, in
/// several lines, behind a byte order mark, and without the blank line at the end.
fn spellings(records: &[Value]) -> Vec<String> {
    let spell = |record: &dyn Fn(&Value) -> String| {
        records.iter().map(record).collect::<String>() + "data: [DONE]\n\n"
    };
    let plain = spell(&|record| format!("data: {record}\n\n"));
    let pretty = |record: &Value| {
        let lines = serde_json::to_string_pretty(record).unwrap();
        let lines = lines.lines().map(|line| format!("data: {line}\n"));
        format!("{}\n", lines.collect::<String>())
    };
    vec![
        plain.replace('\n', "\r\n"),
        plain.replace('\n', "\r"),
        spell(&|record| format!(": a data: {{}} comment\nevent: x\nid: 1\ndata:{record}\n\n")),
        spell(&pretty),
        format!("\u{feff}{plain}"),
        plain.replace("data: [DONE]\n\n", "").trim_end().to_owned(),
        plain,
    ]
}

fn check(dialect: Dialect, records: &[Value], expect: &Value) {
    for stream in spellings(records) {
        let whole = gathered(dialect, stream.as_bytes()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&whole).unwrap(), *expect, "{stream}");
    }
}

#[test]
fn a_completion_has_its_choices_logprobs_and_the_vendors_own_fields() {
    let chunk = |choice: Value| json!({ "id": "c", "object": "chat.completion.chunk", "system_fingerprint": "fp", "obfuscation": "xy", "choices": [choice] });
    let token = |token: &str| json!({ "content": [{ "token": token, "logprob": -0.5 }] });
    let said = |index: u64, text: &str| {
        chunk(
            json!({ "index": index, "delta": { "content": text }, "logprobs": token(text), "finish_reason": null }),
        )
    };
    let choice = |index: u64, text: &str, second: &str| {
        json!({
            "index": index,
            "message": { "role": "assistant", "content": format!("{text}{second}") },
            "logprobs": { "content": [{ "token": text, "logprob": -0.5 }, { "token": second, "logprob": -0.5 }] },
            "finish_reason": "stop",
        })
    };
    let stop = |index: u64| chunk(json!({ "index": index, "delta": {}, "finish_reason": "stop" }));
    let usage = json!({ "prompt_tokens": 1, "completion_tokens": 4 });
    check(
        Dialect::OpenaiChat,
        &[
            said(0, "He"),
            said(1, "Good"),
            said(0, "llo"),
            said(1, "bye"),
            stop(0),
            stop(1),
            // Some say the reason once more, with the counts.
            stop(1),
            json!({ "id": "c", "choices": [], "usage": usage, "x_groq": { "id": "g" } }),
        ],
        &json!({
            "id": "c", "object": "chat.completion", "system_fingerprint": "fp", "x_groq": { "id": "g" },
            "choices": [choice(0, "He", "llo"), choice(1, "Good", "bye")],
            "usage": usage,
        }),
    );
}

#[test]
fn a_message_has_its_signatures_citations_and_inputs() {
    let delta = |delta: Value| json!({ "type": "content_block_delta", "index": 0, "delta": delta });
    let begun =
        |block: Value| json!({ "type": "content_block_start", "index": 0, "content_block": block });
    check(
        Dialect::AnthropicMessages,
        &[
            json!({ "type": "message_start", "message": { "id": "m", "type": "message", "role": "assistant", "content": [], "stop_reason": null, "usage": { "input_tokens": 5, "output_tokens": 1, "service_tier": "standard" } } }),
            begun(json!({ "type": "thinking", "thinking": "", "signature": "" })),
            delta(json!({ "type": "thinking_delta", "thinking": "h" })),
            delta(json!({ "type": "thinking_delta", "thinking": "m" })),
            delta(json!({ "type": "signature_delta", "signature": "Er==" })),
            begun(json!({ "type": "text", "text": "", "citations": [] })),
            delta(json!({ "type": "text_delta", "text": "so" })),
            delta(json!({ "type": "citations_delta", "citation": { "cited_text": "s" } })),
            begun(json!({ "type": "tool_use", "id": "t", "name": "look", "input": {} })),
            delta(json!({ "type": "input_json_delta", "partial_json": "{\"at\":" })),
            delta(json!({ "type": "input_json_delta", "partial_json": "1}" })),
            json!({ "type": "message_delta", "delta": { "stop_reason": "tool_use", "stop_sequence": null }, "usage": { "output_tokens": 9 }, "context_management": { "applied_edits": [] } }),
            json!({ "type": "message_stop" }),
        ],
        &json!({
            "id": "m", "type": "message", "role": "assistant", "stop_reason": "tool_use", "stop_sequence": null,
            "usage": { "input_tokens": 5, "output_tokens": 9, "service_tier": "standard" },
            "context_management": { "applied_edits": [] },
            "content": [
                { "type": "thinking", "thinking": "hm", "signature": "Er==" },
                { "type": "text", "text": "so", "citations": [{ "cited_text": "s" }] },
                { "type": "tool_use", "id": "t", "name": "look", "input": { "at": 1 } },
            ],
        }),
    );
}

#[test]
fn a_reply_of_gemini_has_its_parts_joined_and_its_grounding() {
    let piece = |parts: Value| json!({ "candidates": [{ "index": 0, "content": { "role": "model", "parts": parts } }], "responseId": "r" });
    check(
        Dialect::Gemini,
        &[
            piece(json!([{ "text": "hm", "thought": true }])),
            piece(json!([{ "text": "He" }])),
            piece(json!([{ "text": "llo" }])),
            piece(
                json!([{ "functionCall": { "name": "look", "args": {} }, "thoughtSignature": "s" }]),
            ),
            json!({ "candidates": [{ "index": 0, "finishReason": "STOP", "groundingMetadata": { "n": 1 } }], "usageMetadata": { "promptTokenCount": 3 } }),
        ],
        &json!({
            "candidates": [{
                "index": 0, "finishReason": "STOP", "groundingMetadata": { "n": 1 },
                "content": { "role": "model", "parts": [
                    { "text": "hm", "thought": true },
                    { "text": "Hello" },
                    { "functionCall": { "name": "look", "args": {} }, "thoughtSignature": "s" },
                ] },
            }],
            "responseId": "r", "usageMetadata": { "promptTokenCount": 3 },
        }),
    );
}

#[test]
fn a_response_is_what_its_last_event_says() {
    let reply = json!({ "id": "r", "output": [{ "type": "message" }] });
    check(
        Dialect::OpenaiResponses,
        &[
            json!({ "type": "response.created", "response": { "id": "r", "output": [] } }),
            json!({ "type": "response.output_text.delta", "delta": "\"response\":{}" }),
            json!({ "type": "response.completed", "response": reply }),
        ],
        &reply,
    );
}

/// However its provider writes the records, a reply that is kept has our name.
#[test]
fn a_kept_response_is_ours_in_lines_of_every_kind() {
    let responses = Dialect::OpenaiResponses;
    let reply = |output: Value| json!({ "id": "resp_1", "store": false, "status": "completed", "output": output });
    let text = json!({ "type": "message", "content": [{ "type": "output_text", "text": "so" }] });
    let records = [
        json!({ "type": "response.created", "response": reply(json!([])) }),
        json!({ "type": "response.output_text.delta", "output_index": 0, "delta": "so" }),
        json!({ "type": "response.completed", "response": reply(json!([text])) }),
    ];
    for stream in spellings(&records) {
        let own = OwnReply { id: "resp_ours".into(), follows: None, kept: true };
        let options = StreamOptions { own: Some(own), ..StreamOptions::default() };
        let mut relay = StreamRelay::new(responses, responses, options);
        let mut out = BytesMut::new();
        relay.push(stream.as_bytes(), &mut out);
        assert_ne!(relay.finish(&mut out), Finish::Cut, "{stream}");
        for kept in [relay.kept().unwrap(), &gathered(responses, &out).unwrap()] {
            let kept: Value = serde_json::from_slice(kept).unwrap();
            assert_eq!((&kept["id"], &kept["store"]), (&"resp_ours".into(), &true.into()));
            assert_eq!(kept["output"], json!([text]));
        }
    }
}

#[test]
fn records_of_completions_are_made_of_lines_of_every_kind() {
    let chunk = json!({ "id": "c", "created": 1, "model": "m", "choices": [{ "index": 0, "delta": { "content": "so" } }] });
    for stream in spellings(&[chunk]) {
        let records = wire::completion_records(stream.as_bytes());
        let records = std::str::from_utf8(&records).unwrap();
        assert!(records.contains(r#""object":"text_completion""#), "{records}");
        assert!(!records.contains("delta"), "{records}");
    }
}

#[test]
fn a_request_becomes_one_for_a_stream_where_its_answer_can_be_one() {
    let check = |dialect: Dialect, body: &str, expect: Option<&str>| {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let head = read_head(dialect, &body).unwrap();
        let streamed = as_stream(&head, &body);
        if let Some((head, body)) = &streamed {
            assert!(head.stream);
            assert_eq!(*head, read_head(dialect, body).unwrap(), "the head of the new body");
        }
        let streamed = streamed.map(|(_, body)| String::from_utf8(body.to_vec()).unwrap());
        assert_eq!(streamed.as_deref(), expect);
    };
    let chat = Dialect::OpenaiChat;
    check(
        chat,
        r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#,
        Some(r#"{"stream":true,"model":"m","messages":[{"role":"user","content":"x"}]}"#),
    );
    check(
        chat,
        r#"{"model":"m","stream" : false,"messages":[{"role":"user","content":"x"}]}"#,
        Some(r#"{"model":"m","stream" : true,"messages":[{"role":"user","content":"x"}]}"#),
    );
    check(
        chat,
        r#"{"model":"m","modalities":["text","audio"],"messages":[{"role":"user","content":"x"}]}"#,
        None,
    );
    for stream in ["null", "false", "true"] {
        for body in [
            r#"{"max_tokens":5,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y"},{"role":"user","content":"z"}],"stream":STREAM , "stream_options":{"include_usage":false},"tools":[{"type":"function"}],"max_completion_tokens": 7,"model":"m"}"#,
            r#" { "stream":STREAM,"model":"m","messages":[],"modalities":["text"]}"#,
        ] {
            let expect = body.replace("STREAM", "true");
            check(chat, &body.replace("STREAM", stream), Some(&expect));
        }
        let kept = r#"{"store":false,"stream":STREAM,"previous_response_id":"r","model":"m","input":[{"type":"item_reference","id":"a"},{"type":"reasoning","id":"rs"}]}"#;
        let expect = kept.replace("STREAM", "true");
        check(Dialect::OpenaiResponses, &kept.replace("STREAM", stream), Some(&expect));
    }
    check(
        Dialect::OpenaiResponses,
        r#"{ "input":"hi","store":null,"model":"m","previous_response_id":"r"}"#,
        Some(
            r#"{"stream":true, "input":"hi","store":null,"model":"m","previous_response_id":"r"}"#,
        ),
    );
    check(
        Dialect::AnthropicMessages,
        r#"{"max_tokens":5,"model":"m","tools":[{"name":"t"}],"messages":[{"role":"user","content":"x"}]}"#,
        Some(
            r#"{"stream":true,"max_tokens":5,"model":"m","tools":[{"name":"t"}],"messages":[{"role":"user","content":"x"}]}"#,
        ),
    );
}
