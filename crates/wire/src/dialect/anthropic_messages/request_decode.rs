//! Reading a whole messages request. A field that cannot leave this dialect is listed; one whose
//! loss would change what the answer means is refused by name.

use serde::de::IgnoredAny;
use terms::dialect::Dialect;

use super::block_decode::{Content, Reader};
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

/// A block that Claude Code puts first in `system`. It names the client's version, changes from
/// request to request, and would spoil every other vendor's prompt cache.
const BILLING_HEADER: &str = "x-anthropic-billing-header:";

object! {
    MessagesRequest {
        _model: IgnoredAny = "model",
        max_tokens: u64 = "max_tokens",
        system: Content<'a> = "system",
        messages: Vec<Message<'a>> = "messages",
        tools: Vec<ToolDefinition<'a>> = "tools",
        tool_choice: Choice<'a> = "tool_choice",
        stop_sequences: Vec<Text<'a>> = "stop_sequences",
        temperature: f64 = "temperature",
        top_p: f64 = "top_p",
        top_k: u64 = "top_k",
        thinking: Thinking<'a> = "thinking",
        output_config: OutputConfig<'a> = "output_config",
        output_format: Format<'a> = "output_format",
        metadata: Metadata<'a> = "metadata",
        stream: bool = "stream",
        mcp_servers: Vec<IgnoredAny> = "mcp_servers",
    }
}

object! {
    Message {
        role: Text<'a> = "role",
        content: Content<'a> = "content",
    }
}

object! {
    ToolDefinition {
        kind: Text<'a> = "type",
        name: Text<'a> = "name",
        description: Text<'a> = "description",
        input_schema: Json<'a> = "input_schema",
        strict: bool = "strict",
    }
}

object! {
    Choice {
        kind: Text<'a> = "type",
        name: Text<'a> = "name",
        disable_parallel_tool_use: bool = "disable_parallel_tool_use",
    }
}

object! {
    Thinking {
        kind: Text<'a> = "type",
        budget_tokens: u64 = "budget_tokens",
    }
}

object! {
    OutputConfig {
        effort: Text<'a> = "effort",
        format: Format<'a> = "format",
    }
}

object! {
    Format {
        kind: Text<'a> = "type",
        schema: Json<'a> = "schema",
    }
}

object! {
    Metadata {
        user_id: Text<'a> = "user_id",
    }
}

/// Reads a request for an upstream that speaks `to`.
pub(super) fn decode(body: &[u8], to: Dialect) -> Result<Request<'_>, BadRequest> {
    let asked: MessagesRequest<'_> = read::body(body)?;
    if asked.mcp_servers.is_some_and(|servers| !servers.is_empty()) {
        return Err(BadRequest::untranslatable("mcp_servers", Dialect::AnthropicMessages, to));
    }
    let mut unsaid: Vec<String> = asked.unknown.iter().map(|field| field.to_string()).collect();
    let mut turns = system(asked.system, to, &mut unsaid)?;
    for (index, message) in asked.messages.unwrap_or_default().into_iter().enumerate() {
        turns.push(turn(index, message, to, &mut unsaid)?);
    }
    let mut output_config = asked.output_config.unwrap_or_default();
    read::list_unknown("output_config", &output_config.unknown, &mut unsaid);
    let format = output_config.format.take().or(asked.output_format);
    let one_call_at_most = asked
        .tool_choice
        .as_ref()
        .is_some_and(|choice| choice.disable_parallel_tool_use == Some(true));
    if let Some(metadata) = &asked.metadata {
        read::list_unknown("metadata", &metadata.unknown, &mut unsaid);
    }
    Ok(Request {
        turns,
        tools: tools(asked.tools.unwrap_or_default(), &mut unsaid)?,
        tool_choice: asked.tool_choice.map(|choice| tool_choice(choice, to)).transpose()?,
        one_call_at_most,
        output_format: format.map(|format| output_format(format, to)).transpose()?,
        stop: asked.stop_sequences.unwrap_or_default(),
        temperature: asked.temperature,
        top_p: asked.top_p,
        top_k: asked.top_k,
        max_output_tokens: asked.max_tokens,
        reasoning: reasoning(asked.thinking, output_config.effort.as_deref(), &mut unsaid),
        user: asked.metadata.and_then(|metadata| metadata.user_id),
        stream: asked.stream == Some(true),
        unsaid,
    })
}

fn system<'a>(
    content: Option<Content<'a>>,
    to: Dialect,
    unsaid: &mut Vec<String>,
) -> Result<Vec<Turn<'a>>, BadRequest> {
    let mut reader = Reader { place: "system".to_owned(), path: "system[]", to, unsaid };
    let mut blocks = reader.content(content)?;
    if matches!(blocks.first(), Some(Block::Text(text)) if text.starts_with(BILLING_HEADER)) {
        blocks.remove(0);
        unsaid.push("system[].x-anthropic-billing-header".to_owned());
    }
    let speaker = Speaker::System;
    Ok(if blocks.is_empty() { Vec::new() } else { vec![Turn { speaker, blocks }] })
}

fn turn<'a>(
    index: usize,
    message: Message<'a>,
    to: Dialect,
    unsaid: &mut Vec<String>,
) -> Result<Turn<'a>, BadRequest> {
    read::list_unknown("messages[]", &message.unknown, unsaid);
    let speaker = match message.role.as_deref() {
        Some("user") => Speaker::User,
        Some("assistant") => Speaker::Assistant,
        // Claude Code puts reminders between the turns.
        Some("system") => Speaker::System,
        _ => {
            let param = format!("messages[{index}].role");
            return Err(BadRequest::field(&param, "must be user, assistant or system"));
        }
    };
    let place = format!("messages[{index}].content");
    let mut reader = Reader { place, path: "messages[].content[]", to, unsaid };
    Ok(Turn { speaker, blocks: reader.content(message.content)? })
}

fn tools<'a>(
    definitions: Vec<ToolDefinition<'a>>,
    unsaid: &mut Vec<String>,
) -> Result<Vec<Tool<'a>>, BadRequest> {
    let mut tools = Vec::with_capacity(definitions.len());
    for (index, definition) in definitions.into_iter().enumerate() {
        match definition.kind.as_deref() {
            None | Some("custom") => {
                read::list_unknown("tools[]", &definition.unknown, unsaid);
                let missing = || BadRequest::missing(&format!("tools[{index}].name"));
                tools.push(Tool {
                    name: definition.name.ok_or_else(missing)?,
                    description: definition.description,
                    schema: definition.input_schema,
                    strict: definition.strict,
                });
            }
            // Tools that the vendor's own servers run, or know the schema of.
            Some(kind) => unsaid.push(format!("tools[].{kind}")),
        }
    }
    Ok(tools)
}

fn tool_choice(choice: Choice<'_>, to: Dialect) -> Result<ToolChoice<'_>, BadRequest> {
    match (choice.kind.as_deref(), choice.name) {
        (Some("auto"), _) => Ok(ToolChoice::Auto),
        (Some("none"), _) => Ok(ToolChoice::Never),
        (Some("any"), _) => Ok(ToolChoice::Required),
        (Some("tool"), Some(name)) => Ok(ToolChoice::Named(name)),
        _ => Err(BadRequest::untranslatable("tool_choice", Dialect::AnthropicMessages, to)),
    }
}

fn output_format(format: Format<'_>, to: Dialect) -> Result<OutputFormat<'_>, BadRequest> {
    match (format.kind.as_deref(), format.schema) {
        (Some("json_schema"), Some(schema)) => {
            let (name, description, strict) = (None, None, None);
            Ok(OutputFormat::Schema(AnswerSchema { name, description, schema, strict }))
        }
        _ => {
            let param = "output_config.format";
            Err(BadRequest::untranslatable(param, Dialect::AnthropicMessages, to))
        }
    }
}

fn reasoning(
    thinking: Option<Thinking<'_>>,
    effort: Option<&str>,
    unsaid: &mut Vec<String>,
) -> Option<Reasoning> {
    let known = effort.and_then(Effort::from_name);
    if effort.is_some() && known.is_none() {
        unsaid.push("output_config.effort".to_owned());
    }
    let Some(thinking) = thinking else { return known.map(Reasoning::Effort) };
    read::list_unknown("thinking", &thinking.unknown, unsaid);
    match (thinking.kind.as_deref(), known, thinking.budget_tokens) {
        (Some("disabled"), _, _) => Some(Reasoning::Off),
        (_, Some(effort), _) => Some(Reasoning::Effort(effort)),
        (Some("enabled"), None, Some(tokens)) => Some(Reasoning::Budget(tokens)),
        (Some("enabled" | "adaptive"), None, _) => Some(Reasoning::Adaptive),
        _ => {
            unsaid.push("thinking".to_owned());
            None
        }
    }
}
