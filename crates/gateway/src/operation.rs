//! The closed list of what can be asked for beside answers of models: embeddings, images, speech and the
//! like. Each is passed on as it is, to providers that speak its dialect, under the same keys, limits,
//! failover and books; embeddings alone go to those of another dialect, too. To add one: a line here.

use http::Uri;
use terms::dialect::Dialect;
use wire::Envelope;

use crate::provider::Endpoint;

/// Something that is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operation {
    /// What callers ask for.
    pub(crate) path: &'static str,
    /// Whose API it belongs to.
    pub(crate) dialect: Dialect,
    /// Where it stands below the address under which a provider answers calls of that dialect.
    below: &'static str,
    /// What is asked for where the request names no model.
    pub(crate) default_model: Option<&'static str>,
    /// Whether it only counts, which costs nothing.
    pub(crate) is_free: bool,
    /// Whether a model that does not offer it can be asked for the same by chat.
    pub(crate) may_be_chat: bool,
}

const fn openai(path: &'static str, below: &'static str) -> Operation {
    Operation {
        path,
        dialect: Dialect::OpenaiChat,
        below,
        default_model: None,
        is_free: false,
        may_be_chat: false,
    }
}

const EMBEDDINGS: Operation = openai("/v1/embeddings", "/embeddings");

/// Gemini's embeddings, whose address names the model.
pub(crate) const EMBED_CONTENT: Operation = gemini("embedContent", ":embedContent");
pub(crate) const BATCH_EMBED_CONTENTS: Operation =
    gemini("batchEmbedContents", ":batchEmbedContents");

const fn gemini(path: &'static str, below: &'static str) -> Operation {
    Operation {
        path,
        dialect: Dialect::Gemini,
        below,
        default_model: None,
        is_free: false,
        may_be_chat: false,
    }
}

/// Every operation that a path alone asks for.
pub(crate) const ALL: &[Operation] = &[
    Operation { may_be_chat: true, ..openai("/v1/completions", "/completions") },
    EMBEDDINGS,
    openai("/v1/rerank", "/rerank"),
    openai("/v2/rerank", "/rerank"),
    Operation {
        default_model: Some("omni-moderation-latest"),
        ..openai("/v1/moderations", "/moderations")
    },
    openai("/v1/images/generations", "/images/generations"),
    openai("/v1/images/edits", "/images/edits"),
    openai("/v1/images/variations", "/images/variations"),
    openai("/v1/audio/speech", "/audio/speech"),
    openai("/v1/audio/transcriptions", "/audio/transcriptions"),
    openai("/v1/audio/translations", "/audio/translations"),
    Operation {
        path: "/v1/messages/count_tokens",
        dialect: Dialect::AnthropicMessages,
        below: "/count_tokens",
        default_model: None,
        is_free: true,
        may_be_chat: false,
    },
];

/// The path of OpenAI's own calls, which stands in the way of what is below their base.
const CHAT: &str = "/chat/completions";

/// The same of Gemini's own calls.
const GENERATE: &str = ":generateContent";

impl Operation {
    /// The operation that is asked for at this path.
    pub(crate) fn at(path: &str) -> Option<&'static Self> {
        ALL.iter().find(|operation| operation.path == path)
    }

    /// The same, as providers of another dialect do it.
    pub(crate) fn in_the_other_dialect(&self) -> Option<&'static Self> {
        match *self {
            EMBEDDINGS => Some(&BATCH_EMBED_CONTENTS),
            EMBED_CONTENT | BATCH_EMBED_CONTENTS => Some(&EMBEDDINGS),
            _ => None,
        }
    }

    /// Where a provider does it. A cloud that serves a vendor's answers does not serve all else.
    pub(crate) fn uri(&self, endpoint: &Endpoint, model: &str) -> Option<Uri> {
        if endpoint.habits.envelope != Envelope::None {
            return None;
        }
        let uri = endpoint.address.uri(model, false)?;
        let call = uri.path();
        let path = format!("{}{}", own(call), self.below);
        let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(format!("{path}{query}").parse().ok()?);
        Uri::from_parts(parts).ok()
    }
}

/// Where a dialect's calls stand, without the word for the call where that stands in the way.
fn own(call: &str) -> &str {
    call.strip_suffix(CHAT).or_else(|| call.strip_suffix(GENERATE)).unwrap_or(call)
}

#[cfg(test)]
mod tests {
    use terms::dialect::Dialect;

    use super::Operation;
    use crate::{provider::Endpoint, provider_address::ProviderAddress};

    #[test]
    fn an_operation_stands_beside_or_below_the_call() {
        let check = |path: &str, dialect, call: &str, expect: &str| {
            let endpoint = Endpoint::at(dialect, call.replace("{model}", "m").parse().unwrap());
            let endpoint = match ProviderAddress::of_model(call, call) {
                Some(address) => Endpoint { address, ..endpoint },
                None => endpoint,
            };
            let uri = Operation::at(path).unwrap().uri(&endpoint, "m").unwrap();
            assert_eq!(uri.to_string(), expect);
        };
        let (chat, messages) = (Dialect::OpenaiChat, Dialect::AnthropicMessages);
        check("/v1/embeddings", chat, "http://h/v1/chat/completions", "http://h/v1/embeddings");
        let azure = "https://h/deployments/{model}/chat/completions?api-version=1";
        let below = "https://h/deployments/m/embeddings?api-version=1";
        check("/v1/embeddings", chat, azure, below);
        let count = "https://h/v1/messages/count_tokens";
        check("/v1/messages/count_tokens", messages, "https://h/v1/messages", count);
    }
}
