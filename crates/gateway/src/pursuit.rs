//! Going on with an answer that broke off after a part of it was sent: another target, or the same one
//! once more, is asked for the rest, in the best way that is left. Who is next is decided in
//! `decide::attempt`, how the rest is asked for and joined in `wire`.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use hyper::body::Incoming;
use terms::{
    dialect::Dialect,
    ids::TargetName,
    outcome::{Ending, Failure},
};
use tokio::time::sleep;
use wire::{ErrorReply, Head, Prefill, Prefills, Resumption, StreamRelay, Unfinished};

use crate::{
    early::Early,
    flight::Flight,
    plan::{Planning, Told, Turn},
    provider::Way,
    reply::Try,
    request::Request,
    stream::{Begun, broken},
    table::{BrokenStream, Target},
    trail::Trail,
};

/// Who may go on with an answer.
pub(crate) struct Pursuit {
    request: Request,
    planning: Planning,
    /// Whose answer it is, and how it was asked for the rest, if it was.
    step: usize,
    way: Option<Resumption>,
    /// What broke first, and whose.
    cause: Option<(Failure, TargetName)>,
    /// What was tried in vain, where it may do elsewhere.
    in_vain: Vec<(usize, Resumption)>,
    /// Whether a second telling was another one. A third would be, too.
    is_unlike: bool,
}

/// What came of it.
pub(crate) enum Pursued {
    /// Another stream goes on with it.
    On(Box<Begun>),
    /// It has its end, whole or with an error; the books are closed.
    Ended(BytesMut),
}

impl Pursuit {
    /// `None` where the route or the request wants an error instead.
    pub(crate) fn new(request: Request, planning: Planning, step: usize) -> Option<Box<Self>> {
        let wanted = request.route.streaming.broken == BrokenStream::Continue;
        (wanted && request.operation.is_none()).then(|| {
            Box::new(Self {
                request,
                planning,
                step,
                way: None,
                cause: None,
                in_vain: Vec::new(),
                is_unlike: false,
            })
        })
    }

    /// What a target was asked.
    pub(crate) fn asked(&self, target: &Target) -> (&Head, &Bytes) {
        self.request.whole.sent_to(&target.provider.name)
    }

    /// Asks for the rest. The flight is that of the stream that broke off.
    pub(crate) async fn go_on(mut self: Box<Self>, mut broken: Broken) -> Pursued {
        self.book(&mut broken);
        let Broken { mut unfinished, mut trail, .. } = broken;
        let mut ready = BytesMut::new();
        loop {
            let gateway = Arc::clone(&self.request.gateway);
            let turn = self.planning.next(&gateway.health, &mut trail, gateway.now());
            let (step, sending) = match turn {
                Turn::Wait(ms) => {
                    trail.waits(ms);
                    sleep(Duration::from_millis(ms)).await;
                    continue;
                }
                Turn::Stop(_) => return self.given_up(unfinished, trail, ready),
                Turn::Send { step, sending } => (step, sending),
            };
            let Some(way) = self.way_on(step, &unfinished) else {
                return self.given_up(unfinished, trail, ready);
            };
            let Ok(mut flight) = self.request.take_off(&sending, &mut trail) else {
                return self.given_up(unfinished, trail, ready);
            };
            trail.asks_for_rest(&sending.target.name, way);
            let attempt = self.request.attempt(&sending);
            match attempt.resume(unfinished, way, &mut flight, &mut ready).await {
                Ok((relay, upstream)) => {
                    self.step = step;
                    self.way = Some(way);
                    return self.going(relay, upstream, flight, trail, ready);
                }
                Err(unresumed) => {
                    let Unresumed { early, unfinished: left } = *unresumed;
                    trail.injected(&flight);
                    trail.noted_failure(&flight.target.name, &early);
                    let is_about_reasoning = early.is_about_reasoning();
                    let Early { failure, asked_ms, .. } = early;
                    match left {
                        Ok(left)
                            if is_about_reasoning && self.request.goes_bare_at(&sending.target) =>
                        {
                            self.planning.asked_otherwise(step, flight);
                            unfinished = left;
                        }
                        Ok(left) => {
                            let failed = (failure, asked_ms);
                            self.unresumed(flight, step, way, failed, &left, &mut trail);
                            unfinished = left;
                        }
                        Err(relay) => {
                            flight.failed(failure, asked_ms, self.request.gateway.now());
                            let id = trail.id.to_string();
                            ready.extend_from_slice(&relay.error_event(&self.told(), &id));
                            trail.end(Ending::Failed(self.cause_of_it()));
                            return Pursued::Ended(ready);
                        }
                    }
                }
            }
        }
    }

    /// Books the stream that broke off, or that told another answer in its middle.
    fn book(&mut self, broken: &mut Broken) {
        let Some(flight) = broken.flight.take() else { return };
        let now = self.request.gateway.now();
        let failure = broken.failure;
        let name = &flight.target.name;
        self.cause.get_or_insert_with(|| (failure, name.clone()));
        match (failure, self.way) {
            (Failure::Mismatch, Some(way)) => {
                let Broken { unfinished, trail, .. } = broken;
                trail.noted_failure(name, &Early::of(failure));
                self.unresumed(flight, self.step, way, (failure, None), unfinished, trail);
            }
            _ => {
                broken.trail.broke(name, failure, now);
                let learned = flight.failed(failure, None, now);
                // One that fell silent in its middle is no silent target: it may be asked again.
                let told = Told { failure: Failure::Cut, asked_ms: None, lone: learned.lone };
                let health = &self.request.gateway.health;
                self.planning.failed(health, self.step, told, &mut broken.trail, now);
            }
        }
    }

    /// Another target goes on, or has said all of it at once.
    fn going(
        mut self: Box<Self>,
        relay: StreamRelay,
        upstream: Option<Incoming>,
        mut flight: Flight,
        mut trail: Trail,
        ready: BytesMut,
    ) -> Pursued {
        let gateway = Arc::clone(&self.request.gateway);
        let now = gateway.now();
        trail.goes_on_by(&flight.target.name, now);
        self.planning.answered(&gateway.health, &flight.target);
        let Some(upstream) = upstream else {
            trail.left_out(&relay);
            flight.answered(now);
            trail.end(Ending::Answered);
            return Pursued::Ended(ready);
        };
        flight.first_token(now);
        let keeping = self.request.keeping.clone();
        let pursuit = Some(self);
        let begun = Begun { gateway, upstream, relay, ready, flight, trail, keeping, pursuit };
        Pursued::On(Box::new(begun))
    }

    /// The best way that is left at a target.
    fn way_on(&self, step: usize, unfinished: &Unfinished) -> Option<Resumption> {
        let target = &self.planning.steps[step];
        let (_, body) = self.request.whole.sent_to(&target.provider.name);
        let ways = unfinished.resumptions(body, self.prefills(target));
        ways.into_iter().find(|way| {
            let unlike = self.is_unlike && *way == Resumption::Restart;
            !unlike && !self.in_vain.contains(&(step, *way))
        })
    }

    /// Whether the target goes on from a last turn of its own: only what is known to is asked to.
    fn prefills(&self, target: &Target) -> Prefills {
        let known = target.known.as_ref().is_some_and(|model| model.capabilities.prefill);
        let Way::Remote { endpoint, .. } =
            target.provider.way(self.request.asked.dialect, &target.model, 0)
        else {
            return Prefills::No;
        };
        match endpoint.dialect {
            Dialect::AnthropicMessages | Dialect::BedrockConverse if known => Prefills::Natively,
            // Where the model reasons, the rest might be taken for reasoning.
            _ if target.capabilities().reasoning => Prefills::No,
            _ if endpoint.habits.prefill != Prefill::Unknown => Prefills::ByHabit,
            _ => Prefills::No,
        }
    }

    /// A target did not go on.
    fn unresumed(
        &mut self,
        flight: Flight,
        step: usize,
        way: Resumption,
        (failure, asked_ms): (Failure, Option<u64>),
        unfinished: &Unfinished,
        trail: &mut Trail,
    ) {
        let now = self.request.gateway.now();
        // The caller was not at fault before: it is what was added that is not taken.
        let by_the_way = matches!(
            failure,
            Failure::Mismatch
                | Failure::CallerFault
                | Failure::PolicyRefusal
                | Failure::ContextOverflow
                | Failure::Declined
        );
        let gateway = Arc::clone(&self.request.gateway);
        let health = &gateway.health;
        if !by_the_way {
            let learned = flight.failed(failure, asked_ms, now);
            let told = Told { failure, asked_ms, lone: learned.lone };
            return self.planning.failed(health, step, told, trail, now);
        }
        flight.failed(Failure::Mismatch, None, now);
        self.in_vain.push((step, way));
        self.is_unlike |= failure == Failure::Mismatch && way == Resumption::Restart;
        if self.way_on(step, unfinished).is_some() {
            self.planning.mismatched(health, step, trail, now);
        } else {
            let told = Told { failure: Failure::Mismatch, asked_ms: None, lone: false };
            self.planning.failed(health, step, told, trail, now);
        }
    }

    /// Nobody can go on.
    fn given_up(
        self: Box<Self>,
        mut unfinished: Unfinished,
        trail: Trail,
        mut ready: BytesMut,
    ) -> Pursued {
        if let Some(kept) = unfinished.end_with_calls(&mut ready) {
            if let (Some(keeping), Some(reply)) = (&self.request.keeping, kept) {
                let provider = &self.planning.steps[self.step].provider.name;
                keeping.keep(&self.request.gateway, provider, &reply);
            }
            trail.end(Ending::Answered);
        } else {
            let id = trail.id.to_string();
            ready.extend_from_slice(&unfinished.error_event(&self.told(), &id));
            trail.end(Ending::Failed(self.cause_of_it()));
        }
        Pursued::Ended(ready)
    }

    /// What the caller is told in the end.
    fn told(&self) -> ErrorReply {
        let target = self.cause.as_ref().map_or("the target", |(_, target)| target.as_str());
        broken(self.cause_of_it(), target)
    }

    fn cause_of_it(&self) -> Failure {
        self.cause.as_ref().map_or(Failure::Cut, |(failure, _)| *failure)
    }
}

/// An answer that broke off, and what belongs to it.
pub(crate) struct Broken {
    pub(crate) unfinished: Unfinished,
    /// Of the stream that broke off, until it is booked.
    pub(crate) flight: Option<Flight>,
    pub(crate) failure: Failure,
    pub(crate) trail: Trail,
}

/// How a target did not go on, with what is to be gone on with.
pub(crate) struct Unresumed {
    early: Early,
    /// Otherwise the relay, whose caller can only be told of an error.
    unfinished: Result<Unfinished, Box<StreamRelay>>,
}

impl Try<'_> {
    /// Asks for the rest of an answer, and waits for the first output. What is said beyond the part that
    /// was sent is appended to `ready`.
    async fn resume(
        &self,
        unfinished: Unfinished,
        resumption: Resumption,
        flight: &mut Flight,
        ready: &mut BytesMut,
    ) -> Result<(StreamRelay, Option<Incoming>), Box<Unresumed>> {
        let not_sent =
            |early, unfinished| Box::new(Unresumed { early, unfinished: Ok(unfinished) });
        let Way::Remote { endpoint, credential } = self.way else {
            return Err(not_sent(Early::of(Failure::Declined), unfinished));
        };
        let target = Arc::clone(&flight.target);
        let upstream = self.upstream(endpoint, &target);
        let asked = unfinished.request(resumption, self.head, self.body, &upstream, self.lossy);
        let sent = match asked {
            Ok(encoded) => self.dispatch(endpoint, credential, encoded, flight).await,
            Err(cannot_say) => Err(Early::declined(cannot_say.into())),
        };
        let response = match sent {
            Ok((response, _)) => response,
            Err(early) => return Err(not_sent(early, unfinished)),
        };
        let from = endpoint.dialect;
        let mut relay =
            unfinished.relay(resumption, endpoint.framing(), from, target.provider.name.as_str());
        match self.first_output(from, response, &mut relay, ready, flight).await {
            Ok(upstream) => Ok((relay, upstream)),
            Err(early) => {
                let unfinished = relay.into_unfinished().map_err(|(relay, _)| relay);
                Err(Box::new(Unresumed { early, unfinished }))
            }
        }
    }
}
