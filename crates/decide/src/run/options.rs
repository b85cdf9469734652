//! What a run may do, and what it asks for.

use terms::run::{ExecutionIndex, RunState};

/// The bounds of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunOptions {
    /// Executions that may be with a launcher at a time; at least one.
    pub parallelism: usize,
    /// Milliseconds of rest after the first failure; doubles with every failure.
    pub first_rest_ms: u64,
    /// The longest rest.
    pub rest_cap_ms: u64,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { parallelism: 4, first_rest_ms: 1_000, rest_cap_ms: 60_000 }
    }
}

impl RunOptions {
    /// The rest after so many failures.
    pub(super) fn rest_ms(self, failures: u32) -> u64 {
        let doublings = failures.saturating_sub(1).min(20);
        self.first_rest_ms.saturating_mul(1 << doublings).min(self.rest_cap_ms)
    }
}

/// What a run asks its engine to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start it, or reuse or share what is the same. Answered by `Started`, `Reused`, `Ended`.
    Launch {
        /// Which execution.
        execution: ExecutionIndex,
        /// Which try, counted from 1.
        attempt: u32,
    },
    /// Stop it; answered by `Ended`.
    Stop {
        /// Which execution.
        execution: ExecutionIndex,
        /// Which try.
        attempt: u32,
    },
    /// Wait, then report `Rested`.
    Rest {
        /// Which execution.
        execution: ExecutionIndex,
        /// The try that failed.
        attempt: u32,
        /// How long.
        for_ms: u64,
    },
    /// The run is over.
    Finish(RunState),
}
