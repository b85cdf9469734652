//! A failure before anything was sent to the caller: read from the upstream's answer and classified,
//! still ours to mend by another attempt.

use std::time::SystemTime;

use bytes::Bytes;
use decide::{
    classify::{Said, classify, refuses_reasoning},
    retry_after,
};
use http::{HeaderMap, Response, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use terms::{dialect::Dialect, outcome::Failure, time::Timestamp};
use tokio::time::{Instant, timeout_at};
use wire::{ErrorReply, Malformed, UpstreamError};

/// Bytes of an error body that are read; the rest says nothing more.
const ERROR_BYTES: usize = 64 << 10;

/// A failure before anything was sent to the caller.
pub(crate) struct Early {
    pub(crate) failure: Failure,
    pub(crate) status: u16,
    pub(crate) said: Option<Box<UpstreamError>>,
    /// What the caller is told if no other target answers, where this one left the request to it.
    pub(crate) declined: Option<Box<ErrorReply>>,
    pub(crate) asked_ms: Option<u64>,
    pub(crate) raw: Option<Bytes>,
}

impl Early {
    pub(crate) fn of(failure: Failure) -> Self {
        Self { failure, status: 0, said: None, declined: None, asked_ms: None, raw: None }
    }

    /// The target leaves the request to the next one.
    pub(crate) fn declined(told: ErrorReply) -> Self {
        Self { declined: Some(Box::new(told)), ..Self::of(Failure::Declined) }
    }

    pub(crate) fn malformed(sentence: String) -> Self {
        let said = UpstreamError { kind: None, code: None, message: sentence };
        Self { said: Some(Box::new(said)), ..Self::of(Failure::Malformed) }
    }

    /// Whether it is a refusal of the reasoning that came with the request.
    pub(crate) fn is_about_reasoning(&self) -> bool {
        is_about_reasoning(self.failure, self.status, self.said.as_deref())
    }

    /// A whole answer that came in part.
    pub(crate) fn broke_off() -> Self {
        Self::malformed("its answer broke off".to_owned())
    }

    /// An error object that came with a success status, whole or in a stream.
    pub(crate) fn in_band(said: UpstreamError) -> Self {
        Self::said(200, said)
    }

    /// A status with what was said beside it, which tell what kind of failure it is.
    pub(crate) fn said(status: u16, said: UpstreamError) -> Self {
        let failure = classify(&Said {
            status,
            kind: said.kind.as_deref(),
            code: said.code.as_deref(),
            message: &said.message,
        });
        Self { status, said: Some(Box::new(said)), ..Self::of(failure) }
    }
}

/// Whether a provider refuses the reasoning that came with the request, which is nobody's fault: another
/// one sealed it, who answered before.
pub(crate) fn is_about_reasoning(
    failure: Failure,
    status: u16,
    said: Option<&UpstreamError>,
) -> bool {
    let is_refusal = matches!(failure, Failure::CallerFault | Failure::Mismatch);
    said.filter(|_| is_refusal).is_some_and(|said| {
        refuses_reasoning(&Said {
            status,
            kind: said.kind.as_deref(),
            code: said.code.as_deref(),
            message: &said.message,
        })
    })
}

/// Reads an answer whose status says that it is an error.
pub(crate) async fn read_refusal(
    dialect: Dialect,
    response: Response<Incoming>,
    until: Instant,
) -> Early {
    let status = response.status().as_u16();
    let asked_ms = asked_wait(response.headers());
    let error_type = error_type(response.headers());
    let raw = read_some(response, until).await;
    let mut said = wire::read_error(dialect, &raw);
    if said.kind.is_none() {
        said.kind = error_type;
    }
    Early { asked_ms, raw: Some(raw), ..Early::said(status, said) }
}

/// The name of an error of Amazon's, which stands in a header: `ThrottlingException:http://…`.
fn error_type(headers: &HeaderMap) -> Option<String> {
    let named = headers.get("x-amzn-errortype")?.to_str().ok()?;
    let name: String = named.split(':').next()?.chars().take(100).collect();
    (!name.is_empty()).then_some(name)
}

/// A stream was asked for and something else came: an error object, or not our API at all.
pub(crate) async fn read_non_stream(
    dialect: Dialect,
    response: Response<Incoming>,
    kind: &'static str,
    until: Instant,
) -> Early {
    let raw = read_some(response, until).await;
    match wire::relay_reply(dialect, dialect, &raw) {
        Err(Malformed::ErrorInside(said)) => Early::in_band(said),
        _ => Early::malformed(format!("it sent {kind} where a stream was asked for")),
    }
}

/// The beginning of a body, or nothing where it cannot be read in time.
async fn read_some(response: Response<Incoming>, until: Instant) -> Bytes {
    match timeout_at(until, Limited::new(response.into_body(), ERROR_BYTES).collect()).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(_)) | Err(_) => Bytes::new(),
    }
}

/// What is not a stream, but may be a whole answer.
pub(crate) const A_DOCUMENT: &str = "a JSON document";

/// HTML and JSON are not streams; anything else, also a missing type, is looked at.
pub(crate) fn not_a_stream(headers: &HeaderMap) -> Option<&'static str> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?.trim().to_ascii_lowercase();
    if kind.starts_with("text/html") {
        Some("a web page")
    } else if kind.starts_with("application/json") {
        Some(A_DOCUMENT)
    } else {
        None
    }
}

/// How a body is coded, where it is: no coding was asked for, and none is read here.
pub(crate) fn coding(headers: &HeaderMap) -> Option<String> {
    let coding = headers.get(header::CONTENT_ENCODING)?.as_bytes();
    let shown: String = String::from_utf8_lossy(coding).chars().take(20).collect();
    (!coding.eq_ignore_ascii_case(b"identity")).then_some(shown)
}

/// Buckets of Anthropic's limits.
const ANTHROPIC_BUCKETS: [[&str; 2]; 4] = [
    ["anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"],
    ["anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"],
    ["anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"],
    ["anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"],
];

fn asked_wait(headers: &HeaderMap) -> Option<u64> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let empty = |name: &str| text(name) == Some("0");
    let reset = if empty("x-ratelimit-remaining-tokens") {
        text("x-ratelimit-reset-tokens")
    } else {
        text("x-ratelimit-reset-requests")
    };
    let anthropic = || {
        let bucket = ANTHROPIC_BUCKETS.iter().find(|[remaining, _]| empty(remaining));
        bucket.and_then(|[_, reset]| text(reset))
    };
    let asked = retry_after::Headers {
        retry_after_ms: text("retry-after-ms").or_else(|| text("x-ms-retry-after-ms")),
        retry_after: text("retry-after"),
        rate_limit_reset: reset
            .or_else(|| text("x-ratelimit-reset"))
            .or_else(|| text("ratelimit-reset"))
            .or_else(anthropic),
    };
    // A date is compared with the date on this machine's wall, whatever clock the program runs on.
    let now = SystemTime::now();
    let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let wall = Timestamp(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX));
    retry_after::wait_ms(&asked, wall, |date| {
        let at = httpdate::parse_http_date(date).ok()?;
        let ahead = at.duration_since(now).unwrap_or_default();
        i64::try_from(ahead.as_millis()).ok()
    })
}
