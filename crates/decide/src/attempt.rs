//! What happens next to a request: send, wait or stop. Holds the one deadline and the one attempt
//! budget of a request; every decision after a failure is made here and nowhere else. Of attempts that
//! are under way together none decides before the last of them has come back.

mod known;

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
    /// Never again.
    excluded: bool,
    /// Its provider could not be reached: once more where no other target is left.
    is_unreachable: bool,
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
    /// Under way: at most one, and one beside it.
    open: Vec<Open>,
    /// Failed while another was under way, with which it is decided on.
    landed: Vec<Told>,
    /// Who asked to be left alone, and until when.
    away: Vec<(Upcoming, Moment)>,
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
            open: Vec::new(),
            landed: Vec::new(),
            away: Vec::new(),
            refused: Vec::new(),
            heirs: Vec::new(),
        }
    }

    /// Adds a target that was not planned, because the one at `step` turns out to be gone: it is tried
    /// right after that. Gives its step.
    pub fn adopt(&mut self, step: usize, planned: Planned) -> usize {
        let siblings = self.plan.iter().zip(&self.tried);
        let is_unreachable = siblings
            .filter(|(other, _)| other.provider == planned.provider)
            .any(|(_, tried)| tried.is_unreachable);
        let with = vec![0; planned.keys.len()];
        self.tried.push(Tried { with, is_unreachable, ..Tried::default() });
        self.plan.push(planned);
        let heir = self.plan.len() - 1;
        self.heirs.push((step, heir));
        heir
    }

    /// What to do now. `Send` counts as made. Asked only while nothing is under way.
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
        let ordinal = self.begin(Upcoming { step, place });
        Next::Send { step, key: self.plan[step].keys[place], ordinal }
    }

    /// The attempt at `step` failed. `lone` tells that the target had not failed just before. Where
    /// another attempt is still under way, this is noted, and decided on once that one has failed, too.
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
        let ends_at_once = self.ends_at_once(step, failure);
        let Open { at, ordinal } = self.close(step);
        let until = asked_ms.filter(|ms| *ms > 0).map(|ms| now.after(ms));
        let told = Told { at, ordinal, failure, until, lone };
        self.learn(&told);
        self.landed.push(told);
        if ends_at_once || self.open.is_empty() {
            let landed = std::mem::take(&mut self.landed);
            self.not_before = now;
            self.next = self.after(landed, now, &mut resend);
        }
    }

    /// Whether a failure at `step` is the caller's to see though another attempt is under way: it is as
    /// it would be without that one.
    pub fn ends_at_once(&self, step: usize, failure: Failure) -> bool {
        let is_first = self.open.first().is_none_or(|open| open.at.step == step);
        is_first && self.landed.is_empty() && is_callers(failure)
    }

    /// Whether the attempt at `step`, which is under way, may be made once more.
    pub fn may_be_made_again(&self, step: usize) -> bool {
        let open = self.open.iter().find(|open| open.at.step == step);
        open.is_some_and(|open| self.may_retry(open.at))
    }

    /// An attempt answers: what failed beside it decides nothing any more.
    pub fn answered(&mut self) {
        self.landed.clear();
    }

    /// The attempt at `step` is given up because another one answers.
    pub fn left(&mut self, step: usize) {
        self.open.retain(|open| open.at.step != step);
    }

    /// The target at `step` could not go on with an answer that another one began, which says nothing
    /// against it: it is asked in another way. `resend` as in [`Attempts::failed`].
    pub fn mismatched(&mut self, step: usize, now: Moment, mut resend: impl FnMut(usize) -> bool) {
        let Open { at, ordinal } = self.close(step);
        self.not_before = now;
        self.next = if self.may_retry(at) && self.may_resend(step, &mut resend) {
            Ok(at)
        } else {
            let failure = Failure::Mismatch;
            let told = Told { at, ordinal, failure, until: None, lone: false };
            self.after(vec![told], now, &mut resend)
        };
    }

    /// A second attempt beside the one that is under way at `step`: at the first untried target of a
    /// provider that was not asked yet and whose gate `is_open`. Gives its step, key and ordinal, and
    /// counts as made. Whichever of the two fails is reported by [`Attempts::failed`] as any other; the
    /// one that loses is reported by [`Attempts::left`].
    pub fn hedge(
        &mut self,
        step: usize,
        is_open: impl Fn(usize) -> bool,
        now: Moment,
    ) -> Option<(usize, u8, u8)> {
        if self.made >= self.limits.attempts || self.left_ms(now) == 0 {
            return None;
        }
        let fits = |other: &usize| {
            self.is_untried(*other)
                && self.tries_at(self.plan[*other].provider) == 0
                && is_open(*other)
        };
        let step = self.order_after(&[step]).into_iter().find(fits)?;
        let place = self.fresh_key(step)?;
        let ordinal = self.begin(Upcoming { step, place });
        Some((step, self.plan[step].keys[place], ordinal))
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
        let others: Vec<usize> =
            self.order_after(&[step]).into_iter().filter(|other| may(*other)).collect();
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
        self.left(step);
        self.tried[step].passed_over = true;
        self.next = Ok(next);
        true
    }

    /// Whether a target other than that at `step` may still have its first try.
    pub fn has_another(&self, step: usize) -> bool {
        let may = |other: usize| other != step && self.is_untried(other);
        self.made < self.limits.attempts && (0..self.plan.len()).any(may)
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

    /// An attempt goes out. Gives its number.
    fn begin(&mut self, at: Upcoming) -> u8 {
        self.made += 1;
        self.tried[at.step].with[at.place] += 1;
        self.open.push(Open { at, ordinal: self.made });
        self.made
    }

    /// The attempt at `step` is no longer under way.
    fn close(&mut self, step: usize) -> Open {
        let is_it = |open: &Open| open.at.step == step;
        if let Some(position) = self.open.iter().position(is_it) {
            return self.open.remove(position);
        }
        let place = self.tried[step].with.iter().rposition(|tries| *tries > 0).unwrap_or(0);
        Open { at: Upcoming { step, place }, ordinal: self.made }
    }

    /// All that were under way have failed: what is next.
    fn after(
        &mut self,
        mut landed: Vec<Told>,
        now: Moment,
        resend: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Upcoming, Stop> {
        let last = landed.last().map_or(Failure::Transient, |told| told.failure);
        landed.sort_by_key(|told| told.ordinal);
        if let Some(told) = landed.iter().find(|told| is_callers(told.failure)) {
            return Err(Stop::Final(told.failure));
        }
        if let Some(same) = self.same_target(&landed, now, resend) {
            return Ok(same);
        }
        let steps: Vec<usize> = landed.iter().map(|told| told.at.step).collect();
        if let Some(next) = self.next_target(&steps, resend) {
            return Ok(next);
        }
        // An answer was begun, so whoever may still be asked is asked for the rest.
        let was_begun =
            landed.iter().any(|told| matches!(told.failure, Failure::Cut | Failure::Mismatch));
        let again = if was_begun {
            self.anybody(&steps, now, resend)
        } else {
            self.once_more(&landed, now, resend)
        };
        let overflow = landed.iter().any(|told| told.failure == Failure::ContextOverflow);
        again.ok_or(if overflow {
            Stop::Final(Failure::ContextOverflow)
        } else {
            Stop::Exhausted(last)
        })
    }

    /// A target that just failed, at once or after a moment: with another key where the last one was
    /// refused or limited, with the same where the failure was a lone one or the wait asked for is
    /// short. Of two the one that may be asked first.
    fn same_target(
        &mut self,
        landed: &[Told],
        now: Moment,
        resend: &mut dyn FnMut(usize) -> bool,
    ) -> Option<Upcoming> {
        let mut again: Vec<(u64, Upcoming)> =
            landed.iter().filter_map(|told| self.same(told, now)).collect();
        again.sort_by_key(|(wait, _)| *wait);
        let (wait, at) =
            again.into_iter().find(|(_, at)| self.may_resend(at.step, &mut *resend))?;
        self.not_before = now.after(wait);
        Some(at)
    }

    fn same(&self, told: &Told, now: Moment) -> Option<(u64, Upcoming)> {
        let Told { at, failure, until, lone, .. } = *told;
        let step = at.step;
        if !self.can_spare_one(step) {
            return None;
        }
        let by_key = matches!(failure, Failure::CredentialDead | Failure::RateLimited);
        let other = self.fresh_key(step).map(|place| Upcoming { step, place });
        if let Some(other) = other.filter(|other| by_key && self.may_again(*other)) {
            return Some((0, other));
        }
        let wait = match (failure, until) {
            (Failure::RateLimited | Failure::Transient, Some(until)) => until.since(now),
            (Failure::Transient, None) if lone => 0,
            _ => return None,
        };
        (wait <= self.limits.patience_ms && self.may_again(at)).then_some((wait, at))
    }

    /// The first target after those that failed (wrapping to earlier ones that were only passed
    /// over) that was not tried yet.
    fn next_target(
        &mut self,
        failed: &[usize],
        resend: &mut dyn FnMut(usize) -> bool,
    ) -> Option<Upcoming> {
        if self.made >= self.limits.attempts {
            return None;
        }
        self.order_after(failed).into_iter().find_map(|step| self.first_try(step, resend))
    }

    /// One that may be tried once more, those that just failed last.
    fn anybody(
        &mut self,
        failed: &[usize],
        now: Moment,
        resend: &mut dyn FnMut(usize) -> bool,
    ) -> Option<Upcoming> {
        let others = self.order_after(failed).into_iter().filter(|step| !failed.contains(step));
        let steps: Vec<usize> = others.chain(failed.iter().copied()).collect();
        for step in steps {
            let again = (0..self.plan[step].keys.len())
                .map(|place| Upcoming { step, place })
                .filter(|at| self.may_retry(*at) && self.wait(*at, now) <= self.limits.patience_ms)
                .min_by_key(|at| (self.wait(*at, now), self.tried[step].with[at.place]));
            if let Some(again) = again
                && !self.refused.contains(&step)
                && self.may_resend(step, resend)
            {
                self.not_before = now.after(self.wait(again, now));
                return Some(again);
            }
        }
        None
    }

    /// No other target is left: one that was unreachable, busy or broken may be tried once more.
    fn once_more(
        &mut self,
        landed: &[Told],
        now: Moment,
        resend: &mut dyn FnMut(usize) -> bool,
    ) -> Option<Upcoming> {
        let mut again: Vec<(u64, Upcoming)> = Vec::new();
        for Told { at, failure, until, .. } in landed {
            let worth_it = matches!(
                failure,
                Failure::Unreachable
                    | Failure::RateLimited
                    | Failure::Transient
                    | Failure::Malformed
            );
            let wait = until.map_or(self.limits.backoff_ms, |until| until.since(now));
            let told_to_stay_away = until.is_some() && wait > self.limits.patience_ms;
            if worth_it && !told_to_stay_away && self.may_again(*at) {
                again.push((wait, *at));
            }
        }
        again.sort_by_key(|(wait, _)| *wait);
        let (wait, at) = again.into_iter().find(|(_, at)| {
            !self.refused.contains(&at.step) && self.may_resend(at.step, &mut *resend)
        })?;
        self.not_before = now.after(wait);
        Some(at)
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

    /// Whether a send to the provider of a step is paid for: the first one always is.
    fn may_resend(&mut self, step: usize, resend: &mut dyn FnMut(usize) -> bool) -> bool {
        let provider = self.plan[step].provider;
        let may = self.tries_at(provider) == 0 || resend(provider);
        if !may && !self.refused.contains(&step) {
            self.refused.push(step);
        }
        may
    }
}

/// An attempt that is under way.
#[derive(Debug, Clone, Copy)]
struct Open {
    at: Upcoming,
    ordinal: u8,
}

/// What is told of an attempt that failed.
#[derive(Debug, Clone, Copy)]
struct Told {
    at: Upcoming,
    ordinal: u8,
    failure: Failure,
    /// Until when it asked to be left alone.
    until: Option<Moment>,
    lone: bool,
}

/// What the caller is to see, because no other target would take it.
const fn is_callers(failure: Failure) -> bool {
    matches!(failure, Failure::CallerFault | Failure::PolicyRefusal)
}

#[cfg(test)]
mod tests;
