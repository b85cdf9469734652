//! A stream that is relayed as it comes: the part of an attempt after its first output. It ends as a
//! whole answer, or with an explicit error event in the caller's dialect; never with a clean end that
//! is none. The books are closed before the last byte is released.

use std::{
    fmt,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use terms::outcome::{Ending, Failure};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use wire::{ErrorKind, ErrorReply, Finish, Progress, StreamRelay};

use crate::{
    errors,
    flight::Flight,
    gateway::Gateway,
    keeping::Keeping,
    pursuit::{Broken, Pursued, Pursuit},
    trail::Trail,
};

/// After the terminator was relayed, the upstream has this long to close its side cleanly, so that
/// its connection can be used again.
const DRAIN: Duration = Duration::from_secs(2);

/// How often a stream looks whether the program stops.
const LOOK: Duration = Duration::from_secs(5);

/// After the stop reason was seen, the rest of the stream has this long to come: usage and terminator.
pub(crate) const AFTER_STOP: Duration = Duration::from_secs(2);

/// What a stream needs after its first output.
pub(crate) struct Begun {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) upstream: Incoming,
    pub(crate) relay: StreamRelay,
    /// Bytes for the caller that are ready to go.
    pub(crate) ready: BytesMut,
    pub(crate) flight: Flight,
    pub(crate) trail: Trail,
    /// How the answer is kept.
    pub(crate) keeping: Option<Keeping>,
    /// Who may go on with it, should it break off.
    pub(crate) pursuit: Option<Box<Pursuit>>,
}

pub(crate) struct StreamBody {
    state: State,
    /// Fires at the idle limit; moved lazily, not with every piece.
    alarm: Pin<Box<Sleep>>,
    last_piece: Instant,
}

enum State {
    Flowing(Box<Begun>),
    /// It broke off, and somebody is looked for who goes on with it.
    Broken(Pursuing),
    /// The books are closed; these bytes are the last.
    Ended(BytesMut),
}

struct Pursuing {
    gateway: Arc<Gateway>,
    /// What came with the piece in which it broke off; the caller does not wait for it.
    ready: BytesMut,
    every: Duration,
    pursued: Pin<Box<dyn Future<Output = Pursued> + Send>>,
    /// What tells the caller to wait.
    keep_alive: &'static [u8],
    /// What the caller is told where the program stops meanwhile.
    last_words: Vec<u8>,
}

impl fmt::Debug for StreamBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Flowing(_) => "flowing",
            State::Broken(_) => "broken",
            State::Ended(_) => "ended",
        };
        f.debug_struct("StreamBody").field("state", &state).finish_non_exhaustive()
    }
}

/// What happens to a stream.
enum Step {
    Data(Bytes),
    Ended,
    Broke(Failure),
    Pursued(Pursued),
    /// The caller has waited for a while.
    Waiting,
    /// The program stops.
    Interrupted,
}

impl StreamBody {
    pub(crate) fn new(begun: Begun) -> Self {
        let now = Instant::now();
        let alarm = Box::pin(sleep_until(now + begun.flight.idle().min(LOOK)));
        Self { state: State::Flowing(Box::new(begun)), alarm, last_piece: now }
    }

    /// Who may go on with it, should it break off. Asked for only while it flows.
    pub(crate) fn may_be_gone_on_with(&mut self, by: impl FnOnce() -> Option<Box<Pursuit>>) {
        if let State::Flowing(begun) = &mut self.state {
            begun.pursuit = by();
        }
    }

    /// The next bytes for the caller; `None` at the end.
    pub(crate) fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            let happened = match &mut self.state {
                State::Ended(last) => {
                    let last = last.split().freeze();
                    return Poll::Ready((!last.is_empty()).then_some(last));
                }
                State::Broken(Pursuing { ready, .. }) if !ready.is_empty() => {
                    return Poll::Ready(Some(ready.split().freeze()));
                }
                State::Broken(pursuing) => {
                    pursuing.pursued.as_mut().poll(context).map(Step::Pursued)
                }
                State::Flowing(begun) if !begun.ready.is_empty() => {
                    return Poll::Ready(Some(begun.ready.split().freeze()));
                }
                State::Flowing(begun) => match Pin::new(&mut begun.upstream).poll_frame(context) {
                    Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                        Ok(data) => Poll::Ready(Step::Data(data)),
                        Err(_trailers) => continue,
                    },
                    Poll::Ready(Some(Err(_))) => Poll::Ready(Step::Broke(Failure::Cut)),
                    Poll::Ready(None) => Poll::Ready(Step::Ended),
                    Poll::Pending => Poll::Pending,
                },
            };
            let step = match happened {
                Poll::Ready(step) => step,
                Poll::Pending => match self.poll_alarm(context) {
                    Poll::Ready(step) => step,
                    Poll::Pending => return Poll::Pending,
                },
            };
            match step {
                Step::Data(data) => self.take(&data),
                Step::Ended => self.ended(),
                Step::Broke(failure) => self.broke(failure),
                Step::Pursued(pursued) => self.pursued(pursued),
                Step::Waiting => {
                    if let Some(keep_alive) = self.keep_alive() {
                        return Poll::Ready(Some(Bytes::from_static(keep_alive)));
                    }
                }
                Step::Interrupted => self.interrupted(),
            }
        }
    }

    fn take(&mut self, data: &[u8]) {
        self.last_piece = Instant::now();
        let State::Flowing(begun) = &mut self.state else { return };
        if begun.flight.is_cut() {
            return self.broke(Failure::Cut);
        }
        let Progress { error, complete, mismatch, .. } = begun.relay.push(data, &mut begun.ready);
        begun.flight.piece(begun.gateway.now());
        begun.tap();
        if mismatch {
            self.broke(Failure::Mismatch);
        } else if error.is_some() {
            self.broke(Failure::Cut);
        } else if complete {
            self.answered();
        } else if begun.relay.stop().is_some() {
            let due = self.last_piece + begun.patience();
            self.alarm.as_mut().reset(due);
        }
    }

    /// The upstream closed its side.
    fn ended(&mut self) {
        let State::Flowing(begun) = &mut self.state else { return };
        if begun.finish() {
            self.answered();
        } else {
            self.broke(Failure::Cut);
        }
    }

    /// The stream that flows, which ends now.
    fn end(&mut self) -> Option<Box<Begun>> {
        match std::mem::replace(&mut self.state, State::Ended(BytesMut::new())) {
            State::Flowing(begun) => Some(begun),
            State::Broken(_) | State::Ended(_) => None,
        }
    }

    fn answered(&mut self) {
        let Some(begun) = self.end() else { return };
        let Begun { gateway, upstream, relay, ready, mut flight, mut trail, keeping, pursuit } =
            *begun;
        trail.left_out(&relay);
        if let Some(conduct) = relay.conduct() {
            let asked = pursuit.as_ref().map(|pursuit| pursuit.asked(&flight.target));
            flight.behaved(conduct, asked);
        }
        if let (Some(keeping), Some(reply)) = (keeping, relay.kept()) {
            keeping.keep(&gateway, &flight.target.provider.name, reply);
        }
        flight.answered(gateway.now());
        trail.end(Ending::Answered);
        drain(upstream);
        self.state = State::Ended(ready);
    }

    fn broke(&mut self, failure: Failure) {
        let Some(mut begun) = self.end() else { return };
        if failure != Failure::Mismatch && begun.relay.stop().is_some() && begun.finish() {
            self.state = State::Flowing(begun);
            return self.answered();
        }
        let Begun { gateway, upstream, relay, mut ready, flight, mut trail, pursuit, .. } = *begun;
        drop(upstream);
        let relay = match (pursuit, relay.into_unfinished()) {
            (Some(pursuit), Ok(unfinished)) => {
                let last_words = unfinished.error_event(&stopping(), &trail.id.to_string());
                let keep_alive = unfinished.keep_alive();
                let every = flight.target.provider.limits.keep_alive.min(LOOK);
                let flight = Some(flight);
                let broken = Broken { unfinished, flight, failure, trail };
                let pursued = Box::pin(pursuit.go_on(broken));
                self.alarm.as_mut().reset(Instant::now() + every);
                let pursuing = Pursuing { gateway, ready, every, pursued, keep_alive, last_words };
                self.state = State::Broken(pursuing);
                return;
            }
            (None, Ok(unfinished)) => Ok(unfinished),
            (_, Err((relay, _))) => Err(relay),
        };
        let error = broken(failure, flight.target.name.as_str());
        let id = trail.id.to_string();
        let event = match &relay {
            Ok(unfinished) => unfinished.error_event(&error, &id),
            Err(relay) => relay.error_event(&error, &id),
        };
        ready.extend_from_slice(&event);
        trail.broke(&flight.target.name, failure, gateway.now());
        flight.failed(failure, None, gateway.now());
        trail.end(Ending::Failed(failure));
        self.state = State::Ended(ready);
    }

    fn pursued(&mut self, pursued: Pursued) {
        self.last_piece = Instant::now();
        self.alarm.as_mut().reset(self.last_piece);
        self.state = match pursued {
            Pursued::On(begun) => State::Flowing(begun),
            Pursued::Ended(last) => State::Ended(last),
        };
    }

    fn interrupted(&mut self) {
        match std::mem::replace(&mut self.state, State::Ended(BytesMut::new())) {
            State::Flowing(begun) => {
                let Begun { gateway, upstream, relay, mut ready, flight, trail, .. } = *begun;
                drop(upstream);
                ready.extend_from_slice(&relay.error_event(&stopping(), &trail.id.to_string()));
                flight.interrupted(gateway.now());
                trail.end(Ending::Interrupted);
                self.state = State::Ended(ready);
            }
            // Dropped with what belongs to it, which books itself.
            State::Broken(pursuing) => {
                let Pursuing { mut ready, last_words, .. } = pursuing;
                ready.extend_from_slice(&last_words);
                self.state = State::Ended(ready);
            }
            State::Ended(last) => self.state = State::Ended(last),
        }
    }

    /// Fires at the idle limit, when the program stops, and now and then while the caller waits.
    fn poll_alarm(&mut self, context: &mut Context<'_>) -> Poll<Step> {
        let (gateway, due, waits) = match &self.state {
            State::Ended(_) => return Poll::Pending,
            State::Broken(pursuing) => (&pursuing.gateway, None, Some(pursuing.every)),
            State::Flowing(begun) => {
                let due = self.last_piece + begun.patience();
                let every = begun.flight.target.provider.limits.keep_alive;
                (&begun.gateway, Some(due), begun.relay.is_silent().then_some(every))
            }
        };
        loop {
            if self.alarm.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            let end = gateway.ends_at();
            if end.is_some_and(|end| end <= now) {
                return Poll::Ready(Step::Interrupted);
            }
            if due.is_some_and(|due| due <= now) {
                return Poll::Ready(Step::Broke(Failure::TimedOut));
            }
            let look = now + waits.map_or(LOOK, |every| every.min(LOOK));
            let next = due.map_or(look, |due| due.min(look));
            self.alarm.as_mut().reset(end.map_or(next, |end| next.min(end)));
            if waits.is_some() {
                return Poll::Ready(Step::Waiting);
            }
        }
    }

    fn keep_alive(&self) -> Option<&'static [u8]> {
        let bytes = match &self.state {
            State::Flowing(begun) => begun.relay.keep_alive(),
            State::Broken(pursuing) => pursuing.keep_alive,
            State::Ended(_) => b"",
        };
        (!bytes.is_empty()).then_some(bytes)
    }
}

impl Begun {
    /// Takes over what the relay saw pass.
    fn tap(&mut self) {
        self.flight.usage = self.relay.usage();
        self.flight.output_bytes = self.relay.output_bytes();
    }

    /// The upstream says no more. Tells whether the answer is whole.
    fn finish(&mut self) -> bool {
        let finish = self.relay.finish(&mut self.ready);
        self.tap();
        finish != Finish::Cut
    }

    /// How long the upstream may stay silent.
    fn patience(&self) -> Duration {
        let idle = self.flight.idle();
        if self.relay.stop().is_some() { idle.min(AFTER_STOP) } else { idle }
    }
}

/// What the caller is told when the program stops before its answer has its end.
pub(crate) fn stopping() -> ErrorReply {
    errors::reply(
        ErrorKind::Overloaded,
        "gateway_stopping",
        "the gateway is stopping before this answer has its end; what was sent of it, if anything, is incomplete, ask again",
    )
}

/// What the caller is told when its answer breaks off.
pub(crate) fn broken(failure: Failure, target: &str) -> ErrorReply {
    let why = match failure {
        Failure::TimedOut => "went silent",
        _ => "broke off",
    };
    errors::reply(
        ErrorKind::Upstream,
        "stream_cut",
        format!("the answer of {target} {why} before its end; what was sent so far is incomplete"),
    )
}

/// Lets the upstream finish its side, so that the connection goes back to the pool.
fn drain(upstream: Incoming) {
    let mut upstream = upstream;
    let mut context = Context::from_waker(std::task::Waker::noop());
    loop {
        match pin!(&mut upstream).poll_frame(&mut context) {
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(None | Some(Err(_))) => return,
            Poll::Pending => break,
        }
    }
    // Bounded by its own time limit, and by the number of streams that just ended.
    tokio::spawn(timeout(DRAIN, async move { while let Some(Ok(_)) = upstream.frame().await {} }));
}
