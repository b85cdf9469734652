//! Writing a whole generateContent request. Model and stream go into the address before it is sent.

use serde::Serialize;

use super::content_encode::{self, Content};
use crate::{
    canonical::request::{
        AnswerSchema, Effort, OutputFormat, Reasoning, Request, Speaker, ToolChoice,
    },
    dialect::schema_instruction,
    error::BadRequest,
    json::{text::Json, write},
    request::Upstream,
};

/// Stop sequences at most, by the vendor's reference.
const STOP_SEQUENCES: usize = 5;

const JSON: &str = "application/json";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GeminiRequest<'a> {
    model: &'a str,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'a>>,
    contents: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<[Tools<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'a>>,
    generation_config: GenerationConfig<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tools<'a> {
    function_declarations: Vec<Function<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Function<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<&'a Json<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolConfig<'a> {
    function_calling_config: Calling<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Calling<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_function_names: Option<[&'a str; 1]>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct GenerationConfig<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<&'a Json<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<Thinking>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Thinking {
    ThinkingLevel(&'static str),
    ThinkingBudget(i64),
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
    let signed = wants_signatures(upstream.model);
    let mut turns = content_encode::turns(&request.turns, signed, dropped);
    let config = config(request, upstream, &mut turns.system, dropped);
    let has_tools = !request.tools.is_empty();
    if request.one_call_at_most && has_tools {
        dropped.push("parallel_tool_calls".to_owned());
    }
    if request.tools.iter().any(|tool| tool.strict == Some(true)) {
        dropped.push("tools[].strict".to_owned());
    }
    if request.user.is_some() {
        dropped.push("user".to_owned());
    }
    let asked = GeminiRequest {
        model: upstream.model,
        stream: request.stream,
        system_instruction: Some(turns.system).filter(|system| !system.parts.is_empty()),
        contents: turns.contents,
        tools: has_tools.then(|| [Tools { function_declarations: functions(request) }]),
        tool_config: request.tool_choice.as_ref().filter(|_| has_tools).map(choice),
        generation_config: config,
    };
    let mut body = Vec::new();
    write::value(&mut body, &asked);
    Ok(body)
}

fn functions<'a>(request: &'a Request<'_>) -> Vec<Function<'a>> {
    let function = |tool: &'a crate::canonical::request::Tool<'_>| Function {
        name: &tool.name,
        description: tool.description.as_deref(),
        parameters_json_schema: tool.schema.as_ref(),
    };
    request.tools.iter().map(function).collect()
}

fn choice<'a>(choice: &'a ToolChoice<'_>) -> ToolConfig<'a> {
    let (mode, allowed_function_names) = match choice {
        ToolChoice::Auto => ("AUTO", None),
        ToolChoice::Never => ("NONE", None),
        ToolChoice::Required => ("ANY", None),
        ToolChoice::Named(name) => ("ANY", Some([&**name])),
    };
    ToolConfig { function_calling_config: Calling { mode, allowed_function_names } }
}

fn config<'a>(
    request: &'a Request<'_>,
    upstream: &Upstream<'_>,
    system: &mut Content<'a>,
    dropped: &mut Vec<String>,
) -> GenerationConfig<'a> {
    let mut lost = |name: &str, is_lost: bool| {
        if is_lost {
            dropped.push(name.to_owned());
        }
    };
    let refuses = !upstream.capabilities.sampling;
    lost("temperature", refuses && request.temperature.is_some());
    lost("top_p", refuses && request.top_p.is_some());
    lost("top_k", refuses && request.top_k.is_some());
    lost("stop", request.stop.len() > STOP_SEQUENCES);
    let most = if upstream.max_output > 0 { upstream.max_output } else { u64::MAX };
    let limit = request.max_output_tokens.map(|asked| asked.min(most));
    lost("max_tokens", limit != request.max_output_tokens);
    let (thinking_config, wish_lost) = thinking(request.reasoning, upstream);
    lost("reasoning", wish_lost);
    let (response_mime_type, response_json_schema) = match &request.output_format {
        None => (None, None),
        Some(OutputFormat::Object) => (Some(JSON), None),
        Some(OutputFormat::Schema(AnswerSchema { schema, .. })) => {
            if upstream.capabilities.json_schema {
                (Some(JSON), Some(schema))
            } else {
                // The model cannot be held to a schema, but it can be asked.
                lost("output_format.schema", true);
                system.parts.push(content_encode::text(schema_instruction(schema)));
                (Some(JSON), None)
            }
        }
    };
    GenerationConfig {
        stop_sequences: request.stop.iter().take(STOP_SEQUENCES).map(|stop| &**stop).collect(),
        temperature: request.temperature.filter(|_| !refuses),
        top_p: request.top_p.filter(|_| !refuses),
        top_k: request.top_k.filter(|_| !refuses),
        max_output_tokens: limit,
        response_mime_type,
        response_json_schema,
        thinking_config,
    }
}

/// From generation 3 on models take a level, before it a budget (the vendor's page on thinking).
fn thinking(wish: Option<Reasoning>, upstream: &Upstream<'_>) -> (Option<Thinking>, bool) {
    let Some(wish) = wish else { return (None, false) };
    if !upstream.capabilities.reasoning {
        return (None, matches!(wish, Reasoning::Effort(_) | Reasoning::Budget(_)));
    }
    if generation(upstream.model).is_some_and(|generation| generation >= 3) {
        let effort = match wish {
            Reasoning::Adaptive => return (None, false),
            // These models always think.
            Reasoning::Off => Effort::Minimal,
            Reasoning::Effort(effort) => effort,
            Reasoning::Budget(tokens) => Effort::of_budget(tokens),
        };
        let level = match effort {
            Effort::Minimal | Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High | Effort::Xhigh | Effort::Max => "high",
        };
        return (Some(Thinking::ThinkingLevel(level)), wish == Reasoning::Off);
    }
    let budget = match wish {
        Reasoning::Adaptive => -1,
        Reasoning::Off => 0,
        Reasoning::Effort(effort) => i64::try_from(effort.budget().min(24_576)).unwrap_or(-1),
        Reasoning::Budget(tokens) => i64::try_from(tokens.min(24_576)).unwrap_or(-1),
    };
    (Some(Thinking::ThinkingBudget(budget)), false)
}

/// Whether calls must carry a signature, made up where there is none.
pub(crate) fn wants_signatures(model: &str) -> bool {
    generation(model).is_some_and(|generation| generation >= 3)
}

/// The generation in a name such as `gemini-3-flash-preview`.
fn generation(model: &str) -> Option<u32> {
    let name = &model[model.find("gemini-")? + "gemini-".len()..];
    name.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
