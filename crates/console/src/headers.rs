//! What every answer of the console bears, whatever it is: the security headers, and for errors a
//! body that suits whoever asked.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::error::Said;

/// Nothing from elsewhere, nothing inline, no frames.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// `no-referrer` would turn the `Origin` of our own forms into `null` (Fetch standard, "append a
/// request `Origin` header"); this one tells other sites as little.
const REFERRER_POLICY: &str = "same-origin";

const ALWAYS: &[(&str, &str)] = &[
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", REFERRER_POLICY),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// Fills in the bodies of errors and adds the headers. Pages are not stored; an answer that may be
/// says so itself.
pub(crate) async fn dress(request: Request, next: Next) -> Response {
    let as_page = asks_for_a_page(request.headers());
    let mut response = next.run(request).await;
    if let Some(said) = response.extensions_mut().remove::<Said>() {
        said.fill(&mut response, as_page);
    }
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn asks_for_a_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}
