//! What the demo's own callers saw. Counted on their side of the wire, so that it can contradict the
//! gateway.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Counts, shared by all callers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    answered: AtomicU64,
    failed: AtomicU64,
    asked_again: AtomicU64,
    by_fallback: AtomicU64,
}

impl Tally {
    pub(crate) fn answered(&self, by_fallback: bool) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
        self.0.by_fallback.fetch_add(u64::from(by_fallback), Ordering::Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.0.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// An answer broke off half-way, and its caller asked again, as the real clients do.
    pub(crate) fn asked_again(&self) {
        self.0.asked_again.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failures(&self) -> u64 {
        self.0.failed.load(Ordering::Relaxed)
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let mut line = format!(
            "{} calls answered, {} of them by another vendor or model, {} failed",
            read(&self.0.answered),
            read(&self.0.by_fallback),
            read(&self.0.failed),
        );
        let again = read(&self.0.asked_again);
        if again > 0 {
            line.push_str(&format!("; {again} broke off in mid-answer and were asked again"));
        }
        line
    }
}
