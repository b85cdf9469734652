//! What the console shows of sessions and their breakers, as plain values, and the trait by which it
//! gets them and passes a person's answer on. The binary fills them in; nothing is decided here.

use serde::Serialize;
use terms::{
    breaker::{Autonomy, BreakerEvent, BreakerId, BreakerState, Evidence, SessionKey},
    money::NanoUsd,
    time::Timestamp,
};

/// The breakers of the running program, as the console sees them.
pub trait Breakers: Send + Sync + 'static {
    /// Everything that the Breakers page shows, as of now.
    fn board(&self) -> BreakerBoard;

    /// Passes a person's answer on. `seen` is the version of the breaker that it was given to.
    ///
    /// # Errors
    /// Why it was not taken; nothing has changed then.
    fn answer(
        &self,
        id: &BreakerId,
        seen: Option<u64>,
        answer: BreakerAnswer,
        by: &str,
    ) -> Result<(), AnswerRefused>;
}

/// What a person answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerAnswer {
    /// Go on, by this much more; what is not named is once more the limit.
    Confirm {
        /// Dollars.
        cost: Option<NanoUsd>,
        /// Milliseconds of running on its own.
        autonomous_ms: Option<u64>,
    },
    /// No further request.
    Stop,
}

/// Why an answer was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerRefused {
    /// There is no such breaker.
    Unknown,
    /// The breaker does not take it, in a sentence.
    Refused(String),
    /// It could not be kept; for the log.
    Failed(String),
}

/// The content of the Breakers page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BreakerBoard {
    /// The program's version.
    pub version: String,
    /// When these values were read.
    pub now: Timestamp,
    /// A line to show above everything, such as that the vendors are simulated.
    pub simulated: Option<String>,
    /// What a session may do on its own before somebody is asked.
    pub limits: Autonomy,
    /// Requests refused since the program started.
    pub refused: u64,
    /// Sessions that ask, the dearest first.
    pub asking: Vec<SessionRow>,
    /// Sessions that are stopped, the latest stopped first.
    pub stopped: Vec<SessionRow>,
    /// Other sessions that run now, latest seen first.
    pub running: Vec<SessionRow>,
    /// What happened to breakers, newest first.
    pub events: Vec<BreakerEvent>,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionRow {
    /// Its breaker.
    pub id: BreakerId,
    /// Whose it is.
    pub session: SessionKey,
    /// What its client calls itself.
    pub agent: String,
    /// Its breaker's state.
    pub state: BreakerState,
    /// The version that an answer is given to.
    pub version: u64,
    /// What it did on its own.
    pub evidence: Evidence,
    /// What it may do on its own until somebody is asked.
    pub allowed: Autonomy,
    /// When it last did something.
    pub last_seen: Timestamp,
    /// Attempts under way.
    pub in_flight: u32,
    /// Requests refused since it was stopped.
    pub refused: u64,
    /// When its breaker last changed.
    pub changed_at: Option<Timestamp>,
    /// By whom.
    pub changed_by: Option<String>,
}
