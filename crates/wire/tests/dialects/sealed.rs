//! Reasoning that only its maker can read, through every other dialect and back: the maker gets it as it
//! gave it, nobody else gets anything of it, and nobody at all gets our wrapping.

use bytes::{Bytes, BytesMut};
use proptest::prelude::{any, prop, proptest};
use serde_json::{Value, json};
use terms::{dialect::Dialect, model::Capabilities};
use wire::{
    StreamOptions, StreamRelay, Upstream, UpstreamRequest, encode_request, gathered, read_head,
    relay_reply_with,
};

const CHAT: Dialect = Dialect::OpenaiChat;
const RESPONSES: Dialect = Dialect::OpenaiResponses;
const MESSAGES: Dialect = Dialect::AnthropicMessages;
const GEMINI: Dialect = Dialect::Gemini;
const CONVERSE: Dialect = Dialect::BedrockConverse;

/// How our wrapping begins.
const MARK: &str = "outlast1";

const ABLE: Capabilities = Capabilities {
    images: true,
    tools: true,
    json_schema: true,
    reasoning: true,
    sampling: true,
    prefill: false,
};

/// What a maker answers, and what of it must come back to it, in this order and between other things.
struct Maker {
    dialect: Dialect,
    reply: &'static str,
    stream: &'static str,
    comes_back: &'static [&'static str],
}

const MAKERS: &[Maker] = &[
    Maker {
        dialect: MESSAGES,
        reply: r#"{"id":"m","model":"c","content":[{"type":"thinking","thinking":"Hm, \"é\"\n.","signature":"U0lH+/=="},{"type":"redacted_thinking","data":"SECRET"},{"type":"text","text":"Look:"},{"type":"thinking","thinking":"","signature":"U0lHMg=="},{"type":"tool_use","id":"t1","name":"look","input":{}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1}}"#,
        stream: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"c\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"Hm, \\\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"é\\\"\\n.\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"U0lH+/==\"}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"redacted_thinking\",\"data\":\"SECRET\"}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"text_delta\",\"text\":\"Look:\"}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":3,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"U0lHMg==\"}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":3}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":4,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"look\",\"input\":{}}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":4}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":2}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        comes_back: &[
            r#"{"type":"thinking","thinking":"Hm, \"é\"\n.","signature":"U0lH+/=="},{"type":"redacted_thinking","data":"SECRET"}"#,
            r#"{"type":"thinking","thinking":"","signature":"U0lHMg=="},{"type":"tool_use","id":"t1""#,
        ],
    },
    Maker {
        dialect: RESPONSES,
        reply: r#"{"id":"r","model":"g","status":"completed","output":[{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"Hm."}],"encrypted_content":"gAAA_-x="},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Look:","annotations":[]}]},{"type":"reasoning","id":"rs2","summary":[],"encrypted_content":"gBBB"},{"type":"function_call","call_id":"t1","name":"look","arguments":"{}"}]}"#,
        stream: "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"model\":\"g\"}}\n\ndata: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"reasoning\",\"id\":\"rs\",\"summary\":[],\"encrypted_content\":\"gA\"}}\n\ndata: {\"type\":\"response.reasoning_summary_text.delta\",\"output_index\":0,\"summary_index\":0,\"delta\":\"Hm.\"}\n\ndata: {\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{\"type\":\"reasoning\",\"id\":\"rs\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"Hm.\"}],\"encrypted_content\":\"gAAA_-x=\"}}\n\ndata: {\"type\":\"response.output_item.added\",\"output_index\":1,\"item\":{\"type\":\"message\"}}\n\ndata: {\"type\":\"response.output_text.delta\",\"output_index\":1,\"delta\":\"Look:\"}\n\ndata: {\"type\":\"response.output_item.done\",\"output_index\":2,\"item\":{\"type\":\"reasoning\",\"id\":\"rs2\",\"summary\":[],\"encrypted_content\":\"gBBB\"}}\n\ndata: {\"type\":\"response.output_item.added\",\"output_index\":3,\"item\":{\"type\":\"function_call\",\"call_id\":\"t1\",\"name\":\"look\",\"arguments\":\"\"}}\n\ndata: {\"type\":\"response.function_call_arguments.delta\",\"output_index\":3,\"delta\":\"{}\"}\n\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"status\":\"completed\",\"output\":[]}}\n\n",
        comes_back: &[
            r#"{"type":"reasoning","summary":[],"encrypted_content":"gAAA_-x="}"#,
            r#"{"type":"reasoning","summary":[],"encrypted_content":"gBBB"},{"type":"function_call","call_id":"t1""#,
        ],
    },
    Maker {
        dialect: GEMINI,
        reply: r#"{"responseId":"g","modelVersion":"gemini-3-pro","candidates":[{"content":{"parts":[{"text":"Hm.","thought":true},{"text":"Look:","thoughtSignature":"VEVYVA=="},{"functionCall":{"id":"t1","name":"look","args":{}},"thoughtSignature":"Q0FMTA=="}],"role":"model"},"finishReason":"STOP"}]}"#,
        stream: "data: {\"responseId\":\"g\",\"modelVersion\":\"gemini-3-pro\",\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hm.\",\"thought\":true},{\"text\":\"Look:\"}]}}]}\n\ndata: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\",\"thoughtSignature\":\"VEVYVA==\"},{\"functionCall\":{\"id\":\"t1\",\"name\":\"look\",\"args\":{}},\"thoughtSignature\":\"Q0FMTA==\"}]},\"finishReason\":\"STOP\"}]}\n\n",
        comes_back: &[
            r#"{"text":"","thoughtSignature":"VEVYVA=="}"#,
            r#"{"functionCall":{"id":"t1","name":"look","args":{}},"thoughtSignature":"Q0FMTA=="}"#,
        ],
    },
    Maker {
        dialect: CONVERSE,
        reply: r#"{"output":{"message":{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"Hm.","signature":"U0lH"}}},{"reasoningContent":{"redactedContent":"UkVE"}},{"text":"Look:"},{"toolUse":{"toolUseId":"t1","name":"look","input":{}}}]}},"stopReason":"tool_use","usage":{"inputTokens":1,"outputTokens":1}}"#,
        stream: "",
        comes_back: &[
            r#"{"reasoningContent":{"reasoningText":{"text":"Hm.","signature":"U0lH"}}},{"reasoningContent":{"redactedContent":"UkVE"}}"#,
        ],
    },
    Maker {
        dialect: CHAT,
        reply: r#"{"id":"o","model":"x","choices":[{"index":0,"message":{"role":"assistant","content":"Look:","reasoning":"Hm, \"é\".So.","reasoning_details":[{"type":"reasoning.summary","summary":"Hm, \"é\".","format":"openai-responses-v1","index":0},{"type":"reasoning.encrypted","data":"T1BFTg==","id":"rs_1","format":"openai-responses-v1","index":0},{"type":"reasoning.text","text":"So.","signature":"U0lHTg==","format":"anthropic-claude-v1","index":1},{"type":"reasoning.encrypted","data":"Q0FMTA==","id":"t1","format":"google-gemini-v1","index":2}],"tool_calls":[{"id":"t1","type":"function","function":{"name":"look","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#,
        stream: "data: {\"id\":\"o\",\"model\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"reasoning\":null,\"reasoning_details\":[]}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\",\"reasoning\":\"Hm, \\\"\",\"reasoning_details\":[{\"type\":\"reasoning.summary\",\"summary\":\"Hm, \\\"\",\"format\":\"openai-responses-v1\",\"index\":0}]}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\",\"reasoning\":\"é\\\".\",\"reasoning_details\":[{\"type\":\"reasoning.summary\",\"summary\":\"é\\\".\",\"format\":\"openai-responses-v1\",\"index\":0}]}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\",\"reasoning\":null,\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":\"T1BFTg==\",\"id\":\"rs_1\",\"format\":\"openai-responses-v1\",\"index\":0}]}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":null,\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"\",\"signature\":\"\",\"format\":\"anthropic-claude-v1\",\"index\":1}]}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"So.\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"So.\",\"format\":\"anthropic-claude-v1\",\"index\":1}]}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":null,\"reasoning_details\":[{\"type\":\"reasoning.text\",\"signature\":\"U0lHTg==\",\"format\":\"anthropic-claude-v1\",\"index\":1}]}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Look:\"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\",\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":\"Q0FMTA==\",\"id\":\"t1\",\"format\":\"google-gemini-v1\",\"index\":2}],\"tool_calls\":[{\"index\":0,\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"look\",\"arguments\":\"{}\"}}]}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n",
        comes_back: &[
            r#""content":"Look:","reasoning_details":[{"type":"reasoning.summary","summary":"Hm, \"é\".","format":"openai-responses-v1","index":0},{"type":"reasoning.encrypted","data":"T1BFTg==","id":"rs_1","format":"openai-responses-v1","index":0},{"type":"reasoning.text","text":"So.","signature":"U0lHTg==","format":"anthropic-claude-v1","index":1},{"type":"reasoning.encrypted","data":"Q0FMTA==","id":"t1","format":"google-gemini-v1","index":2}],"tool_calls":[{"id":"t1""#,
        ],
    },
];

fn options() -> StreamOptions {
    StreamOptions {
        provider: "maker".into(),
        show_reasoning: true,
        fallback_id: "f".into(),
        model: "m".into(),
        ..StreamOptions::default()
    }
}

/// The pairs of a maker and a caller of another dialect.
fn pairs() -> impl Iterator<Item = (&'static Maker, Dialect)> {
    let callers = |maker: &'static Maker| {
        Dialect::ALL.iter().copied().filter(|caller| *caller != maker.dialect)
    };
    MAKERS.iter().flat_map(move |maker| callers(maker).map(move |caller| (maker, caller)))
}

fn whole(maker: &Maker, caller: Dialect) -> Value {
    let body = Bytes::from_static(maker.reply.as_bytes());
    let relayed = relay_reply_with(maker.dialect, caller, &body, &options()).unwrap();
    assert!(relayed.dropped.is_empty(), "{caller}: {:?}", relayed.dropped);
    serde_json::from_slice(&relayed.body).unwrap()
}

/// The turn that a caller sends back, as its vendor's client makes it of a whole reply.
fn turn(caller: Dialect, reply: &Value) -> Vec<Value> {
    match caller {
        CHAT => vec![reply["choices"][0]["message"].clone()],
        RESPONSES => reply["output"].as_array().unwrap().clone(),
        GEMINI => vec![reply["candidates"][0]["content"].clone()],
        _ => vec![json!({"role": "assistant", "content": reply["content"]})],
    }
}

/// The next request, which answers the call.
fn next(caller: Dialect, turn: Vec<Value>) -> Bytes {
    let (question, answer) = match caller {
        CHAT => (
            json!({"role": "user", "content": "?"}),
            json!({"role": "tool", "tool_call_id": "t1", "content": "a cat"}),
        ),
        RESPONSES => (
            json!({"role": "user", "content": "?"}),
            json!({"type": "function_call_output", "call_id": "t1", "output": "a cat"}),
        ),
        GEMINI => (
            json!({"role": "user", "parts": [{"text": "?"}]}),
            json!({"role": "user", "parts": [{"functionResponse": {"id": "t1", "name": "look", "response": {"output": "a cat"}}}]}),
        ),
        _ => (
            json!({"role": "user", "content": "?"}),
            json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "a cat"}]}),
        ),
    };
    let turns: Vec<Value> = [question].into_iter().chain(turn).chain([answer]).collect();
    let field = match caller {
        RESPONSES => "input",
        GEMINI => "contents",
        _ => "messages",
    };
    let mut body = json!({"model": "m", field: turns});
    if caller == MESSAGES {
        body["max_tokens"] = json!(900);
    }
    Bytes::from(body.to_string())
}

fn sent(caller: Dialect, body: &Bytes, to: Dialect, provider: &str) -> UpstreamRequest {
    let model = match to {
        GEMINI => "gemini-3-pro",
        MESSAGES => "claude-opus-4-6",
        CONVERSE => "us.anthropic.claude-opus-4-6-v1",
        _ => "gpt-5.1",
    };
    let upstream = Upstream {
        dialect: to,
        provider,
        model,
        max_output: 0,
        capabilities: ABLE,
        instruction: None,
    };
    let head = read_head(caller, body).unwrap();
    encode_request(caller, &head, body, &upstream).unwrap()
}

fn text(sent: &UpstreamRequest) -> &str {
    let text = std::str::from_utf8(&sent.body).unwrap();
    assert!(!text.contains(MARK), "our wrapping went out: {text}");
    text
}

/// The maker gets all of it back in its order.
fn comes_back(maker: &Maker, caller: Dialect, body: &Bytes) {
    let sent = sent(caller, body, maker.dialect, "maker");
    let text = text(&sent);
    let mut from = 0;
    for piece in maker.comes_back {
        let at = text[from..].find(piece);
        from += at.unwrap_or_else(|| panic!("{} by {caller}: {piece} in {text}", maker.dialect));
    }
}

/// Whoever else answers gets nothing of it, and that is listed.
fn stays_away(maker: &Maker, caller: Dialect, body: &Bytes) {
    let all = Dialect::ALL.iter().chain(Dialect::OF_PROVIDERS).copied();
    let others = all
        .map(|dialect| (dialect, if dialect == maker.dialect { "somebody else" } else { "maker" }));
    for (dialect, provider) in others {
        let sent = sent(caller, body, dialect, provider);
        let text = text(&sent);
        for secret in ["U0lH", "SECRET", "gAAA", "gBBB", "VEVY", "Q0FM", "UkVE", "T1BF"] {
            assert!(!text.contains(secret), "{caller} to {dialect}: {secret} in {text}");
        }
        assert!(text.contains("Look:") && text.contains("a cat"), "{caller} to {dialect}: {text}");
        assert!(!sent.dropped.is_empty(), "{caller} to {dialect}");
    }
}

#[test]
fn a_whole_reply_gives_its_maker_back_what_it_sealed() {
    for (maker, caller) in pairs() {
        let body = next(caller, turn(caller, &whole(maker, caller)));
        comes_back(maker, caller, &body);
        stays_away(maker, caller, &body);
    }
}

/// Plays a stream in two pieces and makes a whole reply of it, as a client does.
fn streamed(maker: &Maker, caller: Dialect, cut: usize) -> Value {
    let mut relay = StreamRelay::new(maker.dialect, caller, options());
    let mut out = BytesMut::new();
    let (first, second) = maker.stream.as_bytes().split_at(cut);
    for piece in [first, second] {
        assert_eq!(relay.push(piece, &mut out).error, None);
    }
    relay.finish(&mut out);
    assert!(relay.dropped().is_empty(), "{caller}: {:?}", relay.dropped());
    let records = std::str::from_utf8(&out).unwrap().lines();
    let records: Vec<Value> = records
        .filter_map(|line| line.strip_prefix("data: ").filter(|data| *data != "[DONE]"))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    match caller {
        CHAT => completion(&records),
        RESPONSES => records.last().unwrap()["response"].clone(),
        GEMINI => {
            let parts = records
                .iter()
                .flat_map(|record| record["candidates"][0]["content"]["parts"].as_array().unwrap());
            let parts: Vec<Value> = parts.cloned().collect();
            json!({"candidates": [{"content": {"role": "model", "parts": parts}}]})
        }
        _ => message(&records),
    }
}

fn completion(records: &[Value]) -> Value {
    let mut whole = json!({"role": "assistant", "content": ""});
    let (mut details, mut calls) = (Vec::new(), Vec::<Value>::new());
    for delta in records.iter().map(|record| &record["choices"][0]["delta"]) {
        if let Some(said) = delta["content"].as_str() {
            whole["content"] = json!(format!("{}{said}", whole["content"].as_str().unwrap()));
        }
        details.extend(delta["reasoning_details"].as_array().into_iter().flatten().cloned());
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            if call["id"].is_string() {
                calls.push(call.clone());
            } else if let Some(last) = calls.last_mut() {
                last["function"]["arguments"] = call["function"]["arguments"].clone();
            }
        }
    }
    whole["reasoning_details"] = json!(details);
    whole["tool_calls"] = json!(calls);
    json!({"choices": [{"message": whole}]})
}

fn message(records: &[Value]) -> Value {
    let mut blocks: Vec<Value> = Vec::new();
    for record in records {
        match record["type"].as_str().unwrap() {
            "content_block_start" => blocks.push(record["content_block"].clone()),
            "content_block_delta" => {
                let (delta, block) = (&record["delta"], blocks.last_mut().unwrap());
                for field in ["text", "thinking", "signature"] {
                    if let Some(said) = delta[field].as_str() {
                        let before = block[field].as_str().unwrap();
                        block[field] = json!(format!("{before}{said}"));
                    }
                }
            }
            _ => {}
        }
    }
    json!({"content": blocks})
}

#[test]
fn a_stream_gives_its_maker_back_what_it_sealed_however_it_is_cut() {
    for (maker, caller) in pairs().filter(|(maker, _)| !maker.stream.is_empty()) {
        let reply = streamed(maker, caller, 0);
        let body = next(caller, turn(caller, &reply));
        comes_back(maker, caller, &body);
        stays_away(maker, caller, &body);
        for cut in 1..maker.stream.len() {
            assert_eq!(streamed(maker, caller, cut), reply, "{caller} cut at {cut}");
        }
    }
}

/// A stream whose calls are held back is written anew, also in its own dialect: what was sealed in it stays
/// as it was.
#[test]
fn a_stream_that_is_written_anew_in_its_own_dialect_keeps_its_seals() {
    for maker in MAKERS.iter().filter(|maker| !maker.stream.is_empty()) {
        let options = StreamOptions { hold_calls: true, show_reasoning: false, ..options() };
        let mut relay = StreamRelay::new(maker.dialect, maker.dialect, options);
        let mut out = BytesMut::new();
        assert_eq!(relay.push(maker.stream.as_bytes(), &mut out).error, None);
        relay.finish(&mut out);
        let written = std::str::from_utf8(&out).unwrap();
        assert!(!written.contains(MARK), "{written}");
        let secrets: &[&str] = match maker.dialect {
            MESSAGES => &["\"U0lH+/==\"", "\"SECRET\"", "\"U0lHMg==\"", "thinking_delta"],
            RESPONSES => &["\"gAAA_-x=\"", "\"gBBB\""],
            CHAT => &["\"T1BFTg==\"", "\"U0lHTg==\"", "\"Q0FMTA==\"", "\"id\":\"rs_1\""],
            _ => &["\"VEVYVA==\"", "\"Q0FMTA==\""],
        };
        for secret in secrets {
            assert!(written.contains(secret), "{secret} in {written}");
        }
    }
}

/// Clients of this dialect send no thoughts back; what sealed them stands on what they led to.
#[test]
fn thoughts_that_a_gemini_client_leaves_out_come_back_all_the_same() {
    for maker in MAKERS.iter().filter(|maker| maker.dialect != GEMINI) {
        let mut reply = whole(maker, GEMINI);
        let parts = reply["candidates"][0]["content"]["parts"].as_array_mut().unwrap();
        parts.retain(|part| part["thought"] != true);
        comes_back(maker, GEMINI, &next(GEMINI, turn(GEMINI, &reply)));
    }
}

/// Reasoning in the clear, as DeepSeek and others give it in openai-chat and want it back, goes back to
/// its maker alone. Anthropic would refuse a conversation with a thought that it did not sign.
#[test]
fn a_thought_in_the_clear_goes_back_to_its_maker_as_it_came() {
    const REPLY: &str = r#"{"choices":[{"message":{"role":"assistant","reasoning_content":"Hm.","content":"Look:","tool_calls":[{"id":"t1","type":"function","function":{"name":"look","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#;
    const STREAM: &str = r#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning_content":"H"}}]}

data: {"choices":[{"index":0,"delta":{"content":null,"reasoning_content":"m."}}]}

data: {"choices":[{"index":0,"delta":{"content":"Look:"}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t1","type":"function","function":{"name":"look","arguments":"{}"}}]}}]}

data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

data: [DONE]

"#;
    let maker = Maker { dialect: CHAT, reply: REPLY, stream: STREAM, comes_back: &[] };
    for caller in Dialect::ALL.iter().filter(|caller| **caller != CHAT) {
        let (whole, streamed) = (whole(&maker, *caller), streamed(&maker, *caller, 0));
        for reply in [whole, streamed] {
            let body = next(*caller, turn(*caller, &reply));
            for dialect in Dialect::ALL.iter().chain(Dialect::OF_PROVIDERS) {
                let (made, other) = (
                    sent(*caller, &body, *dialect, "maker"),
                    sent(*caller, &body, *dialect, "another"),
                );
                let back = text(&made).contains(r#""reasoning_content":"Hm.""#);
                assert_eq!(back, *dialect == CHAT, "{caller}, {dialect}: {}", text(&made));
                // Gemini itself reads no thoughts, so that they may stay.
                let stays = (*caller, *dialect) == (GEMINI, GEMINI);
                assert!(stays || !text(&other).contains("Hm."), "{caller}, {dialect}");
                assert!(!other.dropped.is_empty(), "{caller}, {dialect}");
            }
        }
    }
}

#[test]
fn who_asks_for_no_thinking_is_shown_none() {
    let asked_for_none = StreamOptions { show_reasoning: false, ..options() };
    for maker in MAKERS.iter().filter(|maker| maker.dialect != MESSAGES) {
        let body = Bytes::from_static(maker.reply.as_bytes());
        let relayed = relay_reply_with(maker.dialect, MESSAGES, &body, &asked_for_none).unwrap();
        let reply = std::str::from_utf8(&relayed.body).unwrap();
        assert!(!reply.contains("thinking") && !reply.contains(MARK), "{reply}");
        assert!(!relayed.dropped.is_empty());
    }
}

/// A model that began its turn in thought goes on thinking when it gets that thought back.
#[test]
fn thinking_goes_on_within_a_tool_loop() {
    let maker = &MAKERS[0];
    let older = |body: &Bytes| {
        let head = read_head(RESPONSES, body).unwrap();
        let upstream = Upstream {
            dialect: MESSAGES,
            provider: "maker",
            model: "claude-sonnet-4-5",
            max_output: 0,
            capabilities: ABLE,
            instruction: None,
        };
        let sent = encode_request(RESPONSES, &head, body, &upstream).unwrap();
        serde_json::from_slice::<Value>(&sent.body).unwrap()["thinking"].clone()
    };
    let asked = |turn: Vec<Value>| {
        let mut body: Value = serde_json::from_slice(&next(RESPONSES, turn)).unwrap();
        body["reasoning"] = json!({"effort": "high"});
        Bytes::from(body.to_string())
    };
    let mut turn = turn(RESPONSES, &whole(maker, RESPONSES));
    assert_eq!(older(&asked(turn.clone()))["type"], "enabled");
    turn.retain(|item| item["type"] != "reasoning");
    assert_eq!(older(&asked(turn)), Value::Null);
}

/// Details that nobody sealed, or that are none: what was said in the clear is what comes back.
#[test]
fn details_without_a_seal_are_not_carried() {
    for details in [
        r#"[{"type":"reasoning.text","text":"Hm.","signature":null,"format":"unknown","index":0}]"#,
        r#"[{"type":"reasoning.encrypted","data":""}]"#,
        r#"["Hm."]"#,
        r#"{"type":"reasoning.encrypted","data":"T1BFTg=="}"#,
        "null",
    ] {
        let message = format!(
            r#"{{"role":"assistant","content":"Look:","reasoning":"Hm.","reasoning_details":{details}}}"#
        );
        let reply = format!(r#"{{"choices":[{{"message":{message},"finish_reason":"stop"}}]}}"#);
        let relayed = relay_reply_with(CHAT, RESPONSES, &reply.into(), &options()).unwrap();
        let body = std::str::from_utf8(&relayed.body).unwrap();
        assert!(body.contains("Hm."), "{body}");
        let back = next(RESPONSES, turn(RESPONSES, &serde_json::from_str(body).unwrap()));
        let sent = sent(RESPONSES, &back, CHAT, "maker");
        let (details, clear) = ("reasoning_details", r#""reasoning_content":"Hm.""#);
        assert!(!text(&sent).contains(details) && text(&sent).contains(clear), "{}", text(&sent));
        let stream = format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{message},\"finish_reason\":\"stop\"}}]}}\n\ndata: [DONE]\n\n"
        );
        let mut relay = StreamRelay::new(CHAT, RESPONSES, options());
        let mut out = BytesMut::new();
        assert_eq!(relay.push(stream.as_bytes(), &mut out).error, None);
        let out = std::str::from_utf8(&out).unwrap();
        assert!(out.contains("Hm.") && out.contains("Look:"), "{out}");
    }
}

/// An answer that was got as a stream for a caller who wants it whole has its details whole.
#[test]
fn gathered_details_are_those_of_a_whole_reply() {
    let maker = MAKERS.iter().find(|maker| maker.dialect == CHAT).unwrap();
    let gathered: Value =
        serde_json::from_slice(&gathered(CHAT, maker.stream.as_bytes()).unwrap()).unwrap();
    let whole: Value = serde_json::from_str(maker.reply).unwrap();
    let details = |reply: &Value| reply["choices"][0]["message"]["reasoning_details"].clone();
    assert_eq!(details(&gathered), details(&whole));
}

proptest! {
    /// What was changed on its way is nobody's, and goes out to nobody.
    #[test]
    fn what_was_tampered_with_goes_out_to_nobody(
        pair in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        to in "[A-Za-z0-9+/=_ -]",
    ) {
        let pairs: Vec<_> = pairs().collect();
        let (maker, caller) = pairs[pair.index(pairs.len())];
        let body = next(caller, turn(caller, &whole(maker, caller)));
        let body = String::from_utf8(body.to_vec()).unwrap();
        let begin = body.find(MARK).unwrap() + MARK.len();
        let length = body[begin..].find('"').unwrap();
        let at = begin + at.index(length);
        let changed = format!("{}{to}{}", &body[..at], &body[at + 1..]);
        let changed = Bytes::from(changed);
        for dialect in Dialect::ALL.iter().chain(Dialect::OF_PROVIDERS) {
            text(&sent(caller, &changed, *dialect, "maker"));
        }
    }
}
