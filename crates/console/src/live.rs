//! What the console shows of the running program, as plain values, and the trait by which it gets
//! them. The binary fills them in; nothing here is computed.

use serde::Serialize;
use terms::{
    ids::{ModelName, PrincipalName, ProviderName, RouteName, TargetName},
    money::NanoUsd,
    time::Timestamp,
};
use tokio::sync::watch;

/// The running program, as the console sees it.
pub trait Live: Send + Sync + 'static {
    /// Everything that the Overview shows, as of now. Called at most twice a second per viewer.
    fn overview(&self) -> Overview;

    /// A counter that moves when something worth showing changed.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// The content of the Overview. Totals count since the program started.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overview {
    /// The program's version.
    pub version: String,
    /// Milliseconds since it started.
    pub uptime_ms: u64,
    /// When these values were read.
    pub now: Timestamp,
    /// A line to show above everything, such as that the vendors are simulated.
    pub simulated: Option<String>,
    /// Counts of requests.
    pub requests: Requests,
    /// Money.
    pub spend: Spend,
    /// Every target, in the order in which they are to be listed.
    pub targets: Vec<TargetRow>,
    /// Tasks that a student serves.
    pub students: Vec<StudentRow>,
    /// Requests that their first target did not answer, newest first, at most 50.
    pub failovers: Vec<FailoverRow>,
    /// Who asks most, in the order in which they are to be listed.
    pub top_principals: Vec<PrincipalRow>,
    /// Sessions that ask whether they are meant.
    pub asking: u64,
}

/// Counts of requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// That ended.
    pub total: u64,
    /// That ended with a whole answer.
    pub answered: u64,
    /// That their callers saw fail.
    pub failed: u64,
    /// Under way.
    pub in_flight: u64,
    /// Answered by another target than the first.
    pub rescued: u64,
    /// Refused by a breaker; not among those that ended.
    pub refused: u64,
    /// The rate of the last moments, in requests per minute.
    pub per_minute_now: u64,
}

/// Money.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Spend {
    /// Cost settled in the last 60 minutes.
    pub last_hour: NanoUsd,
    /// Cost settled since midnight in UTC.
    pub today: NanoUsd,
    /// What students' answers of today would have cost at their teachers, estimated.
    pub avoided_today: NanoUsd,
    /// The part of `last_hour` that rests on estimated token counts, 0 to 1.
    pub estimated_share: f64,
    /// The part of `last_hour` that rests on assumed prices, 0 to 1.
    pub assumed_share: f64,
    /// Bars of equal width and without gaps, oldest first: usually 60 minutes.
    pub by_minute: Vec<MinuteBar>,
}

/// One bar of the charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MinuteBar {
    /// When it starts.
    pub at: Timestamp,
    /// Cost settled in it.
    pub cost: NanoUsd,
    /// Requests that ended in it.
    pub requests: u64,
    /// Of these, the ones that their callers saw fail.
    pub failed: u64,
    /// Of these, the ones that another target than the first answered.
    pub rescued: u64,
}

/// A target's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GateState {
    /// Requests pass.
    Open,
    /// It has just come back: a growing share of requests passes.
    Returning,
    /// One request at a time passes, to see whether it is well again.
    Probing,
    /// No request passes while another target is open.
    Shut,
}

/// One target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetRow {
    /// Its name.
    pub target: TargetName,
    /// Who answers there.
    pub provider: ProviderName,
    /// The model asked for there.
    pub model: ModelName,
    /// Its health.
    pub gate: GateState,
    /// Milliseconds since it was shut; `None` while it is open.
    pub shut_for_ms: Option<u64>,
    /// Why it is not open, in a few words.
    pub reason: Option<String>,
    /// One request in this many passes, while it returns.
    pub one_in: Option<u32>,
    /// The percentage of its attempts that failed lately, recent ones counting more.
    pub error_percent: u8,
    /// It answers otherwise than it did: an incident of it is open.
    pub degraded: bool,
    /// Keys of its provider that are open for it.
    pub keys_open: usize,
    /// Keys that its provider has.
    pub keys: usize,
    /// How often requests passed it by, by reason; reasons that never were are left out.
    pub skips: Vec<(&'static str, u64)>,
    /// Attempts that ended.
    pub requests: u64,
    /// Of these, failed ones.
    pub failures: u64,
    /// Attempts under way.
    pub in_flight: u64,
    /// The median time to the first token over its last answers, in milliseconds.
    pub first_token_p50_ms: Option<u64>,
    /// Cost so far.
    pub cost: NanoUsd,
}

/// What a student does for its task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StudentRow {
    /// `task:NAME`.
    pub task: RouteName,
    /// Requests that the student answered.
    pub answered: u64,
    /// Requests that it left to its teacher.
    pub declined: u64,
    /// What its answers would have cost at its teacher, estimated.
    pub avoided: NanoUsd,
}

/// A request that its first target did not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailoverRow {
    /// When it ended or was taken over.
    pub at: Timestamp,
    /// Which request.
    pub request: String,
    /// What the caller asked for.
    pub route: RouteName,
    /// The target that should have answered.
    pub from: TargetName,
    /// The one that did; `None` when none did.
    pub to: Option<TargetName>,
    /// Why the first did not.
    pub reason: String,
    /// Milliseconds that the caller waited for the failed tries.
    pub added_ms: u64,
}

/// What a principal used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrincipalRow {
    /// Who.
    pub principal: PrincipalName,
    /// Requests that ended.
    pub requests: u64,
    /// Cost so far.
    pub cost: NanoUsd,
}
