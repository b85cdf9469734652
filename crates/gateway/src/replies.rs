//! `GET` and `DELETE /v1/responses/{id}`, and what such a reply answered: replies that are kept for the
//! caller's principal.

use std::sync::Arc;

use http::{HeaderValue, Method, Response, header, request::Parts};
use terms::{dialect::Dialect, ids::RequestId};
use wire::{ErrorKind, ErrorReply};

use crate::{
    body::ReplyBody, errors, gateway::Gateway, headers, history::shelf_down, input_items,
    intake::identify,
};

const DIALECT: Dialect = Dialect::OpenaiResponses;

/// Shows a reply, or forgets it.
pub(crate) async fn answer(
    gateway: &Arc<Gateway>,
    parts: &Parts,
    reply: &str,
) -> Response<ReplyBody> {
    let id = gateway.new_request_id();
    match found(gateway, parts, reply).await {
        Ok(body) => json(body, id),
        Err(error) => errors::response(DIALECT, &error, id),
    }
}

/// Lists what a reply answered.
pub(crate) async fn asked(
    gateway: &Arc<Gateway>,
    parts: &Parts,
    reply: &str,
) -> Response<ReplyBody> {
    let id = gateway.new_request_id();
    match listed(gateway, parts, reply).await {
        Ok(body) => json(body, id),
        Err(error) => errors::response(DIALECT, &error, id),
    }
}

async fn listed(
    gateway: &Arc<Gateway>,
    parts: &Parts,
    reply: &str,
) -> Result<bytes::Bytes, ErrorReply> {
    let caller = identify(gateway, &parts.headers)?;
    let list = input_items::list(gateway, &caller.principal, reply, parts.uri.query()).await?;
    list.ok_or_else(|| not_found(reply))
}

async fn found(
    gateway: &Arc<Gateway>,
    parts: &Parts,
    reply: &str,
) -> Result<bytes::Bytes, ErrorReply> {
    let caller = identify(gateway, &parts.headers)?;
    let owner = &caller.principal;
    if parts.method == Method::DELETE {
        let gone = gateway.kept.remove(owner, reply).await.map_err(shelf_down)?;
        let said = format!(r#"{{"id":"{reply}","object":"response","deleted":true}}"#);
        return if gone { Ok(said.into()) } else { Err(not_found(reply)) };
    }
    let kept = gateway.kept.find(owner, reply, gateway.wall()).await.map_err(shelf_down)?;
    kept.map(|kept| kept.reply.clone()).ok_or_else(|| not_found(reply))
}

fn not_found(reply: &str) -> ErrorReply {
    errors::reply(
        ErrorKind::NotFound,
        "response_not_found",
        format!("Response with id '{reply}' not found."),
    )
}

fn json(body: bytes::Bytes, id: RequestId) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::whole(body));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers::name_request(response.headers_mut(), id);
    response
}
