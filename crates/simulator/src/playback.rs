//! The one place where every fault is acted out: an ordinary reply and a fault become a list of
//! steps, and a body that plays the steps. What the reply says is decided elsewhere.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::StatusCode;
use hyper::body::{Body, Frame, SizeHint};
use tokio::{
    sync::Notify,
    time::{Sleep, sleep},
};

use crate::{
    dialects::Voice,
    fault::Fault,
    gzip::gzip,
    received::{Ended, Ticket},
    reply::{Part, Record, Reply, Script},
};

/// Before a reset: lets the peer read what was sent, because a reset may overtake it.
const BEFORE_RESET: Duration = Duration::from_millis(5);

/// Bytes that a reply announces and does not send.
const MISSING: u64 = 1_000;

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream; charset=utf-8";

/// How fast a vendor speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) first: Duration,
    pub(crate) between: Duration,
}

/// A reply, ready to be performed.
#[derive(Debug)]
pub(crate) struct Performance {
    /// What happens before the headers.
    pub(crate) prelude: Prelude,
    pub(crate) status: StatusCode,
    pub(crate) content_type: Option<&'static str>,
    /// Further headers, from the fault.
    pub(crate) headers: Vec<(String, String)>,
    /// Whether the connection is closed after the body.
    pub(crate) close: bool,
    /// Bytes of the body where they are known and announced.
    pub(crate) length: Option<u64>,
    pub(crate) steps: VecDeque<Step>,
    /// How the request has ended once the last step is played.
    pub(crate) ending: Ended,
}

/// What happens before the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prelude {
    Wait(Duration),
    Silence,
    Reset,
}

/// One step of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Wait(Duration),
    Send(Bytes),
    /// What was sent leaves in a write of its own.
    Flush,
    Reset,
    Silence,
}

/// Whether the vendor tells its usage; the writers of replies ask this.
pub(crate) fn tells_usage(fault: &Fault) -> bool {
    *fault != Fault::NoUsage
}

/// Whether the vendor streams where it is asked to; the writers of replies ask this.
pub(crate) fn streams(fault: &Fault) -> bool {
    *fault != Fault::NotStreamed
}

/// Turns an ordinary reply into what is performed under `fault`. An error reply is not made worse:
/// only faults of the status and of the waiting change it.
pub(crate) fn perform(fault: &Fault, reply: Reply, pace: Pace, voice: &dyn Voice) -> Performance {
    let quiet = reply.status != StatusCode::OK
        && !matches!(fault, Fault::Status { .. } | Fault::Hang | Fault::SlowHeaders(_));
    let fault = if quiet { &Fault::None } else { fault };
    let stream = matches!(reply.script, Script::Stream(_));
    let kind = if stream { EVENTS } else { JSON };
    let plain = |body: Bytes, kind| Performance::whole(StatusCode::OK, kind, body);
    match fault {
        Fault::Status { status, code, message, headers, .. } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let message = message.as_deref().unwrap_or("a simulated failure");
            let body = voice.error(status, code.as_deref(), message);
            let performance = Performance::whole(status, JSON, body.into());
            Performance { headers: headers.clone(), ..performance }
        }
        Fault::Hang => Performance { prelude: Prelude::Silence, ..plain(Bytes::new(), JSON) },
        Fault::SlowHeaders(ms) => {
            let mut performance = ordinary(reply, pace);
            if let Prelude::Wait(wait) = &mut performance.prelude {
                *wait += Duration::from_millis(*ms);
            }
            performance
        }
        Fault::MidStreamCut { after_chunks } => struck(reply, pace, *after_chunks, &[]).broken(),
        Fault::MidStreamReset { after_chunks } => {
            let strike = [Step::Flush, Step::Wait(BEFORE_RESET), Step::Reset];
            struck(reply, pace, *after_chunks, &strike).broken()
        }
        Fault::MidStreamStall { after_chunks } => {
            struck(reply, pace, *after_chunks, &[Step::Flush, Step::Silence])
        }
        Fault::MidStreamError { after_chunks } if stream => {
            let event = Step::Send(Bytes::from_static(voice.error_event().as_bytes()));
            struck(reply, pace, *after_chunks, &[event])
        }
        Fault::MidStreamError { .. } => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            let body = voice.error(status, None, "a simulated failure");
            Performance::whole(status, JSON, body.into())
        }
        Fault::FirstEventError if stream => {
            plain(Bytes::from_static(voice.error_event().as_bytes()), EVENTS)
        }
        Fault::FirstEventError => {
            let error = voice.error(StatusCode::INTERNAL_SERVER_ERROR, None, "a simulated failure");
            plain(error.into(), JSON)
        }
        Fault::BadJson if stream => {
            plain(Bytes::from_static(b"data: {\"id\":\"x\",\"choices\":[{\"ind\n\n"), EVENTS)
        }
        Fault::BadJson => {
            plain(Bytes::from_static(b"{\"id\":\"x\",\"object\":\"chat.completion\",\"choi"), JSON)
        }
        Fault::Html => {
            let page = b"<html><body><h1>502 Bad Gateway</h1></body></html>";
            plain(Bytes::from_static(page), "text/html")
        }
        Fault::EmptyBody => plain(Bytes::new(), kind),
        Fault::NoContentType => Performance { content_type: None, ..ordinary(reply, pace) },
        Fault::Crlf => ordinary(edited(reply, with_crlf), pace),
        Fault::ByteByByte => byte_by_byte(ordinary(reply, pace)),
        Fault::NoTerminator => ordinary(edited(reply, without_terminator), pace),
        Fault::SilentEnd => {
            let mut performance = ordinary(edited(reply, without_terminator), pace);
            performance.steps.extend([Step::Flush, Step::Silence]);
            performance
        }
        Fault::Noise => ordinary(edited(reply, with_noise), pace),
        Fault::Headers(headers) => {
            Performance { headers: headers.clone(), ..ordinary(reply, pace) }
        }
        Fault::ContentType(kind) => {
            Performance { content_type: Some(kind), ..ordinary(reply, pace) }
        }
        Fault::Gzip => compressed(ordinary(reply, pace)),
        Fault::LongLength => {
            let performance = ordinary(reply, pace);
            let length = Some(performance.bytes() + MISSING);
            Performance { length, ..performance }.broken()
        }
        Fault::TerminatedTwice => ordinary(edited(reply, with_two_terminators), pace),
        Fault::CutInCharacter { after_chunks } => {
            let rest = half_a_character(&reply, *after_chunks);
            struck(reply, pace, *after_chunks, &[Step::Send(rest)]).broken()
        }
        Fault::UnreadableOutput { after_chunks } => {
            ordinary(with_unreadable(reply, *after_chunks), pace)
        }
        Fault::ClosedAtOnce | Fault::ClosedUnanswered | Fault::Garbage | Fault::HalfHeaders => {
            Performance { prelude: Prelude::Reset, ..plain(Bytes::new(), JSON) }.broken()
        }
        Fault::None | Fault::NoUsage | Fault::NotStreamed => ordinary(reply, pace),
    }
}

/// The reply as a healthy vendor sends it.
fn ordinary(reply: Reply, pace: Pace) -> Performance {
    match reply.script {
        Script::Whole { body, pieces } => {
            let pieces = u32::try_from(pieces).unwrap_or(u32::MAX);
            let thought = if pieces == 0 { Duration::ZERO } else { pace.first };
            let wait = thought + pace.between * pieces.saturating_sub(1);
            let performance = Performance::whole(reply.status, JSON, body);
            Performance { prelude: Prelude::Wait(wait), ..performance }
        }
        Script::Stream(records) => Performance::streamed(paced(records, pace, usize::MAX)),
    }
}

/// The reply up to a point, and then `strike`.
fn struck(reply: Reply, pace: Pace, after_chunks: usize, strike: &[Step]) -> Performance {
    let mut performance = match reply.script {
        Script::Whole { body, .. } => {
            let half = body.slice(..body.len() / 2);
            let steps = VecDeque::from([Step::Send(half)]);
            Performance { content_type: Some(JSON), ..Performance::streamed(steps) }
        }
        Script::Stream(records) => Performance::streamed(paced(records, pace, after_chunks)),
    };
    performance.steps.extend(strike.iter().cloned());
    performance
}

/// Records with their pauses, each in a write of its own: no more than `most` of output, and of
/// what follows the output nothing when a fault is to strike.
fn paced(records: Vec<Record>, pace: Pace, most: usize) -> VecDeque<Step> {
    let mut steps = VecDeque::with_capacity(records.len() * 2);
    let (mut outputs, mut spoken) = (0, false);
    for record in records {
        let ending = matches!(record.part, Part::Closing | Part::Terminator);
        if most != usize::MAX && (ending || (record.part == Part::Output && outputs == most)) {
            break;
        }
        if !steps.is_empty() {
            steps.push_back(Step::Flush);
        }
        let wait = match record.part {
            Part::Lead | Part::Output if !spoken => pace.first,
            Part::Output if outputs > 0 => pace.between,
            _ => Duration::ZERO,
        };
        spoken |= matches!(record.part, Part::Lead | Part::Output);
        outputs += usize::from(record.part == Part::Output);
        if !wait.is_zero() {
            steps.push_back(Step::Wait(wait));
        }
        steps.push_back(Step::Send(record.bytes));
    }
    steps
}

fn edited(mut reply: Reply, edit: fn(Vec<Record>) -> Vec<Record>) -> Reply {
    if let Script::Stream(records) = reply.script {
        reply.script = Script::Stream(edit(records));
    }
    reply
}

fn without_terminator(mut records: Vec<Record>) -> Vec<Record> {
    records.retain(|record| record.part != Part::Terminator);
    records
}

fn with_crlf(records: Vec<Record>) -> Vec<Record> {
    let comment = |part| Record { bytes: Bytes::from_static(b": a comment\r\n\r\n"), part };
    let crlf = |record: Record| {
        let text = String::from_utf8_lossy(&record.bytes).replace('\n', "\r\n");
        [Record { bytes: text.into(), part: record.part }, comment(Part::Lead)]
    };
    std::iter::once(comment(Part::Opening)).chain(records.into_iter().flat_map(crlf)).collect()
}

fn with_noise(mut records: Vec<Record>) -> Vec<Record> {
    const NOISE: [&str; 3] =
        ["data: {not json\n\n", ": noise\n\n", "garbage-line-without-colon\n\n"];
    let outputs = records.iter().filter(|record| record.part == Part::Output).count();
    let middle = (0..records.len()).filter(|at| records[*at].part == Part::Output);
    let at = middle.clone().nth(outputs / 2).unwrap_or(records.len());
    let noise =
        NOISE.map(|line| Record { bytes: Bytes::from_static(line.as_bytes()), part: Part::Lead });
    records.splice(at..at, noise);
    records
}

fn with_two_terminators(mut records: Vec<Record>) -> Vec<Record> {
    let last = records.iter().rfind(|record| record.part == Part::Terminator).cloned();
    records.extend(last);
    records
}

/// Where the output record with this number stands.
fn output_at(records: &[Record], number: usize) -> Option<usize> {
    let outputs = (0..records.len()).filter(|at| records[*at].part == Part::Output);
    outputs.clone().nth(number)
}

/// An output record up to the middle of its first character of several bytes, or of itself.
fn half_a_character(reply: &Reply, number: usize) -> Bytes {
    let Script::Stream(records) = &reply.script else { return Bytes::new() };
    let Some(at) = output_at(records, number) else { return Bytes::new() };
    let bytes = &records[at].bytes;
    let many = bytes.iter().position(|byte| !byte.is_ascii());
    bytes.slice(..many.map_or(bytes.len() / 2, |at| at + 1))
}

/// The stream with an output record whose JSON is not closed.
fn with_unreadable(mut reply: Reply, number: usize) -> Reply {
    const END: &str = "}\n\n";
    if let Script::Stream(records) = &mut reply.script
        && let Some(at) = output_at(records, number)
    {
        let text = String::from_utf8_lossy(&records[at].bytes);
        let open = text.strip_suffix(END).unwrap_or(&text).to_owned() + "\n\n";
        records[at].bytes = open.into();
    }
    reply
}

fn compressed(performance: Performance) -> Performance {
    let sent = performance.steps.iter().filter_map(|step| match step {
        Step::Send(bytes) => Some(bytes.as_ref()),
        _ => None,
    });
    let member = Bytes::from(gzip(&sent.collect::<Vec<_>>().concat()));
    Performance {
        headers: vec![("content-encoding".to_owned(), "gzip".to_owned())],
        length: Some(member.len() as u64),
        steps: [Step::Send(member)].into(),
        ..performance
    }
}

fn byte_by_byte(mut performance: Performance) -> Performance {
    let mut steps = VecDeque::new();
    for step in performance.steps {
        let Step::Send(bytes) = step else {
            steps.push_back(step);
            continue;
        };
        for at in 0..bytes.len() {
            if at > 0 {
                steps.push_back(Step::Flush);
            }
            steps.push_back(Step::Send(bytes.slice(at..=at)));
        }
    }
    performance.steps = steps;
    performance
}

impl Performance {
    fn whole(status: StatusCode, content_type: &'static str, body: Bytes) -> Self {
        let length = Some(body.len() as u64);
        let steps = if body.is_empty() { VecDeque::new() } else { [Step::Send(body)].into() };
        Self {
            prelude: Prelude::Wait(Duration::ZERO),
            status,
            content_type: Some(content_type),
            headers: Vec::new(),
            close: false,
            length,
            steps,
            ending: Ended::Completed,
        }
    }

    fn streamed(steps: VecDeque<Step>) -> Self {
        Self { length: None, steps, ..Self::whole(StatusCode::OK, EVENTS, Bytes::new()) }
    }

    /// Bytes of its body.
    fn bytes(&self) -> u64 {
        let sent = self.steps.iter().map(|step| match step {
            Step::Send(bytes) => bytes.len() as u64,
            _ => 0,
        });
        sent.sum()
    }

    /// The vendor's own doing: the connection is closed and the request was not completed.
    fn broken(self) -> Self {
        Self { close: true, ending: Ended::Broken, ..self }
    }
}

/// A body that plays its steps. Dropped before its end, it tells that the peer has left.
#[derive(Debug)]
pub(crate) struct PlayedBody {
    steps: VecDeque<Step>,
    length: Option<u64>,
    ending: Ended,
    ticket: Ticket,
    reset: Arc<Notify>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl PlayedBody {
    /// `reset` is told when the connection is to be reset.
    pub(crate) fn new(performance: Performance, ticket: Ticket, reset: Arc<Notify>) -> Self {
        let Performance { steps, length, ending, .. } = performance;
        let mut body = Self { steps, length, ending, ticket, reset, sleep: None };
        body.tell_when_played();
        body
    }

    fn tell_when_played(&mut self) {
        if self.steps.is_empty() {
            self.ticket.tell(self.ending);
        }
    }
}

impl Body for PlayedBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                std::task::ready!(sleep.as_mut().poll(context));
                self.sleep = None;
            }
            match self.steps.pop_front() {
                None => return Poll::Ready(None),
                Some(Step::Wait(wait)) => self.sleep = Some(Box::pin(sleep(wait))),
                Some(Step::Send(bytes)) => {
                    self.tell_when_played();
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Step::Flush) => {
                    // The connection flushes what it has whenever a body is not ready.
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(Step::Reset) => {
                    let ending = self.ending;
                    self.ticket.tell(ending);
                    self.reset.notify_one();
                    self.steps.push_front(Step::Silence);
                }
                Some(Step::Silence) => {
                    self.steps.push_front(Step::Silence);
                    return Poll::Pending;
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
