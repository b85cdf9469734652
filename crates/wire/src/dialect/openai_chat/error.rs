//! Errors for callers of this dialect: `{"error":{"message","type","param","code"}}`. The SDKs
//! choose their exception by status, and raise on a stream's record that has `error`.

use serde::Serialize;

use crate::error::{ErrorClass, ErrorKind, ErrorReply};

/// Status and `type`.
pub(super) fn class(kind: ErrorKind) -> ErrorClass {
    let (status, name) = match kind {
        ErrorKind::BadRequest | ErrorKind::ContextOverflow | ErrorKind::PolicyRefusal => {
            (400, "invalid_request_error")
        }
        ErrorKind::Authentication => (401, "authentication_error"),
        ErrorKind::Billing | ErrorKind::UsageLimit => (402, "insufficient_quota"),
        ErrorKind::Permission => (403, "permission_error"),
        ErrorKind::NotFound => (404, "invalid_request_error"),
        ErrorKind::MethodNotAllowed => (405, "invalid_request_error"),
        ErrorKind::RequestTimeout => (408, "invalid_request_error"),
        ErrorKind::TooLarge => (413, "invalid_request_error"),
        ErrorKind::UnsupportedMediaType => (415, "invalid_request_error"),
        ErrorKind::RateLimited => (429, "rate_limit_error"),
        ErrorKind::Internal => (500, "server_error"),
        ErrorKind::Upstream => (502, "server_error"),
        ErrorKind::Overloaded => (503, "server_error"),
        ErrorKind::Timeout => (504, "server_error"),
    };
    ErrorClass { status, name }
}

#[derive(Serialize)]
struct Body<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<&'a str>,
    code: &'static str,
}

pub(super) fn body(reply: &ErrorReply) -> Vec<u8> {
    let error = Inner {
        message: &reply.message,
        kind: class(reply.kind).name,
        param: reply.param.as_deref(),
        code: reply.code,
    };
    serde_json::to_vec(&Body { error }).expect("texts always serialize")
}

/// No `[DONE]` follows: it would say that the answer is whole.
pub(super) fn event(reply: &ErrorReply) -> Vec<u8> {
    [b"data: ".as_slice(), &body(reply), b"\n\n"].concat()
}
