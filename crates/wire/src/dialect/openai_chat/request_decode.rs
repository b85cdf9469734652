//! Reading a whole chat completion request. A field that cannot leave this dialect is listed; one
//! whose loss would change what the answer means is refused by name.

use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use terms::dialect::Dialect;

use super::message_decode::{self, Message};
use crate::{
    canonical::request::{
        AnswerSchema, Effort, OutputFormat, Reasoning, Request, Tool, ToolChoice,
    },
    error::BadRequest,
    json::{
        object::{TextOr, object},
        read,
        text::{Json, Text},
    },
};

object! {
    ChatRequest {
        _model: IgnoredAny = "model",
        messages: Vec<Message<'a>> = "messages",
        tools: Vec<ToolDefinition<'a>> = "tools",
        tool_choice: &'a RawValue = "tool_choice",
        parallel_tool_calls: bool = "parallel_tool_calls",
        response_format: ResponseFormat<'a> = "response_format",
        stop: TextOr<'a, Text<'a>> = "stop",
        temperature: f64 = "temperature",
        top_p: f64 = "top_p",
        max_tokens: u64 = "max_tokens",
        max_completion_tokens: u64 = "max_completion_tokens",
        reasoning_effort: Text<'a> = "reasoning_effort",
        user: Text<'a> = "user",
        safety_identifier: Text<'a> = "safety_identifier",
        stream: bool = "stream",
        _stream_options: IgnoredAny = "stream_options",
        n: u64 = "n",
        logprobs: bool = "logprobs",
        top_logprobs: u64 = "top_logprobs",
        modalities: Vec<Text<'a>> = "modalities",
        audio: IgnoredAny = "audio",
        web_search_options: IgnoredAny = "web_search_options",
        functions: IgnoredAny = "functions",
        function_call: IgnoredAny = "function_call",
    }
}

object! {
    ToolDefinition {
        kind: Text<'a> = "type",
        function: Function<'a> = "function",
        _custom: IgnoredAny = "custom",
    }
}

object! {
    Function {
        name: Text<'a> = "name",
        description: Text<'a> = "description",
        parameters: Json<'a> = "parameters",
        strict: bool = "strict",
    }
}

object! {
    ResponseFormat {
        kind: Text<'a> = "type",
        json_schema: JsonSchema<'a> = "json_schema",
    }
}

object! {
    JsonSchema {
        name: Text<'a> = "name",
        description: Text<'a> = "description",
        schema: Json<'a> = "schema",
        strict: bool = "strict",
    }
}

object! {
    Choice {
        kind: Text<'a> = "type",
        function: ChosenFunction<'a> = "function",
    }
}

object! {
    ChosenFunction {
        name: Text<'a> = "name",
    }
}

/// Reads a request for an upstream that speaks `to`.
pub(super) fn decode(body: &[u8], to: Dialect) -> Result<Request<'_>, BadRequest> {
    let chat: ChatRequest<'_> = read::body(body)?;
    refuse_what_changes_the_meaning(&chat, to)?;
    let mut unsaid: Vec<String> = chat.unknown.iter().map(|field| field.to_string()).collect();
    let max_output_tokens = match (chat.max_completion_tokens, chat.max_tokens) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    Ok(Request {
        turns: message_decode::turns(chat.messages.unwrap_or_default(), to, &mut unsaid)?,
        tools: tools(chat.tools.unwrap_or_default(), &mut unsaid)?,
        tool_choice: chat.tool_choice.map(|choice| tool_choice(choice, to)).transpose()?,
        one_call_at_most: chat.parallel_tool_calls == Some(false),
        output_format: match chat.response_format {
            Some(format) => output_format(format, to)?,
            None => None,
        },
        stop: match chat.stop {
            None => Vec::new(),
            Some(TextOr::Text(text)) => vec![text],
            Some(TextOr::List(texts)) => texts,
        },
        temperature: chat.temperature,
        top_p: chat.top_p,
        top_k: None,
        max_output_tokens,
        reasoning: chat.reasoning_effort.and_then(|effort| reasoning(&effort, &mut unsaid)),
        user: chat.safety_identifier.or(chat.user),
        stream: chat.stream == Some(true),
        unsaid,
    })
}

fn refuse_what_changes_the_meaning(chat: &ChatRequest<'_>, to: Dialect) -> Result<(), BadRequest> {
    let audio = chat.modalities.iter().flatten().any(|modality| &**modality == "audio");
    let refused = [
        ("n", chat.n.is_some_and(|n| n > 1)),
        ("logprobs", chat.logprobs == Some(true)),
        ("top_logprobs", chat.top_logprobs.is_some_and(|count| count > 0)),
        ("modalities", audio),
        ("audio", chat.audio.is_some()),
        ("web_search_options", chat.web_search_options.is_some()),
        ("functions", chat.functions.is_some()),
        ("function_call", chat.function_call.is_some()),
    ];
    match refused.iter().find(|(_, present)| *present) {
        Some((param, _)) => Err(BadRequest::untranslatable(param, Dialect::OpenaiChat, to)),
        None => Ok(()),
    }
}

fn tools<'a>(
    definitions: Vec<ToolDefinition<'a>>,
    unsaid: &mut Vec<String>,
) -> Result<Vec<Tool<'a>>, BadRequest> {
    let mut tools = Vec::with_capacity(definitions.len());
    for (index, definition) in definitions.into_iter().enumerate() {
        read::list_unknown("tools[]", &definition.unknown, unsaid);
        match (definition.kind.as_deref(), definition.function) {
            (Some("function") | None, Some(function)) => {
                read::list_unknown("tools[].function", &function.unknown, unsaid);
                let param = format!("tools[{index}].function.name");
                tools.push(Tool {
                    name: function.name.ok_or_else(|| BadRequest::missing(&param))?,
                    description: function.description,
                    schema: function.parameters,
                    strict: function.strict,
                });
            }
            (kind, _) => unsaid.push(format!("tools[].{}", kind.unwrap_or("function"))),
        }
    }
    Ok(tools)
}

fn tool_choice(raw: &RawValue, to: Dialect) -> Result<ToolChoice<'_>, BadRequest> {
    match raw.get() {
        "\"auto\"" => return Ok(ToolChoice::Auto),
        "\"none\"" => return Ok(ToolChoice::Never),
        // Mistral's word for it is `any`.
        "\"required\"" | "\"any\"" => return Ok(ToolChoice::Required),
        _ => {}
    }
    let choice: Choice<'_> = serde_json::from_str(raw.get())
        .map_err(|_| BadRequest::field("tool_choice", "must be a known word or an object"))?;
    let name = choice.function.and_then(|function| function.name);
    match (choice.kind.as_deref(), name) {
        (Some("function"), Some(name)) => Ok(ToolChoice::Named(name)),
        _ => Err(BadRequest::untranslatable("tool_choice", Dialect::OpenaiChat, to)),
    }
}

fn output_format(
    format: ResponseFormat<'_>,
    to: Dialect,
) -> Result<Option<OutputFormat<'_>>, BadRequest> {
    match (format.kind.as_deref(), format.json_schema) {
        (Some("text"), _) => Ok(None),
        (Some("json_object"), _) => Ok(Some(OutputFormat::Object)),
        (Some("json_schema"), Some(JsonSchema { name, description, schema, strict, .. })) => {
            let param = "response_format.json_schema.schema";
            let schema = schema.ok_or_else(|| BadRequest::missing(param))?;
            Ok(Some(OutputFormat::Schema(AnswerSchema { name, description, schema, strict })))
        }
        _ => Err(BadRequest::untranslatable("response_format", Dialect::OpenaiChat, to)),
    }
}

fn reasoning(effort: &str, unsaid: &mut Vec<String>) -> Option<Reasoning> {
    if effort == "none" {
        return Some(Reasoning::Off);
    }
    let known = Effort::from_name(effort).map(Reasoning::Effort);
    if known.is_none() {
        unsaid.push("reasoning_effort".to_owned());
    }
    known
}
