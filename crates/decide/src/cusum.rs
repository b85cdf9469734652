//! A sequential test for a change (E. S. Page, "Continuous Inspection Schemes", Biometrika 1954): the
//! evidence of the answers is added up and never falls below zero, where the search begins anew. With
//! log likelihood ratios as evidence, a threshold of ln N is passed by chance at most once in N answers
//! on average (G. Lorden, "Procedures for Reacting to a Change in Distribution", 1971).

use serde::{Deserialize, Serialize};
use terms::time::Timestamp;

/// How far beyond its threshold evidence is remembered, so that a return is noticed in time.
const BEYOND: f64 = 1.5;

/// Evidence added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cusum {
    evidence: f64,
    /// Since when it is above zero.
    since: Option<Timestamp>,
}

impl Cusum {
    /// One more answer. Returns whether there is nothing to suspect.
    pub(crate) fn add(&mut self, evidence: f64, threshold: f64, now: Timestamp) -> bool {
        self.evidence = (self.evidence + evidence).clamp(0.0, threshold * BEYOND);
        if self.evidence > 0.0 {
            self.since.get_or_insert(now);
        } else {
            self.since = None;
        }
        self.since.is_none()
    }

    /// When what it found began, once the evidence is enough and has lasted this long.
    pub(crate) fn found(&self, threshold: f64, lasts_ms: u64, now: Timestamp) -> Option<Timestamp> {
        let since = self.since.filter(|_| self.evidence >= threshold)?;
        let lasted = u64::try_from(now.0.saturating_sub(since.0)).unwrap_or(0);
        (lasted >= lasts_ms).then_some(since)
    }

    /// Without a change this much is seen at most once in so many answers.
    pub(crate) fn once_in(&self) -> f64 {
        self.evidence.exp()
    }
}

#[cfg(test)]
mod tests {
    use terms::time::Timestamp;

    use super::Cusum;

    #[test]
    fn evidence_adds_up_from_zero_and_has_to_last() {
        let mut test = Cusum::default();
        assert!(test.add(-3.0, 4.0, Timestamp(0)), "what speaks against a change is not saved up");
        for at in 1..=4 {
            assert!(!test.add(1.0, 4.0, Timestamp(at)));
        }
        assert_eq!(test.found(4.0, 4, Timestamp(4)), None, "it has not lasted");
        assert_eq!(test.found(4.0, 3, Timestamp(4)), Some(Timestamp(1)));
        for _ in 0..100 {
            test.add(1.0, 4.0, Timestamp(9));
        }
        assert!(test.add(-7.0, 4.0, Timestamp(10)), "a return is noticed in time");
    }
}
