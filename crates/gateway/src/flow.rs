//! The life of a request, as one flat function: who asks, what is asked, where it may go, and the
//! loop that sends, waits or stops. What to do next is decided in `decide::attempt`.

use std::{sync::Arc, time::Duration};

use access::Caller;
use bytes::Bytes;
use decide::{
    attempt::{Next, Stop},
    route::Facts,
};
use http::{HeaderMap, Response, header, request::Parts};
use http_body::Body;
use ledger::{Held, InsteadOf, Order};
use terms::{
    breaker::SessionKey,
    dialect::Dialect,
    ids::{AttemptId, RequestId},
    outcome::{Ending, Failure},
};
use tokio::time::{Instant, sleep};
use wire::{ErrorKind, ErrorReply, Head, addressed, read_head, read_passed_form, read_passed_json};

use crate::{
    address::{Address, Wanted},
    body::ReplyBody,
    count, errors, files,
    flight::{BYTES_PER_TOKEN, Flight},
    gateway::Gateway,
    health::Tried,
    history::{self, Whole},
    intake::{identify, read_body, refuse_forms},
    keeping::Keeping,
    operation::Operation,
    outgoing::{Asked, boundary},
    plan::{Chosen, Told, plan},
    reply::{Failed, Try},
    room::Room,
    session, sticky,
    table::{Route, Target},
    trail::Trail,
};

/// Output tokens assumed for the hold where neither the request nor the catalog bounds them.
const ASSUMED_OUTPUT: u64 = 32_000;

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
    match admitted(&gateway, call, address, id, &parts, body).await {
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
    parts: &Parts,
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
    let asked =
        Asked { dialect: call.dialect(), headers: &parts.headers, query: parts.uri.query() };
    let request = Request {
        gateway,
        caller: &caller,
        session,
        id,
        asked,
        operation: call.operation(),
        whole: &whole,
        head: &whole.head,
        keeping: keeping.as_ref(),
        route: &route,
    };
    request.run().await
}

/// What weighs more is what the caller is told in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Student,
    Declined,
    Failed,
}

/// A request that may go out.
struct Request<'a> {
    gateway: &'a Arc<Gateway>,
    caller: &'a Arc<Caller>,
    session: Option<Arc<SessionKey>>,
    id: RequestId,
    asked: Asked<'a>,
    operation: Option<&'static Operation>,
    whole: &'a Whole,
    head: &'a Head,
    keeping: Option<&'a Keeping>,
    route: &'a Arc<Route>,
}

impl Request<'_> {
    async fn run(&self) -> Result<Response<ReplyBody>, ErrorReply> {
        let now = self.gateway.now();
        let deadline = Instant::now() + Duration::from_millis(self.route.limits.deadline_ms);
        let mut trail = Trail::begin(self.gateway, self.caller, self.id, now);
        let (facts, held) = self.facts();
        let mut planning = plan(self.gateway, self.route, &facts, held, &mut trail, now);
        let health = &self.gateway.health;
        let mut last: Option<Box<errors::LastFailure>> = None;
        let mut heard = Weight::Student;
        loop {
            match planning.attempts.next(self.gateway.now()) {
                Next::Wait(ms) => sleep(Duration::from_millis(ms)).await,
                Next::Stop(stop) => {
                    let made = planning.attempts.made();
                    return Ok(self.stopped(stop, last.as_deref(), made, trail));
                }
                Next::Send { step, key, ordinal } => {
                    if planning.is_overtaken(health, step, &mut trail, self.gateway.now()) {
                        continue;
                    }
                    let again = planning.attempts.is_resend(step);
                    let chosen = planning.steps[step].clone();
                    let flight = match self.take_off(&chosen, (key, again), ordinal, &mut trail) {
                        Ok(flight) => flight,
                        Err(unbooked) => {
                            trail.end(Ending::Failed(Failure::Transient));
                            return Err(unbooked);
                        }
                    };
                    let (head, body) = self.whole.sent_to(&chosen.target.provider.name);
                    let attempt = Try {
                        gateway: self.gateway,
                        asked: &self.asked,
                        head,
                        body,
                        keeping: self.keeping,
                        operation: self.operation,
                        way: chosen.target.provider.way(
                            self.asked.dialect,
                            &chosen.target.model,
                            key,
                        ),
                        instruction: self.route.task.as_ref().map(|task| &*task.instruction),
                        lossy: self.route.lossy,
                        ordinal,
                        until: self.answer_by(&chosen.target, deadline),
                    };
                    let failed = match attempt.run(flight, trail).await {
                        Ok(response) => {
                            planning.answered(health, &chosen.target);
                            return Ok(response);
                        }
                        Err(failed) => *failed,
                    };
                    let Failed { flight, trail: returned, last: failure, verbatim } = failed;
                    trail = returned;
                    let now = self.gateway.now();
                    let reported = flight.failed(failure.failure, failure.asked_ms, now);
                    let told = Told {
                        failure: failure.failure,
                        asked_ms: failure.asked_ms,
                        lone: reported.lone,
                    };
                    planning.failed(health, step, told, &mut trail, now);
                    let is_final = matches!(planning.attempts.given_up(), Some(Stop::Final(_)));
                    if let Some(response) = verbatim.filter(|_| is_final) {
                        trail.end(Ending::Failed(failure.failure));
                        return Ok(response);
                    }
                    let weight = self.weight(&chosen.target, failure.failure);
                    if weight >= heard {
                        (last, heard) = (Some(Box::new(failure)), weight);
                    }
                }
            }
        }
    }

    /// How much a failure has to say to the caller: a student that declines the least, whoever fails
    /// the most.
    fn weight(&self, target: &Target, failure: Failure) -> Weight {
        match failure {
            Failure::Declined if self.route.stands_in_for(target).is_some() => Weight::Student,
            Failure::Declined => Weight::Declined,
            _ => Weight::Failed,
        }
    }

    /// Holds the money, takes the probe's place where the gate asks for one, and notes the dispatch.
    fn take_off(
        &self,
        chosen: &Chosen,
        (key, again): (u8, bool),
        ordinal: u8,
        trail: &mut Trail,
    ) -> Result<Flight, ErrorReply> {
        let now = self.gateway.now();
        let target = &chosen.target;
        let held = self.hold(chosen, ordinal)?;
        self.gateway.health.dispatched(&Tried { target, key, began: now }, again);
        trail.dispatched(&target.name, now);
        Ok(Flight::new(self.gateway, target, key, held, self.estimated_in(), now))
    }

    fn hold(&self, chosen: &Chosen, ordinal: u8) -> Result<Held, ErrorReply> {
        let target = &chosen.target;
        let most = target.known.as_ref().map_or(0, |model| model.max_output);
        let most = if most == 0 { ASSUMED_OUTPUT } else { most };
        let order = Order {
            attempt: AttemptId { request: self.id, ordinal },
            key: self.caller.key.clone(),
            principal: self.caller.principal.clone(),
            team: self.caller.team.clone(),
            route: self.route.name.clone(),
            target: target.name.clone(),
            provider: target.provider.name.clone(),
            model: target.model.clone(),
            dialect: self.asked.dialect,
            stream: self.head.stream,
            estimated_in: self.estimated_in(),
            session: self.session.clone(),
            most_out: self.head.max_output_tokens.map_or(most, |asked| asked.min(most)),
            instead_of: self.route.stands_in_for(target).map(|teacher| InsteadOf {
                provider: teacher.provider.name.clone(),
                model: teacher.model.clone(),
                instruction_tokens: self.instruction_tokens(),
            }),
        };
        self.gateway.ledger.hold(order).map_err(|failure| {
            tracing::error!(%failure, "no hold could be written; the request is refused");
            errors::reply(
                ErrorKind::Overloaded,
                "ledger_unavailable",
                "the gateway cannot write its books right now and sends nothing that it could not account for",
            )
        })
    }

    /// The answer to a request that is given up.
    fn stopped(
        &self,
        stop: Stop,
        last: Option<&errors::LastFailure>,
        attempts: u8,
        trail: Trail,
    ) -> Response<ReplyBody> {
        if self.operation.is_some_and(|operation| operation.is_free) {
            trail.end(Ending::Answered);
            return count::estimated(self.estimated_in(), self.id);
        }
        trail.end(Ending::Failed(last.map_or(Failure::TimedOut, |last| last.failure)));
        let error = errors::stopped(stop, last, attempts);
        let mut response = errors::response(self.asked.dialect, &error, self.id);
        if let Some(wait) = last.and_then(errors::retry_after) {
            response.headers_mut().insert(header::RETRY_AFTER, wait);
        }
        response
    }

    /// When the answer of an attempt that goes out now must be there: all of it, or the first output
    /// of a stream. A stream that flows is bounded by its idle limit only.
    fn answer_by(&self, target: &Target, deadline: Instant) -> Instant {
        let limit = if self.head.stream {
            self.gateway.health.first_token_limit(target)
        } else {
            target.provider.limits.whole_answer
        };
        (Instant::now() + limit).min(deadline)
    }

    /// What routing needs to know, and whether other requests have the same draw and want to go where
    /// this one goes.
    fn facts(&self) -> (Facts, bool) {
        let session = self.session.as_ref().map(|key| sticky::of_session(key));
        let conversation = || {
            let is_spread = self.route.is_spread();
            is_spread.then(|| sticky::of_conversation(self.caller, self.head, &self.whole.body))
        };
        let held = session.or_else(|| conversation()?).filter(|_| self.route.sticky);
        let facts = Facts {
            input_tokens: self.estimated_in(),
            images: self.head.needs.images,
            tools: self.head.needs.tools,
            draw: held.unwrap_or_else(|| sticky::of_nobody(self.id)),
        };
        (facts, held.is_some())
    }

    /// What the task's instruction amounts to, which a student need not be told.
    fn instruction_tokens(&self) -> u64 {
        let task = self.route.task.as_ref();
        task.map_or(0, |task| task.instruction.len() as u64).div_ceil(BYTES_PER_TOKEN)
    }

    fn estimated_in(&self) -> u64 {
        self.head.input_bytes.div_ceil(BYTES_PER_TOKEN)
    }
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
