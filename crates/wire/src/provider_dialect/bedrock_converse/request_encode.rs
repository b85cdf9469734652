//! Writing a whole Converse request. The model stands in the path, and so does whether the answer is
//! streamed. What only one vendor's models know goes to `additionalModelRequestFields`.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::message_encode::{self, Content, Message};
use crate::{
    canonical::request::{Block, OutputFormat, Request, Speaker, ToolChoice},
    dialect::{OBJECT_INSTRUCTION, anthropic_messages::thinking, schema_instruction},
    error::BadRequest,
    json::{text::Json, write},
    request::Upstream,
};

/// Stop sequences at most (`InferenceConfiguration` allows 2,500, the models far fewer).
const STOP_SEQUENCES: usize = 4;
/// What Anthropic's models take where neither caller nor catalog knows a limit for their thinking.
const MAX_TOKENS_WHERE_UNKNOWN: u64 = 32_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConverseRequest<'a> {
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Inference::is_empty")]
    inference_config: Inference<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'a>>,
    #[serde(skip_serializing_if = "Additional::is_empty")]
    additional_model_request_fields: Additional,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Inference<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
}

impl Inference<'_> {
    fn is_empty(&self) -> bool {
        self.max_tokens.is_none()
            && self.temperature.is_none()
            && self.top_p.is_none()
            && self.stop_sequences.is_empty()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolConfig<'a> {
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tool<'a> {
    tool_spec: ToolSpec<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolSpec<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: InputSchema<'a>,
}

struct InputSchema<'a>(Option<&'a Json<'a>>);

impl Serialize for InputSchema<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self.0 {
            Some(schema) => map.serialize_entry("json", schema)?,
            None => {
                let any = Json::written(r#"{"type":"object","properties":{}}"#.to_owned());
                map.serialize_entry("json", &any)?;
            }
        }
        map.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Choice<'a> {
    Auto {},
    Any {},
    Tool { name: &'a str },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutputConfig<'a> {
    text_format: TextFormat<'a>,
}

#[derive(Serialize)]
struct TextFormat<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    structure: Structure<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Structure<'a> {
    json_schema: JsonSchema<'a>,
}

/// The schema is a text here.
#[derive(Serialize)]
struct JsonSchema<'a> {
    name: &'a str,
    schema: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

#[derive(Default, Serialize)]
struct Additional {
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<thinking::Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<EffortConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
}

impl Additional {
    fn is_empty(&self) -> bool {
        self.thinking.is_none() && self.output_config.is_none() && self.top_k.is_none()
    }
}

#[derive(Serialize)]
struct EffortConfig {
    effort: &'static str,
}

/// Writes a request; what cannot be said goes to `dropped`.
pub(super) fn encode(
    request: &Request<'_>,
    upstream: &Upstream<'_>,
    dropped: &mut Vec<String>,
) -> Result<Vec<u8>, BadRequest> {
    let last = request.turns.last().map(|turn| turn.speaker);
    if last == Some(Speaker::Assistant) && !upstream.capabilities.prefill {
        return Err(BadRequest::prefill(request.turns.len() - 1));
    }
    let mut turns = message_encode::turns(&request.turns, dropped)?;
    let (output_config, instruction) = output(request, upstream, dropped);
    turns.system.extend(instruction.map(|text| Content::Text(text.into())));
    let additional = additional(request, upstream, dropped);
    let inference_config = inference(request, upstream, additional.thinking.is_some(), dropped);
    if request.user.is_some() {
        dropped.push("user".to_owned());
    }
    let asked = ConverseRequest {
        messages: turns.messages,
        system: turns.system,
        inference_config,
        tool_config: tools(request, dropped),
        output_config,
        additional_model_request_fields: additional,
    };
    let mut body = Vec::new();
    write::value(&mut body, &asked);
    Ok(body)
}

fn is_anthropic(model: &str) -> bool {
    model.contains("anthropic.claude")
}

/// What only Anthropic's models take here; for any other it is listed.
fn additional(
    request: &Request<'_>,
    upstream: &Upstream<'_>,
    dropped: &mut Vec<String>,
) -> Additional {
    if !is_anthropic(upstream.model) {
        if request.reasoning.is_some() {
            dropped.push("reasoning".to_owned());
        }
        if request.top_k.is_some() {
            dropped.push("top_k".to_owned());
        }
        return Additional::default();
    }
    let most = request.max_output_tokens.unwrap_or(MAX_TOKENS_WHERE_UNKNOWN);
    let said = thinking::encode(request, most, upstream);
    if said.lost {
        dropped.push("reasoning".to_owned());
    }
    let samples = upstream.capabilities.sampling && said.thinking.is_none();
    if request.top_k.is_some() && !samples {
        dropped.push("top_k".to_owned());
    }
    Additional {
        thinking: said.thinking,
        output_config: said.effort.map(|effort| EffortConfig { effort }),
        top_k: request.top_k.filter(|_| samples),
    }
}

fn inference<'a>(
    request: &'a Request<'_>,
    upstream: &Upstream<'_>,
    thinks: bool,
    dropped: &mut Vec<String>,
) -> Inference<'a> {
    let limit = upstream.max_output;
    let max_tokens = request.max_output_tokens.map(|asked| {
        if limit > 0 && asked > limit {
            dropped.push("max_tokens".to_owned());
            return limit;
        }
        asked.max(1)
    });
    // A budget of thinking must lie below the limit, which is then stated.
    let max_tokens = max_tokens
        .or_else(|| thinks.then_some(if limit > 0 { limit } else { MAX_TOKENS_WHERE_UNKNOWN }));
    let samples = upstream.capabilities.sampling && !thinks;
    let mut kept = |name: &str, value: Option<f64>, allowed: bool| {
        if value.is_some() && !allowed {
            dropped.push(name.to_owned());
        }
        value.filter(|_| allowed)
    };
    let temperature = kept("temperature", request.temperature, samples);
    // Of these two Anthropic's models take one.
    let both = is_anthropic(upstream.model) && temperature.is_some();
    let top_p = kept("top_p", request.top_p, samples && !both);
    let temperature = temperature.map(|temperature| {
        if temperature > 1.0 {
            dropped.push("temperature".to_owned());
        }
        temperature.min(1.0)
    });
    let stops: Vec<&str> =
        request.stop.iter().map(|stop| &**stop).filter(|stop| !stop.trim().is_empty()).collect();
    let stop_sequences: Vec<&str> = stops.into_iter().take(STOP_SEQUENCES).collect();
    if stop_sequences.len() < request.stop.len() {
        dropped.push("stop".to_owned());
    }
    Inference { max_tokens, temperature, top_p, stop_sequences }
}

/// Tools, and those of the turns so far where the caller defines none: calls and results are refused
/// where no tools are. There is no word for "use none", so the tools stay away where they can.
fn tools<'a>(request: &'a Request<'_>, dropped: &mut Vec<String>) -> Option<ToolConfig<'a>> {
    let used = used_tools(request);
    let never = request.tool_choice == Some(ToolChoice::Never);
    if never && used.is_empty() {
        if !request.tools.is_empty() {
            dropped.push("tools".to_owned());
        }
        return None;
    }
    if never && !request.tools.is_empty() {
        dropped.push("tool_choice".to_owned());
    }
    if request.one_call_at_most && !request.tools.is_empty() {
        dropped.push("parallel_tool_calls".to_owned());
    }
    if request.tools.iter().any(|tool| tool.strict == Some(true)) {
        dropped.push("tools[].strict".to_owned());
    }
    let mut tools: Vec<Tool<'_>> = request.tools.iter().map(tool).collect();
    let choice = match &request.tool_choice {
        _ if tools.is_empty() => None,
        None | Some(ToolChoice::Never) => None,
        Some(ToolChoice::Auto) => Some(Choice::Auto {}),
        Some(ToolChoice::Required) => Some(Choice::Any {}),
        Some(ToolChoice::Named(name)) => Some(Choice::Tool { name }),
    };
    if tools.is_empty() {
        tools.extend(used.into_iter().map(|name| Tool {
            tool_spec: ToolSpec { name, description: None, input_schema: InputSchema(None) },
        }));
    }
    (!tools.is_empty()).then_some(ToolConfig { tools, tool_choice: choice })
}

fn tool<'a>(tool: &'a crate::canonical::request::Tool<'_>) -> Tool<'a> {
    Tool {
        tool_spec: ToolSpec {
            name: &tool.name,
            description: tool.description.as_deref().filter(|words| !words.is_empty()),
            input_schema: InputSchema(tool.schema.as_ref()),
        },
    }
}

fn used_tools<'a>(request: &'a Request<'_>) -> BTreeSet<&'a str> {
    let blocks = request.turns.iter().flat_map(|turn| &turn.blocks);
    let names = blocks.filter_map(|block| match block {
        Block::ToolUse { name, .. } => Some(&**name),
        _ => None,
    });
    names.collect()
}

/// The shape of the answer, as a field where the model allows it, else as an instruction.
fn output<'a>(
    request: &'a Request<'_>,
    upstream: &Upstream<'_>,
    dropped: &mut Vec<String>,
) -> (Option<OutputConfig<'a>>, Option<String>) {
    match &request.output_format {
        None => (None, None),
        Some(OutputFormat::Schema(wish)) if upstream.capabilities.json_schema => {
            let json_schema = JsonSchema {
                name: wish.name.as_deref().unwrap_or("answer"),
                schema: wish.schema.as_written(),
                description: wish.description.as_deref(),
            };
            let structure = Structure { json_schema };
            let text_format = TextFormat { kind: "json_schema", structure };
            (Some(OutputConfig { text_format }), None)
        }
        Some(OutputFormat::Object) => {
            dropped.push("response_format".to_owned());
            (None, Some(OBJECT_INSTRUCTION.to_owned()))
        }
        Some(OutputFormat::Schema(wish)) => {
            dropped.push("response_format".to_owned());
            (None, Some(schema_instruction(&wish.schema)))
        }
    }
}
