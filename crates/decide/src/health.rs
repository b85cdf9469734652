//! What is known of all targets, their providers and keys: gates, retry budgets, paces, capacities and
//! counts of skips, put together. A 429 of one key of several is that key's alone, and a refused key
//! takes itself out and not its provider. Time is an argument; locks and logs are the caller's.

mod known;

use std::collections::HashMap;

use terms::{
    ids::{ProviderName, TargetName},
    outcome::Failure,
    time::Moment,
};

use crate::{
    gate::{Admission, Gate, GateLimits, GateState},
    health::known::{OfProvider, OfTarget, each, of_key},
    retry_budget::RetryBudgetLimits,
    route::SkipReason,
    spray::{self, Merits},
    upstream_stream::UpstreamStream,
};

/// A target, whose it is, and the ids of its provider's keys; none where it wants none.
#[derive(Debug, Clone, Copy)]
pub struct Spot<'a> {
    /// Which target.
    pub target: &'a TargetName,
    /// Who answers there.
    pub provider: &'a ProviderName,
    /// Any numbers that tell the keys apart and stay the same across a reload.
    pub keys: &'a [u64],
}

/// An attempt: where it goes, with which of the keys, and when it was sent.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// Where it goes.
    pub spot: Spot<'a>,
    /// Index of the key.
    pub key: u8,
    /// When it was sent.
    pub began: Moment,
}

/// What a failure did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Learned {
    /// A gate was shut by it.
    pub shut: bool,
    /// The target had not failed just before.
    pub lone: bool,
}

/// A target as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// What stands before it lets through.
    pub state: GateState,
    /// One request in this many passes while it returns.
    pub one_in: Option<u32>,
    /// Why not every request passes.
    pub reason: Option<Failure>,
    /// Milliseconds since it was shut; `None` while it is open.
    pub shut_for_ms: Option<u64>,
    /// The share of its attempts that failed lately, 0 to 1.
    pub error_rate: f64,
    /// It answers worse than it did.
    pub is_degraded: bool,
    /// How many of its provider's keys are open, and how many there are.
    pub keys: (usize, usize),
    /// How often it was passed by, by [`SkipReason::NAMES`].
    pub skips: [u64; SkipReason::COUNT],
}

/// What is known of everybody.
#[derive(Debug)]
pub struct Health {
    gates: GateLimits,
    budgets: RetryBudgetLimits,
    targets: HashMap<TargetName, OfTarget>,
    providers: HashMap<ProviderName, OfProvider>,
}

impl Health {
    /// Nothing is known yet.
    pub fn new(gates: GateLimits, budgets: RetryBudgetLimits) -> Self {
        Self { gates, budgets, targets: HashMap::new(), providers: HashMap::new() }
    }

    /// What stands before a target lets through, and why that is not everything.
    pub fn admission(&self, spot: &Spot<'_>, now: Moment) -> (Admission, Option<Failure>) {
        match self.strictest(spot, now) {
            None => (Admission::Open, None),
            Some(gate) => (gate.admission(now), gate.shut_because(now)),
        }
    }

    /// The provider's keys in the order in which a request tries them; the one that it has where it
    /// wants none.
    pub fn keys(&self, spot: &Spot<'_>, draw: u64, now: Moment) -> Vec<u8> {
        if spot.keys.len() < 2 {
            return vec![0];
        }
        let admitted: Vec<_> =
            spot.keys.iter().map(|key| (*key, self.key_admission(spot, *key, now))).collect();
        spray::keys(&admitted, draw)
    }

    /// An attempt begins. It is the probe of whatever is shut before it. `again` tells that its request
    /// asked the provider before, which its budget has paid for.
    pub fn dispatched(&mut self, visit: &Visit<'_>, again: bool) {
        let (target, provider) = self.known(&visit.spot);
        each(target, provider, visit, |gate| gate.probe(visit.began));
        target.capacity.started(visit.began);
        target.whole.asked();
        if !again {
            provider.budget.asked(visit.began);
        }
    }

    /// A request wants to ask this provider once more; where that is granted it is paid for at once.
    pub fn resend(&mut self, provider: &ProviderName, now: Moment) -> bool {
        let (gates, budgets) = (self.gates, self.budgets);
        known::provider(&mut self.providers, provider, gates, budgets).budget.withdraw(now)
    }

    /// The target answers. Returns whether this began to open a gate.
    pub fn succeeded(&mut self, visit: &Visit<'_>, now: Moment) -> bool {
        let (target, provider) = self.known(&visit.spot);
        target.whole.heard(now);
        let mut opened = false;
        each(target, provider, visit, |gate| {
            opened |= gate.state(now).is_closed();
            gate.succeeded(visit.began, now);
        });
        opened
    }

    /// The target failed. `asked_ms` is what its `Retry-After` asked for.
    pub fn failed(
        &mut self,
        visit: &Visit<'_>,
        failure: Failure,
        asked_ms: Option<u64>,
        now: Moment,
    ) -> Learned {
        let Visit { spot, key, began } = *visit;
        let limits = self.gates;
        let several = spot.keys.get(usize::from(key)).filter(|_| spot.keys.len() > 1).copied();
        let (target, provider) = self.known(&spot);
        if !matches!(failure, Failure::TimedOut | Failure::Unreachable) {
            target.whole.heard(now);
        }
        let mut learned = Learned { shut: false, lone: true };
        match (failure, several) {
            (Failure::RateLimited, Some(key)) => {
                let gate = of_key(&mut target.limited, key, limits);
                learned.shut = gate.failed(failure, asked_ms, began, now);
                // It was up to say so.
                target.gate.succeeded(began, now);
            }
            (Failure::CredentialDead, Some(_)) => target.gate.inconclusive(began),
            _ => {
                learned.shut = target.gate.failed(failure, asked_ms, began, now);
                learned.lone = !target.gate.is_failing();
            }
        }
        if failure == Failure::RateLimited {
            target.capacity.limited(now);
        }
        match (failure, several) {
            (Failure::CredentialDead, Some(key)) => {
                let gate = of_key(&mut provider.refused, key, limits);
                learned.shut |= gate.failed(failure, asked_ms, began, now);
                provider.gate.succeeded(began, now);
            }
            (Failure::Unreachable | Failure::CredentialDead, _) => {
                learned.shut |= provider.gate.failed(failure, asked_ms, began, now);
                for (_, gate) in &mut provider.refused {
                    gate.inconclusive(began);
                }
            }
            // Who says nothing in time may not have been reached, nor have looked at the credential.
            (Failure::TimedOut, _) => {
                provider.gate.inconclusive(began);
                for (_, gate) in &mut provider.refused {
                    gate.inconclusive(began);
                }
            }
            // It was reached and took our credential, whatever it said.
            (_, key) => {
                provider.gate.succeeded(began, now);
                if let Some((_, gate)) =
                    provider.refused.iter_mut().find(|(id, _)| Some(*id) == key)
                {
                    gate.succeeded(began, now);
                }
            }
        }
        learned
    }

    /// An attempt ended without telling anything about the target.
    pub fn inconclusive(&mut self, visit: &Visit<'_>) {
        let (target, provider) = self.known(&visit.spot);
        each(target, provider, visit, |gate| gate.inconclusive(visit.began));
    }

    /// An attempt waits no more: there is output, or it is over.
    pub fn ended(&mut self, target: &TargetName) {
        if let Some(known) = self.targets.get_mut(target) {
            known.whole.ended();
        }
    }

    /// An answer that was wanted whole was there after this long.
    pub fn whole_answer(&mut self, target: &TargetName, ms: u64, now: Moment) {
        self.target(target).whole.answered(ms, now);
    }

    /// The target said that it does not stream.
    pub fn refuses_streams(&mut self, target: &TargetName) {
        self.target(target).whole.refuses_streams();
    }

    /// Whether an answer that is wanted whole is got as a stream there.
    pub fn is_streamed(&self, target: &TargetName, wanted: UpstreamStream, now: Moment) -> bool {
        match self.targets.get(target) {
            Some(known) => known.whole.is_streamed(wanted, now),
            None => wanted != UpstreamStream::Never,
        }
    }

    /// Whether a stream was seen to flow from it.
    pub fn is_known_to_stream(&self, target: &TargetName) -> bool {
        self.targets.get(target).is_some_and(|known| known.whole.is_known_to_stream())
    }

    /// When a request that waits there since then is known to wait in vain.
    pub fn frozen_at(&self, target: &TargetName, since: Moment, limit_ms: u64) -> Option<Moment> {
        self.targets.get(target)?.whole.frozen_at(since, limit_ms)
    }

    /// A request was seen to wait there in vain.
    pub fn froze(&mut self, target: &TargetName) {
        self.target(target).whole.froze();
    }

    /// The first token came after this long.
    pub fn first_token(&mut self, target: &TargetName, ms: u64, now: Moment) {
        let known = self.target(target);
        known.first_token.observe(ms, now);
        known.whole.streamed();
    }

    /// The longest silence within a stream that came to its end.
    pub fn longest_gap(&mut self, target: &TargetName, ms: u64, now: Moment) {
        self.target(target).gap.observe(ms, now);
    }

    /// Milliseconds that a target gets for its first token, where `configured` holds for one that
    /// nothing is known of.
    pub fn first_token_limit(&self, target: &TargetName, configured: u64) -> u64 {
        self.targets.get(target).map_or(configured, |known| known.first_token.limit_ms(configured))
    }

    /// Milliseconds within which nineteen of twenty first tokens came; `None` while too little is known.
    pub fn usual_first_token(&self, target: &TargetName) -> Option<u64> {
        self.targets.get(target)?.first_token.usual_ms()
    }

    /// Milliseconds that a stream may be silent.
    pub fn idle_limit(&self, target: &TargetName, configured: u64) -> u64 {
        self.targets.get(target).map_or(configured, |known| known.gap.limit_ms(configured))
    }

    /// What the adaptive spray looks at, where a token costs `price` there.
    pub fn merits(
        &self,
        target: &TargetName,
        weight: f64,
        price: Option<f64>,
        now: Moment,
    ) -> Merits {
        let known = self.targets.get(target);
        Merits {
            weight,
            price,
            first_token_ms: known
                .and_then(|known| known.first_token.median_ms())
                .map(|ms| ms as f64),
            error_rate: known.map_or(0.0, |known| known.gate.error_rate().share()),
            room: known.map_or(1.0, |known| known.capacity.room(now)),
            is_degraded: self.is_degraded(target),
        }
    }

    /// A target answers worse than it did, or as before again.
    pub fn degrade(&mut self, target: &TargetName, is_degraded: bool) {
        self.target(target).gate.degrade(is_degraded);
    }

    /// Whether a target answers worse than it did.
    pub fn is_degraded(&self, target: &TargetName) -> bool {
        self.targets.get(target).is_some_and(|known| known.gate.is_degraded())
    }

    /// A target was passed by.
    pub fn skipped(&mut self, target: &TargetName, reason: SkipReason) {
        self.target(target).skips[reason.index()] += 1;
    }

    /// A target as people see it.
    pub fn view(&self, spot: &Spot<'_>, now: Moment) -> View {
        let gate = self.strictest(spot, now);
        let known = self.targets.get(spot.target);
        let open = |key: &&u64| self.key_admission(spot, **key, now).is_open();
        View {
            state: gate.map_or(GateState::Open, |gate| gate.state(now)),
            one_in: match gate.map(|gate| gate.admission(now)) {
                Some(Admission::Returning { one_in }) => Some(one_in),
                _ => None,
            },
            reason: gate.and_then(|gate| gate.shut_because(now)),
            shut_for_ms: gate.and_then(|gate| gate.shut_for_ms(now)),
            error_rate: known.map_or(0.0, |known| known.gate.error_rate().share()),
            is_degraded: self.is_degraded(spot.target),
            keys: (spot.keys.iter().filter(open).count(), spot.keys.len()),
            skips: known.map_or([0; SkipReason::COUNT], |known| known.skips),
        }
    }

    /// The gate before a target that lets least through; `None` while all are open. Of several keys it
    /// takes one that is open.
    fn strictest(&self, spot: &Spot<'_>, now: Moment) -> Option<&Gate> {
        let strictness = |gate: &&Gate| gate.admission(now).strictness();
        let target = self.targets.get(spot.target).map(|known| &known.gate);
        let provider = self.providers.get(spot.provider).map(|known| &known.gate);
        let key = if spot.keys.len() > 1 { self.freest_key(spot, now) } else { None };
        [provider, target, key]
            .into_iter()
            .flatten()
            .filter(|gate| strictness(gate) > 0)
            .max_by_key(strictness)
    }

    /// The gate of the key that lets most through; `None` where a key is open.
    fn freest_key(&self, spot: &Spot<'_>, now: Moment) -> Option<&Gate> {
        let strictness = |gate: &&Gate| gate.admission(now).strictness();
        let mut freest: Option<&Gate> = None;
        for key in spot.keys {
            let gate = self.key_gates(spot, *key).max_by_key(strictness)?;
            if freest.is_none_or(|other| strictness(&gate) < strictness(&other)) {
                freest = Some(gate);
            }
        }
        freest
    }

    fn key_admission(&self, spot: &Spot<'_>, key: u64, now: Moment) -> Admission {
        self.key_gates(spot, key)
            .map(|gate| gate.admission(now))
            .max_by_key(|admission| admission.strictness())
            .unwrap_or(Admission::Open)
    }

    fn key_gates(&self, spot: &Spot<'_>, key: u64) -> impl Iterator<Item = &Gate> {
        let limited = self.targets.get(spot.target).map(|known| &known.limited);
        let refused = self.providers.get(spot.provider).map(|known| &known.refused);
        limited
            .into_iter()
            .chain(refused)
            .flatten()
            .filter(move |(id, _)| *id == key)
            .map(|(_, gate)| gate)
    }

    /// What is known of a target and of its provider.
    fn known(&mut self, spot: &Spot<'_>) -> (&mut OfTarget, &mut OfProvider) {
        let (gates, budgets) = (self.gates, self.budgets);
        (
            known::target(&mut self.targets, spot.target, gates),
            known::provider(&mut self.providers, spot.provider, gates, budgets),
        )
    }

    fn target(&mut self, name: &TargetName) -> &mut OfTarget {
        known::target(&mut self.targets, name, self.gates)
    }
}

#[cfg(test)]
mod tests {
    use terms::{
        ids::{ProviderName, TargetName},
        outcome::Failure,
        time::Moment,
    };

    use super::{Health, Spot, Visit, known::KEPT};
    use crate::{
        gate::{Admission, GateLimits, GateState},
        retry_budget::RetryBudgetLimits,
        route::SkipReason,
    };

    const NOW: Moment = Moment(1_000);

    fn at(spot: Spot<'_>, key: u8) -> Visit<'_> {
        Visit { spot, key, began: NOW }
    }

    fn health() -> Health {
        Health::new(GateLimits::default(), RetryBudgetLimits::default())
    }

    #[test]
    fn a_limited_key_is_limited_for_one_model_and_a_refused_one_for_all() {
        let (first, second) = (TargetName::from("p/a"), TargetName::from("p/b"));
        let provider = ProviderName::from("p");
        let mut health = health();
        let [a, b] =
            [&first, &second].map(|target| Spot { target, provider: &provider, keys: &[11, 22] });
        health.failed(&at(a, 0), Failure::RateLimited, Some(5_000), NOW);
        assert_eq!(health.keys(&a, 7, NOW), [1]);
        assert_eq!(health.keys(&b, 7, NOW).len(), 2, "another model has limits of its own");
        assert_eq!(health.admission(&a, NOW).0, Admission::Open, "the other key is open");
        health.failed(&at(b, 1), Failure::CredentialDead, None, NOW);
        assert_eq!(health.keys(&b, 7, NOW), [0]);
        assert_eq!(health.admission(&b, NOW).0, Admission::Open);
        let (admission, failure) = health.admission(&a, NOW);
        assert!(matches!(admission, Admission::Shut { .. }), "{admission:?}");
        assert_eq!(failure, Some(Failure::RateLimited), "the first key's");
        assert_eq!(health.view(&a, NOW).keys, (0, 2));
        // Each comes back by itself.
        let later = NOW.after(1_000);
        assert_eq!(health.admission(&a, later).0, Admission::Probe);
        let key = health.keys(&a, 7, later)[0];
        let probe = Visit { began: later, ..at(a, key) };
        health.dispatched(&probe, false);
        assert!(health.succeeded(&probe, later));
        assert_eq!(health.view(&a, later).state, GateState::Returning);
    }

    #[test]
    fn the_only_key_stands_for_its_provider() {
        let (first, second) = (TargetName::from("p/a"), TargetName::from("p/b"));
        let provider = ProviderName::from("p");
        let mut health = health();
        let [a, b] =
            [&first, &second].map(|target| Spot { target, provider: &provider, keys: &[11] });
        assert!(health.failed(&at(a, 0), Failure::CredentialDead, None, NOW).shut);
        assert!(!health.admission(&b, NOW).0.is_open());
        assert_eq!(health.keys(&a, 7, NOW), [0]);
    }

    #[test]
    fn what_a_target_needs_is_learned_from_its_own_answers() {
        let target = TargetName::from("p/a");
        let mut health = health();
        assert_eq!(health.first_token_limit(&target, 10_000), 10_000);
        for _ in 0..20 {
            health.first_token(&target, 8_000, NOW);
            health.longest_gap(&target, 6_000, NOW);
        }
        assert!(health.first_token_limit(&target, 10_000) >= 24_000);
        assert!(health.idle_limit(&target, 10_000) >= 18_000);
        assert_eq!(health.idle_limit(&TargetName::from("p/b"), 10_000), 10_000);
    }

    #[test]
    fn every_skip_is_counted_by_its_reason() {
        let (target, provider) = (TargetName::from("p/a"), ProviderName::from("p"));
        let mut health = health();
        for _ in 0..3 {
            health.skipped(&target, SkipReason::RetryBudget);
        }
        let skips =
            health.view(&Spot { target: &target, provider: &provider, keys: &[] }, NOW).skips;
        assert_eq!((skips[SkipReason::RetryBudget.index()], skips.iter().sum()), (3, 3_u64));
    }

    fn spot<'s>(target: &'s TargetName, provider: &'s ProviderName) -> Spot<'s> {
        Spot { target, provider, keys: &[] }
    }

    #[test]
    fn names_that_callers_make_up_do_not_grow_memory() {
        let provider = ProviderName::from("p");
        let mut health = health();
        let shut = TargetName::from("p/shut");
        health.failed(&at(spot(&shut, &provider), 0), Failure::ModelGone, None, NOW);
        for number in 0..KEPT + 10 {
            let made_up = TargetName::from(format!("p/{number}"));
            health.succeeded(&at(spot(&made_up, &provider), 0), NOW);
        }
        assert!(health.targets.len() <= KEPT);
        assert!(
            !health.admission(&spot(&shut, &provider), NOW).0.is_open(),
            "what is shut is kept"
        );
    }
}
