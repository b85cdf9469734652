//! What happens next to a request: send, wait or stop. Holds the one deadline and the one attempt
//! budget of a request; every decision after a failure is made here and nowhere else.

use serde::{Deserialize, Serialize};
use terms::{outcome::Failure, time::Moment};

/// Bounds of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimits {
    /// Attempts in all. With two tries per target this is the worst case of upstream calls.
    pub attempts: u8,
    /// Tries of one target.
    pub tries_per_target: u8,
    /// Milliseconds from arrival after which nothing new is started.
    pub deadline_ms: u64,
    /// A `Retry-After` up to this is waited out on the same target, because the model that the
    /// caller chose is worth a moment; a longer one moves on at once.
    pub patience_ms: u64,
    /// Wait before a target that could not be reached, or was out of capacity without saying for
    /// how long, is tried again because no other is left.
    pub backoff_ms: u64,
}

impl Default for AttemptLimits {
    fn default() -> Self {
        Self {
            attempts: 4,
            tries_per_target: 2,
            deadline_ms: 600_000,
            patience_ms: 3_000,
            backoff_ms: 250,
        }
    }
}

/// A planned target as far as the order of attempts depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// Equal for targets of one provider: what cannot be reached under one name cannot be reached
    /// under another, and a dead credential is dead for all.
    pub provider: usize,
    /// The model's window in tokens; 0 where unknown.
    pub context_window: u64,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Send to this target (index into the plan) as this attempt, counted from 1.
    Send {
        /// Index into the plan.
        step: usize,
        /// 1 for the first attempt.
        ordinal: u8,
    },
    /// Wait this many milliseconds, then ask again.
    Wait(u64),
    /// Give up; answer the caller.
    Stop(Stop),
}

/// Why a request is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// Every target was tried, or the budget is spent. Holds the last failure.
    Exhausted(Failure),
    /// The deadline has passed.
    Deadline,
    /// The failure is the caller's to see: its fault, a policy refusal, or an overflow that no
    /// larger window can take.
    Final(Failure),
    /// The plan is empty.
    NoTargets,
}

/// How many tries a target had, and whether it may have more.
#[derive(Debug, Clone, Copy, Default)]
struct Tried {
    tries: u8,
    excluded: bool,
}

/// The attempts of one request.
#[derive(Debug, Clone)]
pub struct Attempts {
    limits: AttemptLimits,
    plan: Vec<Planned>,
    tried: Vec<Tried>,
    started: Moment,
    made: u8,
    next: Result<usize, Stop>,
    not_before: Moment,
}

impl Attempts {
    /// A request that arrived at `now` with this plan.
    pub fn new(plan: Vec<Planned>, limits: AttemptLimits, now: Moment) -> Self {
        let tried = vec![Tried::default(); plan.len()];
        let next = if plan.is_empty() { Err(Stop::NoTargets) } else { Ok(0) };
        Self { limits, plan, tried, started: now, made: 0, next, not_before: now }
    }

    /// What to do now. `Send` counts as made.
    pub fn next(&mut self, now: Moment) -> Next {
        let step = match self.next {
            Ok(step) => step,
            Err(stop) => return Next::Stop(stop),
        };
        if self.left_ms(now) == 0 {
            return Next::Stop(Stop::Deadline);
        }
        if now < self.not_before {
            let wait = self.not_before.since(now);
            return if wait >= self.left_ms(now) {
                Next::Stop(Stop::Deadline)
            } else {
                Next::Wait(wait)
            };
        }
        self.made += 1;
        self.tried[step].tries += 1;
        Next::Send { step, ordinal: self.made }
    }

    /// The attempt at `step` failed. `lone` tells that the target had not failed just before.
    pub fn failed(
        &mut self,
        step: usize,
        failure: Failure,
        asked_ms: Option<u64>,
        lone: bool,
        now: Moment,
    ) {
        self.not_before = now;
        self.next = self.after(step, failure, asked_ms, lone, now);
    }

    /// The target at `step` could not go on with an answer that another one began, which says nothing
    /// against it: it is asked in another way.
    pub fn mismatched(&mut self, step: usize, now: Moment) {
        self.not_before = now;
        self.next =
            if self.may_retry(step) { Ok(step) } else { self.anybody(step, Failure::Mismatch) };
    }

    /// Why the request is given up, if it already is; asks without deciding anything.
    pub fn given_up(&self) -> Option<Stop> {
        self.next.err()
    }

    /// Milliseconds until the deadline.
    pub fn left_ms(&self, now: Moment) -> u64 {
        self.started.after(self.limits.deadline_ms).since(now)
    }

    /// Attempts made so far.
    pub fn made(&self) -> u8 {
        self.made
    }

    fn after(
        &mut self,
        step: usize,
        failure: Failure,
        asked_ms: Option<u64>,
        lone: bool,
        now: Moment,
    ) -> Result<usize, Stop> {
        match failure {
            Failure::CallerFault | Failure::PolicyRefusal => return Err(Stop::Final(failure)),
            Failure::ContextOverflow => {
                self.exclude_windows_up_to(step);
                return self.next_target(step, failure).map_err(|_| Stop::Final(failure));
            }
            Failure::Transient if lone && self.may_retry(step) && self.can_spare_one(step) => {
                return Ok(step);
            }
            Failure::RateLimited => {
                let asked = asked_ms.filter(|ms| *ms > 0 && *ms <= self.limits.patience_ms);
                if let Some(asked) =
                    asked.filter(|_| self.may_retry(step) && self.can_spare_one(step))
                {
                    self.not_before = now.after(asked);
                    return Ok(step);
                }
            }
            Failure::Unreachable | Failure::CredentialDead => self.exclude_provider_of(step),
            Failure::TimedOut | Failure::ModelGone => self.tried[step].excluded = true,
            // It was begun, so whoever may still be asked is asked for the rest.
            Failure::Cut | Failure::Mismatch => return self.anybody(step, failure),
            Failure::Transient | Failure::Malformed | Failure::Declined => {}
        }
        self.next_target(step, failure)
            .or_else(|stop| self.once_more(step, failure, asked_ms, now).ok_or(stop))
    }

    /// The first target after `step` (wrapping to earlier ones that were only waited for) that was
    /// not tried yet.
    fn next_target(&self, step: usize, failure: Failure) -> Result<usize, Stop> {
        if self.made >= self.limits.attempts {
            return Err(Stop::Exhausted(failure));
        }
        let order = (step + 1..self.plan.len()).chain(0..step);
        order.into_iter().find(|index| self.is_untried(*index)).ok_or(Stop::Exhausted(failure))
    }

    /// No other target is left: one that was unreachable, busy or broken may be tried once more.
    fn once_more(
        &mut self,
        step: usize,
        failure: Failure,
        asked_ms: Option<u64>,
        now: Moment,
    ) -> Option<usize> {
        let worth_it = matches!(
            failure,
            Failure::Unreachable | Failure::RateLimited | Failure::Transient | Failure::Malformed
        );
        let told_to_stay_away = asked_ms.is_some_and(|ms| ms > self.limits.patience_ms);
        let in_budget = self.made < self.limits.attempts
            && self.tried[step].tries < self.limits.tries_per_target;
        (worth_it && in_budget && !told_to_stay_away).then(|| {
            self.not_before = now.after(self.limits.backoff_ms);
            step
        })
    }

    /// The first target after `step` that was not tried yet; otherwise one that may be tried once more,
    /// this one last.
    fn anybody(&self, step: usize, failure: Failure) -> Result<usize, Stop> {
        self.next_target(step, failure).or_else(|stop| {
            let mut order = (step + 1..self.plan.len()).chain(0..=step);
            order.find(|index| self.may_retry(*index)).ok_or(stop)
        })
    }

    fn may_retry(&self, step: usize) -> bool {
        !self.tried[step].excluded
            && self.tried[step].tries < self.limits.tries_per_target
            && self.made < self.limits.attempts
    }

    /// A second try of one target never takes the attempt that another target is waiting for.
    fn can_spare_one(&self, step: usize) -> bool {
        let waiting =
            (0..self.plan.len()).filter(|index| *index != step && self.is_untried(*index)).count();
        usize::from(self.limits.attempts - self.made) > waiting
    }

    fn is_untried(&self, index: usize) -> bool {
        self.tried[index].tries == 0 && !self.tried[index].excluded
    }

    fn exclude_provider_of(&mut self, step: usize) {
        let provider = self.plan[step].provider;
        for (planned, tried) in self.plan.iter().zip(&mut self.tried) {
            tried.excluded |= planned.provider == provider;
        }
    }

    fn exclude_windows_up_to(&mut self, step: usize) {
        let window = self.plan[step].context_window;
        for (planned, tried) in self.plan.iter().zip(&mut self.tried) {
            tried.excluded |= planned.context_window <= window;
        }
    }
}

#[cfg(test)]
mod tests {
    use terms::{outcome::Failure, time::Moment};

    use super::{AttemptLimits, Attempts, Next, Planned, Stop};

    const NOW: Moment = Moment(1000);

    /// Targets as (provider, window); runs failures in order and gives the steps that were sent.
    fn check(
        targets: &[(usize, u64)],
        failures: &[(Failure, Option<u64>)],
        steps: &[usize],
        stop: Option<Stop>,
    ) {
        let plan = targets
            .iter()
            .map(|(provider, window)| Planned { provider: *provider, context_window: *window })
            .collect();
        let mut attempts = Attempts::new(plan, AttemptLimits::default(), NOW);
        let (mut now, mut sent, mut failures) = (NOW, Vec::new(), failures.iter());
        let end = loop {
            match attempts.next(now) {
                Next::Send { step, ordinal } => {
                    sent.push(step);
                    assert_eq!(usize::from(ordinal), sent.len());
                    let Some((failure, asked)) = failures.next() else { break None };
                    attempts.failed(step, *failure, *asked, true, now);
                }
                Next::Wait(ms) => now = now.after(ms),
                Next::Stop(stop) => break Some(stop),
            }
        };
        assert_eq!((sent.as_slice(), end), (steps, stop));
    }

    use Failure::{
        CallerFault, ContextOverflow, CredentialDead, ModelGone, PolicyRefusal, RateLimited,
        TimedOut, Transient, Unreachable,
    };

    #[test]
    fn a_target_that_declines_is_not_asked_again() {
        let declined = (Failure::Declined, None);
        check(
            &[(0, 0), (1, 0)],
            &[declined, (TimedOut, None)],
            &[0, 1],
            Some(Stop::Exhausted(TimedOut)),
        );
        let exhausted = Some(Stop::Exhausted(Failure::Declined));
        check(&[(0, 0), (1, 0)], &[declined; 2], &[0, 1], exhausted);
    }

    #[test]
    fn a_lone_server_error_is_tried_once_more_and_never_at_anothers_cost() {
        check(&[(0, 0), (1, 0)], &[(Transient, None)], &[0, 0], None);
        check(&[(0, 0), (0, 0), (1, 0)], &[(Transient, None); 3], &[0, 0, 1, 2], None);
        check(
            &[(0, 0), (1, 0), (2, 0), (3, 0)],
            &[(Transient, None); 4],
            &[0, 1, 2, 3],
            Some(Stop::Exhausted(Transient)),
        );
    }

    #[test]
    fn an_answer_that_broke_off_is_for_whoever_may_still_be_asked() {
        let cut = (Failure::Cut, None);
        check(&[(0, 0), (1, 0)], &[cut], &[0, 1], None);
        // One that stayed silent or is gone is not asked again; one that broke off is.
        let exhausted = Some(Stop::Exhausted(Failure::Cut));
        check(&[(0, 0), (1, 0)], &[cut; 4], &[0, 1, 0, 1], exhausted);
        check(&[(0, 0), (1, 0)], &[(TimedOut, None), cut, cut], &[0, 1, 1], exhausted);
        check(&[(0, 0)], &[cut, cut], &[0, 0], exhausted);
    }

    #[test]
    fn a_target_that_told_another_answer_is_asked_in_another_way() {
        let planned = |provider| Planned { provider, context_window: 0 };
        let mut attempts =
            Attempts::new(vec![planned(0), planned(1)], AttemptLimits::default(), NOW);
        let mut steps = Vec::new();
        while let Next::Send { step, .. } = attempts.next(NOW) {
            steps.push(step);
            match steps.len() {
                1 => attempts.failed(step, Failure::Cut, None, true, NOW),
                _ => attempts.mismatched(step, NOW),
            }
        }
        assert_eq!(steps, [0, 1, 1, 0], "in the end whoever has a try left");
    }

    #[test]
    fn at_most_two_tries_per_target_and_four_in_all() {
        check(&[(0, 0)], &[(Transient, None); 4], &[0, 0], Some(Stop::Exhausted(Transient)));
        check(
            &[(0, 0), (1, 0)],
            &[(Transient, None); 4],
            &[0, 0, 1, 1],
            Some(Stop::Exhausted(Transient)),
        );
        check(
            &[(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)],
            &[(TimedOut, None); 4],
            &[0, 1, 2, 3],
            Some(Stop::Exhausted(TimedOut)),
        );
    }

    #[test]
    fn an_unreachable_provider_is_left_with_all_its_models() {
        check(&[(0, 0), (0, 0), (1, 0)], &[(Unreachable, None)], &[0, 2], None);
        check(&[(0, 0)], &[(Unreachable, None); 2], &[0, 0], Some(Stop::Exhausted(Unreachable)));
    }

    #[test]
    fn a_dead_credential_is_not_tried_again() {
        check(&[(0, 0), (0, 0), (1, 0)], &[(CredentialDead, None)], &[0, 2], None);
        check(&[(0, 0)], &[(CredentialDead, None)], &[0], Some(Stop::Exhausted(CredentialDead)));
    }

    #[test]
    fn a_model_that_is_gone_is_answered_by_the_next() {
        check(&[(0, 0), (0, 0), (1, 0)], &[(ModelGone, None)], &[0, 1], None);
        check(&[(0, 0)], &[(ModelGone, None)], &[0], Some(Stop::Exhausted(ModelGone)));
    }

    #[test]
    fn a_short_retry_after_is_waited_out_and_a_long_one_moves_on() {
        check(&[(0, 0), (1, 0)], &[(RateLimited, Some(2000))], &[0, 0], None);
        check(&[(0, 0), (1, 0)], &[(RateLimited, Some(30_000))], &[0, 1], None);
        check(&[(0, 0), (1, 0)], &[(RateLimited, None)], &[0, 1], None);
        check(&[(0, 0)], &[(RateLimited, Some(60_000))], &[0], Some(Stop::Exhausted(RateLimited)));
    }

    #[test]
    fn an_overflow_goes_to_a_larger_window_or_back_to_the_caller() {
        check(&[(0, 100), (1, 100), (2, 900)], &[(ContextOverflow, None)], &[0, 2], None);
        check(
            &[(0, 100), (1, 50)],
            &[(ContextOverflow, None)],
            &[0],
            Some(Stop::Final(ContextOverflow)),
        );
    }

    #[test]
    fn what_the_caller_must_see_stops_at_once() {
        for failure in [CallerFault, PolicyRefusal] {
            check(&[(0, 0), (1, 0)], &[(failure, None)], &[0], Some(Stop::Final(failure)));
        }
    }

    #[test]
    fn a_silent_target_is_not_tried_again() {
        check(
            &[(0, 0), (1, 0)],
            &[(TimedOut, None), (Transient, None), (Transient, None)],
            &[0, 1, 1],
            Some(Stop::Exhausted(Transient)),
        );
    }

    #[test]
    fn nothing_starts_after_the_deadline() {
        let plan = vec![Planned { provider: 0, context_window: 0 }];
        let mut attempts = Attempts::new(
            plan,
            AttemptLimits { deadline_ms: 100, ..AttemptLimits::default() },
            NOW,
        );
        assert_eq!(attempts.next(NOW.after(100)), Next::Stop(Stop::Deadline));
        assert_eq!(
            Attempts::new(Vec::new(), AttemptLimits::default(), NOW).next(NOW),
            Next::Stop(Stop::NoTargets)
        );
    }

    #[test]
    fn a_failure_that_is_not_a_lone_one_moves_on() {
        let plan = vec![
            Planned { provider: 0, context_window: 0 },
            Planned { provider: 1, context_window: 0 },
        ];
        let mut attempts = Attempts::new(plan, AttemptLimits::default(), NOW);
        assert!(matches!(attempts.next(NOW), Next::Send { step: 0, .. }));
        attempts.failed(0, Transient, None, false, NOW);
        assert!(matches!(attempts.next(NOW), Next::Send { step: 1, .. }));
    }
}
