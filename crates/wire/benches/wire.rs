//! What the crate costs per request and per streamed chunk: `cargo bench -p wire`.
//! Marks: under 1 µs per chunk of one dialect, under 1 ms for a 77 kB request across dialects.

use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};
use divan::{Bencher, black_box, counter::BytesCount};
use terms::{dialect::Dialect, model::Capabilities};
use wire::{
    StreamOptions, StreamRelay, Upstream, as_stream, encode_request, human_spoke, read_head,
    relay_reply,
};

const CHAT: Dialect = Dialect::OpenaiChat;
const MESSAGES: Dialect = Dialect::AnthropicMessages;
const RESPONSES: Dialect = Dialect::OpenaiResponses;
const GEMINI: Dialect = Dialect::Gemini;

const ABLE: Capabilities = Capabilities {
    images: true,
    tools: true,
    json_schema: true,
    reasoning: true,
    sampling: true,
    prefill: false,
};

fn main() {
    divan::main();
}

fn small_request() -> Bytes {
    let words = "All work and no play makes a dull gateway. ".repeat(21);
    format!(
        r#"{{"model":"route","messages":[{{"role":"user","content":"{words}"}}],"temperature":0.7}}"#
    )
    .into()
}

/// A request such as coding agents send: a long system prompt, 24 tools, a few turns.
fn large_request() -> Bytes {
    let mut body = String::from(
        r#"{"model":"route","max_tokens":32000,"stream":true,"system":[{"type":"text","text":""#,
    );
    body.push_str(&"You are an agent that edits code.\\nFollow the rules. ".repeat(500));
    body.push_str(r#"","cache_control":{"type":"ephemeral"}}],"tools":["#);
    for tool in 0..24 {
        let comma = if tool > 0 { "," } else { "" };
        let description = "Runs a command and says what came out of it. ".repeat(30);
        write!(body, r#"{comma}{{"name":"tool_{tool}","description":"{description}","input_schema":{{"type":"object","properties":{{"command":{{"type":"string","description":"what to run"}},"limit":{{"type":"integer"}}}},"required":["command"]}}}}"#).expect("writing to a text never fails");
    }
    body.push_str(r#"],"messages":["#);
    for turn in 0..20 {
        let comma = if turn > 0 { "," } else { "" };
        let output = "drwxr-xr-x 2 root root 4096 src\\n".repeat(12);
        write!(body, r#"{comma}{{"role":"user","content":[{{"type":"text","text":"do it"}}]}},{{"role":"assistant","content":[{{"type":"tool_use","id":"toolu_{turn}","name":"tool_1","input":{{"command":"ls -l"}}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"toolu_{turn}","content":"{output}"}}]}}"#).expect("writing to a text never fails");
    }
    body.push_str("]}");
    body.into()
}

fn reply() -> Bytes {
    let words = "Here is what I found. ".repeat(40);
    format!(
        r#"{{"id":"c","object":"chat.completion","created":1,"model":"gpt","choices":[{{"index":0,"message":{{"role":"assistant","content":"{words}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":200,"completion_tokens":150,"total_tokens":350}}}}"#
    )
    .into()
}

fn upstream(dialect: Dialect) -> Upstream<'static> {
    Upstream {
        provider: "maker",
        dialect,
        model: "target-model",
        max_output: 64_000,
        capabilities: ABLE,
        instruction: None,
    }
}

#[divan::bench]
fn head_of_1_kb(bencher: Bencher<'_, '_>) {
    let body = small_request();
    bencher.counter(BytesCount::new(body.len())).bench(|| read_head(CHAT, black_box(&body)));
}

#[divan::bench]
fn head_and_same_dialect_request_of_1_kb(bencher: Bencher<'_, '_>) {
    let body = small_request();
    bencher.counter(BytesCount::new(body.len())).bench(|| {
        let head = read_head(CHAT, black_box(&body)).expect("a valid request");
        encode_request(CHAT, &head, &body, &upstream(CHAT))
    });
}

#[divan::bench]
fn same_dialect_reply_of_1_kb(bencher: Bencher<'_, '_>) {
    let body = reply();
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| relay_reply(CHAT, CHAT, black_box(&body)));
}

#[divan::bench]
fn head_of_77_kb(bencher: Bencher<'_, '_>) {
    let body = large_request();
    bencher.counter(BytesCount::new(body.len())).bench(|| read_head(MESSAGES, black_box(&body)));
}

/// The same request, asked for as a stream by the gateway.
#[divan::bench]
fn as_stream_of_77_kb(bencher: Bencher<'_, '_>) {
    let body = large_request();
    let head = read_head(MESSAGES, &body).expect("a valid request");
    bencher.counter(BytesCount::new(body.len())).bench(|| as_stream(&head, black_box(&body)));
}

/// Asked only of requests with a session's id, beside their head.
#[divan::bench]
fn who_speaks_in_77_kb(bencher: Bencher<'_, '_>) {
    let body = large_request();
    let head = read_head(MESSAGES, &body).expect("a valid request");
    bencher.counter(BytesCount::new(body.len())).bench(|| human_spoke(&head, black_box(&body)));
}

#[divan::bench]
fn request_of_77_kb_across_dialects(bencher: Bencher<'_, '_>) {
    let body = large_request();
    let head = read_head(MESSAGES, &body).expect("a valid request");
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| encode_request(MESSAGES, &head, black_box(&body), &upstream(CHAT)));
}

#[divan::bench(args = [RESPONSES, GEMINI])]
fn request_of_77_kb_to_another(bencher: Bencher<'_, '_>, to: Dialect) {
    let body = large_request();
    let head = read_head(MESSAGES, &body).expect("a valid request");
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| encode_request(MESSAGES, &head, black_box(&body), &upstream(to)));
}

const CHAT_CHUNK: &[u8] = b"data: {\"id\":\"chatcmpl-D8Z5oo6uDh67AD85p73ksdT1KxhE0\",\"object\":\"chat.completion.chunk\",\"created\":1770933892,\"model\":\"gpt-4.1-nano-2025-04-14\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_de604bd877\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" Holiday\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"dTh\"}\n\n";
const MESSAGES_CHUNK: &[u8] = b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" Holiday\"}}\n\n";

const RESPONSES_CHUNK: &[u8] = b"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":17,\"item_id\":\"msg_0b7e83747d2b84440069a31433ab1881998d8036ef3db1ef03\",\"output_index\":0,\"content_index\":0,\"delta\":\" Holiday\",\"logprobs\":[],\"obfuscation\":\"dTh\"}\n\n";
const GEMINI_CHUNK: &[u8] = b"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\" Holiday\"}],\"role\":\"model\"},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":9,\"totalTokenCount\":9},\"modelVersion\":\"gemini-3-flash\",\"responseId\":\"_vr4aYiWEJnYodAPkujX0QM\"}\r\n\r\n";

/// A thousand chunks one by one, each its own push; the time shown is for all of them.
fn thousand_chunks(bencher: Bencher<'_, '_>, from: Dialect, to: Dialect, chunk: &[u8]) {
    bencher
        .counter(divan::counter::ItemsCount::new(1_000_usize))
        .with_inputs(|| {
            (StreamRelay::new(from, to, StreamOptions::default()), BytesMut::with_capacity(1 << 20))
        })
        .bench_local_values(|(mut relay, mut out)| {
            for _ in 0..1_000 {
                black_box(relay.push(black_box(chunk), &mut out));
            }
            (relay, out)
        });
}

#[divan::bench]
fn thousand_chat_chunks_same_dialect(bencher: Bencher<'_, '_>) {
    thousand_chunks(bencher, CHAT, CHAT, CHAT_CHUNK);
}

#[divan::bench]
fn thousand_messages_chunks_same_dialect(bencher: Bencher<'_, '_>) {
    thousand_chunks(bencher, MESSAGES, MESSAGES, MESSAGES_CHUNK);
}

#[divan::bench]
fn thousand_chat_chunks_across_dialects(bencher: Bencher<'_, '_>) {
    thousand_chunks(bencher, CHAT, MESSAGES, CHAT_CHUNK);
}

#[divan::bench]
fn thousand_messages_chunks_across_dialects(bencher: Bencher<'_, '_>) {
    thousand_chunks(bencher, MESSAGES, CHAT, MESSAGES_CHUNK);
}

#[divan::bench(args = [RESPONSES, CHAT])]
fn thousand_responses_chunks_to(bencher: Bencher<'_, '_>, to: Dialect) {
    thousand_chunks(bencher, RESPONSES, to, RESPONSES_CHUNK);
}

#[divan::bench(args = [GEMINI, CHAT])]
fn thousand_gemini_chunks_to(bencher: Bencher<'_, '_>, to: Dialect) {
    thousand_chunks(bencher, GEMINI, to, GEMINI_CHUNK);
}

/// A message of Amazon's framing as it is written there.
fn framed(name: &str, payload: &str) -> Vec<u8> {
    let mut headers = Vec::new();
    for (header, value) in [(":message-type", "event"), (":event-type", name)] {
        headers.push(u8::try_from(header.len()).expect("a short name"));
        headers.extend_from_slice(header.as_bytes());
        headers.push(7);
        headers.extend_from_slice(&u16::try_from(value.len()).expect("short").to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let length = |bytes: usize| u32::try_from(bytes).expect("a short message").to_be_bytes();
    let mut out = length(16 + headers.len() + payload.len()).to_vec();
    out.extend_from_slice(&length(headers.len()));
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(&headers);
    out.extend_from_slice(payload.as_bytes());
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out
}

#[divan::bench]
fn thousand_converse_chunks_to_chat(bencher: Bencher<'_, '_>) {
    let chunk = framed(
        "contentBlockDelta",
        r#"{"contentBlockIndex":0,"delta":{"text":" Holiday"},"p":"abcdefghijklmnopqrstuvwxyz"}"#,
    );
    thousand_chunks(bencher, Dialect::BedrockConverse, CHAT, &chunk);
}

/// One message of 1 MB that arrives in pieces of 1 kB.
#[divan::bench]
fn long_converse_message_in_pieces(bencher: Bencher<'_, '_>) {
    let text = "x".repeat(1 << 20);
    let payload = format!(r#"{{"contentBlockIndex":0,"delta":{{"text":"{text}"}}}}"#);
    let message = framed("contentBlockDelta", &payload);
    let relay = || StreamRelay::new(Dialect::BedrockConverse, CHAT, StreamOptions::default());
    let counter = BytesCount::new(message.len());
    bencher.counter(counter).with_inputs(relay).bench_local_values(|mut relay| {
        let mut out = BytesMut::new();
        for piece in message.chunks(1 << 10) {
            relay.push(piece, &mut out);
        }
        (relay, out)
    });
}

#[divan::bench]
fn thousand_chat_chunks_to_responses(bencher: Bencher<'_, '_>) {
    thousand_chunks(bencher, CHAT, RESPONSES, CHAT_CHUNK);
}
