//! The wire formats that a caller or a provider may speak.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A wire format. A provider is a row of data that names one of these; a dialect is code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// OpenAI `POST /v1/chat/completions`.
    OpenaiChat,
    /// OpenAI `POST /v1/responses`.
    OpenaiResponses,
    /// Anthropic `POST /v1/messages`.
    AnthropicMessages,
    /// Gemini `POST /v1beta/models/{model}:generateContent`.
    Gemini,
    /// Amazon Bedrock `POST /model/{id}/converse`. Providers speak it, callers do not.
    BedrockConverse,
}

impl Dialect {
    /// Every dialect that callers and providers speak, in the order in which documents list them.
    pub const ALL: &[Dialect] = &[
        Dialect::OpenaiChat,
        Dialect::OpenaiResponses,
        Dialect::AnthropicMessages,
        Dialect::Gemini,
    ];

    /// The dialects that only providers speak.
    pub const OF_PROVIDERS: &[Dialect] = &[Dialect::BedrockConverse];

    /// The name used in config, logs and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenaiChat => "openai-chat",
            Self::OpenaiResponses => "openai-responses",
            Self::AnthropicMessages => "anthropic-messages",
            Self::Gemini => "gemini",
            Self::BedrockConverse => "bedrock-converse",
        }
    }

    /// The dialect with this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().chain(Self::OF_PROVIDERS).copied().find(|dialect| dialect.name() == name)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
