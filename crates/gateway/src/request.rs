//! A request that may go out: everything that an attempt of it needs, kept together and owned, because
//! a stream may have to be gone on with long after its beginning was sent.

use std::{sync::Arc, time::Duration};

use access::Caller;
use decide::{route::Facts, signs::Origin};
use ledger::{Held, InsteadOf, Order};
use terms::{
    breaker::SessionKey,
    ids::{AttemptId, RequestId},
};
use tokio::time::Instant;
use wire::{ErrorKind, ErrorReply, Head};

use crate::{
    canary::CANARY,
    chaos::ChaosFault,
    errors,
    flight::{BYTES_PER_TOKEN, Flight, Watched},
    gateway::Gateway,
    health::Tried,
    hedge::Hedge,
    history::Whole,
    keeping::Keeping,
    operation::Operation,
    outgoing::Asked,
    plan::Sending,
    reply::Try,
    room::Room,
    sticky,
    table::{Route, Target},
    trail::Trail,
};

/// Output tokens assumed for the hold where neither the request nor the catalog bounds them.
const ASSUMED_OUTPUT: u64 = 32_000;

/// A request that may go out.
pub(crate) struct Request {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) caller: Arc<Caller>,
    pub(crate) session: Option<Arc<SessionKey>>,
    pub(crate) id: RequestId,
    pub(crate) asked: Asked,
    pub(crate) operation: Option<&'static Operation>,
    pub(crate) whole: Whole,
    pub(crate) keeping: Option<Keeping>,
    pub(crate) route: Arc<Route>,
    /// What its caller wants to go wrong with its first attempt.
    pub(crate) wanted_fault: Option<ChaosFault>,
    /// When nothing new is started any more.
    pub(crate) deadline: Instant,
    /// What its body takes of the room for bodies.
    pub(crate) _room: Room,
}

impl Request {
    /// A request of the house's own: it belongs to no session, and nothing of it is kept.
    pub(crate) fn of_the_house(
        gateway: &Arc<Gateway>,
        id: RequestId,
        caller: Arc<Caller>,
        (asked, whole): (Asked, Whole),
        route: Route,
    ) -> Self {
        Self {
            gateway: Arc::clone(gateway),
            caller,
            session: None,
            id,
            asked,
            operation: None,
            whole,
            keeping: None,
            wanted_fault: None,
            deadline: Instant::now() + Duration::from_millis(route.limits.deadline_ms),
            route: Arc::new(route),
            _room: Room::new(&gateway.bodies, gateway.intake.all_bodies_bytes),
        }
    }

    /// One attempt at a planned target.
    pub(crate) fn attempt<'a>(&'a self, sending: &'a Sending) -> Try<'a> {
        let Sending { target, key, ordinal, has_another, .. } = sending;
        let provider = &target.provider.name;
        let ((head, body), left_out) =
            (self.whole.sent_to(provider), self.whole.left_out_at(provider));
        // What failed as a stream may do as a whole: clients ask so, too, when a stream broke.
        let is_understood = self.operation.is_none() && !target.provider.is_in_process();
        let may_stream = is_understood && !head.stream && !sending.again;
        let wanted = may_stream.then_some(self.route.streaming.upstream);
        let Gateway { health, .. } = &*self.gateway;
        let outlook = health.outlook(target, wanted, self.gateway.now());
        let is_streamed = outlook.is_streamed || head.stream;
        // When the answer must be there: all of it, or the first output of a stream. A stream that flows
        // is bounded by its idle limit only.
        let answer_by = |limit: Duration| (Instant::now() + limit).min(self.deadline);
        let whole_until = answer_by(target.provider.limits.whole_answer);
        // A target that may compute all of its answer before its first byte is not left for nobody.
        let waits_for_whole = !head.stream && !has_another && !outlook.is_known_to_stream;
        let is_quick = is_streamed && !waits_for_whole;
        Try {
            gateway: &self.gateway,
            asked: &self.asked,
            head,
            body,
            left_out,
            keeping: self.keeping.as_ref(),
            operation: self.operation,
            way: target.provider.way(self.asked.dialect, &target.model, *key),
            instruction: self.route.task.as_ref().map(|task| &*task.instruction),
            lossy: self.route.lossy,
            streaming: self.route.streaming,
            ordinal: *ordinal,
            is_streamed,
            gathers: false,
            until: if is_quick { answer_by(outlook.first_token) } else { whole_until },
            whole_until,
        }
    }

    /// A target refuses the reasoning of earlier turns: its provider is sent none any more. False where
    /// it was sent none.
    pub(crate) fn goes_bare_at(&mut self, target: &Target) -> bool {
        self.operation.is_none() && self.whole.goes_bare_at(self.asked.dialect, target)
    }

    /// Whether a target can be sent less reasoning than it was.
    pub(crate) fn may_go_bare_at(&self, target: &Target) -> bool {
        self.operation.is_none() && self.whole.less_at(self.asked.dialect, target).is_some()
    }

    /// How a second attempt is made beside this one, should it be slow; `None` where there is to be none.
    pub(crate) fn hedge(&self, sending: &Sending) -> Option<&Hedge> {
        let is_remote = !sending.target.provider.is_in_process();
        let may = self.operation.is_none() && sending.ordinal == 1 && is_remote;
        self.route.hedge.as_ref().filter(|_| may)
    }

    /// An attempt goes out, and the trail is told of it.
    pub(crate) fn take_off(
        &self,
        sending: &Sending,
        trail: &mut Trail,
    ) -> Result<Flight, ErrorReply> {
        let mut flight = self.depart(sending)?;
        trail.dispatched(&sending.target.name, flight.began());
        trail.sent(sending);
        flight.watched = self.watched(&sending.target);
        Ok(flight)
    }

    /// Holds the money, and takes the probe's place where the gate asks for one.
    pub(crate) fn depart(&self, sending: &Sending) -> Result<Flight, ErrorReply> {
        let now = self.gateway.now();
        let Sending { target, key, again, .. } = sending;
        let held = self.hold(sending)?;
        let tried = Tried { target, key: *key, began: now };
        let idle = self.gateway.health.dispatched(&tried, *again);
        let asked = (self.estimated_in(), !self.head().stream);
        let mut flight = Flight::new(&self.gateway, sending, held, asked, (now, idle));
        flight.fault = self.fault(sending);
        Ok(flight)
    }

    /// Whose answer it is and of what kind of work, where it tells how its target answers.
    fn watched(&self, target: &Target) -> Option<Watched> {
        let is_remote = !target.provider.is_in_process();
        let principal = self.caller.principal.as_str();
        let is_live = self.operation.is_none() && is_remote && principal != CANARY;
        is_live.then(|| {
            let Head { stream, needs, .. } = self.head();
            let flags = [*stream, needs.tools, needs.json, needs.images];
            let flags = flags.into_iter().fold(0, |bits, flag| bits << 1 | u64::from(flag));
            // Questions of very different lengths are different work: a step for every factor of 16.
            let length = u64::from(u64::BITS - self.estimated_in().leading_zeros()) / 4;
            let kind = length << 4 | flags;
            let origin = Origin::of(principal, self.route.name.as_str(), kind);
            Watched { origin, wants_json: needs.json }
        })
    }

    fn hold(&self, sending: &Sending) -> Result<Held, ErrorReply> {
        let Sending { target, ordinal, .. } = sending;
        let most = target.known.as_ref().map_or(0, |model| model.max_output);
        let most = if most == 0 { ASSUMED_OUTPUT } else { most };
        let order = Order {
            attempt: AttemptId { request: self.id, ordinal: *ordinal },
            key: self.caller.key.clone(),
            principal: self.caller.principal.clone(),
            team: self.caller.team.clone(),
            route: self.route.name.clone(),
            target: target.name.clone(),
            provider: target.provider.name.clone(),
            model: target.model.clone(),
            dialect: self.asked.dialect,
            stream: self.head().stream,
            estimated_in: self.estimated_in(),
            session: self.session.clone(),
            most_out: self.head().max_output_tokens.map_or(most, |asked| asked.min(most)),
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

    /// What goes wrong with an attempt on purpose.
    fn fault(&self, sending: &Sending) -> Option<ChaosFault> {
        let wanted = self.wanted_fault.filter(|_| sending.ordinal == 1);
        wanted.or_else(|| self.gateway.chaos.fault(&sending.target.name, self.gateway.now()))
    }

    /// What routing needs to know, and whether other requests have the same draw and want to go where
    /// this one goes.
    pub(crate) fn facts(&self) -> (Facts, bool) {
        let session = self.session.as_ref().map(|key| sticky::of_session(key));
        let conversation = || {
            // Also where a share of the requests goes to a successor: a conversation stays on its side.
            let gives_way =
                |target: &Arc<Target>| self.gateway.health.lives.gives_way(&target.name);
            let is_spread = self.route.is_spread() || self.route.targets.iter().any(gives_way);
            is_spread.then(|| sticky::of_conversation(&self.caller, self.head(), &self.whole.body))
        };
        let held = session.or_else(|| conversation()?).filter(|_| self.route.sticky);
        let facts = Facts {
            input_tokens: self.estimated_in(),
            images: self.head().needs.images,
            tools: self.head().needs.tools,
            draw: held.unwrap_or_else(|| sticky::of_nobody(self.id)),
        };
        (facts, held.is_some())
    }

    /// What the task's instruction amounts to, which a student need not be told.
    fn instruction_tokens(&self) -> u64 {
        let task = self.route.task.as_ref();
        task.map_or(0, |task| task.instruction.len() as u64).div_ceil(BYTES_PER_TOKEN)
    }

    pub(crate) fn estimated_in(&self) -> u64 {
        self.head().input_bytes.div_ceil(BYTES_PER_TOKEN)
    }

    pub(crate) fn head(&self) -> &Head {
        &self.whole.head
    }
}
