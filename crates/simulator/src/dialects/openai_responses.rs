//! OpenAI Responses as its servers write them (OpenAI API reference, "Responses", and recorded
//! streams). Nothing is kept: a request that follows an answer is refused, and so is one that asks for
//! reasoning by its id alone. The vendor's own tools are not simulated.

use std::fmt::Write as _;

use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use terms::dialect::Dialect;

use super::{Serial, Voice, bearer, openai_chat::OpenaiChat};
use crate::{
    answer::{Call, Say, cut, escaped, quoted},
    ask::{Ask, Refusal, Shape, Tool, ToolChoice, string_bytes, text_of},
    reply::{Part, Record, Tape},
};

/// The voice.
pub(crate) struct OpenaiResponses;

impl Voice for OpenaiResponses {
    fn dialect(&self) -> Dialect {
        Dialect::OpenaiResponses
    }

    fn path(&self) -> &'static str {
        "/v1/responses"
    }

    fn id_header(&self) -> &'static str {
        "x-request-id"
    }

    fn credential<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        bearer(headers)
    }

    fn read(&self, body: &Value) -> Result<Ask, Refusal> {
        let Some(model) = body["model"].as_str() else {
            return Err(Refusal::bad("Missing required parameter: 'model'."));
        };
        if !body["input"].is_string() && !body["input"].is_array() {
            return Err(Refusal::bad("Missing required parameter: 'input'."));
        }
        if let Some(id) = body["previous_response_id"].as_str() {
            let message = format!("Previous response with id '{id}' not found.");
            return Err(Refusal {
                code: Some("previous_response_not_found"),
                ..Refusal::bad(message)
            });
        }
        let items = body["input"].as_array().map_or(&[][..], Vec::as_slice);
        if let Some(lost) = items.iter().find(|item| is_lost(item)) {
            let message =
                format!("Item with id '{}' not found.", lost["id"].as_str().unwrap_or(""));
            return Err(Refusal { status: StatusCode::NOT_FOUND, ..Refusal::bad(message) });
        }
        let last = items
            .iter()
            .rfind(|item| !matches!(item["role"].as_str(), Some("system" | "developer")))
            .unwrap_or(&Value::Null);
        let last_user_text = match body["input"].as_str() {
            Some(text) => text.to_owned(),
            None => text_of(&last["content"]),
        };
        Ok(Ask {
            model: model.to_owned(),
            stream: body["stream"].as_bool().unwrap_or(false),
            tells_usage: true,
            choices: 1,
            max_tokens: body["max_output_tokens"].as_u64(),
            thinking: false,
            last_user_text,
            follows_tool_result: last["type"] == "function_call_output",
            input_bytes: ["instructions", "input", "tools"]
                .iter()
                .map(|field| string_bytes(&body[*field]))
                .sum(),
            tools: body["tools"].as_array().into_iter().flatten().filter_map(read_tool).collect(),
            tool_choice: read_tool_choice(&body["tool_choice"]),
            shape: read_shape(&body["text"]["format"]),
        })
    }

    fn whole(&self, ask: &Ask, say: &Say, serial: Serial) -> String {
        response(ask, Some(say), serial)
    }

    fn stream(&self, ask: &Ask, say: &Say, serial: Serial) -> Vec<Record> {
        let mut tape = Tape::with_capacity((say.pieces() + 8) * 260);
        let mut events = Events { tape: &mut tape, sequence: 0 };
        let opened = format!(r#""response":{}"#, response(ask, None, serial));
        events.write("response.created", Part::Opening, &opened);
        events.write("response.in_progress", Part::Opening, &opened);
        match say {
            Say::Text(text) => events.text(&text.words, serial),
            Say::Calls(calls) => {
                for (index, call) in calls.iter().enumerate() {
                    events.call(index, call, serial);
                }
            }
        }
        let kind = if is_cut(say) { "response.incomplete" } else { "response.completed" };
        let whole = format!(r#""response":{}"#, response(ask, Some(say), serial));
        events.write(kind, Part::Terminator, &whole);
        tape.into_records()
    }

    fn error(&self, status: StatusCode, code: Option<&str>, message: &str) -> String {
        OpenaiChat.error(status, code, message)
    }

    fn no_such_model(&self, model: &str) -> String {
        OpenaiChat.no_such_model(model)
    }

    fn error_event(&self) -> &'static str {
        "event: error\ndata: {\"type\":\"error\",\"sequence_number\":99,\"error\":{\"type\":\"server_error\",\
         \"code\":\"server_error\",\"message\":\"The simulated server had an error while processing your \
         request.\",\"param\":null}}\n\n"
    }

    fn models(&self, vendor: &str, names: &[&str]) -> String {
        OpenaiChat.models(vendor, names)
    }
}

/// Whether an item can only be read by a server that kept it.
fn is_lost(item: &Value) -> bool {
    item["type"] == "item_reference"
        || (item["type"] == "reasoning" && !item["encrypted_content"].is_string())
}

/// Writes events, each with its number.
struct Events<'a> {
    tape: &'a mut Tape,
    sequence: u64,
}

impl Events<'_> {
    /// Writes one event; `fields` are its JSON fields after type and number.
    fn write(&mut self, kind: &str, part: Part, fields: &str) {
        let number = self.sequence;
        self.sequence += 1;
        let _ = write!(
            self.tape.buffer(),
            "event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":{number},{fields}}}"
        );
        self.tape.mark(part);
    }

    fn text(&mut self, words: &[String], serial: Serial) {
        let id = format!("msg_simulated{}", serial.number);
        let place = format!(r#""item_id":"{id}","output_index":0,"content_index":0"#);
        let item = |status: &str, content: &str| {
            format!(
                r#""output_index":0,"item":{{"id":"{id}","type":"message","status":"{status}","role":"assistant","content":[{content}]}}"#
            )
        };
        let whole = words.concat();
        self.write("response.output_item.added", Part::Lead, &item("in_progress", ""));
        let opened = format!(r#"{place},"part":{}"#, part(""));
        self.write("response.content_part.added", Part::Lead, &opened);
        for word in words {
            let fields = format!(r#"{place},"delta":"{word}","logprobs":[]"#);
            self.write("response.output_text.delta", Part::Output, &fields);
        }
        let said = format!(r#"{place},"text":"{whole}","logprobs":[]"#);
        self.write("response.output_text.done", Part::Closing, &said);
        let closed = format!(r#"{place},"part":{}"#, part(&whole));
        self.write("response.content_part.done", Part::Closing, &closed);
        let done = item("completed", &part(&whole));
        self.write("response.output_item.done", Part::Closing, &done);
    }

    fn call(&mut self, index: usize, call: &Call, serial: Serial) {
        let at = format!(r#""output_index":{index}"#);
        let place = format!(r#""item_id":"{}",{at}"#, call_item_id(index, serial));
        let opened = format!(r#"{at},"item":{}"#, call_item(index, call, serial, false));
        self.write("response.output_item.added", Part::Lead, &opened);
        for piece in cut(&call.arguments) {
            let fields = format!(r#"{place},"delta":"{}""#, escaped(piece));
            self.write("response.function_call_arguments.delta", Part::Output, &fields);
        }
        let whole = format!(r#"{place},"arguments":{}"#, quoted(&call.arguments));
        self.write("response.function_call_arguments.done", Part::Lead, &whole);
        let done = format!(r#"{at},"item":{}"#, call_item(index, call, serial, true));
        self.write("response.output_item.done", Part::Lead, &done);
    }
}

/// The response object; without anything said, as it is while it is on its way.
fn response(ask: &Ask, say: Option<&Say>, serial: Serial) -> String {
    let Serial { number, unix } = serial;
    let model = quoted(&ask.model);
    let (status, why) = match say {
        None => ("in_progress", "null"),
        Some(say) if is_cut(say) => ("incomplete", r#"{"reason":"max_output_tokens"}"#),
        Some(_) => ("completed", "null"),
    };
    let output = match say {
        None => String::new(),
        Some(Say::Text(text)) => format!(
            r#"{{"id":"msg_simulated{number}","type":"message","status":"completed","role":"assistant","content":[{}]}}"#,
            part(&text.words.concat())
        ),
        Some(Say::Calls(calls)) => {
            let calls = calls.iter().enumerate();
            let items: Vec<String> =
                calls.map(|(index, call)| call_item(index, call, serial, true)).collect();
            items.join(",")
        }
    };
    let usage = match say {
        Some(say) if ask.tells_usage => {
            let (input, output) = ((ask.input_bytes / 4).max(1), say.tokens());
            format!(
                r#","usage":{{"input_tokens":{input},"input_tokens_details":{{"cached_tokens":0}},"output_tokens":{output},"output_tokens_details":{{"reasoning_tokens":0}},"total_tokens":{}}}"#,
                input + output
            )
        }
        _ => String::new(),
    };
    format!(
        r#"{{"id":"resp_simulated{number}","object":"response","created_at":{unix},"status":"{status}","background":false,"error":null,"incomplete_details":{why},"instructions":null,"max_output_tokens":null,"model":{model},"output":[{output}],"parallel_tool_calls":true,"previous_response_id":null,"store":false,"metadata":{{}}{usage}}}"#
    )
}

/// A part of a message; `text` is already escaped.
fn part(text: &str) -> String {
    format!(r#"{{"type":"output_text","text":"{text}","annotations":[],"logprobs":[]}}"#)
}

fn call_item_id(index: usize, serial: Serial) -> String {
    format!("fc_simulated{}_{index}", serial.number)
}

/// A call, with its arguments or, at the start of a stream, without.
fn call_item(index: usize, call: &Call, serial: Serial, with_arguments: bool) -> String {
    let (status, arguments) =
        if with_arguments { ("completed", call.arguments.as_str()) } else { ("in_progress", "") };
    let call_id = format!("call_simulated{}_{index}", serial.number);
    json!({"id": call_item_id(index, serial), "type": "function_call", "status": status,
        "arguments": arguments, "call_id": call_id, "name": call.name})
    .to_string()
}

fn is_cut(say: &Say) -> bool {
    matches!(say, Say::Text(text) if text.cut)
}

fn read_tool(tool: &Value) -> Option<Tool> {
    let name = tool["name"].as_str().filter(|_| tool["type"] == "function")?.to_owned();
    Some(Tool { name, schema: tool["parameters"].clone() })
}

fn read_tool_choice(choice: &Value) -> ToolChoice {
    match (choice.as_str(), choice["name"].as_str()) {
        (_, Some(name)) => ToolChoice::Named(name.to_owned()),
        (Some("required"), _) => ToolChoice::Any,
        (Some("none"), _) => ToolChoice::Never,
        _ => ToolChoice::Auto,
    }
}

fn read_shape(format: &Value) -> Shape {
    match format["type"].as_str() {
        Some("json_schema") => Shape::Schema(format["schema"].clone()),
        Some("json_object") => Shape::AnyJson,
        _ => Shape::Text,
    }
}
