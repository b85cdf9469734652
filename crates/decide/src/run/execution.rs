//! One execution of a run: where it stands and what is known of its tries. Moved by `Run` alone.

use std::collections::BTreeMap;

use terms::{
    ids::{CacheKey, LaunchId},
    run::{Artifact, ExecutionState},
    time::Timestamp,
};

/// Where one execution stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    pub(super) state: ExecutionState,
    /// Executions that must still succeed before it can start.
    pub(super) waits_for: usize,
    pub(super) attempts: u32,
    pub(super) failures: u32,
    pub(super) is_resting: bool,
    pub(super) is_shared: bool,
    pub(super) launch: Option<LaunchId>,
    pub(super) reused_from: Option<LaunchId>,
    pub(super) key: Option<CacheKey>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) exit_code: Option<i32>,
    pub(super) message: Option<String>,
    pub(super) outputs: BTreeMap<String, Artifact>,
}

impl Execution {
    /// An execution that waits for so many others.
    pub(super) fn waiting_for(waits_for: usize) -> Self {
        Self {
            state: ExecutionState::WaitingForUpstream,
            waits_for,
            attempts: 0,
            failures: 0,
            is_resting: false,
            is_shared: false,
            launch: None,
            reused_from: None,
            key: None,
            started_at: None,
            ended_at: None,
            exit_code: None,
            message: None,
            outputs: BTreeMap::new(),
        }
    }

    /// Whether it is with a launcher.
    pub(super) const fn is_active(&self) -> bool {
        matches!(
            self.state,
            ExecutionState::Pending | ExecutionState::Running | ExecutionState::Cancelling
        )
    }

    /// Forgets what belongs to one try only.
    pub(super) fn forget_try(&mut self) {
        self.is_shared = false;
        self.launch = None;
        self.started_at = None;
        self.exit_code = None;
    }

    /// Where it stands.
    pub fn state(&self) -> ExecutionState {
        self.state
    }

    /// Tries so far, those that the engine's death cut off included.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Tries that failed.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The launch of its present or last try; none while nothing runs, and where nothing had to.
    pub fn launch(&self) -> Option<&LaunchId> {
        self.launch.as_ref()
    }

    /// Whether that launch was begun for another execution that computes the same.
    pub fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// The launch of the past whose outputs it took.
    pub fn reused_from(&self) -> Option<&LaunchId> {
        self.reused_from.as_ref()
    }

    /// What it computes; known once it was started or reused.
    pub fn key(&self) -> Option<&CacheKey> {
        self.key.as_ref()
    }

    /// When the present or last try began to run.
    pub fn started_at(&self) -> Option<Timestamp> {
        self.started_at
    }

    /// When nothing more could happen to it.
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.ended_at
    }

    /// The exit code of the last try that failed.
    pub fn exit_code(&self) -> Option<i32> {
        self.exit_code
    }

    /// Why the last try failed.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// What it made, by output name.
    pub fn outputs(&self) -> &BTreeMap<String, Artifact> {
        &self.outputs
    }
}
