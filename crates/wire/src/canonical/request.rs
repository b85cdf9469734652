//! A whole request: turns, tools and the limits and wishes of its caller.

use super::sealed::Seal;
use crate::json::text::{Json, Text};

/// A request in no dialect.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Request<'a> {
    /// In the caller's order; system turns may stand anywhere.
    pub(crate) turns: Vec<Turn<'a>>,
    pub(crate) tools: Vec<Tool<'a>>,
    pub(crate) tool_choice: Option<ToolChoice<'a>>,
    /// Whether the caller forbids several tool calls in one answer.
    pub(crate) one_call_at_most: bool,
    pub(crate) output_format: Option<OutputFormat<'a>>,
    pub(crate) stop: Vec<Text<'a>>,
    pub(crate) temperature: Option<f64>,
    pub(crate) top_p: Option<f64>,
    pub(crate) top_k: Option<u64>,
    pub(crate) max_output_tokens: Option<u64>,
    pub(crate) reasoning: Option<Reasoning>,
    /// The caller's own user, as an opaque id.
    pub(crate) user: Option<Text<'a>>,
    pub(crate) stream: bool,
    /// Fields that the canonical form cannot hold, as paths.
    pub(crate) unsaid: Vec<String>,
}

impl Request<'_> {
    /// Whether the caller tells the model what to do, beside what it asks.
    pub(crate) fn is_instructed(&self) -> bool {
        self.turns.iter().any(|turn| turn.speaker == Speaker::System)
    }
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaker {
    System,
    User,
    Assistant,
}

/// What one speaker says at once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Turn<'a> {
    pub(crate) speaker: Speaker,
    pub(crate) blocks: Vec<Block<'a>>,
}

/// One part of a turn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Block<'a> {
    Text(Text<'a>),
    Image(Media<'a>),
    /// Reasoning that went through the caller's dialect and comes back to its maker.
    Sealed(Seal),
    /// A PDF.
    Document {
        source: Media<'a>,
        name: Option<Text<'a>>,
    },
    /// `arguments` is the JSON text of an object, as the model wrote it.
    ToolUse {
        id: Text<'a>,
        name: Text<'a>,
        arguments: Text<'a>,
    },
    /// `blocks` are texts, images and documents.
    ToolResult {
        id: Text<'a>,
        is_error: bool,
        blocks: Vec<Block<'a>>,
    },
}

/// Where an image or a document is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Media<'a> {
    Base64 { media_type: Text<'a>, data: Text<'a> },
    Url(Text<'a>),
}

/// A function that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tool<'a> {
    pub(crate) name: Text<'a>,
    pub(crate) description: Option<Text<'a>>,
    /// The JSON schema of its arguments.
    pub(crate) schema: Option<Json<'a>>,
    pub(crate) strict: Option<bool>,
}

/// How tools are to be used.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ToolChoice<'a> {
    Auto,
    Never,
    /// Any tool, but at least one.
    Required,
    Named(Text<'a>),
}

/// What shape the answer must have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum OutputFormat<'a> {
    /// Any JSON object.
    Object,
    Schema(AnswerSchema<'a>),
}

/// The schema of a structured answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AnswerSchema<'a> {
    pub(crate) name: Option<Text<'a>>,
    pub(crate) description: Option<Text<'a>>,
    pub(crate) schema: Json<'a>,
    pub(crate) strict: Option<bool>,
}

/// How much the model shall reason before it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reasoning {
    /// Not at all.
    Off,
    /// As much as it finds right.
    Adaptive,
    Effort(Effort),
    /// Tokens at most.
    Budget(u64),
}

/// Levels of reasoning effort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effort {
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
    Max,
}

impl Effort {
    /// Every level with its name, the same in both vendors' dialects.
    const NAMES: &[(&'static str, Self)] = &[
        ("minimal", Self::Minimal),
        ("low", Self::Low),
        ("medium", Self::Medium),
        ("high", Self::High),
        ("xhigh", Self::Xhigh),
        ("max", Self::Max),
    ];

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, effort)| *effort)
    }

    /// The level that a token budget comes closest to.
    pub(crate) fn of_budget(tokens: u64) -> Self {
        match tokens {
            0..4_096 => Self::Low,
            4_096..16_384 => Self::Medium,
            _ => Self::High,
        }
    }

    /// The token budget that stands for this level where only budgets are understood.
    pub(crate) fn budget(self) -> u64 {
        match self {
            Self::Minimal => 1_024,
            Self::Low => 2_048,
            Self::Medium => 8_192,
            Self::High => 16_384,
            Self::Xhigh | Self::Max => 32_000,
        }
    }
}
