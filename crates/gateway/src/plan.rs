//! From a route and what is known of its targets to the attempts of one request. Gathers values for
//! `decide`, and tells the trail of every target that is passed by.

use std::sync::Arc;

use decide::{
    attempt::{Attempts, Next, Planned, Stop},
    gate::Admission,
    heirs::Successors,
    route::{Candidate, Facts, Plan, SkipReason, route},
    spray::{self, Place, Spray},
};
use http::Response;
use terms::{ids::TargetName, outcome::Failure, time::Moment, usage::Usage};

use crate::{
    body::ReplyBody,
    errors::LastFailure,
    flight::Flight,
    gateway::Gateway,
    health::{Health, Look},
    reply::Failed,
    succession::{Succession, new_heirs},
    table::{OnDegraded, Route, Target},
    trail::Trail,
};

/// A question and its answer, for the price of one target against another's: three tokens in to one out.
const USUAL: (u64, u64) = (3_000, 1_000);

/// An attempt that goes out: where, with which of the provider's keys, and which attempt it is.
#[derive(Debug, Clone)]
pub(crate) struct Sending {
    pub(crate) target: Arc<Target>,
    pub(crate) key: u8,
    /// 1 for the request's first.
    pub(crate) ordinal: u8,
    /// Its request asked the provider before.
    pub(crate) again: bool,
    /// Another target may still have its first try.
    pub(crate) has_another: bool,
}

/// What to do now.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Send to the target of this step.
    Send { step: usize, sending: Sending },
    /// Wait this many milliseconds, then ask again.
    Wait(u64),
    /// Give up.
    Stop(Stop),
}

/// What a sprayed request is held to, and where the spray alone sends it.
#[derive(Debug, Clone, Copy)]
struct Sticky {
    session: u64,
    by_itself: Option<u64>,
}

/// What is planned for a request.
#[derive(Debug)]
pub(crate) struct Planning {
    /// In the order of trying.
    pub(crate) steps: Vec<Arc<Target>>,
    pub(crate) attempts: Attempts,
    sticky: Option<Sticky>,
    /// Who may answer for a target that turns out to be gone.
    successors: Successors,
    /// Successors among the steps, and for whom each stands in.
    stand_ins: Vec<(TargetName, TargetName)>,
    draw: u64,
    first_key_only: bool,
}

/// Plans a request. `draw` decides where a spray sends it and which key it shows; `held` tells that
/// other requests have the same and want to go where it went.
pub(crate) fn plan(
    gateway: &Gateway,
    chosen: &Route,
    facts: &Facts,
    held: bool,
    trail: &mut Trail,
    now: Moment,
) -> Planning {
    let (targets, sticky) = preferred_order(gateway, chosen, facts.draw, held, now);
    let looks = gateway.health.look(&targets, facts.draw, now);
    let succession = Succession::of(gateway, chosen, &targets, &looks, facts.draw);
    let replaced = targets.first().and_then(|first| succession.as_ref()?.preferred(first));
    let (targets, looks) = match &succession {
        None => (targets, looks),
        Some(succession) => {
            let targets: Vec<&Arc<Target>> = succession.targets.iter().collect();
            let looks = gateway.health.look(&targets, facts.draw, now);
            (targets, looks)
        }
    };
    let candidates: Vec<Candidate<'_>> = targets
        .iter()
        .zip(&looks)
        .map(|(target, Look { admission, is_degraded, .. })| {
            let (admission, failure) = *admission;
            let is_degraded = chosen.on_degraded == OnDegraded::Shift && *is_degraded;
            let (target, model) = (&target.name, target.known.as_ref());
            Candidate { target, model, admission, failure, is_degraded }
        })
        .collect();
    let plan = route(facts, &candidates);
    let (preferred, reason) = match replaced {
        Some((name, reason)) => (Some(name), Some(reason.name())),
        None => {
            let (preferred, reason) = preference(&targets, &plan);
            (preferred.map(|target| &target.name), reason)
        }
    };
    trail.planned(&chosen.name, preferred.cloned(), reason);
    for (name, reason) in succession.iter().flat_map(|succession| &succession.replaced) {
        trail.skipped(name, *reason);
    }
    let is_replaced = |name: &TargetName| {
        succession
            .iter()
            .flat_map(|succession| &succession.replaced)
            .any(|(other, _)| other == name)
    };
    for (skipped, reason) in &plan.skips {
        let name = &targets[*skipped].name;
        if !is_replaced(name) {
            trail.skipped(name, *reason);
        }
    }
    let steps: Vec<Arc<Target>> =
        plan.steps.iter().map(|step| Arc::clone(targets[step.candidate])).collect();
    let keys = plan.steps.iter().map(|step| {
        if chosen.first_key_only { vec![0] } else { looks[step.candidate].keys.clone() }
    });
    trail.steps(&steps);
    let attempts = Attempts::new(planned(&steps, keys), chosen.limits, now);
    Planning {
        steps,
        attempts,
        sticky,
        successors: chosen.successors,
        stand_ins: succession.map_or_else(Vec::new, |succession| succession.stand_ins),
        draw: facts.draw,
        first_key_only: chosen.first_key_only,
    }
}

/// The targets of a route in the order in which this request prefers them: those that have weights
/// change places among themselves.
fn preferred_order<'r>(
    gateway: &Gateway,
    chosen: &'r Route,
    draw: u64,
    held: bool,
    now: Moment,
) -> (Vec<&'r Arc<Target>>, Option<Sticky>) {
    let mut targets: Vec<&Arc<Target>> = chosen.targets.iter().collect();
    let sprayed: Vec<usize> =
        (0..targets.len()).filter(|index| chosen.weight(*index).is_some()).collect();
    if chosen.spray == Spray::Order && chosen.prefers_cost {
        cheapest_first(gateway, chosen, &sprayed, &mut targets);
    }
    if chosen.spray == Spray::Order || sprayed.len() < 2 {
        return (targets, None);
    }
    let weights: Vec<f64> = sprayed.iter().filter_map(|index| chosen.weight(*index)).collect();
    let weights = match chosen.spray {
        Spray::Order | Spray::Weights => weights,
        Spray::Adaptive => {
            let weighed = |(index, weight): (&usize, f64)| {
                let target: &Target = targets[*index];
                (target, weight, price(gateway, target))
            };
            let weighed: Vec<_> = sprayed.iter().zip(weights).map(weighed).collect();
            spray::adaptive(&gateway.health.merits(&weighed, now))
        }
    };
    let places: Vec<Place> = sprayed
        .iter()
        .zip(weights)
        .map(|(index, weight)| Place { id: place(targets[*index]), weight })
        .collect();
    let mut order = spray::order(&places, draw);
    let sticky = held.then(|| {
        // What the adaptive spray thinks moves from request to request: its sessions are all remembered.
        let first = order.first().map(|first| places[*first].id);
        let by_itself = first.filter(|_| chosen.spray == Spray::Weights);
        Sticky { session: spray::hash(chosen.name.as_str().as_bytes()) ^ draw, by_itself }
    });
    let pin = sticky.and_then(|sticky| gateway.health.pin(sticky.session));
    if let Some(pinned) = order.iter().position(|other| Some(places[*other].id) == pin) {
        order[..=pinned].rotate_right(1);
    }
    for (at, index) in sprayed.iter().zip(order) {
        targets[*at] = &chosen.targets[sprayed[index]];
    }
    (targets, sticky)
}

/// The targets that may change places, by what a usual question costs there; those that cost the same
/// keep their order.
fn cheapest_first<'r>(
    gateway: &Gateway,
    chosen: &'r Route,
    moving: &[usize],
    targets: &mut [&'r Arc<Target>],
) {
    let mut order: Vec<(f64, usize)> =
        moving.iter().map(|index| (price(gateway, &chosen.targets[*index]), *index)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (at, (_, index)) in moving.iter().zip(order) {
        targets[*at] = &chosen.targets[index];
    }
}

fn place(target: &Target) -> u64 {
    spray::hash(target.name.as_str().as_bytes())
}

/// What a usual question costs there, as the books will have it.
fn price(gateway: &Gateway, target: &Target) -> f64 {
    let (uncached_in, visible_out) = USUAL;
    let usage = Usage { uncached_in, visible_out, ..Usage::default() };
    let book = gateway.ledger.prices();
    let cost = book.quote(&target.provider.name, &target.model).cost(&usage);
    cost.0 as f64
}

/// The target that answers when all is well, which is the first that can do what is asked, and why it
/// does not stand first now.
fn preference<'t>(
    targets: &[&'t Arc<Target>],
    plan: &Plan,
) -> (Option<&'t Arc<Target>>, Option<&'static str>) {
    let skip_of = |index: usize| {
        plan.skips.iter().find(|(skipped, _)| *skipped == index).map(|(_, reason)| *reason)
    };
    for (index, target) in targets.iter().enumerate() {
        let skip = skip_of(index);
        if let Some(SkipReason::Degraded) = skip {
            return (Some(target), skip.map(SkipReason::name));
        }
        match skip.map(SkipReason::failure) {
            None => return (Some(target), None),
            Some(Some(failure)) => return (Some(target), Some(failure.name())),
            // It cannot do what is asked.
            Some(None) => {}
        }
    }
    (targets.first().copied(), None)
}

fn planned(steps: &[Arc<Target>], keys: impl Iterator<Item = Vec<u8>>) -> Vec<Planned> {
    let provider_of = |step: &Target| {
        steps
            .iter()
            .position(|other| other.provider.name == step.provider.name)
            .expect("a step stands among the steps")
    };
    steps
        .iter()
        .zip(keys)
        .map(|(step, keys)| Planned {
            provider: provider_of(step),
            context_window: step.known.as_ref().map_or(0, |model| model.context_window),
            keys,
        })
        .collect()
}

impl Planning {
    /// What to do now.
    pub(crate) fn next(&mut self, health: &Health, trail: &mut Trail, now: Moment) -> Turn {
        loop {
            let (step, key, ordinal) = match self.attempts.next(now) {
                Next::Send { step, key, ordinal } => (step, key, ordinal),
                Next::Wait(ms) => return Turn::Wait(ms),
                Next::Stop(stop) => return Turn::Stop(stop),
            };
            if self.is_overtaken(health, step, trail, now) {
                continue;
            }
            let (target, again) = (Arc::clone(&self.steps[step]), self.attempts.is_resend(step));
            let has_another = self.attempts.has_another(step);
            let sending = Sending { target, key, ordinal, again, has_another };
            return Turn::Send { step, sending };
        }
    }

    /// A second attempt beside the one at `step` that is under way, where a target of another provider is open for it and
    /// somebody pays.
    pub(crate) fn hedge(
        &mut self,
        health: &Health,
        step: usize,
        now: Moment,
        may_pay: impl Fn() -> bool,
    ) -> Option<(usize, Sending)> {
        let Self { steps, attempts, .. } = self;
        // Paid for once one is found.
        let may =
            |step: usize| health.admission(&steps[step], now).0 == Admission::Open && may_pay();
        let (step, key, ordinal) = attempts.hedge(step, may, now)?;
        let has_another = attempts.has_another(step);
        let target = Arc::clone(&steps[step]);
        Some((step, Sending { target, key, ordinal, again: false, has_another }))
    }

    /// The gate of the step whose turn it is has shut since the plan was made, and another is open: that
    /// one is next.
    fn is_overtaken(
        &mut self,
        health: &Health,
        step: usize,
        trail: &mut Trail,
        now: Moment,
    ) -> bool {
        let Self { steps, attempts, .. } = self;
        let admission = |step: usize| health.admission(&steps[step], now).0;
        if !matches!(admission(step), Admission::Shut { .. }) {
            return false;
        }
        let overtaken = attempts.pass_over(
            step,
            |other| admission(other).is_open(),
            |first| health.resend(&steps[first].provider.name, now),
        );
        if overtaken {
            trail.skipped(&steps[step].name, SkipReason::Overtaken);
        }
        self.tell_refused(trail);
        overtaken
    }

    /// The attempt at `step` failed: its gate learns it, its books are closed, and what comes next is
    /// decided, unless another attempt is under way.
    pub(crate) fn book(&mut self, step: usize, failed: Failed) -> (Lost, Trail) {
        let Failed { flight, mut trail, last, verbatim } = failed;
        let LastFailure { failure, asked_ms, .. } = last;
        let (target, now) = (Arc::clone(&flight.target), flight.now());
        let lone = flight.failed(failure, asked_ms, now).lone;
        let health = Arc::clone(&trail.gateway().health);
        self.failed(&health, step, Told { failure, asked_ms, lone }, &mut trail, now);
        (Lost { target, last, verbatim }, trail)
    }

    /// The same of an attempt that is booked.
    pub(crate) fn failed(
        &mut self,
        health: &Health,
        step: usize,
        told: Told,
        trail: &mut Trail,
        now: Moment,
    ) {
        let Told { failure, asked_ms, lone } = told;
        let original = self.stood_in_for(&self.steps[step].name);
        if let Some(original) = original.filter(|_| !trail.is_injected()) {
            health.lives.stood_in(original, Err(failure));
        }
        if failure == Failure::ModelGone {
            self.adopt(trail.gateway(), step, now);
        }
        let Self { steps, attempts, .. } = self;
        attempts.failed(step, failure, asked_ms, lone, now, |first| {
            health.resend(&steps[first].provider.name, now)
        });
        self.tell_refused(trail);
    }

    /// The attempt at `step` failed by what it was asked, not by its target or its caller, and is made
    /// once more otherwise, at nobody's cost: its provider has done nothing yet. It must be one that may
    /// be made again.
    pub(crate) fn asked_otherwise(&mut self, step: usize, flight: Flight) {
        let now = flight.now();
        flight.failed(Failure::Mismatch, None, now);
        self.attempts.mismatched(step, now, |_| true);
    }

    /// The target of a step could not go on with another's answer, and is asked in another way.
    pub(crate) fn mismatched(
        &mut self,
        health: &Health,
        step: usize,
        trail: &mut Trail,
        now: Moment,
    ) {
        let Self { steps, attempts, .. } = self;
        attempts.mismatched(step, now, |first| health.resend(&steps[first].provider.name, now));
        self.tell_refused(trail);
    }

    /// The target of a step answers: its session stays there.
    pub(crate) fn answered(&mut self, health: &Health, target: &Target) {
        self.attempts.answered();
        if let Some(Sticky { session, by_itself }) = self.sticky {
            health.repin(session, place(target), by_itself);
        }
        if let Some(original) = self.stood_in_for(&target.name) {
            health.lives.stood_in(original, Ok(()));
        }
    }

    /// In whose place a target answers.
    fn stood_in_for(&self, name: &TargetName) -> Option<&TargetName> {
        self.stand_ins.iter().find(|(heir, _)| heir == name).map(|(_, original)| original)
    }

    /// The model of a step turns out to be gone: whoever answers for it is tried next.
    fn adopt(&mut self, gateway: &Gateway, step: usize, now: Moment) {
        let target = Arc::clone(&self.steps[step]);
        let mut after = step;
        for heir in new_heirs(gateway, &self.steps, &target, self.successors, now) {
            let same = |other: &Arc<Target>| other.provider.name == heir.provider.name;
            let provider = self.steps.iter().position(same).unwrap_or(self.steps.len());
            let keys = if self.first_key_only {
                vec![0]
            } else {
                gateway.health.keys(&heir, self.draw, now)
            };
            let context_window = heir.known.as_ref().map_or(0, |model| model.context_window);
            after = self.attempts.adopt(after, Planned { provider, context_window, keys });
            self.stand_ins.push((heir.name.clone(), target.name.clone()));
            self.steps.push(heir);
        }
    }

    fn tell_refused(&mut self, trail: &mut Trail) {
        for step in self.attempts.take_refused() {
            trail.skipped(&self.steps[step].name, SkipReason::RetryBudget);
        }
    }
}

/// An attempt that failed and is booked.
pub(crate) struct Lost {
    pub(crate) target: Arc<Target>,
    pub(crate) last: LastFailure,
    /// The upstream's own answer, when it is the caller's to see and in the caller's dialect.
    pub(crate) verbatim: Option<Response<ReplyBody>>,
}

/// What is told of an attempt that failed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) failure: Failure,
    pub(crate) asked_ms: Option<u64>,
    /// The target had not failed just before.
    pub(crate) lone: bool,
}
