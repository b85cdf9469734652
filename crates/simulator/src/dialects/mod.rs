//! The dialects that a simulated vendor can speak: one file per member, one list. A voice reads a
//! request and writes replies; it knows nothing of faults, pace or connections.

mod anthropic_messages;
mod gemini;
mod openai_chat;
mod openai_responses;

use http::{HeaderMap, StatusCode};
use serde_json::Value;
use terms::dialect::Dialect;

use crate::{
    answer::Say,
    ask::{Ask, Refusal},
    reply::Record,
};

/// How a vendor of one dialect reads and writes.
pub(crate) trait Voice: Sync {
    fn dialect(&self) -> Dialect;

    /// The path that answers.
    fn path(&self) -> &'static str;

    /// Whether this path answers.
    fn answers(&self, path: &str) -> bool {
        path == self.path()
    }

    /// The body with what its address says beside it.
    fn addressed(&self, _path: &str, body: Value) -> Value {
        body
    }

    /// The reply header that carries the vendor's id of the request.
    fn id_header(&self) -> &'static str;

    /// The credential that a request brings.
    fn credential<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str>;

    /// Reads a request.
    fn read(&self, body: &Value) -> Result<Ask, Refusal>;

    /// A whole reply.
    fn whole(&self, ask: &Ask, say: &Say, serial: Serial) -> String;

    /// A streamed reply.
    fn stream(&self, ask: &Ask, say: &Say, serial: Serial) -> Vec<Record>;

    /// An error body; without a code, the usual one of the status.
    fn error(&self, status: StatusCode, code: Option<&str>, message: &str) -> String;

    /// The sentence for a model that is not there.
    fn no_such_model(&self, model: &str) -> String;

    /// An error event within a stream.
    fn error_event(&self) -> &'static str;

    /// The list of models.
    fn models(&self, vendor: &str, names: &[&str]) -> String;
}

/// What makes ids unique: which request of the vendor this is, and when it came (Unix seconds).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Serial {
    pub(crate) number: u64,
    pub(crate) unix: u64,
}

/// Every voice.
const ALL: &[&dyn Voice] = &[
    &openai_chat::OpenaiChat,
    &openai_responses::OpenaiResponses,
    &anthropic_messages::AnthropicMessages,
    &gemini::Gemini,
];

/// The voice of a dialect.
pub(crate) fn voice(dialect: Dialect) -> &'static dyn Voice {
    *ALL.iter()
        .find(|voice| voice.dialect() == dialect)
        .expect("every dialect has a voice: a test walks the list")
}

/// The credential of an `authorization: Bearer` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(http::header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

#[cfg(test)]
mod tests {
    use terms::dialect::Dialect;

    #[test]
    fn every_dialect_has_a_voice() {
        for dialect in Dialect::ALL {
            assert_eq!(super::voice(*dialect).dialect(), *dialect);
        }
    }
}
