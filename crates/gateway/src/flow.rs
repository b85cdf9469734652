//! The life of a request, as one flat function: who asks, what is asked, where it may go, and the
//! loop that sends, waits or stops. What to do next is decided in `decide::attempt`.

use std::{sync::Arc, time::Duration};

use access::Caller;
use bytes::Bytes;
use decide::attempt::Stop;
use http::{HeaderMap, Response, header, request::Parts};
use http_body::Body;
use terms::{
    dialect::Dialect,
    ids::RequestId,
    outcome::{Ending, Failure},
};
use tokio::time::{Instant, sleep};
use wire::{ErrorKind, ErrorReply, Head, addressed, read_head, read_passed_form, read_passed_json};

use crate::{
    address::{Address, Wanted},
    body::ReplyBody,
    chaos::ChaosFault,
    count,
    errors::{self, LastFailure},
    files,
    gateway::Gateway,
    headers,
    hedge::{Landed, race},
    history::{self, Whole},
    intake::{identify, read_body, refuse_forms},
    keeping::Keeping,
    mirror,
    operation::Operation,
    outgoing::{Asked, boundary},
    plan::{Lost, Planning, Sending, Turn, plan},
    pursuit::Pursuit,
    reply::Failed,
    request::Request,
    room::Room,
    session,
    stream::stopping,
    table::Target,
    trail::Trail,
};

/// Answers one request. Every path ends in an answer in the caller's dialect.
pub(crate) async fn answer<B>(
    gateway: Arc<Gateway>,
    call: Call,
    address: Option<&Address>,
    parts: Parts,
    body: B,
) -> Response<ReplyBody>
where
    B: Body<Data = Bytes> + Unpin,
{
    let id = gateway.new_request_id();
    let answered = tokio::select! {
        biased;
        answered = admitted(&gateway, call, address, id, parts, body) => answered,
        () = gateway.over() => Err(stopping()),
    };
    match answered {
        Ok(response) => response,
        Err(error) => errors::response(call.dialect(), &error, id),
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// An answer of a model, in this dialect.
    Answer(Dialect),
    /// Something that is passed on as it is.
    Pass(&'static Operation),
}

impl Call {
    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Self::Answer(dialect) => dialect,
            Self::Pass(operation) => operation.dialect,
        }
    }

    fn operation(self) -> Option<&'static Operation> {
        match self {
            Self::Answer(_) => None,
            Self::Pass(operation) => Some(operation),
        }
    }

    fn read_head(self, headers: &HeaderMap, body: &Bytes) -> Result<Head, ErrorReply> {
        let Self::Pass(operation) = self else {
            refuse_forms(headers, body)?;
            return Ok(read_head(self.dialect(), body)?);
        };
        Ok(match boundary(headers) {
            Some(boundary) => read_passed_form(body, boundary)?,
            None => {
                refuse_forms(headers, body)?;
                read_passed_json(body, operation.default_model)?
            }
        })
    }
}

async fn admitted<B>(
    gateway: &Arc<Gateway>,
    call: Call,
    address: Option<&Address>,
    id: RequestId,
    parts: Parts,
    body: B,
) -> Result<Response<ReplyBody>, ErrorReply>
where
    B: Body<Data = Bytes> + Unpin,
{
    let caller = identify(gateway, &parts.headers)?;
    let mut room = Room::new(&gateway.bodies, gateway.intake.all_bodies_bytes);
    let body = read_body(&parts.headers, body, &gateway.intake, &mut room).await?;
    let body = match address {
        Some(Address { model, wanted }) => addressed(&body, model, *wanted == Wanted::Stream)?,
        None => body,
    };
    let head = call.read_head(&parts.headers, &body)?;
    refuse_control_characters(&head.model)?;
    let route = gateway.table().route(&head.model).ok_or_else(|| unknown_model(&head.model))?;
    let session = session::enter(gateway, &caller, &parts.headers, &head, &body)?;
    // What is rare is boxed, so that every other request's future stays small.
    let whole = if Whole::is_alone(&head) {
        Whole::alone(head, body)
    } else {
        let owner = &caller.principal;
        Box::pin(history::whole(gateway, owner, call.dialect(), head, body)).await?
    };
    let keeping = Keeping::of(gateway, call.dialect(), &caller, id, &whole);
    let (whole, holder) =
        whole.unsealed(gateway, &caller, |body| call.read_head(&parts.headers, body))?;
    let route = match &holder {
        Some(provider) => Arc::new(files::only_at(&route, provider)?),
        None => route,
    };
    let wanted_fault = wanted_fault(gateway, &caller, &parts.headers)?;
    let query = parts.uri.query().map(str::to_owned);
    let request = Request {
        gateway: Arc::clone(gateway),
        caller,
        session,
        id,
        asked: Asked { dialect: call.dialect(), headers: parts.headers, query },
        operation: call.operation(),
        whole,
        keeping,
        wanted_fault,
        deadline: Instant::now() + Duration::from_millis(route.limits.deadline_ms),
        route,
        _room: room,
    };
    run(request).await
}

/// The fault that a caller who may asks for.
fn wanted_fault(
    gateway: &Gateway,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Option<ChaosFault>, ErrorReply> {
    let Some(wanted) = headers.get(headers::CHAOS) else { return Ok(None) };
    if !gateway.chaos.is_allowed(&caller.principal) {
        let message = "this key may not inject faults: `x-outlast-chaos` is for the principals that \
                       `[chaos]` of the gateway's config names";
        return Err(errors::reply(ErrorKind::Permission, "chaos_not_allowed", message));
    }
    let wanted: Result<ChaosFault, _> = wanted.to_str().unwrap_or_default().parse();
    wanted.map(Some).map_err(|unknown| {
        errors::reply(ErrorKind::BadRequest, "no_such_fault", format!("x-outlast-chaos: {unknown}"))
    })
}

/// Attempts until one answers, or until there is nothing left to try.
pub(crate) async fn run(mut request: Request) -> Result<Response<ReplyBody>, ErrorReply> {
    let now = request.gateway.now();
    let mut trail = Trail::begin(&request.gateway, &request.caller, request.id, now);
    let (facts, held) = request.facts();
    let mut planning = plan(&request.gateway, &request.route, &facts, held, &mut trail, now);
    let health = Arc::clone(&request.gateway.health);
    let mut losses = Losses::default();
    loop {
        let (step, sending) = match planning.next(&health, &mut trail, request.gateway.now()) {
            Turn::Wait(ms) => {
                trail.waits(ms);
                sleep(Duration::from_millis(ms)).await;
                continue;
            }
            Turn::Stop(stop) => {
                let made = planning.attempts.made();
                return Ok(stopped(&request, stop, losses.last.as_deref(), made, trail));
            }
            Turn::Send { step, sending } => (step, sending),
        };
        let sent = send(&request, &mut planning, trail, step, sending).await?;
        let Sent { step, sending, tried, rival } = sent;
        let failed = match tried {
            Ok(mut response) => {
                planning.answered(&health, &sending.target);
                mirror::consider(&request, &sending.target);
                if let ReplyBody::Stream(stream) = response.body_mut() {
                    stream.may_be_gone_on_with(|| Pursuit::new(request, planning, step));
                }
                return Ok(response);
            }
            Err(failed) => *failed,
        };
        if let Some(rival) = rival {
            if rival.last.is_about_reasoning() {
                request.goes_bare_at(&rival.target);
            }
            losses.unweighed.push(rival);
        }
        if planning.attempts.may_be_made_again(step)
            && failed.last.is_about_reasoning()
            && request.goes_bare_at(&sending.target)
        {
            let Failed { flight, trail: returned, .. } = failed;
            planning.asked_otherwise(step, flight);
            trail = returned;
            continue;
        }
        let (lost, returned) = planning.book(step, failed);
        losses.unweighed.push(lost);
        trail = returned;
        if let Some(stop @ Stop::Final(failure)) = planning.attempts.given_up() {
            let made = planning.attempts.made();
            return Ok(refused(&request, stop, losses.told(failure), made, trail));
        }
        losses.weigh(&request);
    }
}

/// What came of an attempt.
struct Sent {
    step: usize,
    sending: Sending,
    tried: Result<Response<ReplyBody>, Box<Failed>>,
    /// The attempt beside it, where it failed before; it is booked.
    rival: Option<Lost>,
}

/// Makes an attempt, and one beside it where the route pays for that.
async fn send(
    request: &Request,
    planning: &mut Planning,
    mut trail: Trail,
    step: usize,
    sending: Sending,
) -> Result<Sent, ErrorReply> {
    let flight = match request.take_off(&sending, &mut trail) {
        Ok(flight) => flight,
        Err(unbooked) => {
            trail.end(Ending::Failed(Failure::Transient));
            return Err(unbooked);
        }
    };
    let Some(hedge) = request.hedge(&sending) else {
        let tried = request.attempt(&sending).run(flight, trail).await;
        return Ok(Sent { step, sending, tried, rival: None });
    };
    // Boxed like all that is rare: the future of an ordinary answer stays small.
    let race = race(request, hedge, planning, trail, (step, sending, flight));
    let Landed { step, sending, flight, outcome, mut trail, lost: rival } = Box::pin(race).await;
    trail.dispatched(&sending.target.name, flight.began());
    let tried = request.attempt(&sending).conclude(outcome, flight, trail);
    Ok(Sent { step, sending, tried, rival })
}

/// The failures of a request so far.
#[derive(Default)]
struct Losses {
    /// The one that has most to say.
    last: Option<Box<LastFailure>>,
    heard: Weight,
    unweighed: Vec<Lost>,
}

impl Losses {
    /// The latest that failed so.
    fn told(self, failure: Failure) -> Option<Lost> {
        self.unweighed.into_iter().rfind(|lost| lost.last.failure == failure)
    }

    fn weigh(&mut self, request: &Request) {
        for Lost { target, last, .. } in self.unweighed.drain(..) {
            let weight = weight(request, &target, last.failure);
            if weight >= self.heard {
                (self.last, self.heard) = (Some(Box::new(last)), weight);
            }
        }
    }
}

/// What weighs more is what the caller is told in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Weight {
    #[default]
    Student,
    Declined,
    Failed,
}

/// How much a failure has to say to the caller: a student that declines the least, whoever fails
/// the most.
fn weight(request: &Request, target: &Target, failure: Failure) -> Weight {
    match failure {
        Failure::Declined if request.route.stands_in_for(target).is_some() => Weight::Student,
        Failure::Declined => Weight::Declined,
        _ => Weight::Failed,
    }
}

/// The answer to a request whose failure is the caller's to see: in the provider's own words where they
/// are in the caller's dialect.
fn refused(
    request: &Request,
    stop: Stop,
    told: Option<Lost>,
    attempts: u8,
    trail: Trail,
) -> Response<ReplyBody> {
    match told {
        Some(Lost { last, verbatim: Some(mut response), .. }) => {
            headers::tell_injection(response.headers_mut(), trail.is_injected());
            trail.end(Ending::Failed(last.failure));
            response
        }
        told => stopped(request, stop, told.map(|lost| lost.last).as_ref(), attempts, trail),
    }
}

/// The answer to a request that is given up.
fn stopped(
    request: &Request,
    stop: Stop,
    last: Option<&LastFailure>,
    attempts: u8,
    trail: Trail,
) -> Response<ReplyBody> {
    if request.operation.is_some_and(|operation| operation.is_free) {
        let mut response = count::estimated(request.estimated_in(), request.id);
        headers::tell_injection(response.headers_mut(), trail.is_injected());
        trail.end(Ending::Answered);
        return response;
    }
    let error = errors::stopped(stop, last, attempts);
    let mut response = errors::response(request.asked.dialect, &error, request.id);
    headers::tell_injection(response.headers_mut(), trail.is_injected());
    trail.end(Ending::Failed(last.map_or(Failure::TimedOut, |last| last.failure)));
    if let Some(wait) = last.and_then(errors::retry_after) {
        response.headers_mut().insert(header::RETRY_AFTER, wait);
    }
    response
}

/// A name goes into logs and headers: a line end in it would forge both.
fn refuse_control_characters(model: &str) -> Result<(), ErrorReply> {
    if !model.chars().any(char::is_control) {
        return Ok(());
    }
    let message = "`model` holds control characters; send a name as GET /v1/models lists it";
    let error = errors::reply(ErrorKind::BadRequest, "invalid_field", message);
    Err(ErrorReply { param: Some("model".to_owned()), ..error })
}

pub(crate) fn unknown_model(asked: &str) -> ErrorReply {
    let shown: String = asked.chars().filter(|c| !c.is_control()).take(100).collect();
    ErrorReply {
        param: Some("model".to_owned()),
        ..errors::reply(
            ErrorKind::NotFound,
            "model_not_found",
            format!(
                "no route or model is called `{shown}` here; GET /v1/models lists what can be asked for"
            ),
        )
    }
}
