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

use crate::{errors, flight::Flight, gateway::Gateway, keeping::Keeping, trail::Trail};

/// After the terminator was relayed, the upstream has this long to close its side cleanly, so that
/// its connection can be used again.
const DRAIN: Duration = Duration::from_secs(2);

/// How often a stream looks whether the program stops.
const LOOK: Duration = Duration::from_secs(5);

/// What a stream needs to go on after its first output.
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
    pub(crate) idle: Duration,
}

pub(crate) struct StreamBody {
    /// Present until the books are closed.
    begun: Option<Begun>,
    /// The last bytes, released after the books were closed.
    tail: BytesMut,
    /// Fires at the idle limit; moved lazily, not with every piece.
    alarm: Pin<Box<Sleep>>,
    last_piece: Instant,
}

impl fmt::Debug for StreamBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamBody").field("done", &self.begun.is_none()).finish_non_exhaustive()
    }
}

/// What the upstream did.
enum Step {
    Data(Bytes),
    Ended,
    Broke(Failure),
    /// The program stops.
    Interrupted,
}

impl StreamBody {
    pub(crate) fn new(begun: Begun) -> Self {
        let now = Instant::now();
        let alarm = Box::pin(sleep_until(now + begun.idle.min(LOOK)));
        Self { begun: Some(begun), tail: BytesMut::new(), alarm, last_piece: now }
    }

    /// The next bytes for the caller; `None` at the end.
    pub(crate) fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            let Some(begun) = &mut self.begun else {
                let tail = self.tail.split().freeze();
                return Poll::Ready((!tail.is_empty()).then_some(tail));
            };
            if !begun.ready.is_empty() {
                return Poll::Ready(Some(begun.ready.split().freeze()));
            }
            let step = match Pin::new(&mut begun.upstream).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => Step::Data(data),
                    Err(_trailers) => continue,
                },
                Poll::Ready(Some(Err(_))) => Step::Broke(Failure::Cut),
                Poll::Ready(None) => Step::Ended,
                Poll::Pending => match self.poll_alarm(context) {
                    Poll::Ready(step) => step,
                    Poll::Pending => return Poll::Pending,
                },
            };
            match step {
                Step::Data(data) => self.take(&data),
                Step::Ended => self.ended(),
                Step::Broke(failure) => self.broke(failure),
                Step::Interrupted => self.interrupted(),
            }
        }
    }

    fn take(&mut self, data: &[u8]) {
        self.last_piece = Instant::now();
        let Some(begun) = &mut self.begun else { return };
        let Progress { error, complete, .. } = begun.relay.push(data, &mut begun.ready);
        begun.tap();
        if error.is_some() {
            self.broke(Failure::Cut);
        } else if complete {
            self.answered();
        }
    }

    /// The upstream closed its side.
    fn ended(&mut self) {
        let Some(begun) = &mut self.begun else { return };
        let finish = begun.relay.finish(&mut begun.ready);
        begun.tap();
        match finish {
            Finish::Complete | Finish::CompleteWithoutTerminator => self.answered(),
            Finish::Cut => self.broke(Failure::Cut),
        }
    }

    fn answered(&mut self) {
        let Some(begun) = self.begun.take() else { return };
        let Begun { gateway, upstream, relay, ready, flight, trail, keeping, .. } = begun;
        if let (Some(keeping), Some(reply)) = (keeping, relay.kept()) {
            keeping.keep(&gateway, &flight.target.provider.name, reply);
        }
        flight.answered(gateway.now());
        trail.end(Ending::Answered);
        drain(upstream);
        self.tail = ready;
    }

    fn broke(&mut self, failure: Failure) {
        let Some(begun) = self.begun.take() else { return };
        let Begun { gateway, upstream, relay, mut ready, flight, mut trail, .. } = begun;
        drop(upstream);
        let error = broken(failure, flight.target.name.as_str());
        ready.extend_from_slice(&relay.error_event(&error, &trail.id.to_string()));
        flight.failed(failure, None, gateway.now());
        trail.failed(failure);
        trail.end(Ending::Failed(failure));
        self.tail = ready;
    }

    fn interrupted(&mut self) {
        let Some(begun) = self.begun.take() else { return };
        let Begun { gateway, upstream, relay, mut ready, flight, trail, .. } = begun;
        drop(upstream);
        ready.extend_from_slice(&relay.error_event(&stopping(), &trail.id.to_string()));
        flight.interrupted(gateway.now());
        trail.end(Ending::Interrupted);
        self.tail = ready;
    }

    /// Fires at the idle limit, and when the program stops; looked at every [`LOOK`] at the latest.
    fn poll_alarm(&mut self, context: &mut Context<'_>) -> Poll<Step> {
        let Some(begun) = &self.begun else { return Poll::Pending };
        let due = self.last_piece + begun.idle;
        loop {
            if self.alarm.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            let end = begun.gateway.ends_at();
            if end.is_some_and(|end| end <= now) {
                return Poll::Ready(Step::Interrupted);
            }
            if due <= now {
                return Poll::Ready(Step::Broke(Failure::TimedOut));
            }
            let next = due.min(now + LOOK);
            self.alarm.as_mut().reset(end.map_or(next, |end| next.min(end)));
        }
    }
}

impl Begun {
    /// Takes over what the relay saw pass.
    fn tap(&mut self) {
        self.flight.piece(self.gateway.now());
        self.flight.usage = self.relay.usage();
        self.flight.output_bytes = self.relay.output_bytes();
    }
}

/// What the caller is told when the program stops in the middle of its answer.
fn stopping() -> ErrorReply {
    errors::reply(
        ErrorKind::Overloaded,
        "gateway_stopping",
        "the gateway is stopping before this answer has its end; what was sent so far is incomplete, ask again",
    )
}

/// What the caller is told when its answer breaks off.
fn broken(failure: Failure, target: &str) -> ErrorReply {
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
