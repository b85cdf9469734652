//! What a stream says, piece by piece. Texts stay as they were written, so that a piece costs no
//! allocation on its way from one dialect to another.

use terms::usage::Usage;

use super::sealed::Sealed;
use crate::{
    error::UpstreamError,
    json::text::{Literal, Text},
};

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// The model was done.
    EndTurn,
    /// A stop sequence of the caller appeared.
    StopSequence,
    /// The output limit was reached.
    MaxTokens,
    /// The model waits for the results of its tool calls.
    ToolUse,
    /// The model or its provider refused.
    Refusal,
    /// The provider paused a long turn; the caller may send it back to go on.
    PauseTurn,
    /// The context window is full.
    ContextWindow,
    /// A word that we do not know.
    Other,
}

/// One piece of a streamed answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event<'a> {
    /// The answer begins. A second one means that the provider began again.
    Start { id: Option<Text<'a>>, model: Option<Text<'a>> },
    /// Visible text.
    Text(Literal<'a>),
    /// The words of a refusal.
    Refusal(Literal<'a>),
    /// Reasoning, as far as the provider shows it.
    Reasoning(Literal<'a>),
    /// The thought so far is over without its seal; what is reasoned now is reasoned anew by another.
    ThoughtAnew,
    /// What only its maker can read, of the reasoning said last or of what comes next.
    Sealed(Sealed<'a>),
    /// A tool call begins. Calls are numbered from 0 in the order in which they begin.
    ToolStart { call: usize, id: Text<'a>, name: Text<'a> },
    /// A piece of a call's arguments.
    ToolArguments { call: usize, fragment: Literal<'a> },
    /// Output of a second or later choice: counted, passed on as raw bytes, never translated.
    Aside { bytes: u64 },
    /// Something that the canonical form cannot hold, by the name of its field.
    Unsaid(&'static str),
    /// All that was consumed so far. The last one counts; they are never added up.
    Usage(Usage),
    /// The answer has its end.
    Stop { reason: StopReason, sequence: Option<Text<'a>> },
    /// The terminator of the stream.
    End,
    /// The provider reports an error in the stream.
    Failed(UpstreamError),
}

impl Event<'_> {
    /// Bytes of output that the event carries; `None` when it is no output.
    pub(crate) fn output(&self) -> Option<u64> {
        match self {
            Self::Text(text) | Self::Refusal(text) | Self::Reasoning(text) => {
                (!text.is_empty()).then(|| text.bytes())
            }
            Self::ToolArguments { fragment, .. } => Some(fragment.bytes()),
            Self::ToolStart { name, .. } => Some(name.len() as u64),
            Self::Aside { bytes } => Some(*bytes),
            _ => None,
        }
    }
}
