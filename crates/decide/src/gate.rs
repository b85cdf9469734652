//! The gate of a target: its health, and whether a request may pass.
//!
//! Consecutive failures or a high share of failures shut it. Shut time doubles up to a cap; when it
//! is over, one request at a time passes as a probe, and its success opens the gate. Time is an
//! argument; whether another gate is open is the route's business, not this one's.

use terms::{outcome::Failure, time::Moment};

/// When a gate shuts and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateLimits {
    /// Failures in a row that shut the gate. A lone failure proves nothing.
    pub consecutive_failures: u32,
    /// Failures per hundred attempts of the window that shut the gate.
    pub failure_percent: u32,
    /// Attempts in the window below which the share is not looked at.
    pub window_attempts: u32,
    /// Milliseconds that an attempt counts for in the share.
    pub window_ms: u64,
    /// First shut time; doubles with every failed probe.
    pub shut_ms: u64,
    /// Longest shut time, so that a recovered target is back soon.
    pub shut_cap_ms: u64,
    /// Longest shut time that an upstream may ask for by `Retry-After`.
    pub asked_cap_ms: u64,
    /// After this a probe that never reported is forgotten.
    pub probe_lease_ms: u64,
}

impl Default for GateLimits {
    fn default() -> Self {
        Self {
            consecutive_failures: 3,
            failure_percent: 50,
            window_attempts: 10,
            window_ms: 10_000,
            shut_ms: 1_000,
            shut_cap_ms: 15_000,
            asked_cap_ms: 60_000,
            probe_lease_ms: 30_000,
        }
    }
}

/// What a gate says to a request that wants to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Pass.
    Open,
    /// Pass as the one probe; `Gate::probe` must be called when it is dispatched.
    Probe,
    /// Stay out for this many milliseconds, or until the probe in flight reports.
    Shut {
        /// Milliseconds until a probe may pass; 0 while a probe is in flight.
        for_ms: u64,
    },
}

/// The state as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateState {
    /// Requests pass.
    Open,
    /// One request at a time passes.
    Probing,
    /// None passes.
    Shut,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Open,
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
    window_start: Moment,
    attempts: u32,
    failures: u32,
    /// When it was shut; kept through its probes until it opens.
    shut_since: Option<Moment>,
}

impl Gate {
    /// An open gate.
    pub fn new(limits: GateLimits) -> Self {
        Self {
            limits,
            state: State::Open,
            consecutive: 0,
            shuts: 0,
            window_start: Moment(0),
            attempts: 0,
            failures: 0,
            shut_since: None,
        }
    }

    /// Whether a request may pass now.
    pub fn admission(&self, now: Moment) -> Admission {
        match self.state {
            State::Open => Admission::Open,
            State::Shut { until, .. } if now < until => {
                Admission::Shut { for_ms: until.since(now) }
            }
            State::Probing { since, .. } if now.since(since) < self.limits.probe_lease_ms => {
                Admission::Shut { for_ms: 0 }
            }
            State::Shut { .. } | State::Probing { .. } => Admission::Probe,
        }
    }

    /// A request was dispatched through a gate that is not open: it is the probe now.
    pub fn probe(&mut self, now: Moment) {
        if let State::Shut { failure, .. } | State::Probing { failure, .. } = self.state {
            self.state = State::Probing { since: now, failure };
        }
    }

    /// The target answered. Opens the gate.
    pub fn succeeded(&mut self, now: Moment) {
        self.count(now, false);
        self.consecutive = 0;
        self.shuts = 0;
        if !matches!(self.state, State::Open) {
            self.attempts = 0;
            self.failures = 0;
        }
        self.state = State::Open;
        self.shut_since = None;
    }

    /// The target failed. `asked_ms` is what its `Retry-After` asked for. Returns whether this shut
    /// the gate (anew).
    pub fn failed(&mut self, failure: Failure, asked_ms: Option<u64>, now: Moment) -> bool {
        if !failure.counts_against_health() {
            self.inconclusive();
            return false;
        }
        self.count(now, true);
        self.consecutive = self.consecutive.saturating_add(1);
        match self.state {
            // Only the probe's own report moves a shut gate; stragglers from before change nothing.
            State::Shut { .. } => return false,
            State::Open if !self.is_enough(failure, asked_ms) => return false,
            State::Open | State::Probing { .. } => {}
        }
        let grown = self
            .limits
            .shut_ms
            .saturating_mul(1 << self.shuts.min(20))
            .min(self.limits.shut_cap_ms);
        let asked = asked_ms.unwrap_or(0).min(self.limits.asked_cap_ms);
        self.shuts = self.shuts.saturating_add(1);
        self.shut_since.get_or_insert(now);
        self.state = State::Shut { until: now.after(grown.max(asked)), failure };
        true
    }

    /// An attempt ended without telling anything about the target (the caller left, or was at
    /// fault): a probe hands its place back.
    pub fn inconclusive(&mut self) {
        if let State::Probing { since, failure } = self.state {
            self.state = State::Shut { until: since, failure };
        }
    }

    /// The state as people see it.
    pub fn state(&self, now: Moment) -> GateState {
        match self.state {
            State::Open => GateState::Open,
            State::Shut { until, .. } if now < until => GateState::Shut,
            State::Shut { .. } | State::Probing { .. } => GateState::Probing,
        }
    }

    /// Why the gate is not open.
    pub fn shut_because(&self) -> Option<Failure> {
        match self.state {
            State::Open => None,
            State::Shut { failure, .. } | State::Probing { failure, .. } => Some(failure),
        }
    }

    /// Milliseconds since the gate was shut, its failed probes included; `None` while it is open.
    pub fn shut_for_ms(&self, now: Moment) -> Option<u64> {
        self.shut_since.map(|since| now.since(since))
    }

    /// Whether the last attempt that reported was a failure; then the next one is not a lone one.
    pub fn is_failing(&self) -> bool {
        self.consecutive > 1
    }

    fn is_enough(&self, failure: Failure, asked_ms: Option<u64>) -> bool {
        let certain = matches!(failure, Failure::ModelGone | Failure::CredentialDead)
            || (failure == Failure::RateLimited && asked_ms.is_some_and(|ms| ms > 0));
        let share = self.attempts >= self.limits.window_attempts
            && self.failures * 100 >= self.limits.failure_percent * self.attempts;
        certain || share || self.consecutive >= self.limits.consecutive_failures
    }

    /// Counts into a window that forgets half of itself when it is over.
    fn count(&mut self, now: Moment, failed: bool) {
        if now.since(self.window_start) > self.limits.window_ms {
            let stale = now.since(self.window_start) > 2 * self.limits.window_ms;
            self.attempts = if stale { 0 } else { self.attempts / 2 };
            self.failures = if stale { 0 } else { self.failures / 2 };
            self.window_start = now;
        }
        self.attempts += 1;
        self.failures += u32::from(failed);
    }
}

#[cfg(test)]
mod tests {
    use terms::{outcome::Failure, time::Moment};

    use super::{Admission, Gate, GateLimits, GateState};

    fn shut_gate() -> Gate {
        let mut gate = Gate::new(GateLimits::default());
        for _ in 0..3 {
            gate.failed(Failure::Transient, None, Moment(0));
        }
        gate
    }

    #[test]
    fn a_lone_failure_does_not_shut_and_three_do() {
        let mut gate = Gate::new(GateLimits::default());
        assert!(!gate.failed(Failure::Transient, None, Moment(0)));
        assert!(!gate.failed(Failure::TimedOut, None, Moment(1)));
        assert_eq!(gate.admission(Moment(1)), Admission::Open);
        assert!(gate.failed(Failure::Unreachable, None, Moment(2)));
        assert_eq!(gate.admission(Moment(2)), Admission::Shut { for_ms: 1000 });
        assert_eq!(gate.state(Moment(2)), GateState::Shut);
    }

    #[test]
    fn one_probe_at_a_time_passes_and_its_success_opens() {
        let mut gate = shut_gate();
        assert_eq!(gate.admission(Moment(1000)), Admission::Probe);
        gate.probe(Moment(1000));
        assert_eq!(gate.admission(Moment(1001)), Admission::Shut { for_ms: 0 });
        gate.succeeded(Moment(1500));
        assert_eq!(gate.admission(Moment(1500)), Admission::Open);
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
            gate.failed(Failure::Unreachable, None, now);
        }
        assert_eq!(waits, [1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
    }

    #[test]
    fn in_an_outage_of_a_minute_a_dead_target_sees_at_most_eight_tries() {
        let mut gate = Gate::new(GateLimits::default());
        let mut tries = 0;
        for second in (0..60).step_by(4) {
            let now = Moment(second * 1000);
            match gate.admission(now) {
                Admission::Open => {}
                Admission::Probe => gate.probe(now),
                Admission::Shut { .. } => continue,
            }
            tries += 1;
            gate.failed(Failure::Unreachable, None, now);
        }
        assert!(tries <= 8, "{tries} tries");
    }

    #[test]
    fn a_certain_sign_shuts_at_once_and_retry_after_is_obeyed() {
        let mut gate = Gate::new(GateLimits::default());
        assert!(gate.failed(Failure::ModelGone, None, Moment(0)));
        let mut gate = Gate::new(GateLimits::default());
        assert!(gate.failed(Failure::RateLimited, Some(20_000), Moment(0)));
        assert_eq!(gate.admission(Moment(0)), Admission::Shut { for_ms: 20_000 });
    }

    #[test]
    fn the_callers_faults_say_nothing_about_the_target() {
        let mut gate = Gate::new(GateLimits::default());
        for _ in 0..100 {
            gate.failed(Failure::CallerFault, None, Moment(0));
        }
        assert_eq!(gate.admission(Moment(0)), Admission::Open);
    }

    #[test]
    fn half_the_attempts_failing_shuts() {
        let mut gate = Gate::new(GateLimits::default());
        for round in 0..5 {
            gate.succeeded(Moment(round));
            gate.failed(Failure::Transient, None, Moment(round));
        }
        assert_eq!(gate.state(Moment(6)), GateState::Shut);
    }

    #[test]
    fn a_probe_that_tells_nothing_hands_its_place_back() {
        let mut gate = shut_gate();
        gate.probe(Moment(1000));
        gate.inconclusive();
        assert_eq!(gate.admission(Moment(1001)), Admission::Probe);
        gate.probe(Moment(1001));
        assert_eq!(gate.admission(Moment(31_001)), Admission::Probe, "a lost probe is forgotten");
    }
}
