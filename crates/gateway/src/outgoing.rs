//! The request that goes to a provider: built from nothing, so that no caller's header, credential or
//! address reaches it except the few that are named here.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;
use terms::dialect::Dialect;

use crate::provider::{Credential, Endpoint};

/// Anthropic's API version that is sent when the caller named none.
const ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("outlast/", env!("CARGO_PKG_VERSION")));

/// Headers of a caller that change the meaning of the answer and are passed on in the same dialect.
const PASSED_ON: &[&str] = &["anthropic-beta", "anthropic-version", "openai-beta"];

/// What the caller sent beside its body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) query: Option<&'a str>,
}

pub(crate) fn request(
    endpoint: &Endpoint,
    credential: Option<&Credential>,
    asked: &Asked<'_>,
    model: &str,
    stream: bool,
    body: Bytes,
) -> Request<Full<Bytes>> {
    let same_dialect = endpoint.dialect == asked.dialect;
    let body = wire::unaddressed(endpoint.dialect, body);
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = match asked.query.filter(|_| same_dialect) {
        // The query of such a call may hold the caller's key.
        _ if endpoint.dialect == Dialect::Gemini => with_model(&endpoint.uri, model, stream),
        Some(query) => with_query(&endpoint.uri, query),
        None => endpoint.uri.clone(),
    };
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, USER_AGENT);
    let accept = if stream { "text/event-stream" } else { "application/json" };
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    if same_dialect {
        for name in PASSED_ON {
            for value in asked.headers.get_all(*name) {
                headers.append(HeaderName::from_static(name), value.clone());
            }
        }
    }
    authorize(headers, credential, endpoint.dialect);
    request
}

/// The request of an operation that is passed on: the caller's own kind of body.
pub(crate) fn passed(
    uri: Uri,
    dialect: Dialect,
    credential: Option<&Credential>,
    asked: &Asked<'_>,
    body: Bytes,
) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    let json = HeaderValue::from_static("application/json");
    let kind = asked.headers.get(header::CONTENT_TYPE).filter(|_| is_form(asked.headers));
    headers.insert(header::CONTENT_TYPE, kind.cloned().unwrap_or(json));
    headers.insert(header::USER_AGENT, USER_AGENT);
    for name in PASSED_ON {
        for value in asked.headers.get_all(*name) {
            headers.append(HeaderName::from_static(name), value.clone());
        }
    }
    authorize(headers, credential, dialect);
    request
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

fn authorize(headers: &mut HeaderMap, credential: Option<&Credential>, dialect: Dialect) {
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => {
            if let Some(credential) = credential {
                headers.insert(header::AUTHORIZATION, credential.bearer.clone());
            }
        }
        Dialect::Gemini => {
            if let Some(credential) = credential {
                headers.insert("x-goog-api-key", credential.plain.clone());
            }
        }
        Dialect::AnthropicMessages => {
            headers.entry("anthropic-version").or_insert(ANTHROPIC_VERSION);
            if let Some(credential) = credential {
                headers.insert("x-api-key", credential.plain.clone());
            }
        }
    }
}

/// The address of a call that names its model there.
fn with_model(base: &Uri, model: &str, stream: bool) -> Uri {
    let method = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    let base_path = base.path().trim_end_matches('/');
    // A name from the config; what no path can hold gives an address that nobody answers at.
    let model =
        model.replace('%', "%25").replace('?', "%3F").replace('#', "%23").replace(' ', "%20");
    let mut parts = base.clone().into_parts();
    let Ok(path) = format!("{base_path}/models/{model}:{method}").parse() else {
        return base.clone();
    };
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).unwrap_or_else(|_| base.clone())
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
