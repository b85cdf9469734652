//! The console's sessions and single-use sign-in codes: random values that work for a while, kept
//! hashed and in memory only, so that a restart signs everyone out.

use std::collections::HashMap;

use terms::time::Moment;

use crate::{error::AccessError, secret::Secret};

/// How long a session lasts: a working day with its breaks.
pub const SESSION_MS: u64 = 12 * 60 * 60 * 1_000;

/// How long a sign-in code waits to be used.
pub const SIGN_IN_CODE_MS: u64 = 10 * 60 * 1_000;

/// A session that was live when it was looked up. Holds no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdminSession {
    pub(crate) id: [u8; 32],
    /// When it ends by itself.
    pub expires: Moment,
}

/// Random values with an end, of a bounded number.
#[derive(Debug)]
pub(crate) struct Passes {
    lifetime_ms: u64,
    limit: usize,
    expiry: HashMap<[u8; 32], Moment>,
}

impl Passes {
    pub(crate) fn new(lifetime_ms: u64, limit: usize) -> Self {
        Self { lifetime_ms, limit, expiry: HashMap::new() }
    }

    /// Makes a new value. At the limit the one that would end first gives way.
    pub(crate) fn issue(&mut self, now: Moment) -> Result<Secret, AccessError> {
        let value = Secret::random()?;
        self.expiry.retain(|_, expires| now < *expires);
        if self.expiry.len() >= self.limit {
            let first = self.expiry.iter().min_by_key(|(_, expires)| **expires);
            if let Some(first) = first.map(|(id, _)| *id) {
                self.expiry.remove(&first);
            }
        }
        self.expiry.insert(id_of(value.expose()), now.after(self.lifetime_ms));
        Ok(value)
    }

    /// The hash of a presented value and its end, if it is live. The table is looked up by hash, so
    /// that the time this takes tells nothing of the values in it.
    pub(crate) fn find(&self, presented: &str, now: Moment) -> Option<([u8; 32], Moment)> {
        let id = id_of(presented);
        self.expires(&id, now).map(|expires| (id, expires))
    }

    pub(crate) fn expires(&self, id: &[u8; 32], now: Moment) -> Option<Moment> {
        self.expiry.get(id).copied().filter(|expires| now < *expires)
    }

    /// Takes a value out; whether it was live.
    pub(crate) fn take(&mut self, presented: &str, now: Moment) -> bool {
        self.expiry.remove(&id_of(presented)).is_some_and(|expires| now < expires)
    }
}

fn id_of(value: &str) -> [u8; 32] {
    *blake3::hash(value.as_bytes()).as_bytes()
}

#[cfg(test)]
mod tests {
    use terms::time::Moment;

    use super::Passes;

    #[test]
    fn a_pass_works_until_its_end() {
        let mut passes = Passes::new(100, 8);
        let value = passes.issue(Moment(0)).unwrap();
        assert!(passes.find(value.expose(), Moment(99)).is_some());
        assert!(passes.find(value.expose(), Moment(100)).is_none());
        assert!(passes.find("made up", Moment(0)).is_none());
    }

    #[test]
    fn a_pass_is_taken_once_and_not_after_its_end() {
        let mut passes = Passes::new(100, 8);
        let (first, second) = (passes.issue(Moment(0)).unwrap(), passes.issue(Moment(0)).unwrap());
        assert!(passes.take(first.expose(), Moment(1)));
        assert!(!passes.take(first.expose(), Moment(2)));
        assert!(!passes.take(second.expose(), Moment(100)));
    }

    #[test]
    fn the_oldest_gives_way_at_the_limit() {
        let mut passes = Passes::new(100, 2);
        let values: Vec<_> = (0..3).map(|number| passes.issue(Moment(number)).unwrap()).collect();
        let live = |index: usize| passes.find(values[index].expose(), Moment(3)).is_some();
        assert_eq!([live(0), live(1), live(2)], [false, true, true]);
    }
}
