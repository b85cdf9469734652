//! Copies of requests to a model whose end is announced, sent to its successor to see whether it does.
//! A copy is booked as an attempt of its own, under a principal and route that say so; nobody is
//! answered with it. How many there may be is decided in `decide::lifecycle`.

use std::sync::Arc;

use access::Caller;
use decide::{attempt::AttemptLimits, gate::Admission, heirs::Successors};
use terms::{
    dialect::Dialect,
    ids::{RouteName, TargetName},
    money::NanoUsd,
    outcome::Failure,
};
use wire::StopReason;

use crate::{
    history::Whole,
    plan::Sending,
    reply::{Answer, Try},
    request::Request,
    succession::heirs,
    table::{Route, Target},
};

/// Who asked for copies, in the books; the team is that of the request's own caller.
const MIRROR: &str = "outlast-mirror";

/// A request is answered by a model: a copy of it goes to the model's successor, where that is to be
/// checked.
pub(crate) fn consider(request: &Request, answering: &Target) {
    let lives = &request.gateway.health.lives;
    if !lives.mirrors(&answering.name) {
        return;
    }
    let is_ours = request.operation.is_none() && !answering.provider.is_in_process();
    let Route { successors, first_key_only, .. } = *request.route;
    // What lies at one provider cannot be read at another.
    if !is_ours || first_key_only || successors == Successors::None {
        return;
    }
    let table = request.gateway.table();
    let heir = heirs(&request.gateway.health, &table, answering, successors).into_iter().next();
    let Some(heir) = heir else { return };
    // What is shut, or returns step by step, is not kept from it by copies.
    let (admission, _) = request.gateway.health.admission(&heir, request.gateway.now());
    if admission != Admission::Open {
        return;
    }
    if !lives.begin_mirror(&answering.name) {
        return;
    }
    let copy = copy(request, answering, &heir);
    let original = answering.name.clone();
    // Ends with its limits; what is booked of it is settled also when the program stops before.
    tokio::spawn(async move { send(copy, heir, original).await });
}

fn copy(request: &Request, answering: &Target, heir: &Arc<Target>) -> Request {
    let gateway = &request.gateway;
    let caller =
        Caller { key: MIRROR.into(), principal: MIRROR.into(), team: request.caller.team.clone() };
    let (head, body) = request.whole.sent_to(&heir.provider.name);
    let name = RouteName::from(format!("mirror:{}", answering.name));
    let limits = AttemptLimits { attempts: 1, ..request.route.limits };
    let route = Route {
        streaming: request.route.streaming,
        lossy: request.route.lossy,
        task: request.route.task.clone(),
        ..Route::new(name, vec![Arc::clone(heir)], limits)
    };
    let said = (request.asked.clone(), Whole::alone(head.clone(), body.clone()));
    Request::of_the_house(gateway, gateway.new_request_id(), Arc::new(caller), said, route)
}

async fn send(request: Request, heir: Arc<Target>, original: TargetName) {
    let gateway = Arc::clone(&request.gateway);
    let key = gateway.health.keys(&heir, 0, gateway.now()).first().copied().unwrap_or(0);
    let target = Arc::clone(&heir);
    let sending = Sending { target, key, ordinal: 1, again: false, has_another: false };
    let lives = &gateway.health.lives;
    let Ok(mut flight) = request.depart(&sending) else {
        return lives.end_mirror(&original, None, NanoUsd::ZERO);
    };
    let attempt = request.attempt(&sending);
    let attempt = Try { gathers: attempt.head.stream, ..attempt };
    let outcome = attempt.fetch(&mut flight).await;
    let dialect = request.asked.dialect;
    let (outcome, cost) = match outcome {
        Ok((answer, _)) => {
            let whole = match answer {
                Answer::Whole(whole) => Some(whole),
                Answer::Stream(started) => wire::gathered(dialect, &started.ready),
                Answer::Passed(_) => None,
            };
            let cost = flight.answered(gateway.now());
            (Some(whole.map_or(Err("unreadable"), |whole| judge(dialect, &whole))), cost)
        }
        Err(early) => {
            let failure = early.failure;
            let is_injected = flight.injected.is_some();
            let (_, cost) = flight.failed_at_cost(failure, early.asked_ms, gateway.now());
            // A vendor's bad day, or a game day, says nothing of the model.
            let tells = !is_injected
                && matches!(
                    failure,
                    Failure::CallerFault
                        | Failure::Malformed
                        | Failure::ModelGone
                        | Failure::ContextOverflow
                        | Failure::PolicyRefusal
                        | Failure::Declined
                );
            (tells.then(|| Err(failure.name())), cost)
        }
    };
    lives.end_mirror(&original, outcome, cost);
}

/// Whether an answer is as it should be: whole, not empty, not refused.
fn judge(dialect: Dialect, whole: &bytes::Bytes) -> Result<(), &'static str> {
    let relayed = wire::relay_reply(dialect, dialect, whole).map_err(|_| "malformed")?;
    match relayed.stop {
        None => Err("no stop reason"),
        Some(StopReason::Refusal) => Err("refused"),
        Some(_) if relayed.output_bytes == 0 => Err("empty"),
        Some(_) => Ok(()),
    }
}
