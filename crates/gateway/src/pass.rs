//! An attempt at an operation that is passed on: the caller's bytes but for the model's name out, the
//! provider's bytes back as they come. An answer that breaks off breaks its caller's connection, too: it
//! never looks whole.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use terms::dialect::Dialect;
use terms::{
    money::NanoUsd,
    outcome::{Ending, Failure},
};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use wire::{ErrorKind, read_passed_answer, rename_each, rename_passed, without_seals};

use crate::{
    body::{CutShort, ReplyBody},
    credential::Credential,
    early::{Early, read_refusal},
    embeddings::{Across, across, answered},
    errors,
    flight::{BYTES_PER_TOKEN, Flight},
    operation::Operation,
    outgoing::{self, is_form},
    provider::Endpoint,
    reply::Try,
    trail::Trail,
    upstream::SendFailure,
};

/// An answer as it came.
pub(crate) struct Passed {
    pub(crate) kind: Option<HeaderValue>,
    pub(crate) content: Content,
}

/// The bytes of an answer.
pub(crate) enum Content {
    Whole(Bytes),
    /// Speech, pictures and streams are passed on as they come.
    Flowing {
        upstream: Incoming,
        length: Option<HeaderValue>,
    },
}

pub(crate) async fn exchange(
    attempt: &Try<'_>,
    operation: &Operation,
    endpoint: &Endpoint,
    credential: Option<&Credential>,
    flight: &mut Flight,
) -> Result<(Passed, Vec<String>), Early> {
    let target = Arc::clone(&flight.target);
    let model = target.model.as_str();
    let native = operation.uri(endpoint, model).filter(|_| endpoint.dialect == operation.dialect);
    let (endpoint, uri, body, translated) = match native {
        Some(uri) => {
            let form = is_form(&attempt.asked.headers);
            (endpoint, uri, sent(operation.dialect, attempt, model, form), None)
        }
        None => match across(attempt.body, operation, &target) {
            Some(across) => {
                let Across { endpoint, uri, asked } = across?;
                (endpoint, uri, asked.body.clone(), Some(asked))
            }
            None => return Err(Early::declined(not_offered(operation))),
        },
    };
    let mut request = outgoing::passed(uri, endpoint, attempt.asked, body.clone());
    if let Some(credential) = credential {
        let (dialect, until) = (endpoint.dialect, attempt.until);
        credential.show(&mut request, &body, dialect, attempt.gateway, until).await?;
    }
    attempt.go_wrong(flight).await?;
    flight.may_cost = !operation.is_free;
    let connect = flight.target.provider.limits.connect;
    let sent = timeout_at(attempt.until, attempt.gateway.upstream.send(request, connect)).await;
    let response = match sent {
        Ok(Ok(response)) => response,
        Ok(Err(SendFailure::Unreachable)) => {
            flight.may_cost = false;
            return Err(Early::of(Failure::Unreachable));
        }
        Ok(Err(SendFailure::Broken)) => return Err(Early::of(Failure::Transient)),
        Err(_) => return Err(Early::of(Failure::TimedOut)),
    };
    attempt.gateway.health.lives.read(&flight.target.name, response.headers());
    if !response.status().is_success() {
        flight.may_cost = false;
        let early = read_refusal(endpoint.dialect, response, attempt.until).await;
        return Err(if is_not_offered(&early) { lacking(operation, &early) } else { early });
    }
    let passed = read(attempt, response, flight).await?;
    match translated {
        Some(asked) => answered(asked, passed, flight),
        None => Ok((passed, Vec::new())),
    }
}

/// The body as the provider gets it: with its name of the model, wherever the dialect says it.
fn sent(dialect: Dialect, attempt: &Try<'_>, model: &str, form: bool) -> Bytes {
    let Try { head, body, .. } = attempt;
    match dialect {
        Dialect::Gemini => {
            let name = format!("models/{model}");
            rename_each("requests", &rename_passed(head, body, &name, form), &name)
        }
        _ => without_seals(dialect, &rename_passed(head, body, model, form), model).0,
    }
}

/// JSON is read whole, so that its counts are known before it is released; anything else flows.
async fn read(
    attempt: &Try<'_>,
    response: Response<Incoming>,
    flight: &mut Flight,
) -> Result<Passed, Early> {
    let kind = response.headers().get(header::CONTENT_TYPE).cloned();
    let named = kind.as_ref().and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if named.starts_with("text/html") {
        return Err(Early::malformed("it sent a web page; check its base address".to_owned()));
    }
    if !named.starts_with("application/json") {
        let length = response.headers().get(header::CONTENT_LENGTH).cloned();
        let content = Content::Flowing { upstream: response.into_body(), length };
        return Ok(Passed { kind, content });
    }
    if flight.cut_after.is_some() {
        return Err(Early::broke_off());
    }
    let limited = Limited::new(response.into_body(), attempt.gateway.intake.answer_bytes);
    let whole = match timeout_at(attempt.until, limited.collect()).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(_)) => return Err(Early::broke_off()),
        Err(_) => return Err(Early::of(Failure::TimedOut)),
    };
    flight.usage =
        read_passed_answer(&whole).map_err(|malformed| Early::malformed(malformed.to_string()))?;
    Ok(Passed { kind, content: Content::Whole(whole) })
}

/// The body of the answer, its cost where it is known already, and the headers that describe it. The
/// books of a flowing one are closed at its end.
pub(crate) fn respond(
    passed: Passed,
    attempt: &Try<'_>,
    flight: Flight,
    trail: Trail,
    headers: &mut HeaderMap,
) -> (ReplyBody, Option<NanoUsd>) {
    let is_event_stream =
        passed.kind.as_ref().is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    if let Some(kind) = passed.kind {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    match passed.content {
        Content::Whole(bytes) => {
            let cost = flight.answered(attempt.gateway.now());
            trail.end(Ending::Answered);
            (ReplyBody::whole(bytes), Some(cost))
        }
        Content::Flowing { upstream, length } => {
            if let Some(length) = length {
                headers.insert(header::CONTENT_LENGTH, length);
            }
            let body = PassedBody::new(upstream, flight, trail, is_event_stream);
            (ReplyBody::Passed(Box::new(body)), None)
        }
    }
}

/// A path that a provider does not know, or knows for other models only, says nothing about the model:
/// no gate may learn from it that the model is gone.
fn is_not_offered(early: &Early) -> bool {
    let code = early.said.as_ref().and_then(|said| said.code.as_deref());
    matches!(early.status, 404 | 405) && code != Some("model_not_found")
}

fn lacking(operation: &Operation, early: &Early) -> Early {
    let mut told = not_offered(operation);
    if let Some(said) = early.said.as_ref().filter(|said| !said.message.is_empty()) {
        told.message = format!("{}; the last one said: {}", told.message, said.message);
    }
    Early::declined(told)
}

pub(crate) fn not_offered(operation: &Operation) -> wire::ErrorReply {
    errors::reply(
        ErrorKind::NotFound,
        "not_offered",
        format!("no target of this route offers {}", operation.path),
    )
}

/// Records of an event stream that begin in a piece: about a token each, where nothing better is known.
fn records(piece: &[u8]) -> u64 {
    piece.windows(6).filter(|window| window == b"data: ").count() as u64
}

/// An answer that flows.
pub(crate) struct PassedBody {
    open: Option<(Incoming, Flight, Trail)>,
    alarm: Pin<Box<Sleep>>,
    idle: Duration,
    is_event_stream: bool,
}

impl fmt::Debug for PassedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PassedBody").field("done", &self.open.is_none()).finish_non_exhaustive()
    }
}

impl PassedBody {
    fn new(upstream: Incoming, flight: Flight, trail: Trail, is_event_stream: bool) -> Self {
        let idle = flight.target.provider.limits.idle_reasoning;
        let alarm = Box::pin(sleep_until(Instant::now() + idle));
        Self { open: Some((upstream, flight, trail)), alarm, idle, is_event_stream }
    }

    /// The next bytes for the caller; `None` at the end, an error where the provider broke off.
    pub(crate) fn poll_bytes(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, CutShort>>> {
        loop {
            let Some((upstream, flight, _)) = &mut self.open else { return Poll::Ready(None) };
            match Pin::new(upstream).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(data) = frame.into_data() else { continue };
                    if flight.is_cut() {
                        return self.broke(Failure::Cut);
                    }
                    flight.first_token(flight.now());
                    if self.is_event_stream {
                        flight.output_bytes += records(&data) * BYTES_PER_TOKEN;
                    }
                    self.alarm.as_mut().reset(Instant::now() + self.idle);
                    return Poll::Ready(Some(Ok(data)));
                }
                Poll::Ready(None) => {
                    if let Some((_, flight, trail)) = self.open.take() {
                        let now = flight.now();
                        flight.answered(now);
                        trail.end(Ending::Answered);
                    }
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(_))) => return self.broke(Failure::Cut),
                Poll::Pending => {
                    return match self.alarm.as_mut().poll(context) {
                        Poll::Ready(()) => self.broke(Failure::TimedOut),
                        Poll::Pending => Poll::Pending,
                    };
                }
            }
        }
    }

    fn broke(&mut self, failure: Failure) -> Poll<Option<Result<Bytes, CutShort>>> {
        if let Some((_, flight, mut trail)) = self.open.take() {
            let now = flight.now();
            trail.broke(&flight.target.name, failure, now);
            flight.failed(failure, None, now);
            trail.end(Ending::Failed(failure));
        }
        Poll::Ready(Some(Err(CutShort)))
    }
}
