//! The monotonic clock, as a [`Moment`]. Follows tokio's time, so that tests can pause it.

use terms::time::Moment;
use tokio::time::Instant;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(crate) fn now(self) -> Moment {
        let elapsed = Instant::now().saturating_duration_since(self.start);
        Moment(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }
}
