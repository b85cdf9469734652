//! The paths that callers may ask for. One parse of the path, exact matches only, and the key is
//! checked for everything but the health check.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use terms::dialect::Dialect;
use wire::ErrorKind;

use crate::{
    address::Address,
    body::ReplyBody,
    errors,
    files::{self, FileCall},
    flow::{self, Call},
    gateway::Gateway,
    gemini,
    intake::identify,
    models,
    operation::Operation,
    replies,
};

/// What a path stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place<'a> {
    /// Something that is asked of a model.
    Call(Call),
    /// Something about files at providers.
    Files(FileCall<'a>),
    /// The same, where the address says of which and what.
    Addressed(Address),
    /// A reply that is kept.
    Kept(&'a str),
    /// What such a reply answered.
    Asked(&'a str),
    Models,
    Model(Cow<'a, str>),
    /// No key needed; says that the process is up.
    Health,
    /// Claude Code asks `HEAD /` before it begins.
    Root,
    Unknown,
}

fn place(path: &str) -> Place<'_> {
    if let Some(address) = Address::at(path) {
        return Place::Addressed(address);
    }
    match path {
        "/v1/chat/completions" => Place::Call(Call::Answer(Dialect::OpenaiChat)),
        "/v1/responses" => Place::Call(Call::Answer(Dialect::OpenaiResponses)),
        "/v1/messages" => Place::Call(Call::Answer(Dialect::AnthropicMessages)),
        "/v1/models" | "/v1beta/models" => Place::Models,
        "/health" => Place::Health,
        "/" => Place::Root,
        _ if asked(path).is_some() => asked(path).map_or(Place::Unknown, Place::Asked),
        _ if kept(path).is_some() => kept(path).map_or(Place::Unknown, Place::Kept),
        _ => {
            match path.strip_prefix("/v1/models/").or_else(|| path.strip_prefix("/v1beta/models/"))
            {
                // Clients write the slash of `provider/model` as %2F; any other escape is nobody's name.
                Some(name) if !name.is_empty() => {
                    let name = if name.contains('%') {
                        Cow::Owned(name.replace("%2F", "/").replace("%2f", "/"))
                    } else {
                        Cow::Borrowed(name)
                    };
                    if name.contains('%') { Place::Unknown } else { Place::Model(name) }
                }
                _ => match (Operation::at(path), FileCall::at(path)) {
                    (Some(operation), _) => Place::Call(Call::Pass(operation)),
                    (None, Some(call)) => Place::Files(call),
                    (None, None) => Place::Unknown,
                },
            }
        }
    }
}

/// The id of a kept reply: ours are of these letters alone.
fn kept(path: &str) -> Option<&str> {
    let id = path.strip_prefix("/v1/responses/")?;
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    (plain && !id.is_empty()).then_some(id)
}

fn asked(path: &str) -> Option<&str> {
    kept(path.strip_suffix("/input_items")?)
}

/// Answers a request, whatever its path.
pub(crate) async fn answer<B>(gateway: Arc<Gateway>, request: Request<B>) -> Response<ReplyBody>
where
    B: Body<Data = Bytes> + Unpin,
{
    let chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    let (parts, body) = request.into_parts();
    let mut response = match (place(parts.uri.path()), &parts.method) {
        (Place::Call(call), &Method::POST) => flow::answer(gateway, call, None, parts, body).await,
        (Place::Addressed(address), &Method::POST) => {
            gemini::answer(gateway, address, parts, body).await
        }
        (Place::Files(call), &Method::GET | &Method::POST | &Method::DELETE) => {
            files::answer(&gateway, call, &parts, body).await
        }
        (Place::Kept(reply), &Method::GET | &Method::DELETE) => {
            replies::answer(&gateway, &parts, reply).await
        }
        (Place::Asked(reply), &Method::GET) => replies::asked(&gateway, &parts, reply).await,
        (Place::Models, &Method::GET) => {
            with_key(&gateway, &parts, |dialect, id| models::list(&gateway, dialect, id))
        }
        (Place::Model(name), &Method::GET) => {
            with_key(&gateway, &parts, |dialect, id| models::retrieve(&gateway, dialect, &name, id))
        }
        (Place::Health | Place::Root, &Method::GET | &Method::HEAD) => up(),
        (Place::Unknown, _) => with_key(&gateway, &parts, |dialect, id| {
            let error =
                errors::reply(ErrorKind::NotFound, "unknown_path", "there is nothing at this path");
            errors::response(dialect, &error, id)
        }),
        (known, _) => wrong_method(&gateway, &parts, known),
    };
    if chunked {
        // A chunked body whose end two programs may see in different places: nothing that follows on
        // this connection is trusted.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn with_key(
    gateway: &Arc<Gateway>,
    parts: &http::request::Parts,
    then: impl FnOnce(Dialect, terms::ids::RequestId) -> Response<ReplyBody>,
) -> Response<ReplyBody> {
    let id = gateway.new_request_id();
    let dialect = error_dialect(parts.uri.path(), &parts.headers);
    match identify(gateway, &parts.headers) {
        Ok(_) => then(dialect, id),
        Err(error) => errors::response(dialect, &error, id),
    }
}

fn wrong_method(
    gateway: &Arc<Gateway>,
    parts: &http::request::Parts,
    place: Place<'_>,
) -> Response<ReplyBody> {
    let allowed = match place {
        Place::Call(_) | Place::Addressed(_) | Place::Files(FileCall::All) => "POST",
        Place::Kept(_) | Place::Files(_) => "GET, DELETE",
        _ => "GET",
    };
    let error = errors::reply(
        ErrorKind::MethodNotAllowed,
        "method_not_allowed",
        format!("this path takes {allowed}"),
    );
    let dialect = error_dialect(parts.uri.path(), &parts.headers);
    let mut response = errors::response(dialect, &error, gateway.new_request_id());
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

fn up() -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::whole("ok\n"));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

/// Which dialect an error is told in where no body was understood.
fn error_dialect(path: &str, headers: &HeaderMap) -> Dialect {
    if path.starts_with("/v1/messages") || headers.contains_key("anthropic-version") {
        Dialect::AnthropicMessages
    } else if path.starts_with("/v1/responses") {
        Dialect::OpenaiResponses
    } else if path.starts_with("/v1beta/")
        || headers.contains_key("x-goog-api-key")
        || Address::at(path).is_some()
    {
        Dialect::Gemini
    } else {
        Dialect::OpenaiChat
    }
}
