//! Anthropic messages as its servers write them (Anthropic API reference, "Messages" and "Streaming
//! messages", and recorded streams). Prompt caching and server tools are not simulated.

use std::fmt::Write as _;

use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use terms::dialect::Dialect;

use super::{Serial, Voice, bearer};
use crate::{
    answer::{Call, Say, cut, escaped, quoted},
    ask::{Ask, Refusal, Shape, Tool, ToolChoice, string_bytes, text_of},
    reply::{Part, Record, Tape},
};

/// What a simulated model thinks, and the signature over it.
const THOUGHT: &str = "A simulated thought.";
const SIGNATURE: &str = "c2ltdWxhdGVk";

/// The voice.
pub(crate) struct AnthropicMessages;

impl Voice for AnthropicMessages {
    fn dialect(&self) -> Dialect {
        Dialect::AnthropicMessages
    }

    fn path(&self) -> &'static str {
        "/v1/messages"
    }

    fn id_header(&self) -> &'static str {
        "request-id"
    }

    fn credential<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let own = headers.get("x-api-key").and_then(|value| value.to_str().ok());
        own.or_else(|| bearer(headers))
    }

    fn read(&self, body: &Value) -> Result<Ask, Refusal> {
        let Some(model) = body["model"].as_str() else {
            return Err(Refusal::bad("model: Field required"));
        };
        let Some(max_tokens) = body["max_tokens"].as_u64() else {
            return Err(Refusal::bad("max_tokens: Field required"));
        };
        let Some(messages) = body["messages"].as_array().filter(|list| !list.is_empty()) else {
            return Err(Refusal::bad("messages: at least one message is required"));
        };
        let last = messages.iter().rfind(|message| message["role"] != "system");
        let last = last.unwrap_or(&Value::Null);
        let blocks = last["content"].as_array();
        let follows_tool_result =
            blocks.is_some_and(|blocks| blocks.iter().any(|block| block["type"] == "tool_result"));
        Ok(Ask {
            model: model.to_owned(),
            stream: body["stream"].as_bool().unwrap_or(false),
            tells_usage: true,
            choices: 1,
            max_tokens: Some(max_tokens),
            thinking: body["thinking"]["type"] == "enabled",
            last_user_text: text_of(&last["content"]),
            follows_tool_result,
            input_bytes: ["system", "messages", "tools"]
                .iter()
                .map(|field| string_bytes(&body[*field]))
                .sum(),
            tools: body["tools"].as_array().into_iter().flatten().filter_map(read_tool).collect(),
            tool_choice: read_tool_choice(&body["tool_choice"]),
            shape: read_shape(body),
        })
    }

    fn whole(&self, ask: &Ask, say: &Say, serial: Serial) -> String {
        let mut blocks: Vec<String> = Vec::new();
        if ask.thinking {
            blocks.push(
                json!({"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE})
                    .to_string(),
            );
        }
        match say {
            Say::Text(text) => {
                blocks.push(format!(r#"{{"type":"text","text":"{}"}}"#, text.words.concat()));
            }
            Say::Calls(calls) => blocks.extend(
                calls.iter().enumerate().map(|(index, call)| tool_use(index, call, serial, true)),
            ),
        }
        let (content, reason) = (blocks.join(","), format!("\"{}\"", stop_reason(say)));
        message(ask, serial, &content, &reason, say.tokens())
    }

    fn stream(&self, ask: &Ask, say: &Say, serial: Serial) -> Vec<Record> {
        let mut tape = Tape::with_capacity((say.pieces() + 8) * 160);
        let opened = message(ask, serial, "", "null", 1);
        event(&mut tape, "message_start", Part::Opening, &format!(r#""message":{opened}"#));
        let mut blocks = Blocks { tape: &mut tape, index: 0 };
        if ask.thinking {
            blocks.thought();
        }
        match say {
            Say::Text(text) => blocks.text(&text.words),
            Say::Calls(calls) => {
                for (index, call) in calls.iter().enumerate() {
                    blocks.call(call, &tool_use(index, call, serial, false));
                }
            }
        }
        let mut end =
            format!(r#""delta":{{"stop_reason":"{}","stop_sequence":null}}"#, stop_reason(say));
        if ask.tells_usage {
            let _ = write!(end, r#","usage":{{"output_tokens":{}}}"#, say.tokens());
        }
        event(&mut tape, "message_delta", Part::Closing, &end);
        event(&mut tape, "message_stop", Part::Terminator, "");
        tape.into_records()
    }

    fn error(&self, status: StatusCode, code: Option<&str>, message: &str) -> String {
        let usual = match status.as_u16() {
            401 => "authentication_error",
            402 => "billing_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            400..=499 => "invalid_request_error",
            504 => "timeout_error",
            529 => "overloaded_error",
            _ => "api_error",
        };
        let kind = code.unwrap_or(usual);
        json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_simulated"})
            .to_string()
    }

    fn no_such_model(&self, model: &str) -> String {
        format!("model: {model}")
    }

    fn error_event(&self) -> &'static str {
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\
         \"Overloaded (simulated)\"}}\n\n"
    }

    fn models(&self, _vendor: &str, names: &[&str]) -> String {
        let model = |name| json!({"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"});
        let data: Vec<Value> = names.iter().map(model).collect();
        json!({"data": data, "has_more": false, "first_id": names.first(), "last_id": names.last()})
            .to_string()
    }
}

/// Writes content blocks, one after the other.
struct Blocks<'a> {
    tape: &'a mut Tape,
    index: usize,
}

impl Blocks<'_> {
    fn thought(&mut self) {
        self.start(r#"{"type":"thinking","thinking":"","signature":""}"#);
        for piece in cut(THOUGHT) {
            self.delta(
                Part::Lead,
                &format!(r#"{{"type":"thinking_delta","thinking":"{}"}}"#, escaped(piece)),
            );
        }
        self.delta(
            Part::Lead,
            &format!(r#"{{"type":"signature_delta","signature":"{SIGNATURE}"}}"#),
        );
        self.stop(Part::Lead);
    }

    fn text(&mut self, words: &[String]) {
        self.start(r#"{"type":"text","text":""}"#);
        if self.index == 0 {
            event(self.tape, "ping", Part::Lead, "");
        }
        for word in words {
            self.delta(Part::Output, &format!(r#"{{"type":"text_delta","text":"{word}"}}"#));
        }
        self.stop(Part::Closing);
    }

    fn call(&mut self, call: &Call, opened: &str) {
        self.start(opened);
        self.delta(Part::Lead, r#"{"type":"input_json_delta","partial_json":""}"#);
        for piece in cut(&call.arguments) {
            let piece = escaped(piece);
            self.delta(
                Part::Output,
                &format!(r#"{{"type":"input_json_delta","partial_json":"{piece}"}}"#),
            );
        }
        self.stop(Part::Lead);
    }

    fn start(&mut self, block: &str) {
        let fields = format!(r#""index":{},"content_block":{block}"#, self.index);
        event(self.tape, "content_block_start", Part::Lead, &fields);
    }

    fn delta(&mut self, part: Part, delta: &str) {
        let fields = format!(r#""index":{},"delta":{delta}"#, self.index);
        event(self.tape, "content_block_delta", part, &fields);
    }

    fn stop(&mut self, part: Part) {
        event(self.tape, "content_block_stop", part, &format!(r#""index":{}"#, self.index));
        self.index += 1;
    }
}

/// Writes one event; `fields` are its JSON fields after the type.
fn event(tape: &mut Tape, name: &str, part: Part, fields: &str) {
    let comma = if fields.is_empty() { "" } else { "," };
    let _ = write!(tape.buffer(), "event: {name}\ndata: {{\"type\":\"{name}\"{comma}{fields}}}");
    tape.mark(part);
}

/// A message object; `stop_reason` is JSON.
fn message(ask: &Ask, serial: Serial, content: &str, stop_reason: &str, output: u64) -> String {
    let (number, model, input) = (serial.number, quoted(&ask.model), (ask.input_bytes / 4).max(1));
    let usage = if ask.tells_usage {
        format!(
            r#","usage":{{"input_tokens":{input},"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":{output},"service_tier":"standard"}}"#
        )
    } else {
        String::new()
    };
    format!(
        r#"{{"id":"msg_simulated{number}","type":"message","role":"assistant","model":{model},"content":[{content}],"stop_reason":{stop_reason},"stop_sequence":null{usage}}}"#
    )
}

/// A tool_use block, with its input or, at the start of a stream, without.
fn tool_use(index: usize, call: &Call, serial: Serial, with_input: bool) -> String {
    let (number, name) = (serial.number, quoted(&call.name));
    let input = if with_input { call.arguments.as_str() } else { "{}" };
    format!(
        r#"{{"type":"tool_use","id":"toolu_simulated{number}_{index}","name":{name},"input":{input}}}"#
    )
}

fn stop_reason(say: &Say) -> &'static str {
    match say {
        Say::Text(text) if text.cut => "max_tokens",
        Say::Text(_) => "end_turn",
        Say::Calls(_) => "tool_use",
    }
}

fn read_tool(tool: &Value) -> Option<Tool> {
    let name = tool["name"].as_str()?.to_owned();
    Some(Tool { name, schema: tool["input_schema"].clone() })
}

fn read_tool_choice(choice: &Value) -> ToolChoice {
    match (choice["type"].as_str(), choice["name"].as_str()) {
        (Some("tool"), Some(name)) => ToolChoice::Named(name.to_owned()),
        (Some("any"), _) => ToolChoice::Any,
        (Some("none"), _) => ToolChoice::Never,
        _ => ToolChoice::Auto,
    }
}

fn read_shape(body: &Value) -> Shape {
    // `output_format` is the beta's name of what is now `output_config.format`.
    let formats = [&body["output_config"]["format"], &body["output_format"]];
    let schema = formats.into_iter().find(|format| format["type"] == "json_schema");
    schema.map_or(Shape::Text, |format| Shape::Schema(format["schema"].clone()))
}
