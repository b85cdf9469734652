//! What can go wrong, in words for callers: a request we refuse, a reply that is not one, an error
//! that a provider stated, and the error that a caller is told in its own dialect.
//! It decides nothing: what a failure asks for is `decide`'s business.

use std::fmt;

use terms::dialect::Dialect;

use crate::dialect;

/// A request that is refused, with a sentence that says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadRequest {
    /// A sentence for the caller.
    pub message: String,
    /// The field at fault, as a path.
    pub param: Option<String>,
    /// Stable and ours: `invalid_json`, `invalid_field`, `missing_field`, `duplicate_field`,
    /// `unsupported_across_dialects`.
    pub code: &'static str,
    /// The HTTP status, 400.
    pub status: u16,
}

impl BadRequest {
    pub(crate) fn json(message: impl Into<String>) -> Self {
        Self { message: message.into(), param: None, code: "invalid_json", status: 400 }
    }

    pub(crate) fn field(param: &str, complaint: impl fmt::Display) -> Self {
        Self {
            message: format!("`{param}` {complaint}"),
            param: Some(param.to_owned()),
            code: "invalid_field",
            status: 400,
        }
    }

    pub(crate) fn missing(param: &str) -> Self {
        Self {
            message: format!("`{param}` is required"),
            param: Some(param.to_owned()),
            code: "missing_field",
            status: 400,
        }
    }

    pub(crate) fn duplicate(param: &str) -> Self {
        Self {
            message: format!("`{param}` appears twice in the body; send it once"),
            param: Some(param.to_owned()),
            code: "duplicate_field",
            status: 400,
        }
    }

    /// A field whose loss would change what the answer means.
    pub(crate) fn untranslatable(param: &str, from: Dialect, to: Dialect) -> Self {
        let complaint = format!(
            "cannot be carried from {from} to {to}, which the chosen model speaks; leave it out or \
             ask for a model that speaks {from}"
        );
        Self { code: "unsupported_across_dialects", ..Self::field(param, complaint) }
    }

    /// A last assistant turn for a model that would answer it instead of continuing it.
    pub(crate) fn prefill(turn: usize) -> Self {
        let complaint = "is an assistant turn to be continued, which the chosen model cannot do; \
                         end with a user turn";
        let refusal = Self::field(&format!("messages[{turn}]"), complaint);
        Self { code: "unsupported_across_dialects", ..refusal }
    }
}

impl From<BadRequest> for ErrorReply {
    fn from(refusal: BadRequest) -> Self {
        Self {
            kind: ErrorKind::BadRequest,
            code: refusal.code,
            message: refusal.message,
            param: refusal.param,
        }
    }
}

/// An error as a provider stated it. `kind` and `code` are the provider's own words.
#[derive(Debug, Clone, PartialEq, Eq, Default, thiserror::Error)]
#[error("{message}")]
pub struct UpstreamError {
    /// The `type` of the error; ours are `unparsable`, `unfinished` and `restarted`.
    pub kind: Option<String>,
    /// The `code` of the error.
    pub code: Option<String>,
    /// At most 2,000 characters, without control characters.
    pub message: String,
}

impl UpstreamError {
    pub(crate) fn ours(kind: &str, message: &str) -> Self {
        Self { kind: Some(kind.to_owned()), code: None, message: message.to_owned() }
    }
}

/// A reply with a success status that is not what its dialect promises.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// No bytes.
    #[error("the provider sent an empty reply")]
    Empty,
    /// A web page, usually of something that stands in front of the provider.
    #[error("the provider sent a web page instead of a reply; check its base URL")]
    Html,
    /// Not JSON, or cut short.
    #[error("the provider's reply is not valid JSON or was cut short")]
    NotJson,
    /// JSON of another shape.
    #[error("the provider's reply does not have the shape of {dialect}: {what}")]
    Shape {
        /// The dialect expected.
        dialect: Dialect,
        /// What is missing or wrong.
        what: &'static str,
    },
    /// A success status around an error.
    #[error("the provider reported an error inside a success reply: {0}")]
    ErrorInside(UpstreamError),
}

/// What kind of error a caller is told. Each has its status and `type` in every dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is at fault.
    BadRequest,
    /// The caller's key is missing or unknown.
    Authentication,
    /// A budget or a spend breaker says no.
    Billing,
    /// The same for a client that repeats a request on 402 but stops on this, as Codex does.
    UsageLimit,
    /// The key may not do this.
    Permission,
    /// No such model or path.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The caller was too slow in sending its request.
    RequestTimeout,
    /// The body exceeds the limit.
    TooLarge,
    /// The body's type or encoding is not one we read.
    UnsupportedMediaType,
    /// Too many requests.
    RateLimited,
    /// Every target is out of capacity.
    Overloaded,
    /// Every target failed or answered nonsense.
    Upstream,
    /// Nobody answered in time.
    Timeout,
    /// Our own fault.
    Internal,
    /// The input fits no target's window.
    ContextOverflow,
    /// The provider refuses the content.
    PolicyRefusal,
}

impl ErrorKind {
    /// Every kind, for tests and documents.
    pub const ALL: &[Self] = &[
        Self::BadRequest,
        Self::Authentication,
        Self::Billing,
        Self::UsageLimit,
        Self::Permission,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::RateLimited,
        Self::Overloaded,
        Self::Upstream,
        Self::Timeout,
        Self::Internal,
        Self::ContextOverflow,
        Self::PolicyRefusal,
    ];
}

/// An error for a caller, before it is put in the caller's dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorReply {
    /// Decides status and `type`.
    pub kind: ErrorKind,
    /// Stable and ours, in the `code` field of every dialect.
    pub code: &'static str,
    /// A sentence that says what to do next.
    pub message: String,
    /// The field at fault.
    pub param: Option<String>,
}

/// The HTTP status of an error in a dialect.
pub fn error_status(dialect: Dialect, reply: &ErrorReply) -> u16 {
    dialect::codec(dialect).error_class(reply.kind).status
}

/// The JSON body of an error in a dialect.
pub fn error_body(dialect: Dialect, reply: &ErrorReply, request_id: &str) -> Vec<u8> {
    dialect::codec(dialect).error_body(reply, request_id)
}

/// The SSE bytes that end a stream with an error, so that clients raise it. No terminator follows.
pub fn error_event(dialect: Dialect, reply: &ErrorReply, request_id: &str) -> Vec<u8> {
    dialect::codec(dialect).error_event(reply, request_id, 0)
}

/// How one dialect expresses an [`ErrorKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ErrorClass {
    pub(crate) status: u16,
    pub(crate) name: &'static str,
}
