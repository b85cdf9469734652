//! The two clocks of the console, read from the system.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use terms::time::{Moment, Timestamp};

#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock {
    start: Instant,
}

impl SystemClock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(crate) fn uptime_ms(self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// The wall clock.
pub(crate) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl console::Clock for SystemClock {
    fn now(&self) -> Timestamp {
        wall()
    }

    fn moment(&self) -> Moment {
        Moment(self.uptime_ms())
    }
}
