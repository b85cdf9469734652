//! Translations from and to Responses, shown whole: what a caller sends, what an upstream gets, and the
//! answers on their way back.

use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};
use terms::{dialect::Dialect, model::Capabilities};
use wire::{
    BadRequest, OwnReply, StreamOptions, StreamRelay, Upstream, encode_request, read_head,
    relay_reply_with,
};

const CHAT: Dialect = Dialect::OpenaiChat;
const RESPONSES: Dialect = Dialect::OpenaiResponses;
const MESSAGES: Dialect = Dialect::AnthropicMessages;

const ABLE: Capabilities = Capabilities {
    images: true,
    tools: true,
    json_schema: true,
    reasoning: true,
    sampling: true,
    prefill: false,
};

fn try_translate(from: Dialect, to: Dialect, body: &str) -> Result<String, BadRequest> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let head = read_head(from, &body)?;
    let model = if to == MESSAGES { "claude-opus-4-8" } else { "gpt-5.5" };
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

fn translate(from: Dialect, to: Dialect, body: &str) -> String {
    try_translate(from, to, body).unwrap()
}

const ASKED: &str = r#"{
    "model": "m", "stream": true, "store": false, "instructions": "Be brief.", "max_output_tokens": 500,
    "temperature": 1.5, "parallel_tool_calls": false, "safety_identifier": "u-1", "truncation": "auto",
    "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k", "metadata": {"a": "b"},
    "reasoning": {"effort": "high", "summary": "auto"},
    "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "city", "strict": true, "schema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": false}}},
    "input": [
        {"type": "message", "id": "msg_1", "role": "developer", "content": [{"type": "input_text", "text": "Answer in French."}]},
        {"role": "user", "content": [
            {"type": "input_text", "text": "What is this?"},
            {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
            {"type": "input_image", "image_url": "https://example.com/a.png"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB"}
        ]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        {"type": "message", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "Let me look.", "annotations": [], "logprobs": []}]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "arguments": "{\"at\": 12345678901234567890}", "status": "completed"},
        {"type": "function_call", "call_id": "call_2", "name": "look", "arguments": ""},
        {"type": "function_call_output", "call_id": "call_1", "output": "a cat"},
        {"type": "function_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "a dog"}, {"type": "input_image", "image_url": "https://example.com/b.png"}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"role": "user", "content": "Go on"}
    ],
    "tools": [
        {"type": "function", "name": "look", "description": "Looks", "strict": true, "parameters": {"type": "object", "properties": {"at": {"type": "integer"}}}},
        {"type": "function", "name": "wait", "strict": false},
        {"type": "namespace", "name": "agents", "tools": []},
        {"type": "web_search"}
    ],
    "tool_choice": {"type": "function", "name": "look"}
}"#;

#[test]
fn a_responses_request_becomes_chat() {
    insta::assert_snapshot!(translate(RESPONSES, CHAT, ASKED));
}

#[test]
fn a_responses_request_becomes_messages() {
    insta::assert_snapshot!(translate(RESPONSES, MESSAGES, ASKED));
}

#[test]
fn a_chat_request_becomes_responses() {
    insta::assert_snapshot!(translate(
        CHAT,
        RESPONSES,
        r#"{
            "model": "m", "stream": true, "max_completion_tokens": 5, "temperature": 1.5, "stop": ["END"],
            "parallel_tool_calls": false, "seed": 7, "reasoning_effort": "xhigh", "user": "u-1",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                    {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB"}}
                ]},
                {"role": "assistant", "content": "Let me look.", "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{\"at\": 1}"}},
                    {"id": "call_2", "type": "function", "function": {"name": "look", "arguments": ""}}
                ]},
                {"role": "tool", "tool_call_id": "call_1", "content": "a cat"},
                {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "a dog"}]},
                {"role": "user", "content": "Go on"}
            ],
            "tools": [
                {"type": "function", "function": {"name": "look", "description": "Looks", "parameters": {"type": "object", "properties": {"at": {"type": "integer"}}}}},
                {"type": "function", "function": {"name": "wait", "strict": true}}
            ],
            "tool_choice": "required",
            "response_format": {"type": "json_schema", "json_schema": {"name": "city", "schema": {"type": "object", "properties": {"name": {"type": "string"}}}}}
        }"#,
    ));
}

#[test]
fn a_messages_request_becomes_responses() {
    insta::assert_snapshot!(translate(
        MESSAGES,
        RESPONSES,
        r#"{
            "model": "m", "max_tokens": 100000, "top_k": 5, "metadata": {"user_id": "u-1"},
            "thinking": {"type": "enabled", "budget_tokens": 20000},
            "system": [{"type": "text", "text": "You are helpful.", "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}, {"type": "text", "text": "What is this?"}]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                    {"type": "text", "text": "Let me look."},
                    {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": 12345678901234567890}}
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": true, "content": [{"type": "text", "text": "not found"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]},
                    {"type": "text", "text": "Go on"}
                ]}
            ],
            "tools": [{"name": "look", "description": "Looks", "input_schema": {"type": "object", "properties": {}}}],
            "tool_choice": {"type": "any", "disable_parallel_tool_use": true}
        }"#,
    ));
}

#[test]
fn what_would_change_the_meaning_is_refused_by_name() {
    let refusal = |fields: &str| {
        let body = format!(r#"{{"model":"m",{fields}}}"#);
        try_translate(RESPONSES, CHAT, &body).expect_err(fields)
    };
    let check = |fields: &str, param: &str, code: &str| {
        let refusal = refusal(fields);
        assert_eq!((refusal.param.as_deref(), refusal.code), (Some(param), code), "{refusal}");
    };
    let across = "unsupported_across_dialects";
    for (field, param) in [
        (r#""top_logprobs":3"#, "top_logprobs"),
        (r#""include":["message.output_text.logprobs"]"#, "top_logprobs"),
        (r#""prompt":{"id":"p"}"#, "prompt"),
        (r#""tools":[{"type":"mcp"}]"#, "tools[0].mcp"),
        (r#""tools":[{"type":"file_search"}]"#, "tools[0].file_search"),
        (r#""tool_choice":{"type":"web_search"}"#, "tool_choice"),
        (r#""text":{"format":{"type":"grammar"}}"#, "text.format"),
    ] {
        check(&format!(r#"{field},"input":"x""#), param, across);
    }
    for (item, param) in [
        (r#"{"type":"item_reference","id":"msg_1"}"#, "input[0].item_reference"),
        (r#"{"type":"computer_call_output"}"#, "input[0].computer_call_output"),
        (
            r#"{"role":"user","content":[{"type":"input_image","file_id":"f"}]}"#,
            "input[0].content[].file_id",
        ),
        (r#"{"role":"user","content":[{"type":"input_audio"}]}"#, "input[0].content[].input_audio"),
    ] {
        check(&format!(r#""input":[{item}]"#), param, across);
    }
    check(r#""input":"x","background":true"#, "background", "invalid_field");
    check(r#""input":"x","conversation":"conv_1""#, "conversation", "invalid_field");
    check(r#""input":7"#, "input", "invalid_field");
    check(r#""input":[7]"#, "input[0]", "invalid_field");
    check(r#""input":"x","store":7"#, "store", "invalid_field");
    check(r#""input":"x","previous_response_id":7"#, "previous_response_id", "invalid_field");
    check(r#""messages":[]"#, "input", "missing_field");
    let twice = refusal(r#""input":"x","input":"y""#);
    assert_eq!(twice.code, "duplicate_field");
}

#[test]
fn the_first_look_finds_what_routing_needs() {
    let head = |fields: &str| {
        let body = format!(r#"{{"model":"m",{fields}}}"#);
        read_head(RESPONSES, body.as_bytes()).unwrap()
    };
    let plain = head(r#""input":"hello","instructions":"four""#);
    assert_eq!((plain.input_bytes, plain.keeps, plain.follows), (9, true, None));
    let image = r#"{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,AAAA"},{"type":"input_text","text":"12345"}]}"#;
    let found =
        head(&format!(r#""input":[{image}],"store":false,"previous_response_id":"resp_1""#));
    assert!(found.needs.images && !found.needs.tools && !found.keeps);
    assert_eq!((found.input_bytes, found.follows.as_deref()), (5, Some("resp_1")));
    let shown = r#"{"type":"function_call_output","call_id":"c","output":[{"type":"input_image","image_url":"x"}]}"#;
    assert!(head(&format!(r#""input":[{shown}]"#)).needs.images);
    let schema = head(r#""input":"x","text":{"format":{"type":"json_schema","schema":{}}}"#);
    assert!(schema.needs.json_schema);
    assert!(head(r#""input":"x","tools":[{"type":"web_search"}]"#).needs.tools);
}

fn options() -> StreamOptions {
    let own = OwnReply { id: "resp_ours".into(), follows: Some("resp_before".into()), kept: true };
    StreamOptions {
        include_usage: true,
        fallback_id: "fallback".into(),
        model: "asked".into(),
        created_unix_s: 1_700_000_000,
        own: Some(own),
        ..StreamOptions::default()
    }
}

fn reply(from: Dialect, to: Dialect, body: &'static str) -> String {
    let relayed = relay_reply_with(from, to, &body.into(), &options()).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&relayed.body).unwrap();
    let shown = serde_json::to_string_pretty(&value).unwrap();
    format!("{shown}\n\ndropped: {}", relayed.dropped.join(", "))
}

const MESSAGE: &str = r#"{"id":"msg_1","type":"message","model":"claude","content":[{"type":"thinking","thinking":"hm","signature":"c2ln"},{"type":"text","text":"Let me \"look\"."},{"type":"tool_use","id":"toolu_1","name":"look","input":{"at":1}}],"stop_reason":"tool_use","usage":{"input_tokens":3,"cache_read_input_tokens":4,"output_tokens":5}}"#;
const RESPONSE: &str = r#"{"id":"resp_1","object":"response","created_at":1700000001,"status":"completed","error":null,"incomplete_details":null,"model":"gpt","output":[{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"hm"},{"type":"summary_text","text":"so"}],"encrypted_content":"gAAA"},{"id":"ws_1","type":"web_search_call","status":"completed"},{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"output_text","text":"Hello","annotations":[{"type":"url_citation"}]},{"type":"refusal","refusal":"No."}]},{"id":"fc_1","type":"function_call","call_id":"call_1","name":"look","arguments":"{\"at\":1}"}],"usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4},"output_tokens":6,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":16}}"#;

#[test]
fn replies_are_carried_over() {
    insta::assert_snapshot!(reply(MESSAGES, RESPONSES, MESSAGE));
    insta::assert_snapshot!(reply(RESPONSES, MESSAGES, RESPONSE));
    insta::assert_snapshot!(reply(RESPONSES, CHAT, RESPONSE));
    let cut = r#"{"id":"c","model":"gpt","choices":[{"index":0,"message":{"content":"Hel"},"finish_reason":"length"}]}"#;
    insta::assert_snapshot!(reply(CHAT, RESPONSES, cut));
}

fn stream(from: Dialect, to: Dialect, records: &[&str]) -> String {
    let mut relay = StreamRelay::new(from, to, options());
    let mut out = BytesMut::new();
    for record in records {
        relay.push(format!("data: {record}\n\n").as_bytes(), &mut out);
    }
    relay.finish(&mut out);
    if to == RESPONSES {
        let kept: serde_json::Value = serde_json::from_slice(relay.kept().unwrap()).unwrap();
        assert_eq!((&kept["id"], &kept["store"]), (&"resp_ours".into(), &true.into()));
    }
    let dropped = relay.dropped().join(", ");
    format!("{}dropped: {dropped}", String::from_utf8(out.to_vec()).unwrap())
}

#[test]
fn a_message_stream_becomes_response_events() {
    insta::assert_snapshot!(stream(
        MESSAGES,
        RESPONSES,
        &[
            r#"{"type":"message_start","message":{"id":"msg_1","model":"claude","usage":{"input_tokens":3,"output_tokens":1}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"h\u006d"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"caf\u00e9 "}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"\"x\""}}"#,
            r#"{"type":"content_block_stop","index":1}"#,
            r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"look","input":{}}}"#,
            r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"at\":1}"}}"#,
            r#"{"type":"content_block_stop","index":2}"#,
            r#"{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"toolu_2","name":"wait","input":{}}}"#,
            r#"{"type":"content_block_stop","index":3}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}"#,
            r#"{"type":"message_stop"}"#,
        ],
    ));
}

#[test]
fn chunks_become_response_events() {
    insta::assert_snapshot!(stream(
        CHAT,
        RESPONSES,
        &[
            r#"{"id":"c","model":"gpt","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
            r#"{"id":"c","choices":[{"index":0,"delta":{"content":"Hel"}}]}"#,
            r#"{"id":"c","choices":[{"index":0,"delta":{"refusal":"No."}}]}"#,
            r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#,
            r#"{"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
            "[DONE]",
        ],
    ));
}

const EVENTS: &[&str] = &[
    r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","model":"gpt","status":"in_progress","output":[]}}"#,
    r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[]}}"#,
    r#"{"type":"response.reasoning_summary_part.added","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}}"#,
    r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"hm"}"#,
    r#"{"type":"response.reasoning_summary_text.done","output_index":0,"summary_index":0,"text":"hm"}"#,
    r#"{"type":"response.output_item.added","output_index":1,"item":{"id":"ws_1","type":"web_search_call"}}"#,
    r#"{"type":"response.output_item.added","output_index":2,"item":{"id":"msg_1","type":"message","content":[]}}"#,
    r#"{"type":"response.content_part.added","output_index":2,"content_index":0,"part":{"type":"output_text","text":""}}"#,
    r#"{"type":"response.output_text.delta","output_index":2,"content_index":0,"delta":"caf\u00e9","obfuscation":"x"}"#,
    r#"{"type":"response.output_text.done","output_index":2,"content_index":0,"text":"café"}"#,
    r#"{"type":"response.output_item.done","output_index":2,"item":{"id":"msg_1","type":"message","content":[]}}"#,
    r#"{"type":"response.output_item.added","output_index":3,"item":{"id":"fc_1","type":"function_call","call_id":"call_1","name":"look","arguments":""}}"#,
    r#"{"type":"response.function_call_arguments.delta","output_index":3,"delta":"{\"at\":1}"}"#,
    r#"{"type":"response.function_call_arguments.done","output_index":3,"arguments":"{\"at\":1}"}"#,
    r#"{"type":"response.output_item.done","output_index":3,"item":{"id":"fc_1","type":"function_call","call_id":"call_1","name":"look","arguments":"{\"at\":1}"}}"#,
    r#"{"type":"response.output_item.done","output_index":4,"item":{"id":"fc_2","type":"function_call","call_id":"call_2","name":"wait","arguments":"{\"s\":2}"}}"#,
    r#"{"type":"response.completed","response":{"id":"resp_1","status":"completed","output":[],"usage":{"input_tokens":10,"output_tokens":6,"total_tokens":16}}}"#,
];

#[test]
fn response_events_become_chunks() {
    insta::assert_snapshot!(stream(RESPONSES, CHAT, EVENTS));
}

#[test]
fn response_events_become_a_message_stream() {
    insta::assert_snapshot!(stream(RESPONSES, MESSAGES, EVENTS));
}

#[test]
fn an_error_has_the_next_number() {
    let refusal = wire::ErrorReply::from(read_head(RESPONSES, b"{}").unwrap_err());
    let number = |from: Dialect, records: &[&str]| {
        let mut relay = StreamRelay::new(from, RESPONSES, options());
        let mut out = BytesMut::new();
        for record in records {
            relay.push(format!("data: {record}\n\n").as_bytes(), &mut out);
        }
        let event = String::from_utf8(relay.error_event(&refusal, "req_1")).unwrap();
        let data = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        data["sequence_number"].as_u64().unwrap()
    };
    let delta = r#"{"type":"response.output_text.delta","sequence_number":41,"delta":"x"}"#;
    assert_eq!(number(RESPONSES, &[delta]), 42);
    // Created, in progress, item, part, delta.
    let chunk = r#"{"id":"c","choices":[{"index":0,"delta":{"content":"x"}}]}"#;
    assert_eq!(number(CHAT, &[chunk]), 5);
}
