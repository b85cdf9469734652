//! Writing a whole messages request.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::{
    message_encode::{self, Content, Message},
    schema, thinking,
};
use crate::{
    canonical::request::{OutputFormat, Request, ToolChoice},
    dialect::{OBJECT_INSTRUCTION, schema_instruction},
    json::{text::Json, write},
    request::Upstream,
};

/// This dialect demands a limit. Where neither caller nor catalog knows one, this is allowed by
/// every current model.
const MAX_TOKENS_WHERE_UNKNOWN: u64 = 32_000;

#[derive(Serialize)]
struct MessagesRequest<'a> {
    model: &'a str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Content<'a>>,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<thinking::Thinking>,
    #[serde(skip_serializing_if = "OutputConfig::is_empty")]
    output_config: OutputConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
    stream: bool,
}

#[derive(Serialize)]
struct Tool<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: Cow<'a, Json<'a>>,
}

#[derive(Serialize)]
struct Choice<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_parallel_tool_use: Option<bool>,
}

#[derive(Serialize)]
struct OutputConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format>,
}

impl OutputConfig {
    fn is_empty(&self) -> bool {
        self.effort.is_none() && self.format.is_none()
    }
}

#[derive(Serialize)]
struct Format {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: Json<'static>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    user_id: &'a str,
}

/// Writes a request; what cannot be said goes to `dropped`.
pub(super) fn encode(
    request: &Request<'_>,
    upstream: &Upstream<'_>,
    dropped: &mut Vec<String>,
) -> Vec<u8> {
    let mut turns = message_encode::turns(&request.turns, dropped);
    let (format, instruction) = format(request, upstream, dropped);
    turns.system.extend(instruction.map(|text| Content::Text { text }));
    let max_tokens = max_tokens(request, upstream, dropped);
    let thinking = thinking::encode(request, max_tokens, upstream);
    if thinking.lost {
        dropped.push("reasoning".to_owned());
    }
    let sampling = Sampling::of(request, upstream, thinking.thinking.is_some(), dropped);
    if request.tools.iter().any(|tool| tool.strict == Some(true)) {
        dropped.push("tools[].strict".to_owned());
    }
    let asked = MessagesRequest {
        model: upstream.model,
        max_tokens,
        system: turns.system,
        messages: turns.messages,
        tools: request.tools.iter().map(tool).collect(),
        tool_choice: choice(request),
        stop_sequences: stop(request, dropped),
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        thinking: thinking.thinking,
        output_config: OutputConfig { effort: thinking.effort, format },
        metadata: request.user.as_deref().map(|user_id| Metadata { user_id }),
        stream: request.stream,
    };
    let mut body = Vec::new();
    write::value(&mut body, &asked);
    body
}

fn max_tokens(request: &Request<'_>, upstream: &Upstream<'_>, dropped: &mut Vec<String>) -> u64 {
    let known = Some(upstream.max_output).filter(|limit| *limit > 0);
    let asked = match request.max_output_tokens {
        None => return known.unwrap_or(MAX_TOKENS_WHERE_UNKNOWN),
        Some(asked) => asked.max(1),
    };
    match known {
        Some(limit) if asked > limit => {
            dropped.push("max_tokens".to_owned());
            limit
        }
        _ => asked,
    }
}

/// Sampling parameters that the model takes.
#[derive(Default)]
struct Sampling {
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u64>,
}

impl Sampling {
    /// Models that think, and the newer ones always, refuse them. The others take temperature or
    /// `top_p` but not both, and no temperature above one (the vendor's reference).
    fn of(
        request: &Request<'_>,
        upstream: &Upstream<'_>,
        thinks: bool,
        dropped: &mut Vec<String>,
    ) -> Self {
        let mut drop_field = |name: &str| dropped.push(name.to_owned());
        if !upstream.capabilities.sampling || thinks {
            let given = [
                ("temperature", request.temperature.is_some()),
                ("top_p", request.top_p.is_some()),
                ("top_k", request.top_k.is_some()),
            ];
            given.iter().filter(|(_, given)| *given).for_each(|(name, _)| drop_field(name));
            return Self::default();
        }
        let temperature = request.temperature.map(|temperature| {
            if temperature > 1.0 {
                drop_field("temperature");
            }
            temperature.min(1.0)
        });
        if temperature.is_some() && request.top_p.is_some() {
            drop_field("top_p");
        }
        let top_p = request.top_p.filter(|_| temperature.is_none());
        Self { temperature, top_p, top_k: request.top_k }
    }
}

fn tool<'a>(tool: &'a crate::canonical::request::Tool<'_>) -> Tool<'a> {
    Tool {
        name: &tool.name,
        description: tool.description.as_deref(),
        input_schema: input_schema(tool.schema.as_ref()),
    }
}

/// The schema of a tool's input, which here must be an object's.
fn input_schema<'a>(schema: Option<&'a Json<'a>>) -> Cow<'a, Json<'a>> {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        _kind: IgnoredAny,
    }

    let Some(schema) = schema else {
        return Cow::Owned(Json::written(r#"{"type":"object","properties":{}}"#.to_owned()));
    };
    let written = schema.as_written();
    if !written.starts_with('{') || serde_json::from_str::<Kind>(written).is_ok() {
        return Cow::Borrowed(schema);
    }
    let rest = written[1..].trim_start();
    let comma = if rest.starts_with('}') { "" } else { "," };
    Cow::Owned(Json::written(format!("{{\"type\":\"object\"{comma}{rest}")))
}

/// How tools are to be used; forbidding parallel calls needs a choice to stand in.
fn choice<'a>(request: &'a Request<'_>) -> Option<Choice<'a>> {
    if request.tools.is_empty() {
        return None;
    }
    let one = request.one_call_at_most.then_some(true);
    let (kind, name) = match &request.tool_choice {
        None if one.is_none() => return None,
        None | Some(ToolChoice::Auto) => ("auto", None),
        Some(ToolChoice::Never) => ("none", None),
        Some(ToolChoice::Required) => ("any", None),
        Some(ToolChoice::Named(name)) => ("tool", Some(&**name)),
    };
    let disable_parallel_tool_use = one.filter(|_| kind != "none");
    Some(Choice { kind, name, disable_parallel_tool_use })
}

/// Sequences of white space alone are refused here.
fn stop<'a>(request: &'a Request<'_>, dropped: &mut Vec<String>) -> Vec<&'a str> {
    let allowed: Vec<&str> =
        request.stop.iter().map(|stop| &**stop).filter(|stop| !stop.trim().is_empty()).collect();
    if allowed.len() < request.stop.len() {
        dropped.push("stop".to_owned());
    }
    allowed
}

/// The shape of the answer, as a field where model and schema allow it, else as an instruction.
fn format(
    request: &Request<'_>,
    upstream: &Upstream<'_>,
    dropped: &mut Vec<String>,
) -> (Option<Format>, Option<Cow<'static, str>>) {
    match &request.output_format {
        None => (None, None),
        Some(OutputFormat::Object) => {
            dropped.push("response_format".to_owned());
            (None, Some(OBJECT_INSTRUCTION.into()))
        }
        Some(OutputFormat::Schema(wish)) => {
            let fitted = Some(&wish.schema).filter(|_| upstream.capabilities.json_schema);
            if let Some(schema) = fitted.and_then(|schema| schema::fit(schema, dropped)) {
                return (Some(Format { kind: "json_schema", schema }), None);
            }
            dropped.push("response_format".to_owned());
            (None, Some(schema_instruction(&wish.schema).into()))
        }
    }
}
