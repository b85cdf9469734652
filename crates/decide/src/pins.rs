//! Where sessions went that do not go where the spray alone would send them: after a failover a session
//! stays with the target that took it over, because its prompt cache is warm there now. A bounded
//! memory; what is forgotten goes where the spray sends it.

use std::collections::HashMap;

/// Pins kept at most; the half that was used last stays when there are more.
pub const PINS: usize = 65_536;

#[derive(Debug, Clone, Copy)]
struct Pin {
    place: u64,
    used: u64,
}

/// Sessions and their places.
#[derive(Debug, Clone, Default)]
pub struct Pins {
    pins: HashMap<u64, Pin>,
    /// Counts uses: a clock that needs no time.
    uses: u64,
}

impl Pins {
    /// Where a session is pinned.
    pub fn of(&mut self, session: u64) -> Option<u64> {
        self.uses += 1;
        let pin = self.pins.get_mut(&session)?;
        pin.used = self.uses;
        Some(pin.place)
    }

    /// A session was answered at a place. It is remembered where the spray alone would have sent it
    /// elsewhere.
    pub fn answered(&mut self, session: u64, place: u64, by_itself: Option<u64>) {
        self.uses += 1;
        if by_itself == Some(place) {
            self.pins.remove(&session);
            return;
        }
        if self.pins.len() >= PINS && !self.pins.contains_key(&session) {
            self.forget_half();
        }
        self.pins.insert(session, Pin { place, used: self.uses });
    }

    fn forget_half(&mut self) {
        let mut uses: Vec<u64> = self.pins.values().map(|pin| pin.used).collect();
        let middle = uses.len() / 2;
        let (_, median, _) = uses.select_nth_unstable(middle);
        let median = *median;
        self.pins.retain(|_, pin| pin.used > median);
    }
}

#[cfg(test)]
mod tests {
    use super::{PINS, Pins};

    #[test]
    fn a_session_stays_where_it_was_taken_over_until_it_is_back_by_itself() {
        let mut pins = Pins::default();
        pins.answered(1, 10, Some(10));
        assert_eq!(pins.of(1), None, "nothing to remember");
        pins.answered(1, 20, Some(10));
        assert_eq!(pins.of(1), Some(20));
        pins.answered(1, 30, Some(10));
        assert_eq!(pins.of(1), Some(30), "a second failover moves it again");
        pins.answered(1, 10, Some(10));
        assert_eq!(pins.of(1), None);
    }

    #[test]
    fn memory_is_bounded_and_what_is_in_use_stays() {
        let mut pins = Pins::default();
        for session in 0..PINS as u64 {
            pins.answered(session, 7, None);
        }
        assert_eq!(pins.of(0), Some(7));
        for session in 0..10 {
            pins.answered(u64::MAX - session, 7, None);
        }
        assert!(pins.pins.len() <= PINS / 2 + 10, "{}", pins.pins.len());
        assert_eq!((pins.of(0), pins.of(1)), (Some(7), None));
    }
}
