//! New ids and the time of day, the two things that an engine takes from the world.

use std::time::{SystemTime, UNIX_EPOCH};

use terms::time::Timestamp;

/// The time of day.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// An id as Tangle makes them: 48 bits of milliseconds and 32 random bits, in 20 hexadecimal digits.
pub(super) fn new_id() -> String {
    let mut random = [0_u8; 4];
    getrandom::fill(&mut random).expect("the system gives random bytes");
    format!("{:012x}{:08x}", now().0, u32::from_be_bytes(random))
}
