//! One request of a simulated vendor, from its headers to the reply that is to be played.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{CONNECTION, CONTENT_TYPE},
};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::Value;
use tokio::{sync::Notify, time::sleep};

use crate::{
    answer::Say,
    ask::{Ask, Refusal},
    dialects::{Serial, Voice},
    fault::Fault,
    playback::{Performance, PlayedBody, Prelude, perform, streams, tells_usage},
    reply::Reply,
    vendor::Shared,
};

/// Bytes of a body at most.
const BODY_LIMIT: usize = 256 << 20;

/// Answers one request. `reset` is told when the connection is to be reset.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    reset: Arc<Notify>,
    request: Request<Incoming>,
) -> Result<Response<PlayedBody>, Infallible> {
    let (head, body) = request.into_parts();
    let read = Limited::new(body, BODY_LIMIT).collect().await;
    let body = read.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let path = head.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let mut ticket = shared.log.note(head.method.clone(), path, head.headers.clone(), body.clone());
    let serial = Serial { number: ticket.number(), unix: unix_seconds() };
    let performance = decide(&shared, &head.method, head.uri.path(), &head.headers, &body, serial);
    match performance.prelude {
        Prelude::Wait(wait) if wait.is_zero() => {}
        Prelude::Wait(wait) => sleep(wait).await,
        Prelude::Silence => std::future::pending().await,
        Prelude::Reset => {
            ticket.tell(performance.ending);
            reset.notify_one();
            std::future::pending::<()>().await;
        }
    }
    let headers = reply_headers(&performance, shared.voice, serial);
    let mut response = Response::new(PlayedBody::new(performance, ticket, reset));
    *response.status_mut() = headers.0;
    *response.headers_mut() = headers.1;
    Ok(response)
}

/// Which reply is performed.
fn decide(
    shared: &Shared,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: &Bytes,
    serial: Serial,
) -> Performance {
    let voice = shared.voice;
    let play = |fault: &Fault, reply| perform(fault, reply, shared.pace, voice);
    let refuse = |status, message: &str| {
        refusal(voice, &Refusal { status, code: None, message: message.into() })
    };
    let is_models = path == "/v1/models";
    if !is_models && !voice.answers(path) {
        let (status, code) = (StatusCode::NOT_FOUND, Some("unknown_url"));
        let unknown = Refusal { status, code, message: "Invalid URL".into() };
        return play(&Fault::None, refusal(voice, &unknown));
    }
    if method != (if is_models { Method::GET } else { Method::POST }) {
        return play(&Fault::None, refuse(StatusCode::METHOD_NOT_ALLOWED, "no such method here"));
    }
    if shared.api_key.is_some() && voice.credential(headers) != shared.api_key.as_deref() {
        let refused = refuse(StatusCode::UNAUTHORIZED, "Incorrect API key provided");
        return play(&Fault::None, refused);
    }
    if is_models {
        let names = shared.models();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let list = Reply::json(StatusCode::OK, voice.models(&shared.name, &names), 0);
        return play(&shared.uncounted_fault(), list);
    }
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return play(
            &Fault::None,
            refuse(StatusCode::BAD_REQUEST, "We could not parse the JSON body"),
        );
    };
    let value = voice.addressed(path, value);
    let fault = shared.take_fault(value["model"].as_str().unwrap_or_default());
    match voice.read(&value) {
        Ok(ask) => play(&fault, ordinary(shared, ask, &fault, body, serial)),
        Err(refused) => play(&fault, refusal(voice, &refused)),
    }
}

/// What a healthy vendor replies.
fn ordinary(shared: &Shared, ask: Ask, fault: &Fault, body: &[u8], serial: Serial) -> Reply {
    let voice = shared.voice;
    if !shared.serves(&ask.model) {
        let message = voice.no_such_model(&ask.model);
        return refusal(voice, &Refusal { status: StatusCode::NOT_FOUND, code: None, message });
    }
    let stream = ask.stream && streams(fault);
    let ask = Ask { stream, tells_usage: ask.tells_usage && tells_usage(fault), ..ask };
    let changed = Say::changed(&shared.manner());
    let say = changed.unwrap_or_else(|| shared.speaker.say(&ask, body));
    if ask.stream {
        Reply::stream(voice.stream(&ask, &say, serial))
    } else {
        Reply::json(StatusCode::OK, voice.whole(&ask, &say, serial), say.pieces())
    }
}

fn refusal(voice: &dyn Voice, refused: &Refusal) -> Reply {
    let body = voice.error(refused.status, refused.code, &refused.message);
    Reply::json(refused.status, body, 0)
}

/// Status and headers of a reply. Each says that it is a simulation.
fn reply_headers(
    performance: &Performance,
    voice: &dyn Voice,
    serial: Serial,
) -> (StatusCode, HeaderMap) {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert("x-simulated", HeaderValue::from_static("true"));
    let id = format!("req_simulated{}", serial.number);
    let id = HeaderValue::from_str(&id).expect("letters and digits");
    headers.insert(voice.id_header(), id);
    if let Some(kind) = performance.content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    if performance.close {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    for (name, value) in &performance.headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            headers.append(name, value);
        }
    }
    (performance.status, headers)
}

fn unix_seconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
