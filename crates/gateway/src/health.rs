//! The gates of all targets. State lives here, rules live in `decide::gate`. Survives a reload of
//! the table, because a target that was down before it is down after it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use decide::gate::{Admission, Gate, GateLimits, GateState};
use terms::{ids::TargetName, outcome::Failure, time::Moment};
use tracing::{info, warn};

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

#[derive(Debug)]
pub(crate) struct Health {
    limits: GateLimits,
    gates: Mutex<HashMap<TargetName, Gate>>,
}

impl Health {
    pub(crate) fn new(limits: GateLimits) -> Self {
        Self { limits, gates: Mutex::new(HashMap::new()) }
    }

    /// What a target's gate says, and why it is not open.
    pub(crate) fn admission(
        &self,
        target: &TargetName,
        now: Moment,
    ) -> (Admission, Option<Failure>) {
        self.lock()
            .get(target)
            .map_or((Admission::Open, None), |gate| (gate.admission(now), gate.shut_because()))
    }

    /// A request is dispatched as the probe of a gate that is not open.
    pub(crate) fn probe(&self, target: &TargetName, now: Moment) {
        if let Some(gate) = self.lock().get_mut(target) {
            gate.probe(now);
        }
    }

    /// Returns whether this opened the gate.
    pub(crate) fn succeeded(&self, target: &TargetName, now: Moment) -> bool {
        let mut gates = self.lock();
        let Some(gate) = gates.get_mut(target) else { return false };
        let opened = gate.state(now) != GateState::Open;
        gate.succeeded(now);
        drop(gates);
        if opened {
            info!(%target, "gate open");
        }
        opened
    }

    /// Returns whether this shut the gate, and whether the failure was a lone one.
    pub(crate) fn failed(
        &self,
        target: &TargetName,
        failure: Failure,
        asked_ms: Option<u64>,
        now: Moment,
    ) -> (bool, bool) {
        let mut gates = self.lock();
        if !gates.contains_key(target) && gates.len() >= GATES {
            return (false, true);
        }
        let gate = gates.entry(target.clone()).or_insert_with(|| Gate::new(self.limits));
        let shut = gate.failed(failure, asked_ms, now);
        let lone = !gate.is_failing();
        let for_ms = match gate.admission(now) {
            Admission::Shut { for_ms } => for_ms,
            Admission::Open | Admission::Probe => 0,
        };
        drop(gates);
        if shut {
            warn!(%target, failure = failure.name(), for_ms, "gate shut");
        }
        (shut, lone)
    }

    /// An attempt ended without telling anything about the target.
    pub(crate) fn inconclusive(&self, target: &TargetName) {
        if let Some(gate) = self.lock().get_mut(target) {
            gate.inconclusive();
        }
    }

    pub(crate) fn view(&self, target: &TargetName, now: Moment) -> GateView {
        let open = GateView { state: GateState::Open, reason: None, shut_for_ms: None };
        self.lock().get(target).map_or(open, |gate| GateView {
            state: gate.state(now),
            reason: gate.shut_because(),
            shut_for_ms: gate.shut_for_ms(now),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TargetName, Gate>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
