//! One attempt at one target: send, look at what comes back, and either an answer for the caller or
//! the kind of failure. Nothing has been sent to the caller before an attempt's answer is returned.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use terms::{
    dialect::Dialect,
    outcome::{Ending, Failure},
};
use tokio::time::{Instant, sleep, timeout_at};
use wire::{
    Finish, Head, Malformed, OwnReply, StreamOptions, StreamRelay, Upstream as WireUpstream,
    UpstreamError, UpstreamRequest,
};

use crate::{
    body::ReplyBody,
    chaos::ChaosFault,
    completions,
    credential::Credential,
    early::{self, Early, not_a_stream, read_non_stream, read_refusal},
    errors::{self, LastFailure},
    flight::Flight,
    gateway::Gateway,
    gathering::{self, Gathered},
    headers::{self, Provenance},
    in_process,
    keeping::Keeping,
    operation::Operation,
    outgoing::{self, Asked},
    pass::{self, Passed},
    provider::{Endpoint, Way},
    stream::{AFTER_STOP, Begun, StreamBody},
    table::{BrokenStream, Streaming, Target},
    trail::Trail,
    upstream::SendFailure,
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");

/// One try.
pub(crate) struct Try<'a> {
    pub(crate) gateway: &'a Arc<Gateway>,
    pub(crate) asked: &'a Asked,
    pub(crate) head: &'a Head,
    pub(crate) body: &'a Bytes,
    /// What of the request is not in it.
    pub(crate) left_out: &'a [String],
    /// How the answer is called and kept, in a dialect whose answers can be.
    pub(crate) keeping: Option<&'a Keeping>,
    pub(crate) way: Way<'a>,
    /// What is passed on as it is; `None` for a call that is understood.
    pub(crate) operation: Option<&'static Operation>,
    /// What the model is told first where the caller tells it nothing.
    pub(crate) instruction: Option<&'a str>,
    /// Whether what the target's dialect cannot say is left out rather than refused.
    pub(crate) lossy: bool,
    pub(crate) streaming: Streaming,
    pub(crate) ordinal: u8,
    /// Whether the answer is got as a stream, be it wanted so or not.
    pub(crate) is_streamed: bool,
    /// Whether a stream is put together here for a caller who wants the whole.
    pub(crate) gathers: bool,
    /// When a whole answer, or the first output of a stream, must be there.
    pub(crate) until: Instant,
    /// The same where it is not got as a stream after all.
    pub(crate) whole_until: Instant,
}

/// How a try failed, with what belongs to it given back.
pub(crate) struct Failed {
    pub(crate) flight: Flight,
    pub(crate) trail: Trail,
    pub(crate) last: LastFailure,
    /// The upstream's own answer, when it is the caller's to see and in the caller's dialect.
    pub(crate) verbatim: Option<Response<ReplyBody>>,
}

impl Try<'_> {
    /// Sends, and waits for a whole answer or the first output of a stream.
    pub(crate) async fn run(
        &self,
        mut flight: Flight,
        trail: Trail,
    ) -> Result<Response<ReplyBody>, Box<Failed>> {
        let outcome = match (self.way, self.operation) {
            (_, None) => self.fetch(&mut flight).await,
            (Way::InProcess(_), Some(operation)) => {
                Err(Early::declined(pass::not_offered(operation)))
            }
            (Way::Remote { endpoint, credential }, Some(operation)) => {
                // Boxed like all that is rare: the future of an ordinary answer stays small.
                let passing = pass::exchange(self, operation, endpoint, credential, &mut flight);
                let passed = Box::pin(passing).await;
                if operation.may_be_chat && is_declined(&passed) {
                    return Box::pin(completions::run_as_chat(self, flight, trail)).await;
                }
                passed.map(|(passed, dropped)| (Answer::Passed(passed), dropped))
            }
        };
        self.conclude(outcome, flight, trail)
    }

    /// Sends what no operation is, and waits for a whole answer or the first output of a stream.
    pub(crate) async fn fetch(&self, flight: &mut Flight) -> Outcome {
        match self.way {
            Way::InProcess(answerer) => {
                self.go_wrong(flight).await?;
                if flight.cut_after.is_some() {
                    return Err(Early::broke_off());
                }
                in_process::ask(self, answerer, flight)
            }
            Way::Remote { endpoint, credential } => {
                self.exchange(endpoint, credential, flight).await
            }
        }
    }

    /// From what came back to an answer for the caller, or to a failure.
    pub(crate) fn conclude(
        &self,
        outcome: Outcome,
        flight: Flight,
        mut trail: Trail,
    ) -> Result<Response<ReplyBody>, Box<Failed>> {
        trail.injected(&flight);
        match outcome {
            Ok((answer, dropped)) => {
                trail.answered_by(&flight.target.name);
                Ok(self.respond(answer, &dropped, flight, trail))
            }
            Err(early) => Err(Box::new(self.fail(early, flight, trail))),
        }
    }

    async fn exchange(
        &self,
        endpoint: &Endpoint,
        credential: Option<&Credential>,
        flight: &mut Flight,
    ) -> Result<(Answer, Vec<String>), Early> {
        if self.is_streamed && !self.head.stream {
            // Boxed, so that the future of every other answer stays small.
            match Box::pin(gathering::exchange(self, endpoint, credential, flight)).await {
                Gathered::Answer(answer) => return answer,
                // Asked for in the ordinary way.
                Gathered::NotStreamed => {
                    let whole = Try { is_streamed: false, until: self.whole_until, ..*self };
                    return Box::pin(whole.exchange(endpoint, credential, flight)).await;
                }
            }
        }
        let (upstream, dropped) = self.send(endpoint, credential, flight).await?;
        let answer = if self.head.stream {
            Answer::Stream(Box::new(self.begin_stream(endpoint, upstream, flight).await?))
        } else {
            Answer::Whole(self.whole(endpoint.dialect, upstream, flight).await?)
        };
        Ok((answer, dropped))
    }

    pub(crate) async fn send(
        &self,
        endpoint: &Endpoint,
        credential: Option<&Credential>,
        flight: &mut Flight,
    ) -> Result<(Response<Incoming>, Vec<String>), Early> {
        let target = Arc::clone(&flight.target);
        let encode = if self.lossy { wire::encode_lossy } else { wire::encode_request };
        let upstream = self.upstream(endpoint, &target);
        let encoded = encode(self.asked.dialect, self.head, self.body, &upstream)
            .map_err(|cannot_say| Early::declined(cannot_say.into()))?;
        self.dispatch(endpoint, credential, encoded, flight).await
    }

    /// What the request is encoded for.
    pub(crate) fn upstream<'t>(
        &'t self,
        endpoint: &Endpoint,
        target: &'t Target,
    ) -> WireUpstream<'t> {
        WireUpstream {
            dialect: endpoint.dialect,
            provider: target.provider.name.as_str(),
            model: target.model.as_str(),
            max_output: target.known.as_ref().map_or(0, |model| model.max_output),
            capabilities: target.capabilities_at(endpoint),
            instruction: self.instruction,
        }
    }

    /// Sends what was encoded for the target. Gives its answer and what of the request it lacks.
    pub(crate) async fn dispatch(
        &self,
        endpoint: &Endpoint,
        credential: Option<&Credential>,
        encoded: UpstreamRequest,
        flight: &mut Flight,
    ) -> Result<(Response<Incoming>, Vec<String>), Early> {
        let target = Arc::clone(&flight.target);
        flight.asks_reasoning = encoded.asks_reasoning;
        let betas = outgoing::betas(self.asked, endpoint);
        let adapted = wire::adapt(encoded, endpoint.habits, &betas);
        let UpstreamRequest { body, mut dropped, .. } = adapted;
        dropped.extend_from_slice(self.left_out);
        let body = wire::unaddressed(endpoint.dialect, body);
        let model = target.model.as_str();
        let stream = self.head.stream;
        let request = outgoing::request(endpoint, self.asked, model, stream, body.clone());
        let mut request = request.ok_or_else(|| Early::declined(errors::unaddressable(model)))?;
        if let Some(credential) = credential {
            let dialect = endpoint.dialect;
            credential.show(&mut request, &body, dialect, self.gateway, self.until).await?;
        }
        self.go_wrong(flight).await?;
        let connect = target.provider.limits.connect;
        flight.may_cost = true;
        let response =
            match self.in_time(self.gateway.upstream.send(request, connect), flight).await {
                Some(Ok(response)) => response,
                Some(Err(SendFailure::Unreachable)) => {
                    flight.may_cost = false;
                    return Err(Early::of(Failure::Unreachable));
                }
                Some(Err(SendFailure::Broken)) => return Err(Early::of(Failure::Transient)),
                None => return Err(Early::of(Failure::TimedOut)),
            };
        self.gateway.health.lives.read(&target.name, response.headers());
        if response.status() == StatusCode::OK {
            return match early::coding(response.headers()) {
                None => Ok((response, dropped)),
                Some(coding) => {
                    Err(Early::malformed(format!("it sent {coding}, which was not asked for")))
                }
            };
        }
        flight.may_cost = false;
        Err(read_refusal(endpoint.dialect, response, self.until).await)
    }

    /// What was injected on purpose goes wrong, once. Nothing was sent.
    pub(crate) async fn go_wrong(&self, flight: &mut Flight) -> Result<(), Early> {
        let Some(fault) = flight.fault.take() else { return Ok(()) };
        flight.injected = Some(fault);
        match fault {
            ChaosFault::Status(status) => {
                let message = "a fault that was injected on purpose".to_owned();
                Err(Early::said(status, UpstreamError { kind: None, code: None, message }))
            }
            ChaosFault::Unreachable => Err(Early::of(Failure::Unreachable)),
            ChaosFault::Silence => {
                let silence = self.in_time(std::future::pending::<()>(), flight).await;
                debug_assert!(silence.is_none(), "nothing is ever said");
                Err(Early::of(Failure::TimedOut))
            }
            ChaosFault::Slow(by) => {
                self.in_time(sleep(by), flight).await.ok_or_else(|| Early::of(Failure::TimedOut))
            }
            ChaosFault::Cut(after) => {
                flight.cut_after = Some(after);
                Ok(())
            }
        }
    }

    /// Waits as long as is due, and no longer for a whole answer of a target that is frozen.
    async fn in_time<T>(&self, answer: impl Future<Output = T>, flight: &Flight) -> Option<T> {
        let mut answer = pin!(answer);
        if self.is_streamed || self.operation.is_some() {
            return timeout_at(self.until, answer).await.ok();
        }
        loop {
            let now = flight.now();
            let look = match flight.frozen_at() {
                Some(at) if at <= now => {
                    flight.froze();
                    return None;
                }
                Some(at) => Duration::from_millis(at.since(now)),
                None => flight.first_token_limit(),
            };
            let look = (Instant::now() + look).min(self.until);
            match timeout_at(look, &mut answer).await {
                Ok(answer) => return Some(answer),
                Err(_) if look == self.until => return None,
                Err(_) => {}
            }
        }
    }

    pub(crate) async fn whole(
        &self,
        from: Dialect,
        response: Response<Incoming>,
        flight: &mut Flight,
    ) -> Result<Bytes, Early> {
        if flight.cut_after.is_some() {
            return Err(Early::broke_off());
        }
        let limited = Limited::new(response.into_body(), self.gateway.intake.answer_bytes);
        let raw = match self.in_time(limited.collect(), flight).await {
            Some(Ok(collected)) => collected.to_bytes(),
            Some(Err(_)) => return Err(Early::broke_off()),
            None => return Err(Early::of(Failure::TimedOut)),
        };
        let to = self.asked.dialect;
        // A reply that is passed on as it came is told nothing but its id where it is kept.
        let options = if from == to {
            StreamOptions { own: self.own(), ..StreamOptions::default() }
        } else {
            self.stream_options(flight)
        };
        let relayed = wire::relay_reply_with(from, to, &raw, &options)
            .map_err(|malformed| match malformed {
                Malformed::ErrorInside(said) => Early::in_band(said),
                other => Early::malformed(other.to_string()),
            })
            .inspect_err(|early| flight.may_cost = early.failure == Failure::Malformed)?;
        flight.usage = relayed.usage;
        flight.output_bytes = relayed.output_bytes;
        flight.behaved(relayed.conduct, Some((self.head, self.body)));
        if relayed.stop.is_some() {
            self.keep(flight, Some(&relayed.body));
        }
        Ok(relayed.body)
    }

    /// An answer is whole, and kept where its caller wants that.
    pub(crate) fn keep(&self, flight: &Flight, reply: Option<&Bytes>) {
        if let (Some(keeping), Some(reply)) = (self.keeping, reply) {
            keeping.keep(self.gateway, &flight.target.provider.name, reply);
        }
    }

    /// How the answer is called here, in a dialect whose answers can be kept.
    fn own(&self) -> Option<OwnReply> {
        self.keeping.map(|keeping| keeping.own.clone())
    }

    /// What a translated answer is told that its provider did not say.
    pub(crate) fn stream_options(&self, flight: &Flight) -> StreamOptions {
        StreamOptions {
            include_usage: self.gathers || self.head.include_usage,
            fallback_id: flight.attempt_id(),
            model: flight.target.model.as_str().to_owned(),
            created_unix_s: self.gateway.wall().0 / 1000,
            provider: flight.target.provider.name.to_string(),
            show_reasoning: flight.asks_reasoning,
            own: self.own(),
            hold_calls: !self.gathers && self.streaming.hold_arguments,
            forget: self.gathers || self.streaming.broken != BrokenStream::Continue,
        }
    }

    /// Whether nothing is sent before the answer is whole, so that its end may come at any time.
    fn sends_nothing_before_all(&self) -> bool {
        self.gathers || self.streaming.broken == BrokenStream::Buffer
    }

    /// A stream with its first output, or with all of it.
    pub(crate) async fn begin_stream(
        &self,
        endpoint: &Endpoint,
        response: Response<Incoming>,
        flight: &mut Flight,
    ) -> Result<Started, Early> {
        let (from, to) = (endpoint.dialect, self.asked.dialect);
        let options = self.stream_options(flight);
        let mut relay = StreamRelay::framed(endpoint.framing(), from, to, options);
        let mut ready = BytesMut::new();
        let upstream = self.first_output(from, response, &mut relay, &mut ready, flight).await?;
        Ok(Started { upstream, relay, ready })
    }

    /// Relays into a buffer until there is output: an error before that is still ours to mend. Gives
    /// back what is left of the upstream's answer, if anything is.
    pub(crate) async fn first_output(
        &self,
        from: Dialect,
        response: Response<Incoming>,
        relay: &mut StreamRelay,
        ready: &mut BytesMut,
        flight: &mut Flight,
    ) -> Result<Option<Incoming>, Early> {
        if let Some(kind) = not_a_stream(response.headers()) {
            let early = read_non_stream(from, response, kind, self.until).await;
            flight.may_cost = early.failure == Failure::Malformed;
            return Err(early);
        }
        let mut upstream = response.into_body();
        let mut until = self.until;
        loop {
            let frame = match timeout_at(until, upstream.frame()).await {
                Ok(Some(Ok(frame))) => Some(frame),
                Ok(None) => None,
                // Its stop reason was seen: silence or a reset takes nothing from it.
                Err(_) | Ok(Some(Err(_))) if relay.stop().is_some() => None,
                Err(_) => return Err(Early::of(Failure::TimedOut)),
                Ok(Some(Err(_))) => return Err(Early::of(Failure::Transient)),
            };
            let Some(frame) = frame else {
                let finish = relay.finish(ready);
                flight.usage = relay.usage();
                flight.output_bytes = relay.output_bytes();
                if finish == Finish::Cut {
                    let before =
                        if flight.output_bytes == 0 { "it began" } else { "its answer did" };
                    return Err(Early::malformed(format!("its stream ended before {before}")));
                }
                self.keep(flight, relay.kept());
                return Ok(None);
            };
            let Ok(data) = frame.into_data() else { continue };
            if flight.is_cut() {
                return Err(Early::of(Failure::Transient));
            }
            let progress = relay.push(&data, ready);
            flight.usage = relay.usage();
            flight.output_bytes = relay.output_bytes();
            if progress.output && flight.output_bytes > 0 && self.sends_nothing_before_all() {
                flight.first_token(flight.now());
            }
            if let Some(said) = progress.error {
                if !progress.output && flight.output_bytes == 0 {
                    flight.may_cost = false;
                }
                let early = Early::in_band(said);
                return Err(if progress.mismatch {
                    Early { failure: Failure::Mismatch, ..early }
                } else {
                    early
                });
            }
            if progress.complete {
                self.keep(flight, relay.kept());
                return Ok(None);
            }
            if self.sends_nothing_before_all() && flight.output_bytes > 0 {
                flight.piece(flight.now());
                let ended = relay.stop().is_some();
                let patience = if ended { flight.idle().min(AFTER_STOP) } else { flight.idle() };
                until = Instant::now() + patience;
                if self.gathers {
                    until = until.min(self.whole_until);
                }
                if ready.len() > self.gateway.intake.answer_bytes {
                    return Err(Early::malformed(
                        "its answer is longer than any may be".to_owned(),
                    ));
                }
            } else if progress.output {
                return Ok(Some(upstream));
            }
        }
    }

    fn respond(
        &self,
        answer: Answer,
        dropped: &[String],
        flight: Flight,
        mut trail: Trail,
    ) -> Response<ReplyBody> {
        let target = Arc::clone(&flight.target);
        trail.dropped(dropped);
        let (fallback_reason, id) = (trail.fallback_reason(), trail.id);
        let preferred = trail.preferred().unwrap_or(&target.name).clone();
        let is_injected = trail.is_injected();
        let mut headers = HeaderMap::with_capacity(headers::ROOM);
        let (body, cost) = match answer {
            Answer::Whole(bytes) => {
                let cost = flight.answered(self.gateway.now());
                trail.end(Ending::Answered);
                (ReplyBody::whole(bytes), Some(cost))
            }
            Answer::Stream(started) => (self.stream_body(*started, flight, trail), None),
            Answer::Passed(passed) => pass::respond(passed, self, flight, trail, &mut headers),
        };
        let mut response = Response::new(body);
        *response.headers_mut() = headers;
        let headers = response.headers_mut();
        let kind = if self.head.stream { EVENT_STREAM } else { JSON };
        headers.entry(header::CONTENT_TYPE).or_insert(kind);
        if self.head.stream {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        headers::name_request(headers, id);
        headers::tell_injection(headers, is_injected);
        let attempts = self.ordinal;
        let is_assumed = cost.is_some_and(|cost| cost.0 > 0) && {
            let prices = self.gateway.ledger.prices();
            prices.quote(&target.provider.name, &target.model).is_assumed()
        };
        let target = &target.name;
        let provenance =
            Provenance { target, attempts, fallback_reason, cost, is_assumed, dropped };
        headers::name_provenance(headers, &provenance);
        self.gateway.health.lives.announce(&preferred, headers);
        response
    }

    fn stream_body(&self, started: Started, mut flight: Flight, mut trail: Trail) -> ReplyBody {
        let Started { upstream, relay, ready } = started;
        let now = self.gateway.now();
        let Some(upstream) = upstream else {
            trail.left_out(&relay);
            if let Some(conduct) = relay.conduct() {
                flight.behaved(conduct, Some((self.head, self.body)));
            }
            flight.answered(now);
            trail.end(Ending::Answered);
            return ReplyBody::whole(ready.freeze());
        };
        flight.first_token(now);
        ReplyBody::Stream(Box::new(StreamBody::new(Begun {
            gateway: Arc::clone(self.gateway),
            upstream,
            relay,
            ready,
            flight,
            trail,
            keeping: self.keeping.cloned(),
            pursuit: None,
        })))
    }

    pub(crate) fn fail(&self, early: Early, flight: Flight, mut trail: Trail) -> Failed {
        trail.failed_at(&flight.target.name, &early);
        let verbatim = self.verbatim(&early, &trail);
        let last = LastFailure {
            failure: early.failure,
            target: flight.target.name.as_str().to_owned(),
            status: early.status,
            said: early.said.map(|said| *said),
            declined: early.declined,
            asked_ms: early.asked_ms,
        };
        Failed { flight, trail, last, verbatim }
    }

    /// The provider's own error body, byte for byte, where the caller is at fault and both speak the
    /// same dialect: clients read details from it that no translation keeps.
    fn verbatim(&self, early: &Early, trail: &Trail) -> Option<Response<ReplyBody>> {
        let callers_to_see = matches!(
            early.failure,
            Failure::CallerFault | Failure::PolicyRefusal | Failure::ContextOverflow
        );
        let raw = early.raw.clone().filter(|raw| raw.first() == Some(&b'{'))?;
        let status = StatusCode::from_u16(early.status).ok()?;
        let Way::Remote { endpoint, .. } = self.way else { return None };
        (callers_to_see && endpoint.dialect == self.asked.dialect).then(|| {
            let mut response = Response::new(ReplyBody::whole(raw));
            *response.status_mut() = status;
            response.headers_mut().insert(header::CONTENT_TYPE, JSON);
            headers::name_request(response.headers_mut(), trail.id);
            response
        })
    }
}

fn is_declined<T>(outcome: &Result<T, Early>) -> bool {
    outcome.as_ref().is_err_and(|early| early.failure == Failure::Declined)
}

/// What came back of an attempt, with what of the request could not be said; or why nothing did.
pub(crate) type Outcome = Result<(Answer, Vec<String>), Early>;

/// What an attempt brought.
pub(crate) enum Answer {
    Whole(Bytes),
    Stream(Box<Started>),
    Passed(Passed),
}

/// A stream with output, or one that is already complete.
pub(crate) struct Started {
    upstream: Option<Incoming>,
    pub(crate) relay: StreamRelay,
    pub(crate) ready: BytesMut,
}
