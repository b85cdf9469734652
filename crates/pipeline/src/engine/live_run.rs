//! A run in memory: its fold, what its executions run, and who watches. Every event goes to the
//! store first, then into the fold, then to the watchers.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use decide::{
    layout::Layout,
    run::{Action, Execution, Run, RunOptions},
};
use terms::{
    ids::RunId,
    run::{Artifact, ExecutionIndex, ExecutionState, RunEvent, StoredEvent},
    time::Timestamp,
};
use tokio::sync::{broadcast, watch};

use super::{house::log, shown_command::shown_command};
use crate::{
    events::{EventStore, StoredRun},
    expand::Container,
    view::{
        Edge, ExecutionView, Failure, RunOutcome, RunSummary, RunUpdate, RunView, Watching, counts,
        drawn, edges,
    },
};

/// Updates that a watcher may be behind.
const UPDATES: usize = 1024;

/// A run in memory.
#[derive(Debug)]
pub(super) struct LiveRun {
    stored: StoredRun,
    run: Run,
    containers: Vec<Arc<Container>>,
    edges: Vec<Edge>,
    layout: Arc<Layout>,
    sequence: u64,
    updates: broadcast::Sender<Arc<RunUpdate>>,
    outcome: watch::Sender<Option<Arc<RunOutcome>>>,
}

impl LiveRun {
    /// A run before its first event.
    pub(super) fn new(
        stored: StoredRun,
        containers: Vec<Arc<Container>>,
        first_rest_ms: u64,
    ) -> Self {
        let parallelism = stored.parallelism;
        let options = RunOptions { parallelism, first_rest_ms, ..RunOptions::default() };
        let edges = edges(&stored.plan);
        Self {
            run: Run::new(Arc::new(stored.plan.clone()), options),
            layout: Arc::new(drawn(&stored.plan, &edges)),
            edges,
            containers,
            sequence: 0,
            updates: broadcast::channel(UPDATES).0,
            outcome: watch::channel(None).0,
            stored,
        }
    }

    /// Takes in an event that is already stored.
    pub(super) fn replay(&mut self, event: &StoredEvent, folder: &Path) {
        self.sequence = event.sequence;
        self.run.apply(&event.event, event.at);
        self.tell_outcome(folder);
    }

    /// Stores an event, takes it in, tells the watchers, and says what to do.
    pub(super) fn record(
        &mut self,
        event: RunEvent,
        at: Timestamp,
        store: &dyn EventStore,
        folder: &Path,
    ) -> Vec<Action> {
        self.sequence += 1;
        let stored = StoredEvent { sequence: self.sequence, at, event };
        if let Err(error) = store.append(&self.stored.id, &stored) {
            // The run goes on: stopping it would lose more than the record of it.
            tracing::error!(run = %self.stored.id, %error, "an event of a run could not be stored");
        }
        let actions = self.run.apply(&stored.event, at);
        let state = |&execution: &ExecutionIndex| {
            (execution, self.run.executions()[execution.position()].state())
        };
        let update = RunUpdate {
            sequence: stored.sequence,
            at,
            event: stored.event,
            changed: self.run.changed().iter().map(state).collect(),
            state: self.run.state(),
        };
        // Nobody watches: nobody to tell.
        let _ = self.updates.send(Arc::new(update));
        self.tell_outcome(folder);
        actions
    }

    fn tell_outcome(&self, folder: &Path) {
        if self.run.state().is_final() && self.outcome.borrow().is_none() {
            self.outcome.send_replace(Some(Arc::new(self.outcome_now(folder))));
        }
    }

    fn outcome_now(&self, folder: &Path) -> RunOutcome {
        let planned = self.run.plan().executions.iter();
        let failed = |execution: &Execution| {
            matches!(execution.state(), ExecutionState::Failed | ExecutionState::SystemError)
        };
        let failures = planned.zip(self.run.executions()).filter(|(_, found)| failed(found));
        RunOutcome {
            state: self.run.state(),
            outputs: owned(self.run.outputs()),
            failures: failures
                .map(|(planned, execution)| Failure {
                    name: planned.name.clone(),
                    message: execution.message().unwrap_or("it failed").to_owned(),
                    log: execution.launch().map(|launch| log(folder, launch)),
                })
                .collect(),
        }
    }

    pub(super) fn id(&self) -> &RunId {
        &self.stored.id
    }

    pub(super) fn run(&self) -> &Run {
        &self.run
    }

    pub(super) fn container(&self, execution: ExecutionIndex) -> &Arc<Container> {
        &self.containers[execution.position()]
    }

    pub(super) fn follow(&self) -> watch::Receiver<Option<Arc<RunOutcome>>> {
        self.outcome.subscribe()
    }

    pub(super) fn watch(&self, folder: &Path) -> Watching {
        Watching { view: self.view(folder), updates: self.updates.subscribe() }
    }

    pub(super) fn summary(&self) -> RunSummary {
        RunSummary {
            id: self.stored.id.clone(),
            name: self.stored.pipeline.display_name().to_owned(),
            state: self.run.state(),
            submitted_at: self.stored.submitted_at,
            ended_at: self.run.ended_at(),
            executions: counts(&self.run),
        }
    }

    fn view(&self, folder: &Path) -> RunView {
        let indexes = (0..).map(ExecutionIndex).zip(self.run.executions());
        RunView {
            id: self.stored.id.clone(),
            name: self.stored.pipeline.display_name().to_owned(),
            state: self.run.state(),
            submitted_at: self.stored.submitted_at,
            ended_at: self.run.ended_at(),
            arguments: self.stored.arguments.clone(),
            executions: indexes.map(|(at, found)| self.execution(at, found, folder)).collect(),
            edges: self.edges.clone(),
            layout: self.layout.clone(),
            outputs: owned(self.run.outputs()),
            sequence: self.sequence,
        }
    }

    fn execution(&self, index: ExecutionIndex, found: &Execution, folder: &Path) -> ExecutionView {
        let container = self.container(index);
        ExecutionView {
            index,
            name: self.run.plan().executions[index.position()].name.clone(),
            component: container.component.display_name().to_owned(),
            image: container.spec().image.clone(),
            command: self.command(index),
            state: found.state(),
            attempts: found.attempts(),
            failures: found.failures(),
            launch: found.launch().cloned(),
            is_shared: found.is_shared(),
            reused_from: found.reused_from().cloned(),
            cache_key: found.key().cloned(),
            started_at: found.started_at(),
            ended_at: found.ended_at(),
            exit_code: found.exit_code(),
            message: found.message().map(str::to_owned),
            inputs: owned(self.run.inputs(index)),
            outputs: found.outputs().clone(),
            log: found.reused_from().or(found.launch()).map(|launch| log(folder, launch)),
        }
    }
}

impl LiveRun {
    fn command(&self, index: ExecutionIndex) -> Vec<String> {
        let planned = &self.run.plan().executions[index.position()];
        shown_command(self.container(index), planned, &self.run.inputs(index))
    }
}

fn owned(artifacts: BTreeMap<&str, &Artifact>) -> BTreeMap<String, Artifact> {
    artifacts.into_iter().map(|(name, found)| (name.to_owned(), found.clone())).collect()
}
