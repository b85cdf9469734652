//! Taking a request in: who asks, and the body, bounded in bytes and time. A bad key is refused
//! before the body is read.

use std::sync::Arc;

use access::Caller;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::timeout;
use wire::{ErrorKind, ErrorReply};

use crate::{errors, gateway::Gateway, limits::IntakeLimits, room::Room};

/// Who asks, by `Authorization: Bearer`, `x-api-key` or `x-goog-api-key`.
pub(crate) fn identify(gateway: &Gateway, headers: &HeaderMap) -> Result<Arc<Caller>, ErrorReply> {
    let Some(presented) = presented_key(headers) else {
        return Err(errors::reply(
            ErrorKind::Authentication,
            "missing_key",
            "no key was sent; send an Outlast key as `authorization: Bearer …` or `x-api-key: …`",
        ));
    };
    gateway.keys.identify(presented).map_err(|_| {
        errors::reply(
            ErrorKind::Authentication,
            "invalid_key",
            "this key is not valid here; `outlast key create` makes one",
        )
    })
}

fn presented_key(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(
        |value| {
            let (scheme, key) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
        },
    );
    let named = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    bearer.or_else(|| named("x-api-key")).or_else(|| named("x-goog-api-key"))
}

/// Reads the whole body.
pub(crate) async fn read_body<B>(
    headers: &HeaderMap,
    body: B,
    limits: &IntakeLimits,
    room: &mut Room,
) -> Result<Bytes, ErrorReply>
where
    B: Body<Data = Bytes> + Unpin,
{
    refuse_encodings(headers)?;
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limits.body_bytes as u64) {
        return Err(too_large(limits));
    }
    match timeout(limits.body_time, collect(body, limits, room)).await {
        Ok(read) => read,
        Err(_) => Err(errors::reply(
            ErrorKind::RequestTimeout,
            "body_timeout",
            format!("the request's body did not arrive within {} s", limits.body_time.as_secs()),
        )),
    }
}

async fn collect<B>(
    mut body: B,
    limits: &IntakeLimits,
    room: &mut Room,
) -> Result<Bytes, ErrorReply>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut first: Option<Bytes> = None;
    let mut more = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(errors::reply(
                ErrorKind::BadRequest,
                "body_broken",
                "the connection broke while the request's body was read",
            ));
        };
        let Ok(data) = frame.into_data() else { continue };
        let so_far = first.as_ref().map_or(0, Bytes::len) + more.len();
        if so_far + data.len() > limits.body_bytes {
            return Err(too_large(limits));
        }
        if !room.take(data.len()) {
            return Err(no_room());
        }
        // Most bodies come in one piece, which is then not copied.
        match &first {
            None => first = Some(data),
            Some(piece) => {
                if more.is_empty() {
                    more.extend_from_slice(piece);
                    first = Some(Bytes::new());
                }
                more.extend_from_slice(&data);
            }
        }
    }
    Ok(if more.is_empty() { first.unwrap_or_default() } else { more.freeze() })
}

fn refuse_encodings(headers: &HeaderMap) -> Result<(), ErrorReply> {
    let encoded = headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded {
        return Err(errors::reply(
            ErrorKind::UnsupportedMediaType,
            "content_encoding",
            "compressed request bodies are not taken; send the JSON as it is",
        ));
    }
    Ok(())
}

/// `curl -d` calls JSON a form: what it is called matters only where it is no JSON object either.
pub(crate) fn refuse_forms(headers: &HeaderMap, body: &[u8]) -> Result<(), ErrorReply> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_form = kind.is_some_and(|kind| {
        let kind = kind.trim().to_ascii_lowercase();
        kind.starts_with("application/x-www-form-urlencoded") || kind.starts_with("multipart/")
    });
    if !is_form || body.trim_ascii_start().first() == Some(&b'{') {
        return Ok(());
    }
    Err(errors::reply(
        ErrorKind::UnsupportedMediaType,
        "content_type",
        "the body must be JSON (`content-type: application/json`)",
    ))
}

fn no_room() -> ErrorReply {
    errors::reply(
        ErrorKind::Overloaded,
        "gateway_full",
        "the gateway holds as many request bodies as it may; send this one again in a moment",
    )
}

fn too_large(limits: &IntakeLimits) -> ErrorReply {
    errors::reply(
        ErrorKind::TooLarge,
        "body_too_large",
        format!("the request's body is larger than {} MiB", limits.body_bytes >> 20),
    )
}
