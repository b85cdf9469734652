//! The session cookie: read from a request, set and cleared in an answer. It is not marked
//! `Secure`, because the console is at home on plain loopback.

use access::NewSession;
use http::{HeaderMap, HeaderValue, header};

const NAME: &str = "outlast_session";

/// Kept from scripts, never sent along from other sites, and good for the whole console.
const ATTRIBUTES: &str = "HttpOnly; SameSite=Strict; Path=/";

/// The value of the session cookie, if the request has one.
pub(crate) fn session(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find_map(|(name, value)| (name == NAME).then_some(value))
}

/// The header that begins a session in the browser.
pub(crate) fn begin(session: &NewSession) -> HeaderValue {
    let seconds = session.lasts_ms / 1_000;
    let value = format!("{NAME}={}; Max-Age={seconds}; {ATTRIBUTES}", session.cookie.expose());
    let mut value = HeaderValue::try_from(value).expect("a cookie of base64 is a header value");
    value.set_sensitive(true);
    value
}

/// The header that ends it.
pub(crate) fn end() -> HeaderValue {
    HeaderValue::try_from(format!("{NAME}=; Max-Age=0; {ATTRIBUTES}"))
        .expect("constants of this file are a header value")
}
