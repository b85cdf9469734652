//! Reading a whole Responses request. A field that cannot leave this dialect is listed; one whose loss
//! would change what the answer means is refused by name. `store` and `previous_response_id` are the
//! gateway's own business and were seen to before.

use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use terms::dialect::Dialect;

use super::item_decode::{self, Input};
use crate::{
    canonical::request::{
        AnswerSchema, Block, Effort, OutputFormat, Reasoning, Request, Speaker, Tool, ToolChoice,
        Turn,
    },
    error::BadRequest,
    json::{
        object::object,
        read,
        text::{Json, Text},
    },
};

object! {
    ResponsesRequest {
        _model: IgnoredAny = "model",
        instructions: Text<'a> = "instructions",
        input: Input<'a> = "input",
        tools: Vec<ToolDefinition<'a>> = "tools",
        tool_choice: &'a RawValue = "tool_choice",
        parallel_tool_calls: bool = "parallel_tool_calls",
        text: TextOptions<'a> = "text",
        temperature: f64 = "temperature",
        top_p: f64 = "top_p",
        max_output_tokens: u64 = "max_output_tokens",
        reasoning: ReasoningOptions<'a> = "reasoning",
        user: Text<'a> = "user",
        safety_identifier: Text<'a> = "safety_identifier",
        stream: bool = "stream",
        _stream_options: IgnoredAny = "stream_options",
        include: Vec<Text<'a>> = "include",
        truncation: Text<'a> = "truncation",
        top_logprobs: u64 = "top_logprobs",
        prompt: IgnoredAny = "prompt",
        _store: IgnoredAny = "store",
        _previous_response_id: IgnoredAny = "previous_response_id",
        _background: IgnoredAny = "background",
        _conversation: IgnoredAny = "conversation",
    }
}

object! {
    ToolDefinition {
        kind: Text<'a> = "type",
        name: Text<'a> = "name",
        description: Text<'a> = "description",
        parameters: Json<'a> = "parameters",
        strict: bool = "strict",
    }
}

object! {
    Choice {
        kind: Text<'a> = "type",
        name: Text<'a> = "name",
    }
}

object! {
    TextOptions {
        format: Format<'a> = "format",
    }
}

object! {
    Format {
        kind: Text<'a> = "type",
        name: Text<'a> = "name",
        description: Text<'a> = "description",
        schema: Json<'a> = "schema",
        strict: bool = "strict",
    }
}

object! {
    ReasoningOptions {
        effort: Text<'a> = "effort",
    }
}

/// Reads a request for an upstream that speaks `to`.
pub(super) fn decode(body: &[u8], to: Dialect) -> Result<Request<'_>, BadRequest> {
    let asked: ResponsesRequest<'_> = read::body(body)?;
    let refuse = |param: &str| Err(BadRequest::untranslatable(param, Dialect::OpenaiResponses, to));
    let include = asked.include.unwrap_or_default();
    let logprobs = include.iter().any(|wish| wish.ends_with("logprobs"));
    if asked.top_logprobs.is_some_and(|count| count > 0) || logprobs {
        return refuse("top_logprobs");
    }
    if asked.prompt.is_some() {
        return refuse("prompt");
    }
    let mut unsaid: Vec<String> = asked.unknown.iter().map(|field| field.to_string()).collect();
    // What a provider seals is given to every caller of this dialect, in our wrapping.
    let others = include.iter().filter(|wish| &***wish != "reasoning.encrypted_content");
    unsaid.extend(others.map(|wish| format!("include.{}", &**wish)));
    if asked.truncation.is_some_and(|truncation| &*truncation != "disabled") {
        unsaid.push("truncation".to_owned());
    }
    let mut turns: Vec<Turn<'_>> = asked
        .instructions
        .map(|text| Turn { speaker: Speaker::System, blocks: vec![Block::Text(text)] })
        .into_iter()
        .collect();
    turns.extend(item_decode::turns(asked.input, to, &mut unsaid)?);
    let text = asked.text.unwrap_or_default();
    read::list_unknown("text", &text.unknown, &mut unsaid);
    let reasoning = asked.reasoning.unwrap_or_default();
    read::list_unknown("reasoning", &reasoning.unknown, &mut unsaid);
    Ok(Request {
        turns,
        tools: tools(asked.tools.unwrap_or_default(), to, &mut unsaid)?,
        tool_choice: asked.tool_choice.map(|choice| tool_choice(choice, to)).transpose()?,
        one_call_at_most: asked.parallel_tool_calls == Some(false),
        output_format: match text.format {
            Some(format) => output_format(format, to)?,
            None => None,
        },
        stop: Vec::new(),
        temperature: asked.temperature,
        top_p: asked.top_p,
        top_k: None,
        max_output_tokens: asked.max_output_tokens,
        reasoning: reasoning.effort.and_then(|effort| wish(&effort, &mut unsaid)),
        user: asked.safety_identifier.or(asked.user),
        stream: asked.stream == Some(true),
        unsaid,
    })
}

fn tools<'a>(
    definitions: Vec<ToolDefinition<'a>>,
    to: Dialect,
    unsaid: &mut Vec<String>,
) -> Result<Vec<Tool<'a>>, BadRequest> {
    let mut tools = Vec::with_capacity(definitions.len());
    for (index, definition) in definitions.into_iter().enumerate() {
        match definition.kind.as_deref() {
            None | Some("function") => {
                read::list_unknown("tools[]", &definition.unknown, unsaid);
                let missing = || BadRequest::missing(&format!("tools[{index}].name"));
                tools.push(Tool {
                    name: definition.name.ok_or_else(missing)?,
                    description: definition.description,
                    schema: definition.parameters,
                    strict: definition.strict.filter(|strict| *strict),
                });
            }
            // These bring knowledge of their caller's that no other vendor has.
            Some(kind @ ("mcp" | "file_search")) => {
                let param = format!("tools[{index}].{kind}");
                return Err(BadRequest::untranslatable(&param, Dialect::OpenaiResponses, to));
            }
            // Tools that the vendor's own servers run, or know the schema of.
            Some(kind) => unsaid.push(format!("tools[].{kind}")),
        }
    }
    Ok(tools)
}

fn tool_choice(raw: &RawValue, to: Dialect) -> Result<ToolChoice<'_>, BadRequest> {
    match raw.get() {
        "\"auto\"" => return Ok(ToolChoice::Auto),
        "\"none\"" => return Ok(ToolChoice::Never),
        "\"required\"" => return Ok(ToolChoice::Required),
        _ => {}
    }
    let choice: Choice<'_> = serde_json::from_str(raw.get())
        .map_err(|_| BadRequest::field("tool_choice", "must be a known word or an object"))?;
    match (choice.kind.as_deref(), choice.name) {
        (Some("function"), Some(name)) => Ok(ToolChoice::Named(name)),
        _ => Err(BadRequest::untranslatable("tool_choice", Dialect::OpenaiResponses, to)),
    }
}

fn output_format(format: Format<'_>, to: Dialect) -> Result<Option<OutputFormat<'_>>, BadRequest> {
    match (format.kind.as_deref(), format.schema) {
        (Some("text"), _) => Ok(None),
        (Some("json_object"), _) => Ok(Some(OutputFormat::Object)),
        (Some("json_schema"), Some(schema)) => Ok(Some(OutputFormat::Schema(AnswerSchema {
            name: format.name,
            description: format.description,
            schema,
            strict: format.strict,
        }))),
        (Some("json_schema"), None) => Err(BadRequest::missing("text.format.schema")),
        _ => Err(BadRequest::untranslatable("text.format", Dialect::OpenaiResponses, to)),
    }
}

fn wish(effort: &str, unsaid: &mut Vec<String>) -> Option<Reasoning> {
    if effort == "none" {
        return Some(Reasoning::Off);
    }
    let known = Effort::from_name(effort).map(Reasoning::Effort);
    if known.is_none() {
        unsaid.push("reasoning.effort".to_owned());
    }
    known
}
