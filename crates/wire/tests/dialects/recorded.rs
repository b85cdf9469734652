//! Every recorded reply and stream, relayed to callers of every dialect: text, tool calls, stop
//! reason and usage must survive. The recordings are read here a second time, by other code.

use bytes::Bytes;
use serde_json::Value;
use terms::dialect::Dialect;
use wire::{Finish, StreamOptions, gathered, read_error, relay_reply};

use crate::{
    shared::{self, What},
    splits::account,
};

/// What an answer says, in words of no dialect.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) tools: Vec<(String, Value)>,
    pub(crate) stop: &'static str,
    /// Input and output tokens.
    pub(crate) usage: Option<(u64, u64)>,
}

impl Answer {
    fn finish(mut self, raw_tools: Vec<(String, String)>) -> Self {
        let arguments = |raw: &str| match raw {
            "" => Value::Object(serde_json::Map::new()),
            raw => serde_json::from_str(raw).unwrap_or_else(|_| Value::from(raw)),
        };
        self.tools = raw_tools.into_iter().map(|(name, raw)| (name, arguments(&raw))).collect();
        // Servers of one dialect say `stop` after a tool call, or `tool_calls` without one.
        self.stop = match (self.stop, self.tools.is_empty()) {
            ("end", false) => "tool",
            ("tool", true) => "end",
            (stop, _) => stop,
        };
        self
    }
}

fn stop_word(word: &str) -> &'static str {
    match word {
        "length" | "max_tokens" | "model_context_window_exceeded" | "model_length" => "length",
        "tool_calls" | "tool_use" | "function_call" => "tool",
        "content_filter" | "refusal" => "refusal",
        "" => "",
        _ => "end",
    }
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn chat_usage(usage: &Value) -> Option<(u64, u64)> {
    let input = usage["prompt_tokens"].as_u64()?;
    let output = count(&usage["completion_tokens"]);
    Some((input, output.max(count(&usage["total_tokens"]).saturating_sub(input))))
}

fn messages_usage(usage: &Value) -> Option<(u64, u64)> {
    let input = |usage: &Value| {
        count(&usage["input_tokens"])
            + count(&usage["cache_creation_input_tokens"])
            + count(&usage["cache_read_input_tokens"])
    };
    usage["output_tokens"].as_u64()?;
    let passes = usage["iterations"].as_array().into_iter().flatten();
    let compactions: Vec<&Value> = passes.filter(|pass| pass["type"] == "compaction").collect();
    let beside =
        |count: &dyn Fn(&Value) -> u64| -> u64 { compactions.iter().map(|pass| count(pass)).sum() };
    let output = |usage: &Value| count(&usage["output_tokens"]);
    Some((input(usage) + beside(&input), output(usage) + beside(&output)))
}

fn words(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

fn read_chat(body: &Value) -> Answer {
    let choice = &body["choices"][0];
    let message = &choice["message"];
    let refusal = message["refusal"].as_str().unwrap_or_default();
    let answer = Answer {
        text: words(&message["content"]) + refusal,
        stop: stop_word(choice["finish_reason"].as_str().unwrap_or_default()),
        usage: chat_usage(&body["usage"]),
        ..Answer::default()
    };
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    let call =
        |call: &Value| (text(&call["function"]["name"]), text(&call["function"]["arguments"]));
    answer.finish(calls.map(call).collect())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn read_messages(body: &Value) -> Answer {
    let mut tools = Vec::new();
    let mut answer = Answer {
        stop: stop_word(body["stop_reason"].as_str().unwrap_or_default()),
        usage: messages_usage(&body["usage"]),
        ..Answer::default()
    };
    for block in body["content"].as_array().into_iter().flatten() {
        match block["type"].as_str() {
            Some("text") => answer.text += block["text"].as_str().unwrap_or_default(),
            Some("tool_use") => tools.push((text(&block["name"]), block["input"].to_string())),
            _ => {}
        }
    }
    answer.text += body["stop_details"]["explanation"].as_str().unwrap_or_default();
    answer.finish(tools)
}

fn read_responses(body: &Value) -> Answer {
    let mut tools = Vec::new();
    let usage = &body["usage"];
    let input = usage["input_tokens"].as_u64();
    let mut answer = Answer {
        stop: match body["incomplete_details"]["reason"].as_str() {
            Some("content_filter") => "refusal",
            Some(_) => "length",
            None => "end",
        },
        usage: input.map(|input| (input, count(&usage["output_tokens"]))),
        ..Answer::default()
    };
    for item in body["output"].as_array().into_iter().flatten() {
        for part in item["content"].as_array().into_iter().flatten() {
            if item["type"] == "message" {
                answer.text += part["text"].as_str().unwrap_or_default();
                answer.text += part["refusal"].as_str().unwrap_or_default();
            }
            if part["type"] == "refusal" {
                answer.stop = "refusal";
            }
        }
        if item["type"] == "function_call" {
            tools.push((text(&item["name"]), text(&item["arguments"])));
        }
    }
    answer.finish(tools)
}

/// What a stream says at its end that it said.
fn whole_text(stream: &str) -> String {
    let last = records(stream).last().unwrap_or_default();
    read_responses(&last["response"]).text
}

fn read_responses_stream(stream: &str) -> Answer {
    let mut answer = Answer::default();
    let (mut said, mut sequence) = (String::new(), None);
    for record in records(stream) {
        let kind = record["type"].as_str().unwrap_or_default();
        if let (Some(before), Some(number)) = (sequence, record["sequence_number"].as_u64()) {
            assert!(number > before, "the numbers of records must grow: {record}");
        }
        sequence = record["sequence_number"].as_u64().or(sequence);
        if matches!(kind, "response.output_text.delta" | "response.refusal.delta") {
            said += record["delta"].as_str().unwrap_or_default();
        }
        if matches!(kind, "response.completed" | "response.incomplete") {
            answer = read_responses(&record["response"]);
        }
    }
    // Some recordings leave out deltas, and some servers the whole reply.
    answer.text = said;
    answer
}

fn gemini_usage(usage: &Value) -> Option<(u64, u64)> {
    let prompt = usage["promptTokenCount"].as_u64();
    let output = usage["candidatesTokenCount"].as_u64();
    (prompt.is_some() || output.is_some()).then(|| {
        let input = prompt.unwrap_or(0) + count(&usage["toolUsePromptTokenCount"]);
        (input, output.unwrap_or(0) + count(&usage["thoughtsTokenCount"]))
    })
}

fn read_gemini(body: &Value) -> Answer {
    let mut answer = Answer { usage: gemini_usage(&body["usageMetadata"]), ..Answer::default() };
    let mut tools = Vec::new();
    let candidate = &body["candidates"][0];
    for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
        if part["thought"] != true {
            answer.text += part["text"].as_str().unwrap_or_default();
        }
        let call = &part["functionCall"];
        if call["name"].is_string() {
            let args = call["args"].as_object().map(|args| Value::from(args.clone()).to_string());
            tools.push((text(&call["name"]), args.unwrap_or_default()));
        }
    }
    let blocked = body["promptFeedback"]["blockReason"].is_string();
    answer.stop = match candidate["finishReason"].as_str().unwrap_or_default() {
        _ if blocked => "refusal",
        "" => "",
        "MAX_TOKENS" => "length",
        "SAFETY" | "RECITATION" | "PROHIBITED_CONTENT" => "refusal",
        _ => "end",
    };
    answer.finish(tools)
}

fn read_gemini_stream(stream: &str) -> Answer {
    let mut whole = Answer::default();
    for record in records(stream) {
        let Answer { text, tools, stop, usage } = read_gemini(&record);
        whole.text += &text;
        whole.tools.extend(tools);
        whole.usage = usage.or(whole.usage);
        let word = if stop == "tool" { "end" } else { stop };
        whole.stop = if word.is_empty() { whole.stop } else { word };
    }
    let tools = std::mem::take(&mut whole.tools);
    whole.finish(tools.into_iter().map(|(name, args)| (name, args.to_string())).collect())
}

fn read_reply(dialect: Dialect, body: &[u8]) -> Answer {
    let body = serde_json::from_slice(body).unwrap();
    match dialect {
        Dialect::OpenaiChat => read_chat(&body),
        Dialect::OpenaiResponses => read_responses(&body),
        Dialect::AnthropicMessages => read_messages(&body),
        Dialect::BedrockConverse => unreachable!("no caller speaks it"),
        Dialect::Gemini => read_gemini(&body),
    }
}

pub(crate) fn records(stream: &str) -> impl Iterator<Item = Value> {
    stream
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .filter_map(|data| serde_json::from_str(data).ok())
}

fn read_chat_stream(stream: &str) -> Answer {
    let mut answer = Answer::default();
    let mut calls: Vec<(Value, String, String, String)> = Vec::new();
    for record in records(stream) {
        answer.usage = chat_usage(&record["usage"]).or(answer.usage);
        let choice = &record["choices"][0];
        let delta = &choice["delta"];
        answer.text += &words(&delta["content"]);
        answer.text += delta["refusal"].as_str().unwrap_or_default();
        for piece in delta["tool_calls"].as_array().into_iter().flatten() {
            let (id, function) = (text(&piece["id"]), &piece["function"]);
            let name = text(&function["name"]);
            let same = |call: &&mut (Value, String, String, String)| {
                call.0 == piece["index"] && (id.is_empty() || call.1 == id)
            };
            let arguments = text(&function["arguments"]);
            match calls.iter_mut().rev().find(same) {
                Some(call) => call.3 += &arguments,
                None => calls.push((piece["index"].clone(), id, name, arguments)),
            }
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            answer.stop = stop_word(reason);
        }
    }
    answer.finish(calls.into_iter().map(|(_, _, name, arguments)| (name, arguments)).collect())
}

fn read_messages_stream(stream: &str) -> Answer {
    let mut answer = Answer::default();
    let mut usage = serde_json::Map::new();
    let mut tools: Vec<(String, String)> = Vec::new();
    let mut in_call = false;
    for record in records(stream) {
        let (block, delta) = (&record["content_block"], &record["delta"]);
        if record["type"] == "content_block_start" {
            in_call = block["type"] == "tool_use";
            answer.text += block["text"].as_str().unwrap_or_default();
            if in_call {
                let input = block["input"].as_object().filter(|input| !input.is_empty());
                let input = input.map(|input| Value::from(input.clone()).to_string());
                tools.push((text(&block["name"]), input.unwrap_or_default()));
            }
        }
        answer.text += delta["text"].as_str().unwrap_or_default();
        answer.text += delta["stop_details"]["explanation"].as_str().unwrap_or_default();
        if let (true, Some(json)) = (in_call, delta["partial_json"].as_str()) {
            tools.last_mut().expect("a call is open").1 += json;
        }
        if let Some(reason) = delta["stop_reason"].as_str() {
            answer.stop = stop_word(reason);
        }
        for counts in [&record["message"]["usage"], &record["usage"]] {
            let stated = counts.as_object().into_iter().flatten().filter(|(_, v)| !v.is_null());
            usage.extend(stated.map(|(name, value)| (name.clone(), value.clone())));
        }
    }
    answer.usage = messages_usage(&Value::from(usage));
    answer.finish(tools)
}

pub(crate) fn read_stream(dialect: Dialect, stream: &str) -> Answer {
    match dialect {
        Dialect::OpenaiChat => read_chat_stream(stream),
        Dialect::OpenaiResponses => read_responses_stream(stream),
        Dialect::AnthropicMessages => read_messages_stream(stream),
        Dialect::BedrockConverse => unreachable!("no caller speaks it"),
        Dialect::Gemini => read_gemini_stream(stream),
    }
}

pub(crate) fn options() -> StreamOptions {
    StreamOptions { include_usage: true, fallback_id: "f".into(), ..StreamOptions::default() }
}

/// Offsets from a small fixed sequence of its own (Numerical Recipes' quick generator).
fn splits(seed: u32, pieces: usize) -> Vec<usize> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 4) as usize
    };
    (0..pieces).map(|_| next()).collect()
}

/// An expected answer as a caller of `to` sees it: a translation into messages always has usage.
fn seen(expected: Answer, from: Dialect, to: Dialect) -> Answer {
    let always = from != to && to == Dialect::AnthropicMessages;
    let usage = if always { expected.usage.or(Some((0, 0))) } else { expected.usage };
    let mut tools = expected.tools;
    if from != to && to == Dialect::Gemini {
        // Arguments that were cut off are no object, which this dialect demands.
        for (_, arguments) in tools.iter_mut().filter(|(_, arguments)| arguments.is_string()) {
            *arguments = serde_json::json!({ "arguments": arguments.clone() });
        }
    }
    Answer { tools, usage, ..expected }
}

fn check_stream(source: &str, from: Dialect, stream: &str) {
    let stated = || read_stream(from, stream);
    for to in Dialect::ALL {
        let whole = account(from, *to, &options(), stream.as_bytes(), &[]);
        for seed in 1..4 {
            let pieces = splits(seed, 40);
            let split = account(from, *to, &options(), stream.as_bytes(), &pieces);
            assert_eq!(whole, split, "{source}: from {from} to {to}, seed {seed}");
        }
        // Arguments in pieces come only to callers of the dialect who asked for them.
        if stream.contains("partialArgs") && from != *to {
            continue;
        }
        // One answer was begun again in its middle, which only its own dialect can pass on.
        let spliced = source.contains("spliced-message-start") && from != *to;
        if stream.contains("event: error") || stream.contains(r#""type":"error""#) || spliced {
            assert!(whole.error.is_some() && whole.finish == Finish::Cut, "{source}");
            continue;
        }
        assert_eq!(whole.error, None, "{source}");
        assert_ne!(whole.finish, Finish::Cut, "{source}");
        assert_eq!(whole.noise, 0, "{source}");
        let heard = read_stream(*to, &whole.out);
        assert_eq!(heard, seen(stated(), from, *to), "{source}: from {from} to {to}");
        let gathered = gathered(*to, whole.out.as_bytes()).unwrap();
        // Some servers leave out deltas, or the whole reply, which the other then does not say.
        if from != Dialect::OpenaiResponses || *to != from {
            let said = read_reply(*to, &gathered);
            assert_eq!(said, heard, "{source}: from {from} to {to}, as a whole");
        }
        if from != *to && *to == Dialect::OpenaiResponses {
            assert_eq!(whole_text(&whole.out), heard.text, "{source}");
        }
        let counted = whole.usage.map(|usage| (usage.input(), usage.output()));
        assert_eq!(counted, stated().usage, "{source}");
    }
}

fn check_reply(source: &str, from: Dialect, body: &str) {
    let stated = || read_reply(from, body.as_bytes());
    let bytes = Bytes::copy_from_slice(body.as_bytes());
    if !shared::is_reply(body) {
        assert!(relay_reply(from, from, &bytes).is_err(), "{source}");
        return;
    }
    for to in Dialect::ALL {
        let relayed =
            relay_reply(from, *to, &bytes).unwrap_or_else(|error| panic!("{source}: {error}"));
        let heard = read_reply(*to, &relayed.body);
        assert_eq!(heard, seen(stated(), from, *to), "{source}: from {from} to {to}");
        let counted = relayed.usage.map(|usage| (usage.input(), usage.output()));
        assert_eq!(counted, stated().usage, "{source}");
    }
}

#[test]
fn everything_recorded_survives_the_relay() {
    let Some(data) = shared::data() else { return };
    let (mut streams, mut replies, mut errors) = (0, 0, 0);
    for recording in shared::wire_recordings(&data) {
        let (source, dialect) = (&recording.source, recording.dialect);
        match &recording.what {
            What::Stream(stream) => {
                check_stream(source, dialect, stream);
                streams += 1;
            }
            What::Reply(body) => {
                check_reply(source, dialect, body);
                replies += 1;
            }
            What::Error(body) => {
                let error = read_error(dialect, body.as_bytes());
                assert!(!error.message.is_empty() && !error.message.starts_with('{'), "{source}");
                errors += 1;
            }
            What::Request(_) => {}
        }
    }
    println!("{streams} streams, {replies} replies, {errors} errors");
    assert!(streams > 130 && replies > 350 && errors > 5, "{streams} {replies} {errors}");
}
