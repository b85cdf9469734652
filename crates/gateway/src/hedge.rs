//! A second attempt beside one that is slow, where a route pays for it: at the next target of another
//! provider, once the first has taken longer than usual. The first of the two to give output answers;
//! the other is cancelled, and booked like an attempt whose caller left.

use std::{
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use decide::retry_budget::{RetryBudget, RetryBudgetLimits};
use terms::{outcome::Failure, time::Moment};
use tokio::time::timeout;

use crate::{
    early::Early,
    flight::Flight,
    health::Health,
    plan::{Planning, Sending, Told},
    reply::{Outcome, Try},
    request::Request,
    table::Target,
    trail::Trail,
};

/// The reason that is told where the second attempt answers.
pub(crate) const HEDGED: &str = "hedged";

/// Hedges are counted against the requests of so many milliseconds.
const WINDOW_MS: u64 = 60_000;

/// When a route makes a second attempt, and for how many of its requests.
#[derive(Debug, Clone)]
pub struct Hedge {
    /// `None`: once the target takes longer than 19 of 20 of its first tokens did.
    after: Option<Duration>,
    /// Shared by all copies of the route.
    budget: Arc<Mutex<RetryBudget>>,
}

impl Hedge {
    /// After this time, or where it is `None` after what the target usually takes; for at most this
    /// percentage of the route's requests, and one a minute.
    pub fn new(after: Option<Duration>, percent: u32) -> Self {
        let limits = RetryBudgetLimits { percent, floor: 1, window_ms: WINDOW_MS };
        Self { after, budget: Arc::new(Mutex::new(RetryBudget::new(limits))) }
    }

    fn delay(&self, health: &Health, target: &Target) -> Option<Duration> {
        self.after.or_else(|| health.usual_first_token(target))
    }

    fn asked(&self, now: Moment) {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner).asked(now);
    }

    fn may_pay(&self, now: Moment) -> bool {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner).withdraw(now)
    }
}

/// The attempt that the request goes on with, and what came of it.
pub(crate) struct Landed {
    pub(crate) step: usize,
    pub(crate) sending: Sending,
    pub(crate) flight: Flight,
    pub(crate) outcome: Outcome,
}

/// One of the two attempts, with its outcome.
async fn fetched(attempt: Try<'_>, mut flight: Flight) -> (Flight, Outcome) {
    let outcome = attempt.fetch(&mut flight).await;
    (flight, outcome)
}

/// Makes an attempt, and a second one where the first is slow.
pub(crate) async fn race(
    request: &Request,
    hedge: &Hedge,
    planning: &mut Planning,
    trail: &mut Trail,
    (step, sending, flight): (usize, Sending, Flight),
) -> Landed {
    let gateway = &request.gateway;
    hedge.asked(gateway.now());
    let mut first = pin!(fetched(request.attempt(&sending), flight));
    let land = |(flight, outcome), step, sending: &Sending| Landed {
        step,
        sending: sending.clone(),
        flight,
        outcome,
    };
    let Some(delay) = hedge.delay(&gateway.health, &sending.target) else {
        return land(first.await, step, &sending);
    };
    if let Ok(done) = timeout(delay, &mut first).await {
        return land(done, step, &sending);
    }
    let beside = planning
        .hedge(&gateway.health, step, gateway.now(), || hedge.may_pay(gateway.now()))
        .and_then(|(other, second)| {
            let flight = request.take_off(&second, trail).ok()?;
            Some((other, second, flight))
        });
    let Some((other, second, flight)) = beside else {
        return land(first.await, step, &sending);
    };
    let mut beside = pin!(fetched(request.attempt(&second), flight));
    let (done, is_first) = tokio::select! {
        biased;
        done = &mut first => (done, true),
        done = &mut beside => (done, false),
    };
    let (flight, outcome) = done;
    let (at, sent) = if is_first { (step, &sending) } else { (other, &second) };
    let early = match outcome {
        Err(early) if !is_final(&early) => early,
        outcome => {
            if !is_first && outcome.is_ok() {
                trail.reason.get_or_insert(HEDGED);
            }
            return land((flight, outcome), at, sent);
        }
    };
    // One of the two failed: it is booked, and the other is what is left.
    book(request, planning, trail, (at, flight, &early));
    if is_first { land(beside.await, other, &second) } else { land(first.await, step, &sending) }
}

/// What the caller is to see, whatever the other attempt says.
fn is_final(early: &Early) -> bool {
    matches!(
        early.failure,
        Failure::CallerFault | Failure::PolicyRefusal | Failure::ContextOverflow
    )
}

fn book(
    request: &Request,
    planning: &mut Planning,
    trail: &mut Trail,
    (step, flight, early): (usize, Flight, &Early),
) {
    let now = request.gateway.now();
    let Early { failure, asked_ms, .. } = *early;
    trail.injected(&flight);
    trail.failed_at(&flight.target.name, early);
    let lone = flight.failed(failure, asked_ms, now).lone;
    planning.failed(&request.gateway.health, step, Told { failure, asked_ms, lone }, trail, now);
}
