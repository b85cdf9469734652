//! A whole answer.

use terms::usage::Usage;

use super::{event::StopReason, sealed::Sealed};
use crate::json::text::Text;

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Reply<'a> {
    pub(crate) id: Option<Text<'a>>,
    pub(crate) model: Option<Text<'a>>,
    /// Unix seconds.
    pub(crate) created_unix_s: Option<i64>,
    pub(crate) blocks: Vec<ReplyBlock<'a>>,
    pub(crate) stop: Option<StopReason>,
    /// The stop sequence that appeared.
    pub(crate) stop_sequence: Option<Text<'a>>,
    pub(crate) usage: Option<Usage>,
    /// Fields that the canonical form cannot hold.
    pub(crate) unsaid: Vec<String>,
}

/// One part of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ReplyBlock<'a> {
    Text(Text<'a>),
    Refusal(Text<'a>),
    Reasoning(Text<'a>),
    /// What only its maker can read, of the reasoning before it or of what comes next.
    Sealed(Sealed<'a>),
    /// `arguments` is the JSON text of an object, as the model wrote it.
    ToolUse {
        id: Text<'a>,
        name: Text<'a>,
        arguments: Text<'a>,
    },
    /// Output of a second or later choice: counted, never translated.
    Aside {
        bytes: u64,
    },
}

impl Reply<'_> {
    /// Bytes of output, a base for estimates.
    pub(crate) fn output_bytes(&self) -> u64 {
        let bytes = |block: &ReplyBlock<'_>| match block {
            ReplyBlock::Text(text) | ReplyBlock::Refusal(text) | ReplyBlock::Reasoning(text) => {
                text.len() as u64
            }
            ReplyBlock::ToolUse { name, arguments, .. } => (name.len() + arguments.len()) as u64,
            ReplyBlock::Sealed(_) => 0,
            ReplyBlock::Aside { bytes } => *bytes,
        };
        self.blocks.iter().map(bytes).sum()
    }
}
