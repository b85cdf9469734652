//! What happens next to a request: send, wait or stop. Holds the one deadline and the one attempt
//! budget of a request; every decision after a failure is made here and nowhere else.

use serde::{Deserialize, Serialize};
use terms::{outcome::Failure, time::Moment};

/// Upstream calls that one request can cause by default.
pub const ATTEMPTS: u8 = 4;

/// Upstream calls that one request can cause whatever a config says: no config may allow more. A task
/// with a student may ask that twice beside it, within this process.
pub const MOST_ATTEMPTS: u8 = 16;

/// Bounds of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimits {
    /// Attempts in all: the worst case of upstream calls.
    pub attempts: u8,
    /// Tries of one target with one key.
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
            attempts: ATTEMPTS,
            tries_per_target: 2,
            deadline_ms: 600_000,
            patience_ms: 3_000,
            backoff_ms: 250,
        }
    }
}

/// A planned target as far as the order of attempts depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Equal for targets of one provider: what cannot be reached under one name cannot be reached
    /// under another, and a dead key is dead for all.
    pub provider: usize,
    /// The model's window in tokens; 0 where unknown.
    pub context_window: u64,
    /// Which of the provider's keys to show, in this order. At least one; a provider that wants none
    /// counts as having one.
    pub keys: Vec<u8>,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Send to this target (index into the plan) as this attempt, counted from 1.
    Send {
        /// Index into the plan.
        step: usize,
        /// Which of its provider's keys.
        key: u8,
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

/// What was done with a target.
#[derive(Debug, Clone, Default)]
struct Tried {
    /// Tries with each of its keys, as the plan orders them.
    with: Vec<u8>,
    excluded: bool,
    /// Its turn came and went without an attempt, because its gate had shut by then.
    passed_over: bool,
}

/// A target, and the place of a key in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Upcoming {
    step: usize,
    place: usize,
}

/// The attempts of one request.
#[derive(Debug, Clone)]
pub struct Attempts {
    limits: AttemptLimits,
    plan: Vec<Planned>,
    tried: Vec<Tried>,
    /// Keys that were refused, with their providers.
    dead: Vec<(usize, u8)>,
    started: Moment,
    made: u8,
    next: Result<Upcoming, Stop>,
    not_before: Moment,
    /// Steps that were not asked again because their provider's retry budget is spent.
    refused: Vec<usize>,
    /// Steps that came in for others, with those: they stand right behind them.
    heirs: Vec<(usize, usize)>,
}

impl Attempts {
    /// A request that arrived at `now` with this plan.
    pub fn new(plan: Vec<Planned>, limits: AttemptLimits, now: Moment) -> Self {
        let fresh =
            |planned: &Planned| Tried { with: vec![0; planned.keys.len()], ..Tried::default() };
        let tried = plan.iter().map(fresh).collect();
        let first = Upcoming { step: 0, place: 0 };
        let next = if plan.is_empty() { Err(Stop::NoTargets) } else { Ok(first) };
        Self {
            limits,
            plan,
            tried,
            dead: Vec::new(),
            started: now,
            made: 0,
            next,
            not_before: now,
            refused: Vec::new(),
            heirs: Vec::new(),
        }
    }

    /// Adds a target that was not planned, because the one at `step` turns out to be gone: it is tried
    /// right after that. Gives its step.
    pub fn adopt(&mut self, step: usize, planned: Planned) -> usize {
        self.tried.push(Tried { with: vec![0; planned.keys.len()], ..Tried::default() });
        self.plan.push(planned);
        let heir = self.plan.len() - 1;
        self.heirs.push((step, heir));
        heir
    }

    /// What to do now. `Send` counts as made.
    pub fn next(&mut self, now: Moment) -> Next {
        let Upcoming { step, place } = match self.next {
            Ok(upcoming) => upcoming,
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
        self.tried[step].with[place] += 1;
        Next::Send { step, key: self.plan[step].keys[place], ordinal: self.made }
    }

    /// The attempt at `step` failed. `lone` tells that the target had not failed just before.
    /// `resend` withdraws from the retry budget of a provider that this request has asked already; it
    /// is called only where such a send is the next thing to do.
    pub fn failed(
        &mut self,
        step: usize,
        failure: Failure,
        asked_ms: Option<u64>,
        lone: bool,
        now: Moment,
        mut resend: impl FnMut(usize) -> bool,
    ) {
        self.not_before = now;
        let told = Told { step, failure, asked_ms: asked_ms.filter(|ms| *ms > 0), lone };
        self.next = self.after(&told, now, &mut resend);
    }

    /// The target at `step` could not go on with an answer that another one began, which says nothing
    /// against it: it is asked in another way. `resend` as in [`Attempts::failed`].
    pub fn mismatched(&mut self, step: usize, now: Moment, mut resend: impl FnMut(usize) -> bool) {
        self.not_before = now;
        let failure = Failure::Mismatch;
        let told = Told { step, failure, asked_ms: None, lone: false };
        let same = self.current(step).filter(|upcoming| self.may_retry(*upcoming));
        self.next = match same {
            Some(same) if self.may_resend(step, &mut resend) => Ok(same),
            _ => self.anybody(&told, &mut resend),
        };
    }

    /// A second attempt beside the one that is under way at `step`: at the first untried target of a
    /// provider that was not asked yet and whose gate `is_open`. Gives its step, key and ordinal, and
    /// counts as made. Whichever of the two fails is reported by [`Attempts::failed`] as any other.
    pub fn hedge(
        &mut self,
        step: usize,
        is_open: impl Fn(usize) -> bool,
    ) -> Option<(usize, u8, u8)> {
        if self.made >= self.limits.attempts {
            return None;
        }
        let fits = |other: &usize| {
            self.is_untried(*other)
                && self.tries_at(self.plan[*other].provider) == 0
                && is_open(*other)
        };
        let step = self.order_after(step).find(fits)?;
        let place = self.fresh_key(step)?;
        self.made += 1;
        self.tried[step].with[place] += 1;
        Some((step, self.plan[step].keys[place], self.made))
    }

    /// The send that [`Attempts::next`] just gave is not made, because the gate there has shut by now,
    /// if an untried target is left whose gate `is_open`: that one is next. Tells whether it is so.
    pub fn pass_over(
        &mut self,
        step: usize,
        is_open: impl Fn(usize) -> bool,
        mut resend: impl FnMut(usize) -> bool,
    ) -> bool {
        let Ok(Upcoming { place, .. }) = self.next else { return false };
        let may = |other: usize| other != step && !self.tried[other].passed_over && is_open(other);
        let others: Vec<usize> = self.order_after(step).filter(|other| may(*other)).collect();
        // What was paid for asking this provider again holds for another target of it.
        let paid = self.is_resend(step).then(|| self.plan[step].provider);
        let mut resend = |provider| paid == Some(provider) || resend(provider);
        // As if it had not been sent, so that its provider counts as asked only if it was.
        self.tried[step].with[place] -= 1;
        let next = others.into_iter().find_map(|other| self.first_try(other, &mut resend));
        let Some(next) = next else {
            self.tried[step].with[place] += 1;
            return false;
        };
        self.made -= 1;
        self.tried[step].passed_over = true;
        self.next = Ok(next);
        true
    }

    /// Steps that were not asked again because their provider's retry budget is spent, since this was
    /// last asked.
    pub fn take_refused(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.refused)
    }

    /// Whether this request asked the provider of a step before its latest send.
    pub fn is_resend(&self, step: usize) -> bool {
        self.tries_at(self.plan[step].provider) > 1
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
        told: &Told,
        now: Moment,
        resend: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Upcoming, Stop> {
        let Told { step, failure, .. } = *told;
        match failure {
            Failure::CallerFault | Failure::PolicyRefusal => return Err(Stop::Final(failure)),
            // It was begun, so whoever may still be asked is asked for the rest.
            Failure::Cut | Failure::Mismatch => return self.anybody(told, resend),
            Failure::ContextOverflow => {
                self.exclude_windows_up_to(step);
                return self.next_target(told, resend).map_err(|_| Stop::Final(failure));
            }
            Failure::Unreachable => self.exclude_provider_of(step),
            Failure::TimedOut | Failure::ModelGone => self.tried[step].excluded = true,
            Failure::CredentialDead => self.bury_key(step),
            Failure::Transient | Failure::RateLimited | Failure::Malformed | Failure::Declined => {}
        }
        if let Some((upcoming, wait)) = self.same_target(told)
            && self.may_resend(step, resend)
        {
            self.not_before = now.after(wait);
            return Ok(upcoming);
        }
        self.next_target(told, resend).or_else(|stop| self.once_more(told, now, resend).ok_or(stop))
    }

    /// The same target at once or after a moment: with another key where the last one was refused or
    /// limited, with the same where the failure was a lone one or the wait asked for is short.
    fn same_target(&self, told: &Told) -> Option<(Upcoming, u64)> {
        let Told { step, failure, asked_ms, lone } = *told;
        if self.made >= self.limits.attempts || !self.can_spare_one(step) {
            return None;
        }
        let by_key = matches!(failure, Failure::CredentialDead | Failure::RateLimited);
        if let Some(place) = self.fresh_key(step).filter(|_| by_key) {
            return Some((Upcoming { step, place }, 0));
        }
        let same = self.current(step).filter(|upcoming| {
            self.tried[step].with[upcoming.place] < self.limits.tries_per_target
        })?;
        match (failure, asked_ms) {
            (Failure::RateLimited | Failure::Transient, Some(asked)) => {
                (asked <= self.limits.patience_ms).then_some((same, asked))
            }
            (Failure::Transient, None) if lone => Some((same, 0)),
            _ => None,
        }
    }

    /// The first target after the one that failed (wrapping to earlier ones that were only passed
    /// over) that was not tried yet.
    fn next_target(
        &mut self,
        told: &Told,
        resend: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Upcoming, Stop> {
        if self.made >= self.limits.attempts {
            return Err(Stop::Exhausted(told.failure));
        }
        let order: Vec<usize> = self.order_after(told.step).collect();
        let next = order.into_iter().find_map(|step| self.first_try(step, resend));
        next.ok_or(Stop::Exhausted(told.failure))
    }

    /// The first target after the one that failed that was not tried yet; otherwise one that may be
    /// tried once more, this one last.
    fn anybody(
        &mut self,
        told: &Told,
        resend: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Upcoming, Stop> {
        let stop = match self.next_target(told, resend) {
            Ok(next) => return Ok(next),
            Err(stop) => stop,
        };
        for step in self.order_after(told.step).chain([told.step]) {
            let again = (0..self.plan[step].keys.len())
                .map(|place| Upcoming { step, place })
                .filter(|upcoming| self.may_retry(*upcoming))
                .min_by_key(|upcoming| self.tried[step].with[upcoming.place]);
            if let Some(again) = again
                && !self.refused.contains(&step)
                && self.may_resend(step, resend)
            {
                return Ok(again);
            }
        }
        Err(stop)
    }

    /// Whether a target may be tried with this key once more, or at all.
    fn may_retry(&self, upcoming: Upcoming) -> bool {
        let Upcoming { step, place } = upcoming;
        let Planned { provider, keys, .. } = &self.plan[step];
        !self.tried[step].excluded
            && !self.dead.contains(&(*provider, keys[place]))
            && self.tried[step].with[place] < self.limits.tries_per_target
            && self.made < self.limits.attempts
    }

    /// The first try of a target, if it may have one.
    fn first_try(
        &mut self,
        step: usize,
        resend: &mut dyn FnMut(usize) -> bool,
    ) -> Option<Upcoming> {
        let place = self.fresh_key(step).filter(|_| self.is_untried(step))?;
        self.may_resend(step, resend).then_some(Upcoming { step, place })
    }

    /// No other target is left: one that was unreachable, busy or broken may be tried once more.
    fn once_more(
        &mut self,
        told: &Told,
        now: Moment,
        resend: &mut dyn FnMut(usize) -> bool,
    ) -> Option<Upcoming> {
        let Told { step, failure, asked_ms, .. } = *told;
        let worth_it = matches!(
            failure,
            Failure::Unreachable | Failure::RateLimited | Failure::Transient | Failure::Malformed
        );
        let told_to_stay_away = asked_ms.is_some_and(|ms| ms > self.limits.patience_ms);
        let again = self.current(step).filter(|upcoming| {
            self.made < self.limits.attempts
                && self.tried[step].with[upcoming.place] < self.limits.tries_per_target
        })?;
        if !worth_it || told_to_stay_away || self.refused.contains(&step) {
            return None;
        }
        self.may_resend(step, resend).then(|| {
            self.not_before = now.after(asked_ms.unwrap_or(self.limits.backoff_ms));
            again
        })
    }

    /// Whether a send to the provider of a step is paid for: the first one always is.
    fn may_resend(&mut self, step: usize, resend: &mut dyn FnMut(usize) -> bool) -> bool {
        let provider = self.plan[step].provider;
        let may = self.tries_at(provider) == 0 || resend(provider);
        if !may && !self.refused.contains(&step) {
            self.refused.push(step);
        }
        may
    }

    /// A second try of one target never takes the attempt that another target is waiting for.
    fn can_spare_one(&self, step: usize) -> bool {
        let waiting =
            (0..self.plan.len()).filter(|index| *index != step && self.is_untried(*index)).count();
        usize::from(self.limits.attempts.saturating_sub(self.made)) > waiting
    }

    fn is_untried(&self, step: usize) -> bool {
        let Tried { with, excluded, .. } = &self.tried[step];
        with.iter().all(|tries| *tries == 0) && !excluded && self.fresh_key(step).is_some()
    }

    /// The place of the first key that was not shown there yet and not refused anywhere.
    fn fresh_key(&self, step: usize) -> Option<usize> {
        let Planned { provider, keys, .. } = &self.plan[step];
        let fresh = |place: &usize| {
            self.tried[step].with[*place] == 0 && !self.dead.contains(&(*provider, keys[*place]))
        };
        (0..keys.len()).find(fresh)
    }

    /// The step with the key that was shown last.
    fn current(&self, step: usize) -> Option<Upcoming> {
        self.next.ok().filter(|upcoming| upcoming.step == step)
    }

    fn order_after(&self, step: usize) -> impl Iterator<Item = usize> + use<> {
        let of_it = self.heirs.iter().filter(|(of, _)| *of == step).map(|(_, heir)| *heir);
        let heirs: Vec<usize> = of_it.collect();
        heirs.into_iter().chain(step + 1..self.plan.len()).chain(0..step)
    }

    fn tries_at(&self, provider: usize) -> u32 {
        let of_it = self.plan.iter().zip(&self.tried).filter(|(at, _)| at.provider == provider);
        of_it.flat_map(|(_, tried)| &tried.with).map(|tries| u32::from(*tries)).sum()
    }

    fn bury_key(&mut self, step: usize) {
        // Of two attempts that went out together the second is not the one that is upcoming.
        let shown = self.current(step).map(|upcoming| upcoming.place);
        let with = &self.tried[step].with;
        if let Some(place) = shown.or_else(|| with.iter().rposition(|tries| *tries > 0)) {
            let Planned { provider, keys, .. } = &self.plan[step];
            self.dead.push((*provider, keys[place]));
        }
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

/// What is told of an attempt that failed.
#[derive(Debug, Clone, Copy)]
struct Told {
    step: usize,
    failure: Failure,
    /// Above 0.
    asked_ms: Option<u64>,
    lone: bool,
}

#[cfg(test)]
mod tests;
