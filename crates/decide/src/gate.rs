//! The gate of a target: its health, and whether a request may pass.
//!
//! Consecutive failures, a high error rate or one certain sign shut it. Shut time trebles up to a cap;
//! when it is over, one request at a time passes as a probe. After a probe's success the target gets a
//! growing share of its requests for a few seconds, so that what has just come back is not run over.
//! Time is an argument; whether another gate is open is the route's business, not this one's.

use terms::{outcome::Failure, time::Moment};

use crate::error_rate::ErrorRate;

/// When a gate shuts and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateLimits {
    /// Failures in a row that shut the gate. A lone failure proves nothing.
    pub consecutive_failures: u32,
    /// Failures per hundred attempts, recent ones counting more, that shut the gate.
    pub error_rate_percent: u32,
    /// Attempts, as far as they are not forgotten, below which the rate is not looked at.
    pub evidence_attempts: u32,
    /// Milliseconds after which an attempt counts half as much in the rate.
    pub half_life_ms: u64,
    /// First shut time; three times as long after every failed probe.
    pub shut_ms: u64,
    /// Longest shut time, so that a recovered target is back soon.
    pub shut_cap_ms: u64,
    /// Longest shut time that an upstream may ask for by `Retry-After`.
    pub asked_cap_ms: u64,
    /// After this a probe that never reported is forgotten.
    pub probe_lease_ms: u64,
    /// From a probe's success to all requests, in [`RETURN_SHARES`]' steps of equal length; 0 gives
    /// all of them back at once.
    pub return_ms: u64,
}

impl Default for GateLimits {
    fn default() -> Self {
        Self {
            consecutive_failures: 3,
            error_rate_percent: 50,
            evidence_attempts: 9,
            half_life_ms: 10_000,
            shut_ms: 1_000,
            // With a request every 4 s, what was shut for this long is asked again within 12 s.
            shut_cap_ms: 10_000,
            asked_cap_ms: 60_000,
            probe_lease_ms: 30_000,
            return_ms: 3_000,
        }
    }
}

/// One in this many requests, step by step, after a probe's success.
pub const RETURN_SHARES: [u32; 3] = [8, 4, 2];

/// How much longer a gate is shut after every failed probe.
const GROWTH: u64 = 3;

/// Failures in a row that shut a gate while its target returns, or counts as degraded.
const RELAPSE: u32 = 2;

/// What a gate says to a request that wants to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Pass.
    Open,
    /// Its target has just come back: one in this many passes, and all where no other gate is open.
    Returning {
        /// 8, 4 or 2.
        one_in: u32,
    },
    /// Pass as the one probe; `Gate::probe` must be called when it is dispatched.
    Probe,
    /// Stay out for this many milliseconds, or until the probe in flight reports.
    Shut {
        /// Milliseconds until a probe may pass; 0 while a probe is in flight.
        for_ms: u64,
    },
}

impl Admission {
    /// The more of two gates in a row keeps out, the larger: what stands in front of a target lets
    /// through what the strictest of it does.
    pub const fn strictness(self) -> u32 {
        match self {
            Self::Open => 0,
            Self::Returning { one_in } => one_in,
            Self::Probe => u32::MAX - 1,
            Self::Shut { .. } => u32::MAX,
        }
    }

    /// Whether requests pass that are no probes.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Returning { .. })
    }
}

/// The state as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateState {
    /// Requests pass.
    Open,
    /// A growing share of requests passes.
    Returning,
    /// One request at a time passes.
    Probing,
    /// None passes.
    Shut,
}

impl GateState {
    /// Whether no request passes but a probe.
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Probing | Self::Shut)
    }
}

#[derive(Debug, Clone, Copy)]
enum State {
    Open,
    Returning { since: Moment, failure: Failure },
    Shut { until: Moment, failure: Failure },
    Probing { since: Moment, failure: Failure },
}

/// The health of one target.
#[derive(Debug, Clone)]
pub struct Gate {
    limits: GateLimits,
    state: State,
    consecutive: u32,
    shuts: u32,
    rate: ErrorRate,
    /// When it was shut; kept through its probes and its return until it opens.
    shut_since: Option<Moment>,
    /// When it was shut for the last time.
    last_shut: Moment,
    is_degraded: bool,
}

impl Gate {
    /// An open gate.
    pub fn new(limits: GateLimits) -> Self {
        Self {
            limits,
            state: State::Open,
            consecutive: 0,
            shuts: 0,
            rate: ErrorRate::new(limits.half_life_ms),
            shut_since: None,
            last_shut: Moment(0),
            is_degraded: false,
        }
    }

    /// The target answers worse than it did, or as before again: it is trusted less, or as before.
    pub fn degrade(&mut self, is_degraded: bool) {
        self.is_degraded = is_degraded;
    }

    /// Whether the target answers worse than it did.
    pub const fn is_degraded(&self) -> bool {
        self.is_degraded
    }

    /// Whether a request may pass now.
    pub fn admission(&self, now: Moment) -> Admission {
        match self.state {
            State::Open => Admission::Open,
            State::Returning { since, .. } => match self.share(since, now) {
                Some(one_in) => Admission::Returning { one_in },
                None => Admission::Open,
            },
            State::Shut { until, .. } if now < until => {
                Admission::Shut { for_ms: until.since(now) }
            }
            State::Probing { since, .. } if now.since(since) < self.limits.probe_lease_ms => {
                Admission::Shut { for_ms: 0 }
            }
            State::Shut { .. } | State::Probing { .. } => Admission::Probe,
        }
    }

    /// A request was dispatched: it is the probe now, if one may pass. What goes through a shut gate as
    /// a last resort is none.
    pub fn probe(&mut self, now: Moment) {
        if self.admission(now) == Admission::Probe
            && let State::Shut { failure, .. } | State::Probing { failure, .. } = self.state
        {
            self.state = State::Probing { since: now, failure };
        }
    }

    /// The target answered an attempt that was sent at `began`. A gate that was shut begins to open,
    /// unless it was shut since: what is still read then may have been said before.
    pub fn succeeded(&mut self, began: Moment, now: Moment) {
        self.settle(now);
        if let State::Shut { failure, .. } | State::Probing { failure, .. } = self.state {
            if began < self.last_shut {
                return;
            }
            // What it did before it was shut says nothing about what came back.
            self.rate = ErrorRate::new(self.limits.half_life_ms);
            self.state = State::Returning { since: now, failure };
        }
        self.rate.count(false, now);
        self.consecutive = 0;
        self.settle(now);
    }

    /// An attempt that was sent at `began` failed. `asked_ms` is what its `Retry-After` asked for.
    /// Returns whether this shut the gate (anew).
    pub fn failed(
        &mut self,
        failure: Failure,
        asked_ms: Option<u64>,
        began: Moment,
        now: Moment,
    ) -> bool {
        if !failure.counts_against_health() {
            self.inconclusive(began);
            return false;
        }
        self.settle(now);
        let is_anothers = match self.state {
            // The probe's own report alone counts: others were sent before it, or as a last resort.
            State::Probing { since, .. } => began != since,
            // What was sent before the probe's success tells of the time before.
            State::Returning { since, .. } => began < since,
            State::Open | State::Shut { .. } => false,
        };
        if is_anothers {
            return false;
        }
        self.rate.count(true, now);
        self.consecutive = self.consecutive.saturating_add(1);
        let asked_ms = asked_ms.filter(|ms| *ms > 0);
        match self.state {
            // Only the probe's own report moves a shut gate; stragglers from before change nothing.
            State::Shut { .. } => return false,
            State::Open | State::Returning { .. } if !self.is_enough(failure, asked_ms, now) => {
                return false;
            }
            State::Open | State::Returning { .. } | State::Probing { .. } => {}
        }
        let grown = self
            .limits
            .shut_ms
            .saturating_mul(GROWTH.saturating_pow(self.shuts))
            .min(self.limits.shut_cap_ms);
        let shut_ms = match asked_ms.map(|ms| ms.min(self.limits.asked_cap_ms)) {
            // It says itself when it is back, and is believed once.
            Some(asked) if self.shuts == 0 => asked,
            Some(asked) => asked.max(grown),
            None => grown,
        };
        self.shuts = self.shuts.saturating_add(1);
        self.shut_since.get_or_insert(now);
        self.last_shut = now;
        self.state = State::Shut { until: now.after(shut_ms), failure };
        true
    }

    /// An attempt that was sent at `began` ended without telling anything about the target (the caller
    /// left, or was at fault): a probe hands its place back.
    pub fn inconclusive(&mut self, began: Moment) {
        if let State::Probing { since, failure } = self.state
            && began == since
        {
            self.state = State::Shut { until: since, failure };
        }
    }

    /// The state as people see it.
    pub fn state(&self, now: Moment) -> GateState {
        match (self.state, self.admission(now)) {
            (_, Admission::Open) => GateState::Open,
            (_, Admission::Returning { .. }) => GateState::Returning,
            (State::Probing { .. }, _) | (_, Admission::Probe) => GateState::Probing,
            (_, Admission::Shut { .. }) => GateState::Shut,
        }
    }

    /// Why not every request passes.
    pub fn shut_because(&self, now: Moment) -> Option<Failure> {
        match self.state {
            State::Open => None,
            State::Returning { since, failure } => self.share(since, now).map(|_| failure),
            State::Shut { failure, .. } | State::Probing { failure, .. } => Some(failure),
        }
    }

    /// Milliseconds since the gate was shut, its failed probes and its return included; `None` while
    /// it is open.
    pub fn shut_for_ms(&self, now: Moment) -> Option<u64> {
        self.shut_since.filter(|_| self.state(now) != GateState::Open).map(|at| now.since(at))
    }

    /// Whether it is open and remembers nothing that must not be forgotten.
    pub const fn is_settled(&self) -> bool {
        matches!(self.state, State::Open) && !self.is_degraded
    }

    /// How often the target failed lately, with the evidence behind it.
    pub fn error_rate(&self) -> ErrorRate {
        self.rate
    }

    /// Whether the last attempt that reported was a failure; then the next one is not a lone one.
    pub fn is_failing(&self) -> bool {
        self.consecutive > 1
    }

    /// The share at this point of a return; `None` when it is over.
    fn share(&self, since: Moment, now: Moment) -> Option<u32> {
        let steps = RETURN_SHARES.len() as u64;
        let step = (now.since(since) * steps).checked_div(self.limits.return_ms)?;
        RETURN_SHARES.get(usize::try_from(step).ok()?).copied()
    }

    /// A return that is over leaves an open gate without a past.
    fn settle(&mut self, now: Moment) {
        let State::Returning { since, .. } = self.state else { return };
        if self.share(since, now).is_none() {
            self.state = State::Open;
            self.shuts = 0;
            self.shut_since = None;
        }
    }

    fn is_enough(&self, failure: Failure, asked_ms: Option<u64>, now: Moment) -> bool {
        let said_so = matches!(failure, Failure::RateLimited | Failure::Transient);
        let certain = matches!(failure, Failure::ModelGone | Failure::CredentialDead)
            || (said_so && asked_ms.is_some());
        let in_a_row = match self.state {
            _ if self.is_degraded => self.limits.consecutive_failures.min(RELAPSE),
            State::Returning { .. } => self.limits.consecutive_failures.min(RELAPSE),
            _ => self.limits.consecutive_failures,
        };
        let rate = self.rate.evidence(now) >= f64::from(self.limits.evidence_attempts)
            && self.rate.share() * 100.0 >= f64::from(self.limits.error_rate_percent);
        certain || rate || self.consecutive >= in_a_row
    }
}

#[cfg(test)]
mod tests {
    use terms::{outcome::Failure, time::Moment};

    use super::{Admission, Gate, GateLimits, GateState};

    fn shut_gate() -> Gate {
        let mut gate = Gate::new(GateLimits::default());
        for _ in 0..3 {
            gate.failed(Failure::Transient, None, Moment(0), Moment(0));
        }
        gate
    }

    #[test]
    fn a_lone_failure_does_not_shut_and_three_do() {
        let mut gate = Gate::new(GateLimits::default());
        assert!(!gate.failed(Failure::Transient, None, Moment(0), Moment(0)));
        assert!(!gate.failed(Failure::TimedOut, None, Moment(1), Moment(1)));
        assert_eq!(gate.admission(Moment(1)), Admission::Open);
        assert!(gate.failed(Failure::Unreachable, None, Moment(2), Moment(2)));
        assert_eq!(gate.admission(Moment(2)), Admission::Shut { for_ms: 1000 });
        assert_eq!(gate.state(Moment(2)), GateState::Shut);
    }

    #[test]
    fn a_degraded_target_needs_fewer_failures() {
        let mut gate = Gate::new(GateLimits::default());
        gate.degrade(true);
        assert!(!gate.failed(Failure::Transient, None, Moment(0), Moment(0)));
        assert!(gate.failed(Failure::Transient, None, Moment(1), Moment(1)));
    }

    #[test]
    fn one_probe_at_a_time_passes_and_its_success_opens() {
        let mut gate = shut_gate();
        assert_eq!(gate.admission(Moment(1000)), Admission::Probe);
        gate.probe(Moment(1000));
        assert_eq!(gate.admission(Moment(1001)), Admission::Shut { for_ms: 0 });
        gate.succeeded(Moment(1500), Moment(1500));
        assert!(gate.admission(Moment(1500)).is_open());
    }

    #[test]
    fn what_comes_back_gets_a_growing_share_and_then_all() {
        let mut gate = shut_gate();
        gate.probe(Moment(1_000));
        gate.succeeded(Moment(2_000), Moment(2_000));
        let check = |at, one_in| {
            assert_eq!(gate.admission(Moment(at)), Admission::Returning { one_in }, "{at}");
            assert_eq!(gate.state(Moment(at)), GateState::Returning);
            assert_eq!(gate.shut_because(Moment(at)), Some(Failure::Transient));
        };
        check(2_000, 8);
        check(3_000, 4);
        check(4_999, 2);
        assert_eq!(gate.admission(Moment(5_000)), Admission::Open);
        assert_eq!(
            (gate.shut_because(Moment(5_000)), gate.shut_for_ms(Moment(5_000))),
            (None, None)
        );
        let mut at_once = Gate::new(GateLimits { return_ms: 0, ..GateLimits::default() });
        at_once.failed(Failure::ModelGone, None, Moment(0), Moment(0));
        at_once.succeeded(Moment(10), Moment(10));
        assert_eq!(at_once.admission(Moment(10)), Admission::Open);
    }

    #[test]
    fn a_relapse_while_it_returns_shuts_for_longer_and_a_lone_failure_does_not() {
        let mut gate = shut_gate();
        gate.probe(Moment(1_000));
        gate.succeeded(Moment(1_000), Moment(1_000));
        assert!(!gate.failed(Failure::Transient, None, Moment(1_100), Moment(1_100)));
        gate.succeeded(Moment(1_200), Moment(1_200));
        assert!(!gate.failed(Failure::Transient, None, Moment(1_300), Moment(1_300)));
        assert!(gate.failed(Failure::Transient, None, Moment(1_400), Moment(1_400)));
        assert_eq!(gate.admission(Moment(1_400)), Admission::Shut { for_ms: 3_000 });
        // Once it is back for good, the past is forgotten.
        gate.probe(Moment(4_400));
        gate.succeeded(Moment(4_400), Moment(4_400));
        gate.succeeded(Moment(8_000), Moment(8_000));
        assert!(gate.failed(Failure::ModelGone, None, Moment(8_000), Moment(8_000)));
        assert_eq!(gate.admission(Moment(8_000)), Admission::Shut { for_ms: 1_000 });
    }

    #[test]
    fn shut_time_grows_to_its_cap() {
        let mut gate = shut_gate();
        let mut now = Moment(0);
        let mut waits = Vec::new();
        for _ in 0..7 {
            let Admission::Shut { for_ms } = gate.admission(now) else { panic!("must be shut") };
            waits.push(for_ms);
            now = now.after(for_ms);
            gate.probe(now);
            gate.failed(Failure::Unreachable, None, now, now);
        }
        assert_eq!(waits, [1_000, 3_000, 9_000, 10_000, 10_000, 10_000, 10_000]);
    }

    #[test]
    fn a_certain_sign_shuts_at_once_and_retry_after_is_obeyed() {
        let mut gate = Gate::new(GateLimits::default());
        assert!(gate.failed(Failure::ModelGone, None, Moment(0), Moment(0)));
        let mut gate = Gate::new(GateLimits::default());
        assert!(gate.failed(Failure::RateLimited, Some(20_000), Moment(0), Moment(0)));
        assert_eq!(gate.admission(Moment(0)), Admission::Shut { for_ms: 20_000 });
    }

    #[test]
    fn who_says_when_it_is_back_is_believed_once() {
        let mut gate = Gate::new(GateLimits::default());
        assert!(
            gate.failed(Failure::Transient, Some(200), Moment(0), Moment(0)),
            "503 with Retry-After"
        );
        assert_eq!(gate.admission(Moment(0)), Admission::Shut { for_ms: 200 });
        gate.probe(Moment(200));
        assert!(gate.failed(Failure::RateLimited, Some(200), Moment(200), Moment(200)));
        assert_eq!(gate.admission(Moment(200)), Admission::Shut { for_ms: 3_000 });
        let mut gate = Gate::new(GateLimits::default());
        assert!(gate.failed(Failure::RateLimited, Some(86_400_000), Moment(0), Moment(0)));
        assert_eq!(gate.admission(Moment(0)), Admission::Shut { for_ms: 60_000 }, "capped");
        assert!(!Gate::new(GateLimits::default()).failed(
            Failure::RateLimited,
            Some(0),
            Moment(0),
            Moment(0)
        ));
    }

    #[test]
    fn the_callers_faults_say_nothing_about_the_target() {
        let mut gate = Gate::new(GateLimits::default());
        for _ in 0..100 {
            gate.failed(Failure::CallerFault, None, Moment(0), Moment(0));
        }
        assert_eq!(gate.admission(Moment(0)), Admission::Open);
    }

    #[test]
    fn half_of_long_ago_failing_does_not_shut() {
        let mut gate = Gate::new(GateLimits::default());
        for round in 0..20 {
            gate.succeeded(Moment(round * 20_000), Moment(round * 20_000));
            assert!(!gate.failed(
                Failure::Transient,
                None,
                Moment(round * 20_000),
                Moment(round * 20_000)
            ));
        }
    }

    #[test]
    fn half_the_attempts_failing_shuts() {
        let mut gate = Gate::new(GateLimits::default());
        for round in 0..5 {
            gate.succeeded(Moment(round), Moment(round));
            gate.failed(Failure::Transient, None, Moment(round), Moment(round));
        }
        assert_eq!(gate.state(Moment(6)), GateState::Shut);
    }

    #[test]
    fn what_was_sent_before_the_probe_says_nothing_of_it() {
        let mut gate = shut_gate();
        gate.probe(Moment(1_000));
        assert!(!gate.failed(Failure::TimedOut, None, Moment(0), Moment(2_000)));
        gate.inconclusive(Moment(0));
        assert_eq!(gate.admission(Moment(2_000)), Admission::Shut { for_ms: 0 }, "it is out still");
        gate.succeeded(Moment(2_500), Moment(2_500));
        for _ in 0..5 {
            assert!(!gate.failed(Failure::TimedOut, None, Moment(900), Moment(2_600)));
        }
        assert!(gate.admission(Moment(2_600)).is_open());
    }

    #[test]
    fn what_was_sent_before_it_was_shut_does_not_open_it() {
        let mut gate = Gate::new(GateLimits::default());
        for at in 100..103 {
            gate.failed(Failure::Transient, None, Moment(0), Moment(at));
        }
        // A first token that a connection had in store when its provider died.
        gate.succeeded(Moment(50), Moment(103));
        assert_eq!(gate.state(Moment(103)), GateState::Shut);
        gate.probe(Moment(1_102));
        gate.succeeded(Moment(60), Moment(1_103));
        assert_eq!(gate.state(Moment(1_103)), GateState::Probing, "it is out still");
        // A last resort, sent while it was shut, tells of now.
        gate.succeeded(Moment(500), Moment(1_104));
        assert_eq!(gate.state(Moment(1_104)), GateState::Returning);
    }

    #[test]
    fn a_probe_that_tells_nothing_hands_its_place_back() {
        let mut gate = shut_gate();
        gate.probe(Moment(1000));
        gate.inconclusive(Moment(1_000));
        assert_eq!(gate.admission(Moment(1001)), Admission::Probe);
        gate.probe(Moment(1001));
        assert_eq!(gate.admission(Moment(31_001)), Admission::Probe, "a lost probe is forgotten");
    }
}
