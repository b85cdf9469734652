//! Writing a whole chat completion request.

use serde::Serialize;

use super::{
    message_encode::{self, Message},
    reasoning, strict,
};
use crate::{
    canonical::request::{AnswerSchema, OutputFormat, Request, Speaker, ToolChoice},
    dialect::schema_instruction,
    error::BadRequest,
    json::{text::Json, write},
    request::Upstream,
};

/// Stop sequences at most, by the vendor's reference.
const STOP_SEQUENCES: usize = 4;
/// Characters of a user's id at most; a longer one is refused.
const USER_CHARACTERS: usize = 64;

#[derive(Serialize)]
struct ChatRequest<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Tool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'a Json<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Choice<'a> {
    Word(&'static str),
    Named {
        #[serde(rename = "type")]
        kind: &'static str,
        function: ChosenFunction<'a>,
    },
}

#[derive(Serialize)]
struct ChosenFunction<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct ResponseFormat<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<JsonSchema<'a>>,
}

#[derive(Serialize)]
struct JsonSchema<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    schema: &'a Json<'a>,
    strict: bool,
}

/// Writes a request; what cannot be said goes to `dropped`. A last assistant turn, which another
/// dialect would continue, is refused: here it would be answered instead.
pub(super) fn encode(
    request: &Request<'_>,
    upstream: &Upstream<'_>,
    dropped: &mut Vec<String>,
) -> Result<Vec<u8>, BadRequest> {
    let last = request.turns.last().map(|turn| turn.speaker);
    if last == Some(Speaker::Assistant) && !upstream.capabilities.prefill {
        return Err(BadRequest::prefill(request.turns.len() - 1));
    }
    let mut messages = message_encode::messages(&request.turns, dropped);
    let response_format = response_format(request, upstream, &mut messages, dropped);
    let has_tools = !request.tools.is_empty();
    let (effort, wish_lost) = reasoning::encode(request.reasoning, has_tools, upstream);
    if wish_lost {
        dropped.push("reasoning".to_owned());
    }
    let limit = limit(request, upstream, dropped);
    // Reasoning models know only the newer name, small compatible servers only the older one.
    let newer = upstream.capabilities.reasoning || !upstream.capabilities.sampling;
    let chat = ChatRequest {
        model: upstream.model,
        messages,
        tools: request.tools.iter().map(tool).collect(),
        tool_choice: request.tool_choice.as_ref().filter(|_| has_tools).map(choice),
        parallel_tool_calls: (has_tools && request.one_call_at_most).then_some(false),
        response_format,
        stop: stop(request, upstream, dropped),
        temperature: sampling("temperature", request.temperature, upstream, dropped),
        top_p: sampling("top_p", request.top_p, upstream, dropped),
        max_completion_tokens: limit.filter(|_| newer),
        max_tokens: limit.filter(|_| !newer),
        reasoning_effort: effort,
        user: user(request, dropped),
        stream: request.stream,
        stream_options: request.stream.then_some(StreamOptions { include_usage: true }),
    };
    if request.top_k.is_some() {
        dropped.push("top_k".to_owned());
    }
    let mut body = Vec::new();
    write::value(&mut body, &chat);
    Ok(body)
}

fn tool<'a>(tool: &'a crate::canonical::request::Tool<'_>) -> Tool<'a> {
    Tool {
        kind: "function",
        function: Function {
            name: &tool.name,
            description: tool.description.as_deref(),
            parameters: tool.schema.as_ref(),
            strict: tool.strict,
        },
    }
}

fn choice<'a>(choice: &'a ToolChoice<'_>) -> Choice<'a> {
    match choice {
        ToolChoice::Auto => Choice::Word("auto"),
        ToolChoice::Never => Choice::Word("none"),
        ToolChoice::Required => Choice::Word("required"),
        ToolChoice::Named(name) => {
            Choice::Named { kind: "function", function: ChosenFunction { name } }
        }
    }
}

fn response_format<'a>(
    request: &'a Request<'_>,
    upstream: &Upstream<'_>,
    messages: &mut Vec<Message<'a>>,
    dropped: &mut Vec<String>,
) -> Option<ResponseFormat<'a>> {
    match request.output_format.as_ref()? {
        OutputFormat::Object => Some(ResponseFormat { kind: "json_object", json_schema: None }),
        OutputFormat::Schema(schema) if upstream.capabilities.json_schema => {
            let json_schema = Some(json_schema(schema));
            Some(ResponseFormat { kind: "json_schema", json_schema })
        }
        // The model cannot be held to a schema, but it can be asked.
        OutputFormat::Schema(schema) => {
            dropped.push("output_format.schema".to_owned());
            messages.insert(0, message_encode::system(schema_instruction(&schema.schema)));
            Some(ResponseFormat { kind: "json_object", json_schema: None })
        }
    }
}

fn json_schema<'a>(schema: &'a AnswerSchema<'_>) -> JsonSchema<'a> {
    JsonSchema {
        name: schema.name.as_deref().unwrap_or("answer"),
        description: schema.description.as_deref(),
        schema: &schema.schema,
        strict: schema.strict.unwrap_or_else(|| strict::fits(schema.schema.as_written())),
    }
}

fn limit(request: &Request<'_>, upstream: &Upstream<'_>, dropped: &mut Vec<String>) -> Option<u64> {
    let asked = request.max_output_tokens?;
    if upstream.max_output > 0 && asked > upstream.max_output {
        dropped.push("max_tokens".to_owned());
        return Some(upstream.max_output);
    }
    Some(asked)
}

/// `None` where the model refuses the parameter.
fn sampling(
    name: &str,
    value: Option<f64>,
    upstream: &Upstream<'_>,
    dropped: &mut Vec<String>,
) -> Option<f64> {
    if value.is_some() && !upstream.capabilities.sampling {
        dropped.push(name.to_owned());
        return None;
    }
    value
}

/// Models that refuse sampling parameters refuse stop sequences too.
fn stop<'a>(
    request: &'a Request<'_>,
    upstream: &Upstream<'_>,
    dropped: &mut Vec<String>,
) -> Vec<&'a str> {
    let allowed = if upstream.capabilities.sampling { STOP_SEQUENCES } else { 0 };
    if request.stop.len() > allowed {
        dropped.push("stop".to_owned());
    }
    request.stop.iter().take(allowed).map(|stop| &**stop).collect()
}

fn user<'a>(request: &'a Request<'_>, dropped: &mut Vec<String>) -> Option<&'a str> {
    let user = request.user.as_deref()?;
    if user.chars().count() > USER_CHARACTERS {
        dropped.push("user".to_owned());
        return None;
    }
    Some(user)
}
