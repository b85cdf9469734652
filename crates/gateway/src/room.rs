//! Room for request bodies: however many callers send at once, their bodies together stay below a bound.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// What one request takes of the room, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    all: Arc<AtomicUsize>,
    most: usize,
    taken: usize,
}

impl Room {
    pub(crate) fn new(all: &Arc<AtomicUsize>, most: usize) -> Self {
        Self { all: Arc::clone(all), most, taken: 0 }
    }

    /// Whether there is room for this many bytes more; if so, they are taken.
    #[must_use]
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let before = self.all.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.most {
            self.all.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        self.taken += bytes;
        true
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.all.fetch_sub(self.taken, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicUsize};

    use super::Room;

    #[test]
    fn what_one_gives_back_another_may_take() {
        let all = Arc::new(AtomicUsize::new(0));
        let (mut one, mut other) = (Room::new(&all, 10), Room::new(&all, 10));
        assert!(one.take(6) && !other.take(5) && other.take(4) && !one.take(1));
        drop(one);
        assert!(other.take(6) && !other.take(1));
    }
}
