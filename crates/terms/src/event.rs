//! What is stored of a request: the journal's records. A hold is written before an attempt is
//! dispatched and a settlement when it is over; together they are one row of the ledger.

use serde::{Deserialize, Serialize};

use crate::{
    breaker::BreakerEvent,
    dialect::Dialect,
    ids::{
        AttemptId, KeyId, ModelName, PrincipalName, ProviderName, RouteName, TargetName, TeamName,
    },
    money::NanoUsd,
    outcome::Ending,
    time::Timestamp,
    usage::{Usage, UsageSource},
};

/// Money set aside for an attempt that is about to be dispatched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Which attempt.
    pub attempt: AttemptId,
    /// When, by the wall clock.
    pub at: Timestamp,
    /// The key that asked.
    pub key: KeyId,
    /// Its owner.
    pub principal: PrincipalName,
    /// Who pays.
    pub team: TeamName,
    /// What the caller asked for.
    pub route: RouteName,
    /// Where it is sent.
    pub target: TargetName,
    /// Who answers there.
    pub provider: ProviderName,
    /// The model asked for there.
    pub model: ModelName,
    /// The caller's dialect.
    pub dialect: Dialect,
    /// Whether the caller asked for a stream.
    pub stream: bool,
    /// Estimated input tokens, kept for the case that the process dies before the settlement.
    pub estimated_in: u64,
    /// An upper estimate of the cost.
    pub ceiling: NanoUsd,
}

/// The end of an attempt and what it cost. At most one per attempt counts; a second is ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// Which attempt.
    pub attempt: AttemptId,
    /// When, by the wall clock.
    pub at: Timestamp,
    /// How it ended.
    pub ending: Ending,
    /// Token counts.
    pub usage: Usage,
    /// Where the counts came from.
    pub source: UsageSource,
    /// List price, rounded once per line.
    pub cost: NanoUsd,
    /// What the same answer would have cost at the model that a student stood in for, estimated; zero
    /// where the student did not answer, absent where nobody stood in for anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avoided: Option<NanoUsd>,
    /// The version of the price book that was applied, or [`ASSUMED_PRICES`]; empty where nothing was
    /// priced.
    pub price_version: String,
    /// Milliseconds from dispatch to the first output token; `None` when there was none.
    pub first_token_ms: Option<u64>,
    /// Milliseconds from dispatch to the end.
    pub total_ms: u64,
}

/// The version of prices that nobody knows: they are assumed, and said to be wherever they are shown.
pub const ASSUMED_PRICES: &str = "assumed";

/// One record of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Written before dispatch.
    Hold(Hold),
    /// Written before the last byte is released.
    Settlement(Settlement),
    /// Written when a session's breaker changes, before the change holds for anybody.
    Breaker(Box<BreakerEvent>),
}

/// A place in the journal: everything before it is done with. Positions of one journal are ordered.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct JournalPosition {
    /// The number of the segment file; grows by one with each new file.
    pub segment: u64,
    /// Bytes from the start of that segment.
    pub offset: u64,
}
