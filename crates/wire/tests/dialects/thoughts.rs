//! Answers that broke off while their model was thinking: a thought that is told again alike goes on; any
//! other is shown as one of its own, and what was left without its seal goes back to nobody.

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use terms::{dialect::Dialect, model::Capabilities};
use wire::{
    Finish, Framing, Resumption::Restart, StreamOptions, StreamRelay, Upstream, encode_request,
    read_head, without_seals,
};

use crate::recorded::options;

const CHAT: Dialect = Dialect::OpenaiChat;
const RESPONSES: Dialect = Dialect::OpenaiResponses;
const MESSAGES: Dialect = Dialect::AnthropicMessages;
const GEMINI: Dialect = Dialect::Gemini;

fn records(records: &[Value]) -> String {
    let lines = records.iter().map(|record| {
        let event =
            record["type"].as_str().map_or(String::new(), |kind| format!("event: {kind}\n"));
        format!("{event}data: {record}\n\n")
    });
    lines.collect()
}

/// The beginning of an answer that thinks this.
fn thinks(dialect: Dialect, thought: &str) -> String {
    match dialect {
        MESSAGES => records(&[
            json!({"type":"message_start","message":{"id":"msg_1","model":"m","usage":{"input_tokens":7,"output_tokens":1}}}),
            json!({"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}),
            json!({"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":thought}}),
        ]),
        RESPONSES => records(&[
            json!({"type":"response.created","sequence_number":0,"response":{"id":"resp_1","created_at":1,"model":"m","status":"in_progress","output":[]}}),
            json!({"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[]}}),
            json!({"type":"response.reasoning_summary_part.added","sequence_number":2,"item_id":"rs_1","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}}),
            json!({"type":"response.reasoning_summary_text.delta","sequence_number":3,"item_id":"rs_1","output_index":0,"summary_index":0,"delta":thought}),
        ]),
        GEMINI => records(&[
            json!({"candidates":[{"content":{"parts":[{"text":thought,"thought":true}],"role":"model"},"index":0}],"responseId":"r","modelVersion":"m"}),
        ]),
        _ => records(&[
            json!({"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}),
            json!({"id":"c","choices":[{"index":0,"delta":{"reasoning_content":thought}}]}),
        ]),
    }
}

/// A whole answer in Anthropic's dialect: a thought in two pieces, its signature, and a text.
fn whole(thought: [&str; 2]) -> String {
    let delta = |index: u64, delta: Value| json!({"type":"content_block_delta","index":index,"delta":delta});
    let rest = records(&[
        delta(0, json!({"type":"thinking_delta","thinking":thought[1]})),
        delta(0, json!({"type":"signature_delta","signature":"R0VOVUlORQ=="})),
        json!({"type":"content_block_stop","index":0}),
        json!({"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}),
        delta(1, json!({"type":"text_delta","text":"Blue."})),
        json!({"type":"content_block_stop","index":1}),
        json!({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}),
        json!({"type":"message_stop"}),
    ]);
    thinks(MESSAGES, thought[0]) + &rest
}

/// What a caller read of an answer that broke off in its thought and was told again.
fn told(from: Dialect, to: Dialect, first: &str, second: [&str; 2]) -> String {
    let options =
        StreamOptions { show_reasoning: from != to, provider: "maker".into(), ..options() };
    let mut relay = StreamRelay::new(from, to, options);
    let mut out = BytesMut::new();
    relay.push(thinks(from, first).as_bytes(), &mut out);
    let unfinished = relay.into_unfinished().map_err(|(_, why)| why).unwrap();
    let mut relay = unfinished.relay(Restart, Framing::of(MESSAGES), MESSAGES, "second");
    let progress = relay.push(whole(second).as_bytes(), &mut out);
    assert_eq!(progress.error, None, "{from} to {to}");
    assert_ne!(relay.finish(&mut out), Finish::Cut, "{from} to {to}");
    String::from_utf8(out.to_vec()).unwrap()
}

fn read(out: &str) -> Vec<Value> {
    let data = out.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

/// The blocks of a stream in Anthropic's dialect, as its clients put them together.
fn blocks(out: &str) -> Vec<Value> {
    let mut blocks: Vec<Value> = Vec::new();
    let mut open = None;
    for record in read(out) {
        match record["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!((record["index"].as_u64(), open), (Some(blocks.len() as u64), None));
                open = record["index"].as_u64();
                blocks.push(record["content_block"].clone());
            }
            "content_block_delta" => {
                assert_eq!(record["index"].as_u64(), open);
                let block = blocks.last_mut().unwrap();
                for field in ["thinking", "signature", "text"] {
                    if let Some(piece) = record["delta"][field].as_str() {
                        let so_far = block[field].as_str().unwrap_or_default();
                        block[field] = format!("{so_far}{piece}").into();
                    }
                }
            }
            "content_block_stop" => assert_eq!(record["index"].as_u64(), open.take()),
            _ => {}
        }
    }
    assert_eq!(open, None, "every block has its end");
    blocks
}

/// All reasoning of a stream, in its order.
fn thought(to: Dialect, out: &str) -> String {
    let pieces = read(out).into_iter().filter_map(|record| {
        let piece = match to {
            MESSAGES => &record["delta"]["thinking"],
            RESPONSES if record["type"] != "response.reasoning_summary_text.delta" => &Value::Null,
            RESPONSES => &record["delta"],
            GEMINI => &record["candidates"][0]["content"]["parts"][0],
            _ => &record["choices"][0]["delta"]["reasoning_content"],
        };
        let piece = if piece["thought"] == true { &piece["text"] } else { piece };
        piece.as_str().map(str::to_owned)
    });
    pieces.collect()
}

#[test]
fn a_thought_told_again_alike_goes_on_where_it_broke_off() {
    for from in Dialect::ALL {
        for to in Dialect::ALL {
            let out = told(*from, *to, "The sky is", ["The s", "ky is blue."]);
            assert_eq!(thought(*to, &out), "The sky is blue.", "{from} to {to}: {out}");
            assert!(out.contains("Blue."), "{from} to {to}");
        }
    }
    let blocks = blocks(&told(MESSAGES, MESSAGES, "The sky is", ["The sky", " is blue."]));
    let signed =
        json!({"type":"thinking","thinking":"The sky is blue.","signature":"R0VOVUlORQ=="});
    assert_eq!(blocks, [signed, json!({"type":"text","text":"Blue."})]);
}

#[test]
fn another_thought_is_shown_from_its_beginning_as_one_of_its_own() {
    for from in Dialect::ALL {
        for to in Dialect::ALL {
            let out = told(*from, *to, "The sky is", ["The sea", " is not."]);
            let shown = thought(*to, &out).replace("\n\n", "");
            assert_eq!(shown, "The sky isThe sea is not.", "{from} to {to}: {out}");
        }
    }
}

#[test]
fn a_shorter_thought_is_another_one() {
    for to in Dialect::ALL {
        let out = told(CHAT, *to, "The sky is blue because", ["The sky", " is blue"]);
        let shown = thought(*to, &out).replace("\n\n", "");
        assert_eq!(shown, "The sky is blue becauseThe sky is blue", "{to}: {out}");
    }
}

#[test]
fn what_was_left_without_its_seal_goes_back_to_nobody() {
    let blocks = blocks(&told(MESSAGES, MESSAGES, "The sky is", ["The sea", " is not."]));
    assert_eq!(blocks.len(), 3, "{blocks:?}");
    assert_eq!(blocks[1]["signature"], "R0VOVUlORQ==", "the second thought has its maker's own");
    let turns = json!([
        { "role": "user", "content": "Why?" },
        { "role": "assistant", "content": blocks },
        { "role": "user", "content": "Go on." },
    ]);
    let body = json!({ "model": "m", "max_tokens": 9, "messages": turns });
    let (sent, lost) = without_seals(MESSAGES, &Bytes::from(body.to_string()), "m");
    assert_eq!(lost, ["messages[].content[].thinking"]);
    let sent: Value = serde_json::from_slice(&sent).unwrap();
    assert_eq!(sent["messages"][1]["content"], json!([blocks[1], blocks[2]]));
}

#[test]
fn the_items_of_a_response_are_whole_at_its_end() {
    for second in [["The sky", " is blue."], ["The sea", " is not."]] {
        let out = told(RESPONSES, RESPONSES, "The sky is", second);
        let records = read(&out);
        let numbers = records.iter().map(|record| record["sequence_number"].as_u64().unwrap());
        assert!(numbers.eq(0..records.len() as u64), "{out}");
        let done: Vec<&Value> = records
            .iter()
            .filter(|record| record["type"] == "response.output_item.done")
            .map(|record| &record["item"])
            .collect();
        let ended = records.iter().find(|record| record["type"] == "response.completed").unwrap();
        let output = ended["response"]["output"].as_array().unwrap();
        assert_eq!(done, output.iter().collect::<Vec<_>>());
        assert_eq!(output[0]["id"], "rs_1");
        let kinds: Vec<&str> = output.iter().filter_map(|item| item["type"].as_str()).collect();
        let sealed: Vec<bool> =
            output.iter().map(|item| item["encrypted_content"].is_string()).collect();
        if second[0] == "The sky" {
            assert_eq!((kinds, sealed), (vec!["reasoning", "message"], vec![true, false]));
            assert_eq!(output[0]["summary"][0]["text"], "The sky is blue.");
        } else {
            assert_eq!(kinds, ["reasoning", "reasoning", "message"]);
            assert_eq!(sealed, [false, true, false], "what has no seal is taken out as stale");
        }
    }
}

/// What a provider that speaks Anthropic's dialect is sent of a turn in the next request.
fn sent_back(caller: Dialect, turn: &Value, provider: &str) -> String {
    let field = if caller == RESPONSES { "input" } else { "messages" };
    let question = json!({ "role": "user", "content": "Go on." });
    let mut turns = turn.as_array().cloned().unwrap_or_else(|| vec![turn.clone()]);
    turns.push(question);
    let body = Bytes::from(json!({ "model": "m", field: turns }).to_string());
    let able = Capabilities {
        images: true,
        tools: true,
        json_schema: true,
        reasoning: true,
        sampling: true,
        prefill: true,
    };
    let upstream = Upstream {
        dialect: MESSAGES,
        provider,
        model: "claude-opus-4-6",
        max_output: 64,
        capabilities: able,
        instruction: None,
    };
    let head = read_head(caller, &body).unwrap();
    let sent = encode_request(caller, &head, &body, &upstream).unwrap();
    String::from_utf8(sent.body.to_vec()).unwrap()
}

/// The turn of a chat client, as it puts one together.
fn chat_turn(out: &str) -> Value {
    let deltas = read(out).into_iter().map(|record| record["choices"][0]["delta"].clone());
    let details: Vec<Value> = deltas
        .filter_map(|delta| delta["reasoning_details"].as_array().cloned())
        .flatten()
        .collect();
    json!({ "role": "assistant", "content": "Blue.", "reasoning_details": details })
}

#[test]
fn what_the_second_maker_sealed_is_its_own_with_its_words() {
    for from in [CHAT, RESPONSES, MESSAGES, GEMINI] {
        for (second, words) in [
            (["The sky", " is blue."], "The sky is blue."),
            (["The sea", " is not."], "The sea is not."),
        ] {
            let turn = chat_turn(&told(from, CHAT, "The sky is", second));
            let own = sent_back(CHAT, &turn, "second");
            let thought = format!(r#""thinking":"{words}","signature":"R0VOVUlORQ==""#);
            assert!(own.contains(&thought), "{from}: {own}");
            let other = sent_back(CHAT, &turn, "maker");
            assert!(!other.contains("R0VO") && !other.contains(words), "{from}: {other}");
        }
    }
}

#[test]
fn a_thought_without_words_seals_no_other() {
    for from in Dialect::ALL {
        let blocks = blocks(&told(*from, MESSAGES, "The sky is", ["", ""]));
        let first = blocks[0]["signature"].as_str().unwrap();
        assert!(first.starts_with("outlast1"), "{from}: {blocks:?}");
        assert_eq!(blocks[0]["thinking"], "The sky is", "{from}");
        let out = told(*from, RESPONSES, "The sky is", ["", ""]);
        let records = read(&out);
        let ended = records.iter().find(|record| record["type"] == "response.completed").unwrap();
        let output = ended["response"]["output"].as_array().unwrap();
        assert_eq!(output.len(), 3, "{from}: {output:?}");
        assert_eq!(output[0]["encrypted_content"], Value::Null, "{from}");
        assert_eq!(output[1]["summary"], json!([]), "{from}");
    }
}

#[test]
fn what_is_no_unicode_is_not_told_twice() {
    let odd = thinks(CHAT, "a")
        + r#"data: {"id":"c","choices":[{"index":0,"delta":{"reasoning_content":"\ud83d"}}]}"#
        + "\n\n";
    let mut relay = StreamRelay::new(CHAT, CHAT, options());
    let mut out = BytesMut::new();
    relay.push(odd.as_bytes(), &mut out);
    let unfinished = relay.into_unfinished().map_err(|(_, why)| why).unwrap();
    let mut relay = unfinished.relay(Restart, Framing::of(CHAT), CHAT, "second");
    let before = out.len();
    relay.push(odd.as_bytes(), &mut out);
    let again = std::str::from_utf8(&out[before..]).unwrap();
    // Another thought, from its beginning.
    assert_eq!(again.matches("ud83d").count(), 1, "{again}");
    assert!(again.find(r#""\n\n""#).unwrap() < again.find(r#":"a""#).unwrap(), "{again}");
}

/// A thought that was sealed waits for what it led to in two dialects; another maker must not bear its seal.
#[test]
fn a_seal_that_waits_is_not_put_under_another_name() {
    let signed = thinks(MESSAGES, "The sky is")
        + &records(&[
            json!({"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"QUFB"}}),
            json!({"type":"content_block_stop","index":0}),
        ]);
    for to in [CHAT, GEMINI] {
        let options = StreamOptions { provider: "maker".into(), ..options() };
        let mut relay = StreamRelay::new(MESSAGES, to, options);
        let mut out = BytesMut::new();
        relay.push(signed.as_bytes(), &mut out);
        let unfinished = relay.into_unfinished().map_err(|(_, why)| why).unwrap();
        let mut relay = unfinished.relay(Restart, Framing::of(MESSAGES), MESSAGES, "second");
        relay.push(whole(["The sky", " is."]).as_bytes(), &mut out);
        assert_ne!(relay.finish(&mut out), Finish::Cut, "{to}");
        let out = String::from_utf8(out.to_vec()).unwrap();
        assert!(out.contains("Blue.") && !out.contains("outlast1"), "{to}: {out}");
    }
}
