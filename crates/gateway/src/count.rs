//! Counting tokens where no target of a route can: an estimate that says so.

use http::{HeaderName, HeaderValue, Response, header};
use terms::ids::RequestId;

use crate::{body::ReplyBody, headers};

const ESTIMATED: HeaderName = HeaderName::from_static("x-outlast-estimated");

/// The answer to `POST /v1/messages/count_tokens`, at four bytes a token.
pub(crate) fn estimated(tokens: u64, id: RequestId) -> Response<ReplyBody> {
    estimated_as("input_tokens", tokens, id)
}

/// The same under the name that a dialect has for the count.
pub(crate) fn estimated_as(name: &str, tokens: u64, id: RequestId) -> Response<ReplyBody> {
    let body = format!("{{\"{name}\":{}}}", tokens.max(1));
    let mut response = Response::new(ReplyBody::whole(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ESTIMATED, HeaderValue::from_static("true"));
    headers::name_request(headers, id);
    response
}
