//! OpenAI chat completions as its servers write them (OpenAI API reference, "Chat", and recorded
//! streams). Log probabilities, audio and predictions are not simulated.

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

/// The voice.
pub(crate) struct OpenaiChat;

impl Voice for OpenaiChat {
    fn dialect(&self) -> Dialect {
        Dialect::OpenaiChat
    }

    fn path(&self) -> &'static str {
        "/v1/chat/completions"
    }

    fn id_header(&self) -> &'static str {
        "x-request-id"
    }

    fn credential<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        bearer(headers)
    }

    fn read(&self, body: &Value) -> Result<Ask, Refusal> {
        let Some(model) = body["model"].as_str() else {
            return Err(Refusal::bad("you must provide a model parameter"));
        };
        let Some(messages) = body["messages"].as_array().filter(|list| !list.is_empty()) else {
            return Err(Refusal::bad("[] is too short - 'messages'"));
        };
        let stream = body["stream"].as_bool().unwrap_or(false);
        let last = messages
            .iter()
            .rfind(|message| !matches!(message["role"].as_str(), Some("system" | "developer")));
        let last = last.unwrap_or(&Value::Null);
        let follows_tool_result = last["role"] == "tool";
        Ok(Ask {
            model: model.to_owned(),
            stream,
            tells_usage: !stream || body["stream_options"]["include_usage"] == true,
            choices: body["n"].as_u64().unwrap_or(1).clamp(1, 16),
            max_tokens: body["max_completion_tokens"].as_u64().or(body["max_tokens"].as_u64()),
            thinking: false,
            last_user_text: text_of(&last["content"]),
            follows_tool_result,
            input_bytes: string_bytes(&body["messages"]) + string_bytes(&body["tools"]),
            tools: body["tools"].as_array().into_iter().flatten().filter_map(read_tool).collect(),
            tool_choice: read_tool_choice(&body["tool_choice"]),
            shape: read_shape(&body["response_format"]),
        })
    }

    fn whole(&self, ask: &Ask, say: &Say, serial: Serial) -> String {
        let mut body = head("chat.completion", ask, serial);
        body.push_str(r#","choices":["#);
        for index in 0..ask.choices {
            let comma = if index > 0 { "," } else { "" };
            let (message, reason) = (message(say, serial), finish_reason(say));
            let _ = write!(
                body,
                r#"{comma}{{"index":{index},"message":{message},"logprobs":null,"finish_reason":"{reason}"}}"#
            );
        }
        body.push(']');
        if ask.tells_usage {
            let _ = write!(body, r#","usage":{}"#, usage(ask, say));
        }
        body.push('}');
        body
    }

    fn stream(&self, ask: &Ask, say: &Say, serial: Serial) -> Vec<Record> {
        let head = head("chat.completion.chunk", ask, serial);
        let mut tape = Tape::with_capacity((say.pieces() + 4) * (head.len() + 96));
        let tail = if ask.tells_usage { r#","usage":null}"# } else { "}" };
        for index in 0..ask.choices {
            let mut chunk = |delta: &str, reason: Option<&str>, part: Part| {
                let reason = reason.map_or("null".to_owned(), |reason| format!("\"{reason}\""));
                let _ = write!(
                    tape.buffer(),
                    r#"data: {head},"choices":[{{"index":{index},"delta":{delta},"logprobs":null,"finish_reason":{reason}}}]{tail}"#
                );
                tape.mark(part);
            };
            match say {
                Say::Text(text) => {
                    chunk(r#"{"role":"assistant","content":"","refusal":null}"#, None, Part::Lead);
                    for word in text.words.iter() {
                        chunk(&format!(r#"{{"content":"{word}"}}"#), None, Part::Output);
                    }
                }
                Say::Calls(calls) => {
                    chunk(r#"{"role":"assistant","content":null}"#, None, Part::Lead);
                    for (position, call) in calls.iter().enumerate() {
                        chunk(&opened_call(position, call, serial), None, Part::Lead);
                        for piece in cut(&call.arguments) {
                            let piece = escaped(piece);
                            let delta = format!(
                                r#"{{"tool_calls":[{{"index":{position},"function":{{"arguments":"{piece}"}}}}]}}"#
                            );
                            chunk(&delta, None, Part::Output);
                        }
                    }
                }
            }
            chunk("{}", Some(finish_reason(say)), Part::Closing);
        }
        if ask.tells_usage {
            let _ =
                write!(tape.buffer(), r#"data: {head},"choices":[],"usage":{}}}"#, usage(ask, say));
            tape.mark(Part::Closing);
        }
        tape.buffer().push_str("data: [DONE]");
        tape.mark(Part::Terminator);
        tape.into_records()
    }

    fn error(&self, status: StatusCode, code: Option<&str>, message: &str) -> String {
        let (kind, usual) = match status.as_u16() {
            401 => ("invalid_request_error", Some("invalid_api_key")),
            402 => ("insufficient_quota", Some("insufficient_quota")),
            404 => ("invalid_request_error", Some("model_not_found")),
            429 => ("requests", Some("rate_limit_exceeded")),
            400..=499 => ("invalid_request_error", None),
            _ => ("server_error", None),
        };
        // These codes come with a type of the same name (OpenAI, "Error codes").
        let kind = code.filter(|code| *code == "insufficient_quota").unwrap_or(kind);
        let code = code.or(usual);
        json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
            .to_string()
    }

    fn no_such_model(&self, model: &str) -> String {
        format!("The model `{model}` does not exist or you do not have access to it.")
    }

    fn error_event(&self) -> &'static str {
        "data: {\"error\":{\"message\":\"The simulated server had an error while processing your \
         request.\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n"
    }

    fn models(&self, vendor: &str, names: &[&str]) -> String {
        let model = |name| json!({"id": name, "object": "model", "created": 0, "owned_by": vendor});
        let data: Vec<Value> = names.iter().map(model).collect();
        json!({"object": "list", "data": data}).to_string()
    }
}

/// The opening fields of a body or a chunk, without the closing brace.
fn head(object: &str, ask: &Ask, serial: Serial) -> String {
    let (number, unix, model) = (serial.number, serial.unix, quoted(&ask.model));
    format!(
        r#"{{"id":"chatcmpl-simulated{number}","object":"{object}","created":{unix},"model":{model},"service_tier":"default","system_fingerprint":"fp_simulated""#
    )
}

fn message(say: &Say, serial: Serial) -> String {
    match say {
        Say::Text(text) => {
            let content = text.words.concat();
            format!(
                r#"{{"role":"assistant","content":"{content}","refusal":null,"annotations":[]}}"#
            )
        }
        Say::Calls(calls) => {
            let call = |(position, call): (usize, &Call)| {
                json!({"id": call_id(position, serial), "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments}})
            };
            let calls: Vec<Value> = calls.iter().enumerate().map(call).collect();
            json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": calls})
                .to_string()
        }
    }
}

fn opened_call(position: usize, call: &Call, serial: Serial) -> String {
    json!({"tool_calls": [{"index": position, "id": call_id(position, serial), "type": "function",
        "function": {"name": call.name, "arguments": ""}}]})
    .to_string()
}

fn call_id(position: usize, serial: Serial) -> String {
    format!("call_simulated{}_{position}", serial.number)
}

fn finish_reason(say: &Say) -> &'static str {
    match say {
        Say::Text(text) if text.cut => "length",
        Say::Text(_) => "stop",
        Say::Calls(_) => "tool_calls",
    }
}

fn usage(ask: &Ask, say: &Say) -> String {
    let input = (ask.input_bytes / 4).max(1);
    let output = say.tokens() * ask.choices;
    let total = input + output;
    format!(
        r#"{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":{total},"prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}}"#
    )
}

fn read_tool(tool: &Value) -> Option<Tool> {
    let function = &tool["function"];
    let name = function["name"].as_str()?.to_owned();
    Some(Tool { name, schema: function["parameters"].clone() })
}

fn read_tool_choice(choice: &Value) -> ToolChoice {
    match (choice.as_str(), choice["function"]["name"].as_str()) {
        (_, Some(name)) => ToolChoice::Named(name.to_owned()),
        (Some("required"), _) => ToolChoice::Any,
        (Some("none"), _) => ToolChoice::Never,
        _ => ToolChoice::Auto,
    }
}

fn read_shape(format: &Value) -> Shape {
    match format["type"].as_str() {
        Some("json_schema") => Shape::Schema(format["json_schema"]["schema"].clone()),
        Some("json_object") => Shape::AnyJson,
        _ => Shape::Text,
    }
}
