//! Translations, shown whole: what a caller sends in one dialect and an upstream gets in the other,
//! and the answers on their way back.

use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};
use terms::{dialect::Dialect, model::Capabilities};
use wire::{
    BadRequest, StreamOptions, StreamRelay, Upstream, encode_request, read_head, relay_reply_with,
};

const CHAT: Dialect = Dialect::OpenaiChat;
const MESSAGES: Dialect = Dialect::AnthropicMessages;

const ABLE: Capabilities = Capabilities {
    images: true,
    tools: true,
    json_schema: true,
    reasoning: true,
    sampling: true,
    prefill: false,
};

fn other(dialect: Dialect) -> Dialect {
    if dialect == CHAT { MESSAGES } else { CHAT }
}

fn upstream(dialect: Dialect, capabilities: Capabilities) -> Upstream<'static> {
    let model = if dialect == MESSAGES { "claude-opus-4-8" } else { "gpt-5.5" };
    Upstream {
        provider: "maker",
        dialect,
        model,
        max_output: 64_000,
        capabilities,
        instruction: None,
    }
}

fn try_translate(from: Dialect, body: &str, to: &Upstream<'_>) -> Result<String, BadRequest> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let head = read_head(from, &body)?;
    let encoded = encode_request(from, &head, &body, to)?;
    let value: serde_json::Value = serde_json::from_slice(&encoded.body).unwrap();
    let mut shown = serde_json::to_string_pretty(&value).unwrap();
    write!(shown, "\n\ndropped: {}", encoded.dropped.join(", ")).unwrap();
    Ok(shown)
}

fn translate(from: Dialect, body: &str) -> String {
    try_translate(from, body, &upstream(other(from), ABLE)).unwrap()
}

fn refusal(from: Dialect, field: &str) -> BadRequest {
    let body = format!(
        r#"{{"model":"m","max_tokens":5,"messages":[{{"role":"user","content":"x"}}],{field}}}"#
    );
    try_translate(from, &body, &upstream(other(from), ABLE)).expect_err(field)
}

#[test]
fn a_chat_request_becomes_messages() {
    insta::assert_snapshot!(translate(
        CHAT,
        r#"{
            "model": "m", "stream": true, "max_completion_tokens": 500, "temperature": 1.5, "top_p": 0.9,
            "stop": ["END", " "], "parallel_tool_calls": false, "seed": 7, "logit_bias": {"1": 2}, "n": 1,
            "reasoning_effort": "high", "user": "u-1", "service_tier": null,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "developer", "content": [{"type": "text", "text": "Answer in French."}]},
                {"role": "user", "name": "ada", "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
                    {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                    {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB"}}
                ]},
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "functions.look:0", "type": "function", "function": {"name": "look", "arguments": "{\"at\": 12345678901234567890}"}},
                    {"id": "call_2", "type": "function", "function": {"name": "look", "arguments": ""}}
                ]},
                {"role": "tool", "tool_call_id": "functions.look:0", "content": "a cat"},
                {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "a dog"}]},
                {"role": "system", "content": "Now in German."},
                {"role": "assistant", "content": "", "refusal": "No."},
                {"role": "user", "content": "Go on"}
            ],
            "tools": [
                {"type": "function", "function": {"name": "look", "description": "Looks", "strict": true, "parameters": {"type": "object", "properties": {"at": {"type": "integer"}}}}},
                {"type": "function", "function": {"name": "wait"}},
                {"type": "custom", "custom": {"name": "shell"}}
            ],
            "tool_choice": "auto",
            "response_format": {"type": "json_schema", "json_schema": {"name": "city", "strict": true, "schema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": false}}}
        }"#,
    ));
}

#[test]
fn a_messages_request_becomes_chat() {
    insta::assert_snapshot!(translate(
        MESSAGES,
        r#"{
            "model": "m", "stream": true, "max_tokens": 100000, "temperature": 0.5, "top_k": 5,
            "stop_sequences": ["END"], "metadata": {"user_id": "u-1"},
            "thinking": {"type": "enabled", "budget_tokens": 20000},
            "context_management": {"edits": []},
            "system": [
                {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197; cc_entrypoint=cli;"},
                {"type": "text", "text": "You are helpful.", "cache_control": {"type": "ephemeral"}}
            ],
            "messages": [
                {"role": "user", "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                    {"type": "document", "title": "notes", "source": {"type": "text", "media_type": "text/plain", "data": "some notes"}},
                    {"type": "text", "text": "What is this?"}
                ]},
                {"role": "system", "content": "A reminder."},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                    {"type": "text", "text": "Let me look."},
                    {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": 12345678901234567890}},
                    {"type": "tool_use", "id": "toolu_2", "name": "look", "input": {}}
                ]},
                {"role": "system", "content": "Another reminder."},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": true, "content": "not found"},
                    {"type": "tool_result", "tool_use_id": "toolu_2", "content": [
                        {"type": "text", "text": "a dog"},
                        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
                    ]},
                    {"type": "text", "text": "Go on"}
                ]}
            ],
            "tools": [
                {"name": "look", "description": "Looks", "input_schema": {"type": "object", "properties": {}}, "cache_control": {"type": "ephemeral"}},
                {"type": "web_search_20250305", "name": "web_search"}
            ],
            "tool_choice": {"type": "tool", "name": "look", "disable_parallel_tool_use": true},
            "output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false}}}
        }"#,
    ));
}

#[test]
fn a_model_that_can_less_is_asked_for_less() {
    let unable = Capabilities::default();
    let chat = r#"{"model":"m","messages":[{"role":"system","content":"only this"}],"temperature":0,"top_p":1,
        "reasoning_effort":"low","response_format":{"type":"json_object"}}"#;
    let to = Upstream { max_output: 0, ..upstream(MESSAGES, unable) };
    insta::assert_snapshot!(try_translate(CHAT, chat, &to).unwrap());
    let messages = r#"{"model":"m","max_tokens":100000,"messages":[{"role":"user","content":"x"}],"temperature":0,"stop_sequences":["a"],
        "thinking":{"type":"adaptive"},"output_config":{"effort":"max","format":{"type":"json_schema","schema":{"type":"string"}}}}"#;
    insta::assert_snapshot!(try_translate(MESSAGES, messages, &upstream(CHAT, unable)).unwrap());
}

#[test]
fn older_models_think_by_budget() {
    let body = |tail: &str| {
        format!(
            r#"{{"model":"m","reasoning_effort":"high","temperature":1,"max_tokens":9000,"messages":[{{"role":"user","content":"x"}}{tail}]}}"#
        )
    };
    let older = Upstream { model: "claude-sonnet-4-5", ..upstream(MESSAGES, ABLE) };
    let thinks = try_translate(CHAT, &body(""), &older).unwrap();
    assert!(thinks.contains(r#""budget_tokens": 4500"#), "{thinks}");
    assert!(thinks.ends_with("dropped: temperature"), "{thinks}");
    let call = r#",{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"r"}"#;
    let inside_loop = try_translate(CHAT, &body(call), &older).unwrap();
    assert!(!inside_loop.contains("thinking"), "{inside_loop}");
    assert!(inside_loop.ends_with("dropped: reasoning"), "{inside_loop}");
}

#[test]
fn what_would_change_the_meaning_is_refused_by_name() {
    for (from, field, param) in [
        (CHAT, r#""n":2"#, "n"),
        (CHAT, r#""logprobs":true"#, "logprobs"),
        (CHAT, r#""top_logprobs":3"#, "top_logprobs"),
        (CHAT, r#""modalities":["text","audio"]"#, "modalities"),
        (CHAT, r#""audio":{"voice":"x"}"#, "audio"),
        (CHAT, r#""functions":[]"#, "functions"),
        (CHAT, r#""web_search_options":{}"#, "web_search_options"),
        (CHAT, r#""response_format":{"type":"grammar"}"#, "response_format"),
        (CHAT, r#""tool_choice":{"type":"allowed_tools"}"#, "tool_choice"),
        (MESSAGES, r#""mcp_servers":[{}]"#, "mcp_servers"),
    ] {
        let refusal = refusal(from, field);
        assert_eq!(refusal.param.as_deref(), Some(param), "{refusal}");
        assert_eq!(refusal.code, "unsupported_across_dialects");
        assert!(refusal.message.contains(param));
    }
    let harmless = r#"{"model":"m","n":1,"logprobs":false,"top_logprobs":null,"modalities":["text"],"messages":[{"role":"user","content":"x"}]}"#;
    assert!(translate(CHAT, harmless).ends_with("dropped: "));
}

#[test]
fn parts_that_cannot_be_carried_are_refused_by_place() {
    let check = |from: Dialect, content: &str, param: &str| {
        let body = format!(
            r#"{{"model":"m","max_tokens":1,"messages":[{{"role":"user","content":[{content}]}}]}}"#
        );
        let refusal = try_translate(from, &body, &upstream(other(from), ABLE)).expect_err(content);
        assert_eq!(refusal.param.as_deref(), Some(param));
    };
    check(CHAT, r#"{"type":"input_audio","input_audio":{}}"#, "messages[0].content[].input_audio");
    check(CHAT, r#"{"type":"file","file":{"file_id":"f"}}"#, "messages[0].content[].file.file_id");
    check(
        MESSAGES,
        r#"{"type":"image","source":{"type":"file","file_id":"f"}}"#,
        "messages[0].content.source",
    );
    check(MESSAGES, r#"{"type":"new_kind"}"#, "messages[0].content.new_kind");
    let prefill = r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"{"}]}"#;
    let refusal = try_translate(MESSAGES, prefill, &upstream(CHAT, ABLE)).unwrap_err();
    assert_eq!(refusal.param.as_deref(), Some("messages[1]"));
}

/// By the name of the field, in the words of JSON; what stands there is not repeated.
#[test]
fn a_wrong_type_is_refused_in_the_callers_terms() {
    let check = |from: Dialect, body: &str, param: &str, message: &str| {
        let to = if from == CHAT { MESSAGES } else { CHAT };
        let refusal = match read_head(from, body.as_bytes()) {
            Err(refusal) => refusal,
            Ok(_) => try_translate(from, body, &upstream(to, ABLE)).unwrap_err(),
        };
        assert_eq!(refusal.param.as_deref(), Some(param), "{refusal}");
        assert_eq!(refusal.message, format!("`{param}` {message}"), "{from}");
        for word in ["f64", "u64", "struct", "line", "secret", "a sequence", "invalid type"] {
            assert!(!refusal.message.contains(word), "{refusal}");
        }
        assert_eq!(refusal.status, 400);
    };
    let responses = Dialect::OpenaiResponses;
    let gemini = Dialect::Gemini;
    let number = "must be a number";
    let user = r#"{"role":"user","content":"x"}"#;
    let chat = |rest: &str| format!(r#"{{"model":"m","messages":[{user}],{rest}}}"#);
    check(CHAT, &chat(r#""temperature":"secret""#), "temperature", number);
    check(
        CHAT,
        &chat("\n\"tools\":[{\"type\":\"function\",\n\"function\":{\"name\":7}}]"),
        "tools[0].function.name",
        "must be a string",
    );
    check(CHAT, &chat(r#""top_p":{"a":1}"#), "top_p", number);
    check(
        CHAT,
        &format!(
            r#"{{"model":"m","messages":[{user},{{"role":"user","content":{{"secret":1}}}}]}}"#
        ),
        "messages[1].content",
        "must be a string or an array",
    );
    let messages =
        |rest: &str| format!(r#"{{"model":"m","max_tokens":9,"messages":[{user}],{rest}}}"#);
    check(MESSAGES, &messages(r#""top_k":1.5"#), "top_k", "must be a whole number from 0 on");
    check(
        MESSAGES,
        &messages(r#""stop_sequences":"secret""#),
        "stop_sequences",
        "must be an array",
    );
    check(MESSAGES, &messages(r#""thinking":"secret""#), "thinking", "must be an object");
    let result = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":7}]}]}]}"#;
    check(MESSAGES, result, "messages[0].content.content[0].text", "must be a string");
    let asked = |rest: &str| format!(r#"{{"model":"m","input":"x",{rest}}}"#);
    check(
        responses,
        &asked(r#""parallel_tool_calls":"secret""#),
        "parallel_tool_calls",
        "must be true or false",
    );
    check(
        responses,
        &asked(r#""reasoning":{"effort":["secret"]}"#),
        "reasoning.effort",
        "must be a string",
    );
    let contents =
        |rest: &str| format!(r#"{{"model":"m","contents":[{{"parts":[{{"text":"x"}}]}}],{rest}}}"#);
    check(
        gemini,
        &contents(r#""generationConfig":{"temperature":"secret"}"#),
        "generationConfig.temperature",
        number,
    );
    check(
        gemini,
        &contents(r#""systemInstruction":{"parts":[{"text":7}]}"#),
        "systemInstruction.parts[0].text",
        "must be a string",
    );
    check(
        gemini,
        &contents(r#""systemInstruction":7"#),
        "systemInstruction",
        "must be a string or an object",
    );
}

/// What the first look at a request already sees.
#[test]
fn turns_that_are_no_list_are_refused_by_name() {
    for (dialect, field, body) in [
        (CHAT, "messages", r#"{"model":"m","messages":5}"#),
        (MESSAGES, "messages", r#"{"model":"m","max_tokens":1,"messages":5}"#),
        (Dialect::OpenaiResponses, "input", r#"{"model":"m","input":5}"#),
        (Dialect::Gemini, "contents", r#"{"model":"m","contents":5}"#),
    ] {
        let refusal = read_head(dialect, body.as_bytes()).unwrap_err();
        assert_eq!(refusal.param.as_deref(), Some(field), "{refusal}");
        assert!(refusal.message.starts_with(&format!("`{field}` must be ")), "{refusal}");
    }
}

fn options() -> StreamOptions {
    StreamOptions {
        include_usage: true,
        fallback_id: "fallback".into(),
        model: "asked".into(),
        created_unix_s: 1_700_000_000,
        ..StreamOptions::default()
    }
}

fn reply(from: Dialect, body: &'static str) -> String {
    let relayed = relay_reply_with(from, other(from), &body.into(), &options()).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&relayed.body).unwrap();
    let mut shown = serde_json::to_string_pretty(&value).unwrap();
    write!(
        shown,
        "\n\n{:?} {:?} dropped: {}",
        relayed.stop,
        relayed.usage,
        relayed.dropped.join(", ")
    )
    .unwrap();
    shown
}

#[test]
fn a_message_becomes_a_completion() {
    insta::assert_snapshot!(reply(
        MESSAGES,
        r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[
            {"type":"thinking","thinking":"hm","signature":"s"},
            {"type":"text","text":"Let me "},{"type":"text","text":"look."},
            {"type":"tool_use","id":"toolu_1","name":"look","input":{"at": 12345678901234567890}}],
            "stop_reason":"tool_use","stop_sequence":null,
            "usage":{"input_tokens":10,"cache_creation_input_tokens":20,"cache_read_input_tokens":30,"cache_creation":{"ephemeral_5m_input_tokens":5,"ephemeral_1h_input_tokens":15},"output_tokens":40,"output_tokens_details":{"thinking_tokens":7}}}"#,
    ));
    insta::assert_snapshot!(reply(
        MESSAGES,
        r#"{"model":"claude","content":[],"stop_reason":"refusal","stop_details":{"type":"refusal","explanation":"Not that."},"usage":{"input_tokens":1,"output_tokens":0}}"#,
    ));
}

#[test]
fn a_completion_becomes_a_message() {
    insta::assert_snapshot!(reply(
        CHAT,
        r#"{"id":"chatcmpl-1","object":"chat.completion","created":5,"model":"gpt","choices":[{"index":0,"message":{"role":"assistant","content":"Let me look.","reasoning_content":"hm",
            "tool_calls":[{"id":"functions.look:0","type":"function","function":{"name":"look","arguments":"{\"at\": 12345678901234567890}"}},{"id":"c","type":"function","function":{"name":"look","arguments":"not json"}}]},"finish_reason":"stop"}],
            "usage":{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,"prompt_tokens_details":{"cached_tokens":30},"completion_tokens_details":{"reasoning_tokens":20}}}"#,
    ));
    insta::assert_snapshot!(reply(
        CHAT,
        r#"{"choices":[{"message":{"content":null,"refusal":"Not that."},"finish_reason":"stop"}]}"#,
    ));
}

fn stream(from: Dialect, records: &str) -> String {
    let mut relay = StreamRelay::new(from, other(from), options());
    let mut out = BytesMut::new();
    let progress = relay.push(records.as_bytes(), &mut out);
    assert_eq!(progress.error, None);
    let finish = relay.finish(&mut out);
    let shown = String::from_utf8(out.to_vec()).unwrap();
    format!("{shown}{finish:?} dropped: {}", relay.dropped().join(", "))
}

#[test]
fn a_message_stream_becomes_chunks() {
    insta::assert_snapshot!(stream(
        MESSAGES,
        r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","model":"claude","usage":{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: ping
data: {"type": "ping"}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Caf\u00e9 \"好\"\n"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"look","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"at\":"}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":" 1}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":2}

event: content_block_start
data: {"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"toolu_2","name":"wait","input":{}}}

event: content_block_stop
data: {"type":"content_block_stop","index":3}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":20}}

event: message_stop
data: {"type":"message_stop"}

"#,
    ));
}

#[test]
fn chunks_become_a_message_stream() {
    insta::assert_snapshot!(stream(
        CHAT,
        r#"data: {"id":"","choices":[],"prompt_filter_results":[]}

data: {"id":"chatcmpl-1","model":"gpt","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","model":"gpt","choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}

data: {"id":"chatcmpl-1","model":"gpt","choices":[{"index":0,"delta":{"content":"Caf\u00e9 \"好\"\n"}}]}

data: {"id":"chatcmpl-1","model":"gpt","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"look","arguments":""}}]}}]}

data: {"id":"chatcmpl-1","model":"gpt","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"","function":{"arguments":"{\"at\":"}}]}}]}

data: {"id":"chatcmpl-1","model":"gpt","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":" 1}"}},{"index":0,"id":"call_2","function":{"name":"wait","arguments":"{}"}}]}}]}

data: {"id":"chatcmpl-1","model":"gpt","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: {"id":"chatcmpl-1","model":"gpt","choices":[],"usage":{"prompt_tokens":15,"completion_tokens":20,"prompt_tokens_details":{"cached_tokens":5},"completion_tokens_details":{"reasoning_tokens":3}}}

data: [DONE]

"#,
    ));
}
