//! Writing a whole Responses request. The provider keeps nothing.

use serde::Serialize;

use super::{
    item_encode::{self, Item},
    reasoning,
};
use crate::{
    canonical::request::{AnswerSchema, OutputFormat, Request, Speaker, ToolChoice},
    dialect::{openai_chat::strict, schema_instruction},
    error::BadRequest,
    json::{text::Json, write},
    request::Upstream,
};

/// Characters of a user's id at most; a longer one is refused.
const USER_CHARACTERS: usize = 64;
/// Output tokens at least; a smaller limit is refused.
const SMALLEST_LIMIT: u64 = 16;

#[derive(Serialize)]
struct ResponsesRequest<'a> {
    model: &'a str,
    input: Vec<Item<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextOptions<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<ReasoningOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    /// What lets a later turn go on from the model's reasoning, since the provider keeps nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    include: Option<[&'static str; 1]>,
    store: bool,
    stream: bool,
}

#[derive(Serialize)]
struct Tool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: Option<&'a Json<'a>>,
    /// Said aloud, because this dialect is strict where nothing is said and others are not.
    strict: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Choice<'a> {
    Word(&'static str),
    Named {
        #[serde(rename = "type")]
        kind: &'static str,
        name: &'a str,
    },
}

#[derive(Serialize)]
struct TextOptions<'a> {
    format: Format<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format<'a> {
    JsonObject,
    JsonSchema {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        schema: &'a Json<'a>,
        strict: bool,
    },
}

#[derive(Serialize)]
struct ReasoningOptions {
    effort: &'static str,
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
    let mut input = item_encode::items(&request.turns, dropped);
    let format = format(request, upstream, &mut input, dropped);
    let has_tools = !request.tools.is_empty();
    let (effort, wish_lost) = reasoning::encode(request.reasoning, upstream);
    let mut lost = |name: &str, is_lost: bool| {
        if is_lost {
            dropped.push(name.to_owned());
        }
    };
    lost("reasoning", wish_lost);
    lost("stop", !request.stop.is_empty());
    lost("top_k", request.top_k.is_some());
    let refuses = !upstream.capabilities.sampling;
    lost("temperature", refuses && request.temperature.is_some());
    lost("top_p", refuses && request.top_p.is_some());
    let user = request.user.as_deref().filter(|user| user.chars().count() <= USER_CHARACTERS);
    lost("user", request.user.is_some() && user.is_none());
    let limit = request.max_output_tokens.map(|asked| limit(asked, upstream));
    lost("max_tokens", limit != request.max_output_tokens);
    let asked = ResponsesRequest {
        model: upstream.model,
        input,
        tools: request.tools.iter().map(tool).collect(),
        tool_choice: request.tool_choice.as_ref().filter(|_| has_tools).map(choice),
        parallel_tool_calls: (has_tools && request.one_call_at_most).then_some(false),
        text: format.map(|format| TextOptions { format }),
        temperature: request.temperature.filter(|_| !refuses),
        top_p: request.top_p.filter(|_| !refuses),
        max_output_tokens: limit,
        reasoning: effort.map(|effort| ReasoningOptions { effort }),
        user,
        include: upstream.capabilities.reasoning.then_some(["reasoning.encrypted_content"]),
        store: false,
        stream: request.stream,
    };
    let mut body = Vec::new();
    write::value(&mut body, &asked);
    Ok(body)
}

fn limit(asked: u64, upstream: &Upstream<'_>) -> u64 {
    let most = if upstream.max_output > 0 { upstream.max_output } else { u64::MAX };
    asked.max(SMALLEST_LIMIT).min(most)
}

fn tool<'a>(tool: &'a crate::canonical::request::Tool<'_>) -> Tool<'a> {
    Tool {
        kind: "function",
        name: &tool.name,
        description: tool.description.as_deref(),
        parameters: tool.schema.as_ref(),
        strict: tool.strict.unwrap_or(false),
    }
}

fn choice<'a>(choice: &'a ToolChoice<'_>) -> Choice<'a> {
    match choice {
        ToolChoice::Auto => Choice::Word("auto"),
        ToolChoice::Never => Choice::Word("none"),
        ToolChoice::Required => Choice::Word("required"),
        ToolChoice::Named(name) => Choice::Named { kind: "function", name },
    }
}

fn format<'a>(
    request: &'a Request<'_>,
    upstream: &Upstream<'_>,
    input: &mut Vec<Item<'a>>,
    dropped: &mut Vec<String>,
) -> Option<Format<'a>> {
    match request.output_format.as_ref()? {
        OutputFormat::Object => Some(Format::JsonObject),
        OutputFormat::Schema(schema) if upstream.capabilities.json_schema => {
            Some(json_schema(schema))
        }
        // The model cannot be held to a schema, but it can be asked.
        OutputFormat::Schema(schema) => {
            dropped.push("output_format.schema".to_owned());
            input.insert(0, item_encode::system(schema_instruction(&schema.schema)));
            Some(Format::JsonObject)
        }
    }
}

fn json_schema<'a>(schema: &'a AnswerSchema<'_>) -> Format<'a> {
    Format::JsonSchema {
        name: schema.name.as_deref().unwrap_or("answer"),
        description: schema.description.as_deref(),
        schema: &schema.schema,
        strict: schema.strict.unwrap_or_else(|| strict::fits(schema.schema.as_written())),
    }
}
