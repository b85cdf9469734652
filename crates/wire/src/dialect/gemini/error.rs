//! Errors for callers of this dialect: `{"error":{"code","message","status"}}`, with our stable code as
//! the reason of an `ErrorInfo`. The SDK raises by status, and on a stream's record that has `error`.

use serde::Serialize;

use crate::error::{ErrorClass, ErrorKind, ErrorReply};

/// Status and `status`.
pub(super) fn class(kind: ErrorKind) -> ErrorClass {
    let (status, name) = match kind {
        ErrorKind::BadRequest
        | ErrorKind::ContextOverflow
        | ErrorKind::PolicyRefusal
        | ErrorKind::UnsupportedMediaType
        | ErrorKind::TooLarge => (400, "INVALID_ARGUMENT"),
        ErrorKind::Authentication => (401, "UNAUTHENTICATED"),
        ErrorKind::Billing | ErrorKind::UsageLimit => (402, "FAILED_PRECONDITION"),
        ErrorKind::Permission => (403, "PERMISSION_DENIED"),
        ErrorKind::NotFound => (404, "NOT_FOUND"),
        ErrorKind::MethodNotAllowed => (405, "INVALID_ARGUMENT"),
        ErrorKind::RequestTimeout => (408, "DEADLINE_EXCEEDED"),
        ErrorKind::RateLimited => (429, "RESOURCE_EXHAUSTED"),
        ErrorKind::Internal => (500, "INTERNAL"),
        ErrorKind::Upstream => (502, "UNAVAILABLE"),
        ErrorKind::Overloaded => (503, "UNAVAILABLE"),
        ErrorKind::Timeout => (504, "DEADLINE_EXCEEDED"),
    };
    ErrorClass { status, name }
}

#[derive(Serialize)]
struct Body<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
    details: [Info<'a>; 1],
}

#[derive(Serialize)]
struct Info<'a> {
    #[serde(rename = "@type")]
    kind: &'static str,
    reason: &'static str,
    domain: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    field: &'a str,
}

pub(super) fn body(reply: &ErrorReply) -> Vec<u8> {
    let ErrorClass { status, name } = class(reply.kind);
    let info = Info {
        kind: "type.googleapis.com/google.rpc.ErrorInfo",
        reason: reply.code,
        domain: "outlast",
        metadata: reply.param.as_deref().map(|field| Metadata { field }),
    };
    let error = Inner { code: status, message: &reply.message, status: name, details: [info] };
    serde_json::to_vec(&Body { error }).expect("texts always serialize")
}

/// No record with a stop reason follows: it would say that the answer is whole.
pub(super) fn event(reply: &ErrorReply) -> Vec<u8> {
    [b"data: ".as_slice(), &body(reply), b"\n\n"].concat()
}
