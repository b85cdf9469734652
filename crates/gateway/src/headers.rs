//! The headers of an answer. They tell the truth: who answered, after how many attempts, and why not
//! the first.

use http::{HeaderMap, HeaderName, HeaderValue};
use terms::{
    ids::{RequestId, TargetName},
    money::NanoUsd,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-outlast-request-id");
const TARGET: HeaderName = HeaderName::from_static("x-outlast-target");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-outlast-attempts");
const FALLBACK_REASON: HeaderName = HeaderName::from_static("x-outlast-fallback-reason");
const COST: HeaderName = HeaderName::from_static("x-outlast-cost");
/// Stands beside the cost where nobody knows the price.
const COST_ASSUMED: HeaderName = HeaderName::from_static("x-outlast-cost-assumed");
const CACHE: HeaderName = HeaderName::from_static("x-outlast-cache");
const DROPPED: HeaderName = HeaderName::from_static("x-outlast-dropped");
/// A fault that a caller wants injected, and the sign of an answer before which one was.
pub(crate) const CHAOS: HeaderName = HeaderName::from_static("x-outlast-chaos");
/// What OpenAI's clients show as the request's id.
const OPENAI_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What Anthropic's clients show as the request's id.
const ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Headers of an ordinary answer and request, with some room: their table need not grow for them.
pub(crate) const ROOM: usize = 12;

/// The request's id, under our name and under the names that the clients look for.
pub(crate) fn name_request(headers: &mut HeaderMap, id: RequestId) {
    let value = HeaderValue::from_bytes(&id.ascii()).expect("an id is ASCII");
    headers.insert(OPENAI_REQUEST_ID, value.clone());
    headers.insert(ANTHROPIC_REQUEST_ID, value.clone());
    headers.insert(REQUEST_ID, value);
}

/// A fault was injected before this answer, where one was.
pub(crate) fn tell_injection(headers: &mut HeaderMap, is_injected: bool) {
    if is_injected {
        headers.insert(CHAOS, HeaderValue::from_static("injected"));
    }
}

/// Who answered, and how it came to that.
#[derive(Debug, Clone)]
pub(crate) struct Provenance<'a> {
    pub(crate) target: &'a TargetName,
    pub(crate) attempts: u8,
    pub(crate) fallback_reason: Option<&'static str>,
    /// Known before the headers leave only for an answer that is not streamed.
    pub(crate) cost: Option<NanoUsd>,
    /// Whether the price is assumed.
    pub(crate) is_assumed: bool,
    pub(crate) dropped: &'a [String],
}

pub(crate) fn name_provenance(headers: &mut HeaderMap, provenance: &Provenance<'_>) {
    let mut put = |name, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    };
    put(TARGET, provenance.target.as_str());
    if let Some(reason) = provenance.fallback_reason {
        put(FALLBACK_REASON, reason);
    }
    if let Some(cost) = provenance.cost {
        put(COST, &usd(cost));
        if provenance.is_assumed {
            put(COST_ASSUMED, "true");
        }
    }
    if !provenance.dropped.is_empty() {
        put(DROPPED, &provenance.dropped.join(", "));
    }
    headers.insert(ATTEMPTS, HeaderValue::from(u16::from(provenance.attempts)));
    headers.insert(CACHE, HeaderValue::from_static("none"));
}

/// Dollars as a plain decimal with nine places, for programs.
fn usd(cost: NanoUsd) -> String {
    format!("{}.{:09}", cost.0 / 1_000_000_000, cost.0 % 1_000_000_000)
}
