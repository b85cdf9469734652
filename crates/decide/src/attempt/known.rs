//! What the attempts of a request have shown of its targets and their keys: who may be asked again,
//! with what, after how long, and in which order. Decides nothing.

use terms::{outcome::Failure, time::Moment};

use super::{Attempts, Planned, Told, Tried, Upcoming};

impl Attempts {
    /// What a failure says against targets and keys.
    pub(super) fn learn(&mut self, told: &Told) {
        let Told { at: Upcoming { step, place }, failure, until, .. } = *told;
        self.away.extend(until.map(|until| (told.at, until)));
        let Planned { provider, context_window: window, ref keys } = self.plan[step];
        match failure {
            Failure::ContextOverflow => self.exclude(|other| other.context_window <= window),
            Failure::TimedOut | Failure::ModelGone => self.tried[step].excluded = true,
            Failure::CredentialDead => self.dead.push((provider, keys[place])),
            Failure::Unreachable => {
                for (other, tried) in self.plan.iter().zip(&mut self.tried) {
                    tried.is_unreachable |= other.provider == provider;
                }
            }
            _ => {}
        }
    }

    /// Whether a target may be tried with this key once more, or at all.
    pub(super) fn may_retry(&self, at: Upcoming) -> bool {
        self.may_again(at) && !self.tried[at.step].is_unreachable
    }

    /// The same, be its provider in reach or not.
    pub(super) fn may_again(&self, at: Upcoming) -> bool {
        let Upcoming { step, place } = at;
        let Planned { provider, keys, .. } = &self.plan[step];
        !self.tried[step].excluded
            && !self.dead.contains(&(*provider, keys[place]))
            && self.tried[step].with[place] < self.limits.tries_per_target
            && self.made < self.limits.attempts
    }

    /// How long a target still wants to be left alone by this key.
    pub(super) fn wait(&self, at: Upcoming, now: Moment) -> u64 {
        let asked = self.away.iter().filter(|(other, _)| *other == at);
        asked.map(|(_, until)| until.since(now)).max().unwrap_or(0)
    }

    /// A second try of one target never takes the attempt that another target is waiting for.
    pub(super) fn can_spare_one(&self, step: usize) -> bool {
        let waiting =
            (0..self.plan.len()).filter(|index| *index != step && self.is_untried(*index)).count();
        usize::from(self.limits.attempts.saturating_sub(self.made)) > waiting
    }

    pub(super) fn is_untried(&self, step: usize) -> bool {
        let Tried { with, excluded, is_unreachable, .. } = &self.tried[step];
        let is_out = *excluded || *is_unreachable;
        with.iter().all(|tries| *tries == 0) && !is_out && self.fresh_key(step).is_some()
    }

    /// The place of the first key that was not shown there yet and not refused anywhere.
    pub(super) fn fresh_key(&self, step: usize) -> Option<usize> {
        let Planned { provider, keys, .. } = &self.plan[step];
        let fresh = |place: &usize| {
            self.tried[step].with[*place] == 0 && !self.dead.contains(&(*provider, keys[*place]))
        };
        (0..keys.len()).find(fresh)
    }

    /// The targets in the order in which they come after these, of which the first counts; whoever came
    /// in for one of them is first.
    pub(super) fn order_after(&self, steps: &[usize]) -> Vec<usize> {
        let heirs_of = |step: &usize| {
            let step = *step;
            self.heirs.iter().filter(move |(of, _)| *of == step).map(|(_, heir)| *heir)
        };
        let heirs = steps.iter().flat_map(heirs_of);
        let first = steps.first().copied().unwrap_or(0);
        heirs.chain(first + 1..self.plan.len()).chain(0..first).collect()
    }

    pub(super) fn tries_at(&self, provider: usize) -> u32 {
        let of_it = self.plan.iter().zip(&self.tried).filter(|(at, _)| at.provider == provider);
        of_it.flat_map(|(_, tried)| &tried.with).map(|tries| u32::from(*tries)).sum()
    }

    fn exclude(&mut self, is_meant: impl Fn(&Planned) -> bool) {
        for (planned, tried) in self.plan.iter().zip(&mut self.tried) {
            tried.excluded |= is_meant(planned);
        }
    }
}
