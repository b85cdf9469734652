//! The words of a pipeline's run: executions and their states, artifacts, and the events that a run
//! is the fold of. States carry Tangle's names. How a run moves is the business of `decide`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{CacheKey, LaunchId},
    time::Timestamp,
};

/// The position of an execution in its run's plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExecutionIndex(pub u32);

impl ExecutionIndex {
    /// The position, to index with.
    pub const fn position(self) -> usize {
        self.0 as usize
    }
}

/// Where an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExecutionState {
    /// An input does not exist yet.
    WaitingForUpstream,
    /// Every input exists; it waits for its turn, or rests before the next try.
    Queued,
    /// Handed to a launcher; nothing runs yet.
    Pending,
    /// A program runs, its own or that of an equal execution.
    Running,
    /// Every output exists.
    Succeeded,
    /// The program failed and no try is left.
    Failed,
    /// The engine, not the program, could not do its part.
    SystemError,
    /// Asked to stop; its program may still live.
    Cancelling,
    /// Stopped because someone asked.
    Cancelled,
    /// Never started: something before it did not succeed, or its condition was false.
    Skipped,
}

impl ExecutionState {
    /// Every state, in the order in which an execution may pass them.
    pub const ALL: &[Self] = &[
        Self::WaitingForUpstream,
        Self::Queued,
        Self::Pending,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::SystemError,
        Self::Cancelling,
        Self::Cancelled,
        Self::Skipped,
    ];

    /// Whether nothing more will happen to it.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::SystemError | Self::Cancelled | Self::Skipped
        )
    }

    /// The name as Tangle writes it, and as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WaitingForUpstream => "WAITING_FOR_UPSTREAM",
            Self::Queued => "QUEUED",
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::SystemError => "SYSTEM_ERROR",
            Self::Cancelling => "CANCELLING",
            Self::Cancelled => "CANCELLED",
            Self::Skipped => "SKIPPED",
        }
    }
}

/// Where a whole run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunState {
    /// Something may still happen.
    Running,
    /// Asked to stop; something may still live.
    Cancelling,
    /// Nothing failed.
    Succeeded,
    /// At least one execution failed.
    Failed,
    /// Stopped because someone asked, before everything was done.
    Cancelled,
}

impl RunState {
    /// Whether nothing more will happen to it.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// A value that an execution reads or made: known by its content, wherever it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// BLAKE3 of the content in hexadecimal; of a folder, of its sorted listing.
    pub digest: String,
    /// The hash that Tangle knows it by, `md5=` and hexadecimal digits.
    pub tangle_hash: String,
    /// Bytes of content, of a folder the sum over its files.
    pub bytes: u64,
    /// Whether it is a folder.
    #[serde(default)]
    pub is_folder: bool,
    /// The content itself where it is a constant, or short text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// How one try of an execution ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Ending {
    /// The program ended well and wrote every output.
    Succeeded {
        /// What it wrote, by output name.
        outputs: BTreeMap<String, Artifact>,
    },
    /// The program ended badly, or did not write what it should.
    Failed {
        /// Its exit code; none when a signal ended it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
        /// What was wrong, as a sentence.
        message: String,
    },
    /// Its time was over; its processes were killed.
    TimedOut {
        /// The limit that it hit.
        after_ms: u64,
    },
    /// The engine could not do its part; trying again would not help.
    Refused {
        /// What was wrong, as a sentence.
        message: String,
    },
    /// It was stopped because someone asked.
    Cancelled,
}

/// A fact about a run. A run is the fold of its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum RunEvent {
    /// The run was submitted.
    Begun,
    /// The engine took the run up again after it had died: what ran then must start again.
    Resumed,
    /// A program runs for this execution.
    Started {
        /// Which execution.
        execution: ExecutionIndex,
        /// Which try of it, counted from 1.
        attempt: u32,
        /// The program's launch.
        launch: LaunchId,
        /// What it computes.
        key: CacheKey,
        /// Whether the launch was begun for another execution that computes the same.
        shared: bool,
    },
    /// A launch of the past had computed the same, and its outputs still exist.
    Reused {
        /// Which execution.
        execution: ExecutionIndex,
        /// Which try of it, counted from 1.
        attempt: u32,
        /// The launch whose outputs these are.
        launch: LaunchId,
        /// What it computed.
        key: CacheKey,
        /// The outputs, by name.
        outputs: BTreeMap<String, Artifact>,
    },
    /// A try ended.
    Ended {
        /// Which execution.
        execution: ExecutionIndex,
        /// Which try of it, counted from 1.
        attempt: u32,
        /// How.
        ending: Ending,
    },
    /// The rest before the next try is over.
    Rested {
        /// Which execution.
        execution: ExecutionIndex,
        /// The try that failed.
        attempt: u32,
    },
    /// Someone asked that the run stop.
    CancelAsked,
}

/// An event as it is stored and sent around.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// Counted from 1 within the run.
    pub sequence: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: RunEvent,
}
