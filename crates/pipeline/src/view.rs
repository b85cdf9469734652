//! Runs as people and programs see them: lists, a run with its graph, and what changes in it. Made
//! from a run's fold; nothing here is kept.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use decide::{
    layout::{Drawing, Layout, Sizes, layout, nearest},
    plan::{Plan, Source},
    run::Run,
};
use serde::Serialize;
use terms::{
    ids::{CacheKey, LaunchId, RunId},
    run::{Artifact, ExecutionIndex, ExecutionState, RunEvent, RunState},
    time::Timestamp,
};
use tokio::sync::broadcast;

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunSummary {
    /// The run.
    pub id: RunId,
    /// The name of its pipeline.
    pub name: String,
    /// Where it stands.
    pub state: RunState,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How many executions stand where.
    pub executions: BTreeMap<&'static str, usize>,
}

/// A run with its graph.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunView {
    /// The run.
    pub id: RunId,
    /// The name of its pipeline.
    pub name: String,
    /// Where it stands.
    pub state: RunState,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The arguments of the pipeline.
    pub arguments: BTreeMap<String, String>,
    /// The executions, in the order of the plan.
    pub executions: Vec<ExecutionView>,
    /// What flows where.
    pub edges: Vec<Edge>,
    /// Where to draw the executions (`nodes`) and the edges, in the same order. An edge has no points
    /// where a longer way joins the same executions, too: it would say nothing new.
    pub layout: Arc<Layout>,
    /// What the pipeline as a whole made so far.
    pub outputs: BTreeMap<String, Artifact>,
    /// The last event that is in this view.
    pub sequence: u64,
}

/// An execution of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExecutionView {
    /// Its position in the plan.
    pub index: ExecutionIndex,
    /// The task names from the pipeline down: `prepare/split`.
    pub name: String,
    /// The name of its component.
    pub component: String,
    /// The image that its component names.
    pub image: String,
    /// The words that its program is started with. Where an input's value is not known yet, or too long
    /// for a line, its name stands in brackets.
    pub command: Vec<String>,
    /// Where it stands.
    pub state: ExecutionState,
    /// Tries so far.
    pub attempts: u32,
    /// Tries that failed.
    pub failures: u32,
    /// The launch of its present or last try.
    pub launch: Option<LaunchId>,
    /// Whether that launch was begun for an equal execution.
    pub is_shared: bool,
    /// The launch of the past whose outputs it took.
    pub reused_from: Option<LaunchId>,
    /// What it computes.
    pub cache_key: Option<CacheKey>,
    /// When the present or last try began to run.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The exit code of the last try that failed.
    pub exit_code: Option<i32>,
    /// Why the last try failed.
    pub message: Option<String>,
    /// What it reads, as far as it exists.
    pub inputs: BTreeMap<String, Artifact>,
    /// What it made.
    pub outputs: BTreeMap<String, Artifact>,
    /// The file with what its program says; of a reused one, what it said then.
    pub log: Option<PathBuf>,
}

/// A value that flows from one execution to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// Who made it.
    pub from: ExecutionIndex,
    /// As which output.
    pub output: String,
    /// Who reads it.
    pub to: ExecutionIndex,
    /// As which input; none: as its condition.
    pub input: Option<String>,
}

/// Something that changed in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunUpdate {
    /// The number of the event.
    pub sequence: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: RunEvent,
    /// The executions that moved, and where they stand now.
    pub changed: Vec<(ExecutionIndex, ExecutionState)>,
    /// Where the run stands now.
    pub state: RunState,
}

/// A run as it is now, and what changes from here on. Who falls far behind is told so by the
/// receiver, and watches anew.
#[derive(Debug)]
pub struct Watching {
    /// The run as it is now.
    pub view: RunView,
    /// What changes from here on; closed with the engine.
    pub updates: broadcast::Receiver<Arc<RunUpdate>>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunOutcome {
    /// How.
    pub state: RunState,
    /// What the pipeline as a whole made.
    pub outputs: BTreeMap<String, Artifact>,
    /// What failed, in the order of the plan.
    pub failures: Vec<Failure>,
}

/// An execution that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The task names from the pipeline down.
    pub name: String,
    /// Why.
    pub message: String,
    /// The file with what its program said.
    pub log: Option<PathBuf>,
}

/// The edges of a plan.
pub(crate) fn edges(plan: &Plan) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (to, planned) in (0..).map(ExecutionIndex).zip(&plan.executions) {
        let inputs = planned.inputs.iter().map(|(name, source)| (Some(name.clone()), source));
        let conditions = planned.conditions.iter().map(|source| (None, source));
        for (input, source) in inputs.chain(conditions) {
            if let Source::Output { execution, output } = source {
                edges.push(Edge { from: *execution, output: output.clone(), to, input });
            }
        }
    }
    edges
}

/// Where to draw a plan.
pub(crate) fn drawn(plan: &Plan, edges: &[Edge]) -> Layout {
    let lines = edges.iter().map(|edge| (edge.from.position(), edge.to.position()));
    let mut drawing = Drawing { nodes: plan.executions.len(), edges: lines.collect() };
    for (line, is_nearest) in nearest(&drawing).into_iter().enumerate() {
        if !is_nearest {
            // The layout passes over an edge from a node to itself.
            drawing.edges[line].1 = drawing.edges[line].0;
        }
    }
    layout(&drawing, &Sizes::default())
}

/// How many executions of a run stand where.
pub(crate) fn counts(run: &Run) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for execution in run.executions() {
        *counts.entry(execution.state().as_str()).or_default() += 1;
    }
    counts
}
