//! A run's plan: every container of a pipeline, nested graphs flattened, with where each of its
//! inputs comes from. A value that never changes; what happens to it is `run`'s.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use terms::run::{Artifact, ExecutionIndex};

/// What a run will do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The executions, each after those it reads from.
    pub executions: Vec<PlannedExecution>,
    /// Where the pipeline's own outputs come from.
    pub outputs: BTreeMap<String, Source>,
}

/// One container to run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedExecution {
    /// The task names from the pipeline down: `prepare/split`.
    pub name: String,
    /// Where its inputs come from. Inputs without a value are absent.
    pub inputs: BTreeMap<String, Source>,
    /// Values that must all say `true` for it to run: its own condition and those of the graphs
    /// around it.
    pub conditions: Vec<Source>,
    /// Names of what it writes.
    pub outputs: Vec<String>,
    /// How it may be tried and reused.
    pub policy: Policy,
}

/// How an execution may be tried and reused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Tries after the first.
    pub retries: u32,
    /// Milliseconds that one try may take; none: the engine's own limit.
    pub timeout_ms: Option<u64>,
    /// Results of the past may be this old; none: any age; 0: never reuse.
    pub max_staleness_ms: Option<u64>,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Known before the run began.
    Constant(Artifact),
    /// Made by an execution of the same plan.
    Output {
        /// Which execution.
        execution: ExecutionIndex,
        /// Which of its outputs.
        output: String,
    },
}

impl PlannedExecution {
    /// Every source that must exist before it can start.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.inputs.values().chain(&self.conditions)
    }

    /// The executions that it reads from, each once, in order.
    pub fn upstream(&self) -> Vec<ExecutionIndex> {
        let mut upstream: Vec<ExecutionIndex> = self
            .sources()
            .filter_map(|source| match source {
                Source::Output { execution, .. } => Some(*execution),
                Source::Constant(_) => None,
            })
            .collect();
        upstream.sort_unstable();
        upstream.dedup();
        upstream
    }
}
