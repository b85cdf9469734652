//! Reasoning that only its maker can read: a signature, an encrypted item. It crosses other dialects as
//! an opaque text (`seal`) and goes back to whoever made it, never to anybody else.

use serde::{Deserialize, Serialize};
use terms::dialect::Dialect;

use crate::json::text::Text;

/// One sealed piece of reasoning. It stands where its maker said it: before what it led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sealed<'a> {
    /// Whose form it has.
    pub(crate) by: Dialect,
    pub(crate) on: On,
    /// The words that a signature vouches for. Decoders leave them out: they were said just before.
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    pub(crate) text: Text<'a>,
    /// The signature or the encrypted item.
    #[serde(borrow)]
    pub(crate) data: Text<'a>,
}

/// What a sealed piece belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum On {
    /// The words of the thought before it, which must come back as they were.
    Thought,
    /// Nothing: it stands for itself.
    Itself,
    /// The call that comes next.
    Call,
}

fn is_empty(text: &Text<'_>) -> bool {
    text.is_empty()
}

impl Sealed<'_> {
    /// Stands behind a thought of openai-chat, which has no seal there: vendors who want such thoughts
    /// back get them back as they gave them.
    pub(crate) fn in_the_clear() -> Sealed<'static> {
        let (text, data) = (Text::default(), Text::default());
        Sealed { by: Dialect::OpenaiChat, on: On::Thought, text, data }
    }

    /// Whether it only stands for the thought before it, which everybody can read.
    pub(crate) fn is_in_the_clear(&self) -> bool {
        self.by == Dialect::OpenaiChat && self.on == On::Thought
    }

    /// What its maker calls it, for the list of what is left out.
    pub(crate) fn field(&self) -> &'static str {
        match (self.by, self.on) {
            (Dialect::AnthropicMessages, On::Thought) => "content[].signature",
            (Dialect::AnthropicMessages, _) => "redacted_thinking",
            (Dialect::BedrockConverse, _) => "content[].reasoningContent.signature",
            (Dialect::OpenaiResponses, _) => "encrypted_content",
            (Dialect::Gemini, _) => "thoughtSignature",
            (Dialect::OpenaiChat, On::Thought) => "reasoning_content",
            (Dialect::OpenaiChat, _) => "reasoning_details",
        }
    }

    pub(crate) fn to_owned(&self) -> Sealed<'static> {
        Sealed {
            by: self.by,
            on: self.on,
            text: Text::owned(&*self.text),
            data: Text::owned(&*self.data),
        }
    }
}

/// What came back in one opaque text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seal {
    /// Who made what is in it, by the name of the config.
    pub(crate) provider: String,
    /// Empty where it only marks reasoning as somebody else's.
    pub(crate) parts: Vec<Sealed<'static>>,
    /// Where the caller sent it, for the list of what is left out.
    pub(crate) field: &'static str,
}

impl Seal {
    /// Leaves what this provider made in this dialect. False where anything went.
    pub(crate) fn keep_of(&mut self, provider: &str, dialect: Dialect) -> bool {
        let before = self.parts.len();
        let own = self.provider == provider;
        self.parts.retain(|part| own && part.by == dialect);
        before > 0 && self.parts.len() == before
    }
}
