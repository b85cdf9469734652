//! Reading a whole generateContent request. A field that cannot leave this dialect is listed; one whose
//! loss would change what the answer means is refused by name.

use serde::de::IgnoredAny;
use terms::dialect::Dialect;

use super::{
    content_decode::{Content, Instruction, Reader},
    schema,
};
use crate::{
    canonical::request::{
        AnswerSchema, Effort, OutputFormat, Reasoning, Request, Tool, ToolChoice,
    },
    error::BadRequest,
    json::{
        object::object,
        read,
        text::{Json, Text},
    },
};

object! {
    GeminiRequest {
        _model: IgnoredAny = "model",
        stream: bool = "stream",
        contents: Vec<Content<'a>> = "contents",
        system_instruction: Instruction<'a> = "systemInstruction" | "system_instruction",
        tools: Vec<Tools<'a>> = "tools",
        tool_config: ToolConfig<'a> = "toolConfig" | "tool_config",
        generation_config: GenerationConfig<'a> = "generationConfig" | "generation_config",
    }
}

object! {
    Tools {
        functions: Vec<Function<'a>> = "functionDeclarations" | "function_declarations",
    }
}

object! {
    Function {
        name: Text<'a> = "name",
        description: Text<'a> = "description",
        parameters: Json<'a> = "parameters",
        json_schema: Json<'a> = "parametersJsonSchema" | "parameters_json_schema",
    }
}

object! {
    ToolConfig {
        calling: Calling<'a> = "functionCallingConfig" | "function_calling_config",
    }
}

object! {
    Calling {
        mode: Text<'a> = "mode",
        allowed: Vec<Text<'a>> = "allowedFunctionNames" | "allowed_function_names",
    }
}

object! {
    GenerationConfig {
        stop: Vec<Text<'a>> = "stopSequences" | "stop_sequences",
        temperature: f64 = "temperature",
        top_p: f64 = "topP" | "top_p",
        top_k: f64 = "topK" | "top_k",
        max_output_tokens: u64 = "maxOutputTokens" | "max_output_tokens",
        candidates: u64 = "candidateCount" | "candidate_count",
        mime_type: Text<'a> = "responseMimeType" | "response_mime_type",
        schema: Json<'a> = "responseSchema" | "response_schema",
        json_schema: Json<'a> = "responseJsonSchema" | "response_json_schema",
        modalities: Vec<Text<'a>> = "responseModalities" | "response_modalities",
        logprobs: bool = "responseLogprobs" | "response_logprobs",
        speech: IgnoredAny = "speechConfig" | "speech_config",
        thinking: Thinking<'a> = "thinkingConfig" | "thinking_config",
    }
}

object! {
    Thinking {
        budget: i64 = "thinkingBudget" | "thinking_budget",
        level: Text<'a> = "thinkingLevel" | "thinking_level",
        _include: bool = "includeThoughts" | "include_thoughts",
    }
}

/// Reads a request for an upstream that speaks `to`.
pub(super) fn decode(body: &[u8], to: Dialect) -> Result<Request<'_>, BadRequest> {
    let asked: GeminiRequest<'_> = read::body(body)?;
    let mut unsaid: Vec<String> = asked.unknown.iter().map(|field| field.to_string()).collect();
    let config = asked.generation_config.unwrap_or_default();
    refuse_what_changes_the_meaning(&config, to)?;
    read::list_unknown("generationConfig", &config.unknown, &mut unsaid);
    let mut reader = Reader::new(to, &mut unsaid);
    let mut turns = Vec::new();
    if let Some(instruction) = asked.system_instruction {
        turns.push(reader.instruction(instruction)?);
    }
    for (index, content) in asked.contents.unwrap_or_default().into_iter().enumerate() {
        turns.push(reader.turn(index, content)?);
    }
    let output_format = output_format(&config, to)?;
    Ok(Request {
        turns,
        tools: tools(asked.tools.unwrap_or_default(), &mut unsaid)?,
        tool_choice: match asked.tool_config.and_then(|config| config.calling) {
            Some(calling) => tool_choice(calling, to)?,
            None => None,
        },
        one_call_at_most: false,
        output_format,
        stop: config.stop.unwrap_or_default(),
        temperature: config.temperature,
        top_p: config.top_p,
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        // A cast from float saturates; SDKs write whole numbers as floats here.
        top_k: config.top_k.map(|top_k| top_k as u64),
        max_output_tokens: config.max_output_tokens,
        reasoning: config.thinking.and_then(|thinking| reasoning(&thinking, &mut unsaid)),
        user: None,
        stream: asked.stream == Some(true),
        unsaid,
    })
}

fn refuse_what_changes_the_meaning(
    config: &GenerationConfig<'_>,
    to: Dialect,
) -> Result<(), BadRequest> {
    let more = |modality: &Text<'_>| !modality.eq_ignore_ascii_case("text");
    let asks = [
        ("candidateCount", config.candidates.is_some_and(|count| count > 1)),
        ("responseLogprobs", config.logprobs == Some(true)),
        ("responseModalities", config.modalities.iter().flatten().any(more)),
        ("speechConfig", config.speech.is_some()),
    ];
    match asks.iter().find(|(_, asked)| *asked) {
        Some((name, _)) => {
            let param = format!("generationConfig.{name}");
            Err(BadRequest::untranslatable(&param, Dialect::Gemini, to))
        }
        None => Ok(()),
    }
}

fn tools<'a>(
    definitions: Vec<Tools<'a>>,
    unsaid: &mut Vec<String>,
) -> Result<Vec<Tool<'a>>, BadRequest> {
    let mut tools = Vec::new();
    for (index, definition) in definitions.into_iter().enumerate() {
        // Tools that the vendor's own servers run.
        read::list_unknown("tools[]", &definition.unknown, unsaid);
        for function in definition.functions.into_iter().flatten() {
            read::list_unknown("tools[].functionDeclarations[]", &function.unknown, unsaid);
            let param = format!("tools[{index}].functionDeclarations[].name");
            let own = function.parameters.map(|parameters| schema::plain(&parameters));
            tools.push(Tool {
                name: function.name.ok_or_else(|| BadRequest::missing(&param))?,
                description: function.description,
                schema: function.json_schema.or(own),
                strict: None,
            });
        }
    }
    Ok(tools)
}

fn tool_choice(calling: Calling<'_>, to: Dialect) -> Result<Option<ToolChoice<'_>>, BadRequest> {
    let mut allowed = calling.allowed.unwrap_or_default();
    let mode = calling.mode.unwrap_or_default();
    match (mode.to_ascii_uppercase().as_str(), allowed.len()) {
        ("ANY", 1) => Ok(allowed.pop().map(ToolChoice::Named)),
        ("ANY", 0) => Ok(Some(ToolChoice::Required)),
        ("NONE", _) => Ok(Some(ToolChoice::Never)),
        ("AUTO", 0) => Ok(Some(ToolChoice::Auto)),
        ("" | "MODE_UNSPECIFIED" | "VALIDATED", 0) => Ok(None),
        _ => {
            let param = "toolConfig.functionCallingConfig.allowedFunctionNames";
            Err(BadRequest::untranslatable(param, Dialect::Gemini, to))
        }
    }
}

fn output_format<'a>(
    config: &GenerationConfig<'a>,
    to: Dialect,
) -> Result<Option<OutputFormat<'a>>, BadRequest> {
    let own = config.schema.as_ref().map(schema::plain);
    let schema = config.json_schema.clone().or(own);
    match (config.mime_type.as_deref(), schema) {
        (None | Some("text/plain"), None) => Ok(None),
        (None | Some("application/json"), Some(schema)) => {
            let (name, description, strict) = (None, None, None);
            Ok(Some(OutputFormat::Schema(AnswerSchema { name, description, schema, strict })))
        }
        (Some("application/json"), None) => Ok(Some(OutputFormat::Object)),
        _ => {
            let param = "generationConfig.responseMimeType";
            Err(BadRequest::untranslatable(param, Dialect::Gemini, to))
        }
    }
}

fn reasoning(thinking: &Thinking<'_>, unsaid: &mut Vec<String>) -> Option<Reasoning> {
    if let Some(level) = &thinking.level {
        let known = Effort::from_name(&level.to_ascii_lowercase()).map(Reasoning::Effort);
        if known.is_none() {
            unsaid.push("generationConfig.thinkingConfig.thinkingLevel".to_owned());
        }
        return known;
    }
    match thinking.budget? {
        0 => Some(Reasoning::Off),
        budget => Some(u64::try_from(budget).map_or(Reasoning::Adaptive, Reasoning::Budget)),
    }
}
