//! What is kept of one target and of one provider, and of how many at most. What it means for a request
//! is `health`'s.

use std::{collections::HashMap, hash::Hash};

use terms::ids::{ProviderName, TargetName};

use super::Visit;
use crate::{
    capacity::Capacity,
    gate::{Gate, GateLimits},
    pace::Pace,
    retry_budget::{RetryBudget, RetryBudgetLimits},
    route::SkipReason,
    upstream_stream::WholeAnswers,
};

/// Targets, and providers, that are kept at most. Names that callers make up (`provider/anything`) must
/// not grow memory.
pub(super) const KEPT: usize = 10_000;

/// A key's gates by its id.
pub(super) type KeyGates = Vec<(u64, Gate)>;

/// What is known of a target.
#[derive(Debug)]
pub(super) struct OfTarget {
    pub(super) gate: Gate,
    /// Of keys that are rate-limited for this model.
    pub(super) limited: KeyGates,
    pub(super) first_token: Pace,
    pub(super) gap: Pace,
    pub(super) capacity: Capacity,
    pub(super) whole: WholeAnswers,
    pub(super) skips: [u64; SkipReason::COUNT],
}

/// What is known of a provider.
#[derive(Debug)]
pub(super) struct OfProvider {
    pub(super) gate: Gate,
    /// Of keys that were refused.
    pub(super) refused: KeyGates,
    pub(super) budget: RetryBudget,
}

impl OfTarget {
    fn new(limits: GateLimits) -> Self {
        Self {
            gate: Gate::new(limits),
            limited: Vec::new(),
            first_token: Pace::default(),
            gap: Pace::default(),
            capacity: Capacity::default(),
            whole: WholeAnswers::default(),
            skips: [0; SkipReason::COUNT],
        }
    }
}

/// The gate of a key, made where it is new.
pub(super) fn of_key(gates: &mut KeyGates, key: u64, limits: GateLimits) -> &mut Gate {
    let at = gates.iter().position(|(id, _)| *id == key).unwrap_or_else(|| {
        gates.push((key, Gate::new(limits)));
        gates.len() - 1
    });
    &mut gates[at].1
}

/// Every gate that an attempt passes.
pub(super) fn each(
    target: &mut OfTarget,
    provider: &mut OfProvider,
    visit: &Visit<'_>,
    mut act: impl FnMut(&mut Gate),
) {
    let Visit { spot, key, .. } = *visit;
    let key = spot.keys.get(usize::from(key)).filter(|_| spot.keys.len() > 1);
    for gates in [&mut target.limited, &mut provider.refused] {
        if let Some((_, gate)) = gates.iter_mut().find(|(id, _)| Some(id) == key) {
            act(gate);
        }
    }
    act(&mut provider.gate);
    act(&mut target.gate);
}

/// What is known of a target, made where it is new.
pub(super) fn target<'m>(
    targets: &'m mut HashMap<TargetName, OfTarget>,
    name: &TargetName,
    gates: GateLimits,
) -> &'m mut OfTarget {
    at(targets, name, || OfTarget::new(gates), |known| known.gate.is_settled())
}

/// What is known of a provider, made where it is new.
pub(super) fn provider<'m>(
    providers: &'m mut HashMap<ProviderName, OfProvider>,
    name: &ProviderName,
    gates: GateLimits,
    budgets: RetryBudgetLimits,
) -> &'m mut OfProvider {
    let fresh = || OfProvider {
        gate: Gate::new(gates),
        refused: Vec::new(),
        budget: RetryBudget::new(budgets),
    };
    at(providers, name, fresh, |known| known.gate.is_settled())
}

/// What is known of a name, made where it is new and there is room.
fn at<'m, N: Clone + Eq + Hash, K>(
    known: &'m mut HashMap<N, K>,
    name: &N,
    fresh: impl FnOnce() -> K,
    is_settled: impl Fn(&K) -> bool,
) -> &'m mut K {
    if known.len() >= KEPT && !known.contains_key(name) {
        // What stands open is learned anew soonest.
        known.retain(|_, other| !is_settled(other));
        if known.len() >= KEPT {
            known.clear();
        }
    }
    known.entry(name.clone()).or_insert_with(fresh)
}
