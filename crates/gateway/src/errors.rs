//! What callers are told when something fails. The sentence says what to do next; who is to blame is
//! told by kind and code; the upstream's words are kept where they help.

use decide::attempt::Stop;
use http::{HeaderValue, Response, header};
use terms::{dialect::Dialect, ids::RequestId, outcome::Failure};
use wire::{ErrorKind, ErrorReply, UpstreamError, error_body, error_status};

use crate::{body::ReplyBody, early::is_about_reasoning, headers};

/// Seconds that a caller is asked to wait at most: clients sleep through whatever they are told.
const RETRY_AFTER_CAP_S: u64 = 30;

pub(crate) fn reply(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> ErrorReply {
    ErrorReply { kind, code, message: message.into(), param: None }
}

/// A model's name that can stand in no address.
pub(crate) fn unaddressable(model: &str) -> ErrorReply {
    let shown: String = model.chars().filter(|c| !c.is_control()).take(100).collect();
    let message = format!(
        "`{shown}` cannot be a model's name at a provider whose addresses name the model; ask for one \
         that GET /v1/models lists"
    );
    ErrorReply {
        param: Some("model".to_owned()),
        ..reply(ErrorKind::NotFound, "model_not_found", message)
    }
}

/// An error as a whole answer in the caller's dialect.
pub(crate) fn response(dialect: Dialect, error: &ErrorReply, id: RequestId) -> Response<ReplyBody> {
    let body = error_body(dialect, error, &id.to_string());
    let mut response = Response::new(ReplyBody::whole(body));
    *response.status_mut() = http::StatusCode::from_u16(error_status(dialect, error))
        .unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    headers::name_request(response.headers_mut(), id);
    if error.kind == ErrorKind::UsageLimit {
        // Codex shows this text and no other.
        if let Ok(message) = HeaderValue::from_str(&error.message) {
            response.headers_mut().insert("x-codex-promo-message", message);
        }
    }
    if matches!(error.kind, ErrorKind::Billing | ErrorKind::UsageLimit) {
        // Nothing changes by asking again; Anthropic's and OpenAI's clients obey this header.
        response.headers_mut().insert("x-should-retry", HeaderValue::from_static("false"));
    }
    response
}

/// The last failure of a request, as far as its caller is told.
#[derive(Debug, Clone)]
pub(crate) struct LastFailure {
    pub(crate) failure: Failure,
    /// `provider/model`.
    pub(crate) target: String,
    /// The upstream's status; 0 where there was none.
    pub(crate) status: u16,
    /// What the upstream said.
    pub(crate) said: Option<UpstreamError>,
    /// Our own words, where the target left the request to the next one.
    pub(crate) declined: Option<Box<ErrorReply>>,
    /// What it asked us to wait.
    pub(crate) asked_ms: Option<u64>,
}

impl LastFailure {
    /// Whether it was a refusal of the reasoning that came with the request.
    pub(crate) fn is_about_reasoning(&self) -> bool {
        is_about_reasoning(self.failure, self.status, self.said.as_ref())
    }
}

/// The error for a request that is given up.
pub(crate) fn stopped(stop: Stop, last: Option<&LastFailure>, attempts: u8) -> ErrorReply {
    match (stop, last) {
        (Stop::NoTargets, _) => reply(
            ErrorKind::Overloaded,
            "no_target",
            "this route has no target that could answer; `outlast check` shows why",
        ),
        (Stop::Deadline, last) => reply(
            ErrorKind::Timeout,
            "deadline",
            format!("no answer within the request's deadline{}", after(last, attempts)),
        ),
        (Stop::Exhausted(_) | Stop::Final(_), Some(last)) => of_failure(last, attempts),
        (Stop::Exhausted(_) | Stop::Final(_), None) => {
            reply(ErrorKind::Upstream, "upstream_error", "no upstream answered")
        }
    }
}

fn of_failure(last: &LastFailure, attempts: u8) -> ErrorReply {
    let said = last.said.as_ref().map_or("", |said| said.message.as_str());
    let tried = after(Some(last), attempts);
    let with = |kind, code, text: &str| reply(kind, code, format!("{text}{tried}{}", quoted(said)));
    match last.failure {
        Failure::CallerFault => ErrorReply {
            kind: if last.status == 413 { ErrorKind::TooLarge } else { ErrorKind::BadRequest },
            code: "rejected_by_provider",
            message: if said.is_empty() {
                "the provider rejected the request".to_owned()
            } else {
                said.to_owned()
            },
            param: None,
        },
        Failure::PolicyRefusal => reply(
            ErrorKind::PolicyRefusal,
            "content_policy",
            if said.is_empty() { "the provider refused the content" } else { said },
        ),
        Failure::ContextOverflow => reply(
            ErrorKind::ContextOverflow,
            "context_length_exceeded",
            if said.is_empty() {
                "the input is longer than any model of this route takes"
            } else {
                said
            },
        ),
        Failure::RateLimited if last.status == 529 => with(
            ErrorKind::Overloaded,
            "upstream_overloaded",
            "every provider of this route is overloaded",
        ),
        Failure::RateLimited => with(
            ErrorKind::RateLimited,
            "upstream_rate_limited",
            "every provider of this route is rate-limiting",
        ),
        Failure::ModelGone => with(
            ErrorKind::NotFound,
            "model_not_found",
            "the provider does not know this model (any more)",
        ),
        // As 402, because clients retry a 502 for minutes, and no retry fills the account.
        Failure::CredentialDead if last.status == 402 => with(
            ErrorKind::Billing,
            "upstream_billing",
            "the gateway's own account at the provider is out of credit; your key is fine",
        ),
        Failure::CredentialDead => with(
            ErrorKind::Upstream,
            "upstream_credential",
            "the gateway's own credential at the provider was refused; your key is fine",
        ),
        Failure::TimedOut => with(
            ErrorKind::Timeout,
            "upstream_timeout",
            "the provider stayed silent past its limit",
        ),
        Failure::Unreachable => {
            with(ErrorKind::Upstream, "upstream_unreachable", "the provider cannot be reached")
        }
        Failure::Malformed => with(
            ErrorKind::Upstream,
            "upstream_malformed",
            "the provider's answer is not what its API promises",
        ),
        Failure::Cut => {
            with(ErrorKind::Upstream, "upstream_cut", "the provider's answer broke off")
        }
        Failure::Mismatch => with(
            ErrorKind::Upstream,
            "upstream_cut",
            "the provider's answer broke off, and no other could go on with it",
        ),
        Failure::Transient => with(ErrorKind::Upstream, "upstream_error", "the provider failed"),
        Failure::Declined => last.declined.as_deref().cloned().unwrap_or_else(|| {
            with(ErrorKind::Upstream, "declined", "no target of this route takes the request")
        }),
    }
}

fn after(last: Option<&LastFailure>, attempts: u8) -> String {
    match last {
        Some(last) if attempts == 1 => format!(" (1 attempt, at {})", last.target),
        Some(last) => format!(" ({attempts} attempts, the last at {})", last.target),
        None => String::new(),
    }
}

fn quoted(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!("; it said: {said}") }
}

/// `retry-after` for a rate-limited caller, never long.
pub(crate) fn retry_after(last: &LastFailure) -> Option<HeaderValue> {
    if last.failure != Failure::RateLimited {
        return None;
    }
    let seconds = last.asked_ms?.div_ceil(1000).clamp(1, RETRY_AFTER_CAP_S);
    Some(HeaderValue::from(seconds))
}
