//! Gemini's generateContent as Google AI Studio writes it (Gemini API reference, and recorded streams).
//! Safety ratings, grounding and thoughts are not simulated.

use std::fmt::Write as _;

use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use terms::dialect::Dialect;

use super::{Serial, Voice, bearer};
use crate::{
    answer::{Say, quoted},
    ask::{Ask, Refusal, Shape, Tool, ToolChoice, string_bytes, text_of},
    reply::{Part, Record, Tape},
};

/// The voice.
pub(crate) struct Gemini;

impl Voice for Gemini {
    fn dialect(&self) -> Dialect {
        Dialect::Gemini
    }

    fn path(&self) -> &'static str {
        "/v1beta/models/"
    }

    fn answers(&self, path: &str) -> bool {
        called(path).is_some()
    }

    fn addressed(&self, path: &str, mut body: Value) -> Value {
        if let (Some((model, stream)), Value::Object(fields)) = (called(path), &mut body) {
            fields.insert("model".to_owned(), model.into());
            fields.insert("stream".to_owned(), stream.into());
        }
        body
    }

    fn id_header(&self) -> &'static str {
        "x-request-id"
    }

    fn credential<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let own = headers.get("x-goog-api-key").and_then(|value| value.to_str().ok());
        own.or_else(|| bearer(headers))
    }

    fn read(&self, body: &Value) -> Result<Ask, Refusal> {
        let Some(contents) = body["contents"].as_array().filter(|list| !list.is_empty()) else {
            return Err(Refusal::bad(
                "* GenerateContentRequest.contents: contents is not specified",
            ));
        };
        let last = contents.last().unwrap_or(&Value::Null);
        let parts = last["parts"].as_array().map_or(&[][..], Vec::as_slice);
        let config = &body["generationConfig"];
        let functions = body["tools"].as_array().into_iter().flatten();
        let functions =
            functions.filter_map(|tool| tool["functionDeclarations"].as_array()).flatten();
        Ok(Ask {
            model: body["model"].as_str().unwrap_or_default().to_owned(),
            stream: body["stream"] == true,
            tells_usage: true,
            choices: 1,
            max_tokens: config["maxOutputTokens"].as_u64(),
            thinking: false,
            last_user_text: text_of(&last["parts"]),
            follows_tool_result: parts.iter().any(|part| part["functionResponse"].is_object()),
            input_bytes: ["systemInstruction", "contents", "tools"]
                .iter()
                .map(|field| string_bytes(&body[*field]))
                .sum(),
            tools: functions.filter_map(read_tool).collect(),
            tool_choice: read_tool_choice(&body["toolConfig"]["functionCallingConfig"]),
            shape: read_shape(config),
        })
    }

    fn whole(&self, ask: &Ask, say: &Say, serial: Serial) -> String {
        answer(ask, &parts(say), Some(say), serial)
    }

    fn stream(&self, ask: &Ask, say: &Say, serial: Serial) -> Vec<Record> {
        let mut tape = Tape::with_capacity((say.pieces() + 2) * 200);
        let mut write = |parts: &str, end: Option<&Say>, part: Part| {
            let _ = write!(tape.buffer(), "data: {}", answer(ask, parts, end, serial));
            tape.mark(part);
        };
        match say {
            Say::Text(text) => {
                for word in text.words.iter() {
                    write(&format!(r#"{{"text":"{word}"}}"#), None, Part::Output);
                }
                write(r#"{"text":""}"#, Some(say), Part::Closing);
            }
            Say::Calls(_) => write(&parts(say), Some(say), Part::Output),
        }
        tape.into_records()
    }

    fn error(&self, status: StatusCode, code: Option<&str>, message: &str) -> String {
        let usual = match status.as_u16() {
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            429 => "RESOURCE_EXHAUSTED",
            400..=499 => "INVALID_ARGUMENT",
            500 => "INTERNAL",
            504 => "DEADLINE_EXCEEDED",
            _ => "UNAVAILABLE",
        };
        json!({"error": {"code": status.as_u16(), "message": message, "status": code.unwrap_or(usual)}})
            .to_string()
    }

    fn no_such_model(&self, model: &str) -> String {
        format!(
            "models/{model} is not found for API version v1beta, or is not supported for generateContent."
        )
    }

    fn error_event(&self) -> &'static str {
        "data: {\"error\":{\"code\":503,\"message\":\"The simulated model is overloaded.\",\"status\":\
         \"UNAVAILABLE\"}}\n\n"
    }

    fn models(&self, _vendor: &str, names: &[&str]) -> String {
        let model = |name: &&str| json!({"name": format!("models/{name}"), "displayName": name});
        let models: Vec<Value> = names.iter().map(model).collect();
        json!({ "models": models }).to_string()
    }
}

/// The model and whether a stream is asked for.
fn called(path: &str) -> Option<(&str, bool)> {
    let (model, method) = path.strip_prefix(Gemini.path())?.rsplit_once(':')?;
    match method {
        "generateContent" => Some((model, false)),
        "streamGenerateContent" => Some((model, true)),
        _ => None,
    }
}

fn parts(say: &Say) -> String {
    match say {
        Say::Text(text) => format!(r#"{{"text":"{}"}}"#, text.words.concat()),
        Say::Calls(calls) => {
            let part = |call: &crate::answer::Call| {
                format!(
                    r#"{{"functionCall":{{"name":{},"args":{}}}}}"#,
                    quoted(&call.name),
                    call.arguments
                )
            };
            calls.iter().map(part).collect::<Vec<_>>().join(",")
        }
    }
}

/// An answer with these parts; with what was said in all, its last record.
fn answer(ask: &Ask, parts: &str, end: Option<&Say>, serial: Serial) -> String {
    let reason = match end {
        None => "",
        Some(Say::Text(text)) if text.cut => r#","finishReason":"MAX_TOKENS""#,
        Some(_) => r#","finishReason":"STOP""#,
    };
    let usage = match end {
        Some(say) if ask.tells_usage => {
            let (input, output) = ((ask.input_bytes / 4).max(1), say.tokens());
            format!(
                r#","usageMetadata":{{"promptTokenCount":{input},"candidatesTokenCount":{output},"totalTokenCount":{}}}"#,
                input + output
            )
        }
        _ => String::new(),
    };
    let (model, number) = (quoted(&ask.model), serial.number);
    format!(
        r#"{{"candidates":[{{"content":{{"parts":[{parts}],"role":"model"}}{reason},"index":0}}]{usage},"modelVersion":{model},"responseId":"simulated{number}"}}"#
    )
}

fn read_tool(function: &Value) -> Option<Tool> {
    let name = function["name"].as_str()?.to_owned();
    let schemas = [&function["parametersJsonSchema"], &function["parameters"]];
    let schema = schemas.into_iter().find(|schema| schema.is_object());
    Some(Tool { name, schema: schema.cloned().unwrap_or(Value::Null) })
}

fn read_tool_choice(calling: &Value) -> ToolChoice {
    match (calling["mode"].as_str(), calling["allowedFunctionNames"][0].as_str()) {
        (Some("ANY"), Some(name)) => ToolChoice::Named(name.to_owned()),
        (Some("ANY"), None) => ToolChoice::Any,
        (Some("NONE"), _) => ToolChoice::Never,
        _ => ToolChoice::Auto,
    }
}

fn read_shape(config: &Value) -> Shape {
    let schemas = [&config["responseJsonSchema"], &config["responseSchema"]];
    match schemas.into_iter().find(|schema| schema.is_object()) {
        Some(schema) => Shape::Schema(schema.clone()),
        None if config["responseMimeType"] == "application/json" => Shape::AnyJson,
        None => Shape::Text,
    }
}
