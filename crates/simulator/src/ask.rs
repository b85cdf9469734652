//! What a simulated vendor must know of a request, the same for every dialect.

use http::StatusCode;
use serde_json::Value;

/// A request, read.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) model: String,
    pub(crate) stream: bool,
    /// Whether the reply tells its usage (in OpenAI's streams only on request).
    pub(crate) tells_usage: bool,
    /// How many answers are wanted.
    pub(crate) choices: u64,
    /// Output words at most.
    pub(crate) max_tokens: Option<u64>,
    /// Whether thinking was switched on.
    pub(crate) thinking: bool,
    /// The last text of the user, empty when the last turn holds a tool's result.
    pub(crate) last_user_text: String,
    /// Whether the last turn holds a tool's result, which is then answered in words.
    pub(crate) follows_tool_result: bool,
    /// Bytes of all texts sent, for the usage estimate.
    pub(crate) input_bytes: u64,
    pub(crate) tools: Vec<Tool>,
    pub(crate) tool_choice: ToolChoice,
    pub(crate) shape: Shape,
}

/// A tool that may be called.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) schema: Value,
}

/// Whether a tool must be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToolChoice {
    Auto,
    Never,
    Any,
    Named(String),
}

/// What the text must be.
#[derive(Debug)]
pub(crate) enum Shape {
    Text,
    AnyJson,
    Schema(Value),
}

/// A request that the vendor refuses.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// The dialect's code; its usual one for the status where absent.
    pub(crate) code: Option<&'static str>,
    pub(crate) message: String,
}

impl Refusal {
    /// The request is malformed.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: None, message: message.into() }
    }
}

/// The texts of a message's content, which is a string or a list of blocks; joined by line ends.
pub(crate) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts: Vec<&str> =
                blocks.iter().filter_map(|block| block["text"].as_str()).collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

/// Bytes of all strings within a value, as a stand-in for its tokens. The depth is bounded by the
/// parser.
pub(crate) fn string_bytes(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.len() as u64,
        Value::Array(items) => items.iter().map(string_bytes).sum(),
        Value::Object(fields) => fields.values().map(string_bytes).sum(),
        _ => 0,
    }
}
