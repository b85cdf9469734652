//! The request that goes to a provider: built from nothing, so that no caller's header, credential or
//! address reaches it except the few that are named here.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;
use terms::dialect::Dialect;
use wire::{Envelope, Framing};

use crate::{headers::ROOM, provider::Endpoint};

/// Anthropic's API version that is sent when the caller named none.
const ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("outlast/", env!("CARGO_PKG_VERSION")));

const BETA: &str = "anthropic-beta";

/// Headers of a caller that change the meaning of the answer and are passed on in the same dialect.
const PASSED_ON: &[&str] = &[BETA, "anthropic-version", "openai-beta"];

/// What the caller sent beside its body.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) dialect: Dialect,
    pub(crate) headers: HeaderMap,
    pub(crate) query: Option<String>,
}

/// A request for an answer; `None` where the model's name cannot stand in the endpoint's address.
pub(crate) fn request(
    endpoint: &Endpoint,
    asked: &Asked,
    model: &str,
    stream: bool,
    body: Bytes,
) -> Option<Request<Full<Bytes>>> {
    let same_dialect = endpoint.dialect == asked.dialect;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    let uri = endpoint.address.uri(model, stream)?;
    *request.uri_mut() =
        match asked.query.as_deref().filter(|_| same_dialect && endpoint.address.takes_query()) {
            Some(query) => with_query(&uri, query),
            None => uri,
        };
    let headers = request.headers_mut();
    headers.reserve(ROOM);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, USER_AGENT);
    let accept = match (stream, endpoint.framing()) {
        (false, _) => "application/json",
        (true, Framing::Sse) => "text/event-stream",
        (true, Framing::EventStream | Framing::EventStreamOfChunks) => {
            "application/vnd.amazon.eventstream"
        }
    };
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    if same_dialect {
        pass_on(headers, asked, endpoint);
    }
    own(headers, endpoint);
    Some(request)
}

/// The beta features that a caller of Anthropic's dialect asks for by header, where the endpoint wants
/// them in the body.
pub(crate) fn betas<'a>(asked: &'a Asked, endpoint: &Endpoint) -> Vec<&'a str> {
    let in_body = endpoint.habits.envelope == Envelope::Bedrock;
    if !in_body || asked.dialect != Dialect::AnthropicMessages {
        return Vec::new();
    }
    let values = asked.headers.get_all(BETA).iter().filter_map(|value| value.to_str().ok());
    let named = values.flat_map(|value| value.split(',')).map(str::trim);
    named
        .filter(|beta| beta.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
        .filter(|b| !b.is_empty())
        .collect()
}

/// The request of an operation that is passed on: the caller's own kind of body.
pub(crate) fn passed(
    uri: Uri,
    endpoint: &Endpoint,
    asked: &Asked,
    body: Bytes,
) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    let json = HeaderValue::from_static("application/json");
    let kind = asked.headers.get(header::CONTENT_TYPE).filter(|_| is_form(&asked.headers));
    headers.insert(header::CONTENT_TYPE, kind.cloned().unwrap_or(json));
    headers.insert(header::USER_AGENT, USER_AGENT);
    pass_on(headers, asked, endpoint);
    own(headers, endpoint);
    request
}

/// The caller's headers that matter to the answer, as far as the endpoint reads them.
fn pass_on(headers: &mut HeaderMap, asked: &Asked, endpoint: &Endpoint) {
    for name in PASSED_ON {
        let read = match endpoint.habits.envelope {
            Envelope::None => true,
            Envelope::Vertex => *name == BETA,
            // There they stand in the body.
            Envelope::Bedrock => false,
        };
        for value in asked.headers.get_all(*name).iter().filter(|_| read) {
            headers.append(HeaderName::from_static(name), value.clone());
        }
    }
}

/// What the dialect and the provider want with every call.
pub(crate) fn own(headers: &mut HeaderMap, endpoint: &Endpoint) {
    let versioned = endpoint.habits.envelope == Envelope::None;
    if endpoint.dialect == Dialect::AnthropicMessages && versioned {
        headers.entry("anthropic-version").or_insert(ANTHROPIC_VERSION);
    }
    for (name, value) in &endpoint.headers {
        headers.insert(name, value.clone());
    }
}

/// Whether the body is a form of several parts.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    boundary(headers).is_some()
}

/// What stands between the parts of a form.
pub(crate) fn boundary(headers: &HeaderMap) -> Option<&str> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let (form, parameters) = kind.split_once(';')?;
    if !form.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let named = parameters.split(';').filter_map(|parameter| parameter.trim().split_once('='));
    let boundary = named.filter(|(name, _)| name.eq_ignore_ascii_case("boundary"));
    let boundary = boundary.map(|(_, value)| value.trim_matches('"')).next();
    // RFC 2046, section 5.1.1.
    boundary.filter(|boundary| (1..=70).contains(&boundary.len()))
}

fn with_query(uri: &Uri, query: &str) -> Uri {
    let joined = match uri.query() {
        Some(own) => format!("{}?{own}&{query}", uri.path()),
        None => format!("{}?{query}", uri.path()),
    };
    let mut parts = uri.clone().into_parts();
    let Ok(path) = joined.parse() else { return uri.clone() };
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}
