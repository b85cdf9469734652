//! A second attempt beside one that is slow, where a route pays for it: at the next target of another
//! provider, once the first has taken longer than usual. The first of the two to give output answers;
//! the other is cancelled, and booked like an attempt whose caller left.

use std::{
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use decide::retry_budget::{RetryBudget, RetryBudgetLimits};
use terms::outcome::Failure;
use terms::time::Moment;
use tokio::time::timeout;

use crate::{
    early::Early,
    flight::Flight,
    health::Health,
    plan::{Lost, Planning, Sending},
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
    pub(crate) trail: Trail,
    /// The other one, where it failed before; it is booked.
    pub(crate) lost: Option<Lost>,
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
    mut trail: Trail,
    (step, sending, flight): (usize, Sending, Flight),
) -> Landed {
    let gateway = &request.gateway;
    hedge.asked(gateway.now());
    let mut first = pin!(fetched(request.attempt(&sending), flight));
    let land = |(flight, outcome), trail, lost, step, sending: &Sending| {
        let sending = sending.clone();
        Landed { step, sending, flight, outcome, trail, lost }
    };
    let Some(delay) = hedge.delay(&gateway.health, &sending.target) else {
        return land(first.await, trail, None, step, &sending);
    };
    if let Ok(done) = timeout(delay, &mut first).await {
        return land(done, trail, None, step, &sending);
    }
    let beside = planning
        .hedge(&gateway.health, step, gateway.now(), || hedge.may_pay(gateway.now()))
        .and_then(|(other, second)| {
            let flight = request.take_off(&second, &mut trail).ok();
            if flight.is_none() {
                planning.attempts.left(other);
            }
            Some((other, second, flight?))
        });
    let Some((other, second, flight)) = beside else {
        return land(first.await, trail, None, step, &sending);
    };
    let mut beside = pin!(fetched(request.attempt(&second), flight));
    let ((flight, outcome), is_first) = tokio::select! {
        biased;
        done = &mut first => (done, true),
        done = &mut beside => (done, false),
    };
    let (at, sent, rival) = if is_first { (step, &sending, other) } else { (other, &second, step) };
    // A refusal of reasoning that can be left out is not its caller's fault.
    let outcome = outcome.map_err(|early| {
        let may_do = early.is_about_reasoning() && request.may_go_bare_at(&sent.target);
        if may_do { Early { failure: Failure::Mismatch, ..early } } else { early }
    });
    let early = match outcome {
        Err(early) if !planning.attempts.ends_at_once(at, early.failure) => early,
        outcome => {
            planning.attempts.left(rival);
            if !is_first {
                trail.reason.get_or_insert(HEDGED);
            }
            return land((flight, outcome), trail, None, at, sent);
        }
    };
    // One of the two failed. What comes next is decided when the other one has, too.
    trail.injected(&flight);
    let failed = request.attempt(sent).fail(early, flight, trail);
    let (lost, trail) = planning.book(at, failed);
    if is_first {
        land(beside.await, trail, Some(lost), other, &second)
    } else {
        land(first.await, trail, Some(lost), step, &sending)
    }
}
