//! Errors for callers of this dialect: `{"type":"error","error":{"type","message"},"request_id"}`,
//! with our stable `code` beside them. The SDKs choose their exception by status, and raise on a
//! stream's `error` event.

use serde::Serialize;

use crate::error::{ErrorClass, ErrorKind, ErrorReply};

/// Status and `type`.
pub(super) fn class(kind: ErrorKind) -> ErrorClass {
    let (status, name) = match kind {
        ErrorKind::BadRequest | ErrorKind::ContextOverflow | ErrorKind::PolicyRefusal => {
            (400, "invalid_request_error")
        }
        ErrorKind::Authentication => (401, "authentication_error"),
        ErrorKind::Billing | ErrorKind::UsageLimit => (402, "billing_error"),
        ErrorKind::Permission => (403, "permission_error"),
        ErrorKind::NotFound => (404, "not_found_error"),
        ErrorKind::MethodNotAllowed => (405, "invalid_request_error"),
        ErrorKind::RequestTimeout => (408, "invalid_request_error"),
        ErrorKind::TooLarge => (413, "request_too_large"),
        ErrorKind::UnsupportedMediaType => (415, "invalid_request_error"),
        ErrorKind::RateLimited => (429, "rate_limit_error"),
        ErrorKind::Internal => (500, "api_error"),
        ErrorKind::Upstream => (502, "api_error"),
        ErrorKind::Timeout => (504, "timeout_error"),
        ErrorKind::Overloaded => (529, "overloaded_error"),
    };
    ErrorClass { status, name }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    error: Inner<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
struct Inner<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
}

pub(super) fn body(reply: &ErrorReply, request_id: &str) -> Vec<u8> {
    let error = Inner {
        kind: class(reply.kind).name,
        message: &reply.message,
        code: reply.code,
        param: reply.param.as_deref(),
    };
    let body = Body { kind: "error", error, request_id };
    serde_json::to_vec(&body).expect("texts always serialize")
}

/// No `message_stop` follows: it would say that the answer is whole.
pub(super) fn event(reply: &ErrorReply, request_id: &str) -> Vec<u8> {
    [b"event: error\ndata: ".as_slice(), &body(reply, request_id), b"\n\n"].concat()
}
