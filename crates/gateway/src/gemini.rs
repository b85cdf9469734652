//! Calls whose address says what others say in their body: `/v1beta/models/{model}:generateContent` and
//! its kin. They go the way of every request once the address is read; counting is answered here, and a
//! stream becomes one JSON array where its caller does not ask for server-sent events.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, header, request::Parts};
use http_body::Body;
use terms::dialect::Dialect;
use wire::{ErrorKind, ErrorReply, JsonArray, addressed, read_head};

use crate::{
    address::{Address, Wanted},
    body::ReplyBody,
    count, errors,
    flight::BYTES_PER_TOKEN,
    flow::{self, Call},
    gateway::Gateway,
    intake::{identify, read_body},
    operation,
    room::Room,
};

const DIALECT: Dialect = Dialect::Gemini;

pub(crate) async fn answer<B>(
    gateway: Arc<Gateway>,
    address: Address,
    mut parts: Parts,
    body: B,
) -> Response<ReplyBody>
where
    B: Body<Data = Bytes> + Unpin,
{
    key_from_query(&mut parts);
    let is_array = match (address.wanted, query(&parts, "alt")) {
        (Wanted::Count, _) => return counted(&gateway, &address, &parts, body).await,
        (Wanted::Stream, None | Some("json")) => true,
        (Wanted::Stream, Some(alt)) if alt != "sse" => {
            return errors::response(DIALECT, &unknown_form(), gateway.new_request_id());
        }
        _ => false,
    };
    let call = match address.wanted {
        Wanted::Embedding => Call::Pass(&operation::EMBED_CONTENT),
        Wanted::Embeddings => Call::Pass(&operation::BATCH_EMBED_CONTENTS),
        _ => Call::Answer(DIALECT),
    };
    let response = flow::answer(gateway, call, Some(&address), parts, body).await;
    if is_array { as_array(response) } else { response }
}

/// A stream as the array that comes in pieces; an answer that is none stays as it is.
fn as_array(mut response: Response<ReplyBody>) -> Response<ReplyBody> {
    let kind = response.headers().get(header::CONTENT_TYPE);
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
        return response;
    }
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response.map(|body| match body {
        ReplyBody::Whole(Some(records)) => {
            let mut array = JsonArray::default();
            ReplyBody::whole([array.push(&records), array.finish()].concat())
        }
        ReplyBody::Stream(stream) => ReplyBody::Array(stream, Some(JsonArray::default())),
        other => other,
    })
}

/// Older examples send the key in the query; from here on it is where every other key is.
fn key_from_query(parts: &mut Parts) {
    let key = query(parts, "key").and_then(|key| HeaderValue::from_str(key).ok());
    if let Some(mut key) = key {
        key.set_sensitive(true);
        parts.headers.entry("x-goog-api-key").or_insert(key);
    }
}

fn query<'p>(parts: &'p Parts, name: &str) -> Option<&'p str> {
    let pairs = parts.uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(found, _)| *found == name).map(|(_, value)| value).next()
}

fn unknown_form() -> ErrorReply {
    errors::reply(
        ErrorKind::BadRequest,
        "stream_form",
        "streams are sent as server-sent events with `?alt=sse`, or as one JSON array without `alt`",
    )
}

/// `countTokens`: an estimate that says so.
async fn counted<B>(
    gateway: &Arc<Gateway>,
    address: &Address,
    parts: &Parts,
    body: B,
) -> Response<ReplyBody>
where
    B: Body<Data = Bytes> + Unpin,
{
    let id = gateway.new_request_id();
    match count(gateway, address, parts, body).await {
        Ok(tokens) => count::estimated_as("totalTokens", tokens, id),
        Err(error) => errors::response(DIALECT, &error, id),
    }
}

async fn count<B>(
    gateway: &Arc<Gateway>,
    address: &Address,
    parts: &Parts,
    body: B,
) -> Result<u64, ErrorReply>
where
    B: Body<Data = Bytes> + Unpin,
{
    identify(gateway, &parts.headers)?;
    let mut room = Room::new(&gateway.bodies, gateway.intake.all_bodies_bytes);
    let body = read_body(&parts.headers, body, &gateway.intake, &mut room).await?;
    let head = read_head(DIALECT, &addressed(&body, &address.model, false)?)?;
    if gateway.table().route(&head.model).is_none() {
        return Err(flow::unknown_model(&head.model));
    }
    Ok(head.input_bytes.div_ceil(BYTES_PER_TOKEN))
}
