//! Calls whose address says what others say in their body: `/v1beta/models/{model}:generateContent` and
//! its kin. They go the way of every request once the address is read; counting is answered here.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, request::Parts};
use http_body::Body;
use terms::dialect::Dialect;
use wire::{ErrorKind, ErrorReply, addressed, read_head};

use crate::{
    address::{Address, Wanted},
    body::ReplyBody,
    count, errors,
    flight::BYTES_PER_TOKEN,
    flow::{self, Call},
    gateway::Gateway,
    intake::{identify, read_body},
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
    let refused = match address.wanted {
        Wanted::Whole => None,
        Wanted::Stream => refuse_arrays(&parts),
        Wanted::Count => return counted(&gateway, &address, &parts, body).await,
    };
    if let Some(error) = refused {
        return errors::response(DIALECT, &error, gateway.new_request_id());
    }
    flow::answer(gateway, Call::Answer(DIALECT), Some(&address), parts, body).await
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

/// Without `alt=sse` the vendor sends one JSON array in pieces, which no SDK asks for.
fn refuse_arrays(parts: &Parts) -> Option<ErrorReply> {
    (query(parts, "alt") != Some("sse")).then(|| {
        errors::reply(
            ErrorKind::BadRequest,
            "stream_form",
            "streams are sent as server-sent events; ask for them with `?alt=sse`",
        )
    })
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
