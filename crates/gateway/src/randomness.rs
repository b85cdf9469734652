//! Random bits for request ids, taken from the system for many requests at once: a system call for
//! each would cost as much as a journal entry. Nothing here is secret: an id is shown to its caller.

use std::sync::{Mutex, PoisonError};

/// Draws per system call.
const DRAWS: usize = 256;

/// Bytes of one draw.
const BYTES: usize = 16;

/// One worker's random bits; no draw is given twice.
#[derive(Default)]
pub(crate) struct Randomness {
    left: Mutex<Vec<[u8; BYTES]>>,
}

impl Randomness {
    pub(crate) fn draw(&self) -> u128 {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if left.is_empty() {
            left.resize(DRAWS, [0; BYTES]);
            getrandom::fill(left.as_flattened_mut()).expect("the system has randomness");
        }
        left.pop().map_or(0, u128::from_le_bytes)
    }
}

impl std::fmt::Debug for Randomness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Randomness")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{DRAWS, Randomness};

    #[test]
    fn draws_differ_also_behind_a_refill() {
        let randomness = Randomness::default();
        let draws: HashSet<u128> = (0..3 * DRAWS).map(|_| randomness.draw()).collect();
        assert_eq!(draws.len(), 3 * DRAWS);
    }
}
