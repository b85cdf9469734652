//! From a route and the gates to the attempts of one request. Gathers values for `decide`.

use std::sync::Arc;

use decide::{
    attempt::{Attempts, Planned},
    route::{Candidate, Facts, Pass, Plan, SkipReason, route},
};
use terms::time::Moment;

use crate::{
    gateway::Gateway,
    table::{Route, Target},
};

/// A planned target.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) target: Arc<Target>,
    pub(crate) pass: Pass,
}

/// What is planned for a request.
#[derive(Debug)]
pub(crate) struct Planning {
    /// In the order of trying.
    pub(crate) steps: Vec<Chosen>,
    pub(crate) attempts: Attempts,
    /// The target that answers when all is well: the first that can do what is asked.
    pub(crate) preferred: Option<Arc<Target>>,
    /// Why the preferred target does not stand first.
    pub(crate) skipped: Option<&'static str>,
}

pub(crate) fn plan(gateway: &Gateway, chosen: &Route, facts: &Facts, now: Moment) -> Planning {
    let candidates: Vec<Candidate<'_>> = chosen
        .targets
        .iter()
        .map(|target| {
            let (admission, failure) = gateway.health.admission(target, now);
            Candidate { target: &target.name, model: target.known.as_ref(), admission, failure }
        })
        .collect();
    let plan = route(facts, &candidates);
    let (preferred, skipped) = preference(chosen, &plan);
    let steps: Vec<Chosen> = plan
        .steps
        .iter()
        .map(|step| Chosen { target: Arc::clone(&chosen.targets[step.candidate]), pass: step.pass })
        .collect();
    let attempts = Attempts::new(planned(&steps), chosen.limits, now);
    Planning { steps, attempts, preferred, skipped }
}

fn preference(chosen: &Route, plan: &Plan) -> (Option<Arc<Target>>, Option<&'static str>) {
    let skip_of = |index: usize| {
        plan.skips.iter().find(|(skipped, _)| *skipped == index).map(|(_, reason)| *reason)
    };
    for (index, target) in chosen.targets.iter().enumerate() {
        match skip_of(index) {
            None => return (Some(Arc::clone(target)), None),
            Some(SkipReason::GateShut(failure)) => {
                return (Some(Arc::clone(target)), Some(failure.name()));
            }
            Some(_) => {}
        }
    }
    (chosen.targets.first().map(Arc::clone), None)
}

fn planned(steps: &[Chosen]) -> Vec<Planned> {
    let provider_of = |step: &Chosen| {
        steps
            .iter()
            .position(|other| other.target.provider.name == step.target.provider.name)
            .expect("a step stands among the steps")
    };
    steps
        .iter()
        .map(|step| Planned {
            provider: provider_of(step),
            context_window: step.target.known.as_ref().map_or(0, |model| model.context_window),
        })
        .collect()
}
