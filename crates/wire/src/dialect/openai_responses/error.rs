//! Errors for callers of this dialect. The body is that of the vendor's other dialect; a stream ends
//! with `response.failed`, which Codex and the vendor's agents read, and which carries `error` beside
//! it, which makes the vendor's SDKs raise.
//! Codex repeats a request five times on every 4xx but 400, 404 and 429, also a body of megabytes: a
//! body that is too large is therefore a 400 here (measured, Codex 0.169).

use serde::Serialize;

use crate::error::{ErrorClass, ErrorKind, ErrorReply};

/// Status and `type`.
pub(super) fn class(kind: ErrorKind) -> ErrorClass {
    let (status, name) = match kind {
        ErrorKind::BadRequest
        | ErrorKind::ContextOverflow
        | ErrorKind::PolicyRefusal
        | ErrorKind::TooLarge => (400, "invalid_request_error"),
        ErrorKind::Authentication => (401, "authentication_error"),
        ErrorKind::Billing => (402, "insufficient_quota"),
        ErrorKind::UsageLimit => (429, "usage_limit_reached"),
        ErrorKind::Permission => (403, "permission_error"),
        ErrorKind::NotFound => (404, "invalid_request_error"),
        ErrorKind::MethodNotAllowed => (405, "invalid_request_error"),
        ErrorKind::RequestTimeout => (408, "invalid_request_error"),
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

fn inner(reply: &ErrorReply) -> Inner<'_> {
    Inner {
        message: &reply.message,
        kind: class(reply.kind).name,
        param: reply.param.as_deref(),
        code: reply.code,
    }
}

pub(super) fn body(reply: &ErrorReply) -> Vec<u8> {
    serde_json::to_vec(&Body { error: inner(reply) }).expect("texts always serialize")
}

#[derive(Serialize)]
struct Failed<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    response: FailedResponse<'a>,
    error: Inner<'a>,
}

#[derive(Serialize)]
struct FailedResponse<'a> {
    id: &'a str,
    object: &'static str,
    status: &'static str,
    error: Why<'a>,
    incomplete_details: Option<()>,
    output: [(); 0],
    usage: Option<()>,
}

#[derive(Serialize)]
struct Why<'a> {
    code: &'static str,
    message: &'a str,
}

/// No `response.completed` follows: it would say that the answer is whole.
pub(super) fn event(reply: &ErrorReply, request_id: &str, position: u64) -> Vec<u8> {
    // Codex gives up at once on these codes and tries again on every other.
    let code = match reply.kind {
        ErrorKind::ContextOverflow => "context_length_exceeded",
        ErrorKind::Billing | ErrorKind::UsageLimit => "insufficient_quota",
        _ => reply.code,
    };
    let failed = Failed {
        kind: "response.failed",
        sequence_number: position,
        response: FailedResponse {
            id: request_id,
            object: "response",
            status: "failed",
            error: Why { code, message: &reply.message },
            incomplete_details: None,
            output: [],
            usage: None,
        },
        error: inner(reply),
    };
    let data = serde_json::to_vec(&failed).expect("texts always serialize");
    [b"event: response.failed\ndata: ".as_slice(), &data, b"\n\n"].concat()
}
