//! The gates of all targets, and of the providers behind them: a provider that cannot be reached, or
//! refuses our credential, is so for all its models. State lives here, rules live in `decide::gate`.
//! Survives a reload of the table, because a target that was down before it is down after it.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use decide::gate::{Admission, Gate, GateLimits, GateState};
use terms::{
    ids::{ProviderName, TargetName},
    outcome::Failure,
    time::Moment,
};
use tracing::{info, warn};

use crate::table::Target;

/// Gates kept at most. Names that callers make up (`provider/anything`) must not grow memory.
const GATES: usize = 10_000;

/// A gate as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateView {
    /// Its state.
    pub state: GateState,
    /// Why it is not open.
    pub reason: Option<Failure>,
    /// Milliseconds since it was shut; `None` while it is open.
    pub shut_for_ms: Option<u64>,
}

/// What a failure did to the gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Learned {
    /// A gate was shut by it.
    pub(crate) shut: bool,
    /// The target had not failed just before.
    pub(crate) lone: bool,
}

#[derive(Debug)]
pub(crate) struct Health {
    limits: GateLimits,
    gates: Mutex<Gates>,
}

#[derive(Debug, Default)]
struct Gates {
    targets: HashMap<TargetName, Gate>,
    providers: HashMap<ProviderName, Gate>,
}

impl Health {
    pub(crate) fn new(limits: GateLimits) -> Self {
        Self { limits, gates: Mutex::default() }
    }

    /// What the gates in front of a target say, and why they are not open.
    pub(crate) fn admission(&self, target: &Target, now: Moment) -> (Admission, Option<Failure>) {
        let gates = self.lock();
        match gates.stricter(target, now) {
            None => (Admission::Open, None),
            Some(gate) => (gate.admission(now), gate.shut_because()),
        }
    }

    /// A request is dispatched as the probe of gates that are not open.
    pub(crate) fn probe(&self, target: &Target, now: Moment) {
        self.lock().each(target, |gate| gate.probe(now));
    }

    /// Returns whether this opened a gate.
    pub(crate) fn succeeded(&self, target: &Target, now: Moment) -> bool {
        let mut opened = false;
        self.lock().each(target, |gate| {
            opened |= gate.state(now) != GateState::Open;
            gate.succeeded(now);
        });
        if opened {
            info!(target = %target.name, "gate open");
        }
        opened
    }

    pub(crate) fn failed(
        &self,
        target: &Target,
        failure: Failure,
        asked_ms: Option<u64>,
        now: Moment,
    ) -> Learned {
        let mut gates = self.lock();
        let mut learned = Learned { shut: false, lone: true };
        if let Some(gate) = at(&mut gates.targets, &target.name, self.limits) {
            learned.shut = gate.failed(failure, asked_ms, now);
            learned.lone = !gate.is_failing();
        }
        let name = &target.provider.name;
        if matches!(failure, Failure::Unreachable | Failure::CredentialDead) {
            if let Some(gate) = at(&mut gates.providers, name, self.limits) {
                learned.shut |= gate.failed(failure, asked_ms, now);
            }
        } else if let Some(gate) = gates.providers.get_mut(name) {
            // It was reached and took our credential, whatever it said.
            gate.succeeded(now);
        }
        drop(gates);
        if learned.shut {
            warn!(target = %target.name, failure = failure.name(), "gate shut");
        }
        learned
    }

    /// An attempt ended without telling anything about the target.
    pub(crate) fn inconclusive(&self, target: &Target) {
        self.lock().each(target, Gate::inconclusive);
    }

    pub(crate) fn view(&self, target: &Target, now: Moment) -> GateView {
        let open = GateView { state: GateState::Open, reason: None, shut_for_ms: None };
        self.lock().stricter(target, now).map_or(open, |gate| GateView {
            state: gate.state(now),
            reason: gate.shut_because(),
            shut_for_ms: gate.shut_for_ms(now),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Gates> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gates {
    /// The gate in front of the target that lets less through; `None` while both are open.
    fn stricter(&self, target: &Target, now: Moment) -> Option<&Gate> {
        let strictness = |gate: &&Gate| match gate.admission(now) {
            Admission::Open => 0,
            Admission::Probe => 1,
            Admission::Shut { .. } => 2,
        };
        [self.providers.get(&target.provider.name), self.targets.get(&target.name)]
            .into_iter()
            .flatten()
            .filter(|gate| strictness(gate) > 0)
            .max_by_key(strictness)
    }

    fn each(&mut self, target: &Target, mut act: impl FnMut(&mut Gate)) {
        if let Some(gate) = self.targets.get_mut(&target.name) {
            act(gate);
        }
        if let Some(gate) = self.providers.get_mut(&target.provider.name) {
            act(gate);
        }
    }
}

/// The gate of a name, made where it is new and there is room.
fn at<'g, N: Clone + Eq + Hash>(
    gates: &'g mut HashMap<N, Gate>,
    name: &N,
    limits: GateLimits,
) -> Option<&'g mut Gate> {
    if !gates.contains_key(name) {
        if gates.len() >= GATES {
            // Open gates know least: they are learned anew.
            gates.retain(|_, gate| gate.shut_because().is_some());
            if gates.len() >= GATES {
                gates.clear();
            }
        }
        gates.insert(name.clone(), Gate::new(limits));
    }
    gates.get_mut(name)
}
