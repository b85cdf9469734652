//! The life of a run: events in, actions out. It starts what has all its inputs, at most so many at
//! a time, tries again, skips what can no longer run, stops when asked, and takes itself up again
//! after the engine died. A run is nothing but the fold of its events, so a stored run and a live
//! one are the same value. It starts no process, reads no clock, and does not know which results of
//! the past may be reused (see `reuse`).

mod execution;
mod options;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use terms::{
    run::{Artifact, Ending, ExecutionIndex, ExecutionState, RunEvent, RunState},
    time::Timestamp,
};

pub use self::{
    execution::Execution,
    options::{Action, RunOptions},
};
use crate::plan::{Plan, Source};

/// A run: where every execution of its plan stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    plan: Arc<Plan>,
    options: RunOptions,
    executions: Vec<Execution>,
    /// For each execution those that read from it.
    downstream: Vec<Vec<ExecutionIndex>>,
    /// Ready, in the order of the plan.
    queue: BTreeSet<ExecutionIndex>,
    /// Executions that are with a launcher.
    active: usize,
    open: usize,
    asked_to_stop: bool,
    /// Whether stopping left something undone.
    is_cut_short: bool,
    begun_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    changed: Vec<ExecutionIndex>,
}

impl Run {
    /// A run of the plan before its first event.
    pub fn new(plan: Arc<Plan>, options: RunOptions) -> Self {
        let mut downstream = vec![Vec::new(); plan.executions.len()];
        let mut executions = Vec::with_capacity(plan.executions.len());
        for (execution, planned) in indexes(plan.executions.len()).zip(&plan.executions) {
            let upstream = planned.upstream();
            for source in &upstream {
                downstream[source.position()].push(execution);
            }
            executions.push(Execution::waiting_for(upstream.len()));
        }
        Self {
            options,
            downstream,
            queue: BTreeSet::new(),
            active: 0,
            open: executions.len(),
            asked_to_stop: false,
            is_cut_short: false,
            begun_at: None,
            ended_at: None,
            changed: Vec::new(),
            executions,
            plan,
        }
    }

    /// Takes in a fact and says what to do about it. Facts that no longer matter (of an earlier try,
    /// of a run that is over) change nothing.
    pub fn apply(&mut self, event: &RunEvent, now: Timestamp) -> Vec<Action> {
        self.changed.clear();
        let mut actions = Vec::new();
        if self.ended_at.is_some() {
            return actions;
        }
        match event {
            RunEvent::Begun => self.begin(now),
            RunEvent::Resumed => self.resume(now),
            RunEvent::CancelAsked => self.stop(now, &mut actions),
            RunEvent::Started { execution, attempt, launch, key, shared } => {
                if let Some(state) = self.active_try(*execution, *attempt) {
                    let running = &mut self.executions[execution.position()];
                    running.started_at = Some(now);
                    running.launch = Some(launch.clone());
                    running.key = Some(key.clone());
                    running.is_shared = *shared;
                    if state == ExecutionState::Pending {
                        self.set(*execution, ExecutionState::Running);
                    }
                }
            }
            RunEvent::Reused { execution, attempt, launch, key, outputs } => {
                if self.active_try(*execution, *attempt).is_some() {
                    let reusing = &mut self.executions[execution.position()];
                    reusing.reused_from = Some(launch.clone());
                    reusing.key = Some(key.clone());
                    self.succeed(*execution, outputs, now);
                }
            }
            RunEvent::Ended { execution, attempt, ending } => {
                if self.active_try(*execution, *attempt).is_some() {
                    self.end(*execution, ending, now, &mut actions);
                }
            }
            RunEvent::Rested { execution, attempt } => self.rested(*execution, *attempt),
        }
        self.launch_what_may_run(&mut actions);
        self.finish_when_done(now, &mut actions);
        actions
    }

    /// What the run follows.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where each execution stands, in the order of the plan.
    pub fn executions(&self) -> &[Execution] {
        &self.executions
    }

    /// The executions that the last event moved.
    pub fn changed(&self) -> &[ExecutionIndex] {
        &self.changed
    }

    /// Where the run as a whole stands.
    pub fn state(&self) -> RunState {
        let any = |state| self.executions.iter().any(|execution| execution.state == state);
        if self.ended_at.is_none() {
            return if self.asked_to_stop { RunState::Cancelling } else { RunState::Running };
        }
        if any(ExecutionState::Failed) || any(ExecutionState::SystemError) {
            RunState::Failed
        } else if self.is_cut_short || any(ExecutionState::Cancelled) {
            RunState::Cancelled
        } else {
            RunState::Succeeded
        }
    }

    /// When the run began.
    pub fn begun_at(&self) -> Option<Timestamp> {
        self.begun_at
    }

    /// When its last execution ended.
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.ended_at
    }

    /// What an execution reads, by input name; those that do not exist yet are absent.
    pub fn inputs(&self, execution: ExecutionIndex) -> BTreeMap<&str, &Artifact> {
        let planned = &self.plan.executions[execution.position()];
        let inputs = planned.inputs.iter();
        inputs.filter_map(|(name, source)| Some((name.as_str(), self.artifact(source)?))).collect()
    }

    /// What the pipeline as a whole made so far, by output name.
    pub fn outputs(&self) -> BTreeMap<&str, &Artifact> {
        let outputs = self.plan.outputs.iter();
        outputs.filter_map(|(name, source)| Some((name.as_str(), self.artifact(source)?))).collect()
    }

    fn artifact<'a>(&'a self, source: &'a Source) -> Option<&'a Artifact> {
        match source {
            Source::Constant(artifact) => Some(artifact),
            Source::Output { execution, output } => {
                self.executions.get(execution.position())?.outputs.get(output)
            }
        }
    }

    /// The state of an execution, if this try of it is with a launcher.
    fn active_try(&self, execution: ExecutionIndex, attempt: u32) -> Option<ExecutionState> {
        let found = self.executions.get(execution.position())?;
        (found.attempts == attempt && found.is_active()).then_some(found.state)
    }

    fn begin(&mut self, now: Timestamp) {
        if self.begun_at.is_some() {
            return;
        }
        self.begun_at = Some(now);
        for execution in indexes(self.executions.len()) {
            if self.executions[execution.position()].waits_for == 0 {
                self.ready(execution, now);
            }
        }
    }

    /// The engine died and is back: nothing that it had started lives any more.
    fn resume(&mut self, now: Timestamp) {
        for execution in indexes(self.executions.len()) {
            let found = &mut self.executions[execution.position()];
            match found.state {
                ExecutionState::Pending | ExecutionState::Running => {
                    found.forget_try();
                    self.active -= 1;
                    self.queue.insert(execution);
                    self.set(execution, ExecutionState::Queued);
                }
                ExecutionState::Queued if found.is_resting => {
                    found.is_resting = false;
                    self.queue.insert(execution);
                }
                ExecutionState::Cancelling => self.close(execution, ExecutionState::Cancelled, now),
                _ => {}
            }
        }
    }

    fn stop(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        self.asked_to_stop = true;
        self.queue.clear();
        for execution in indexes(self.executions.len()) {
            let found = &self.executions[execution.position()];
            match found.state {
                ExecutionState::WaitingForUpstream => {
                    self.is_cut_short = true;
                    self.close(execution, ExecutionState::Skipped, now);
                }
                ExecutionState::Queued => self.close(execution, ExecutionState::Cancelled, now),
                ExecutionState::Pending | ExecutionState::Running => {
                    actions.push(Action::Stop { execution, attempt: found.attempts });
                    self.set(execution, ExecutionState::Cancelling);
                }
                _ => {}
            }
        }
    }

    fn end(
        &mut self,
        execution: ExecutionIndex,
        ending: &Ending,
        now: Timestamp,
        actions: &mut Vec<Action>,
    ) {
        let ended = &mut self.executions[execution.position()];
        match ending {
            Ending::Succeeded { outputs } => self.succeed(execution, outputs, now),
            Ending::Failed { exit_code, message } => {
                ended.exit_code = *exit_code;
                ended.message = Some(message.clone());
                self.fail(execution, now, actions);
            }
            Ending::TimedOut { after_ms } => {
                ended.message = Some(format!("took longer than {after_ms} ms"));
                self.fail(execution, now, actions);
            }
            Ending::Refused { message } => {
                ended.message = Some(message.clone());
                self.close(execution, ExecutionState::SystemError, now);
                self.skip_downstream(execution, now);
            }
            Ending::Cancelled => {
                self.close(execution, ExecutionState::Cancelled, now);
                self.skip_downstream(execution, now);
            }
        }
    }

    fn succeed(
        &mut self,
        execution: ExecutionIndex,
        outputs: &BTreeMap<String, Artifact>,
        now: Timestamp,
    ) {
        let succeeded = &mut self.executions[execution.position()];
        succeeded.outputs.clone_from(outputs);
        succeeded.message = None;
        self.close(execution, ExecutionState::Succeeded, now);
        for next in self.downstream[execution.position()].clone() {
            let waiting = &mut self.executions[next.position()];
            waiting.waits_for -= 1;
            if waiting.waits_for == 0 && waiting.state == ExecutionState::WaitingForUpstream {
                self.ready(next, now);
            }
        }
    }

    /// A try failed: there is another one, after a rest, or there is not.
    fn fail(&mut self, execution: ExecutionIndex, now: Timestamp, actions: &mut Vec<Action>) {
        let failed = &mut self.executions[execution.position()];
        failed.failures += 1;
        let retries = self.plan.executions[execution.position()].policy.retries;
        if failed.failures > retries || self.asked_to_stop {
            self.close(execution, ExecutionState::Failed, now);
            self.skip_downstream(execution, now);
            return;
        }
        failed.is_resting = true;
        let (attempt, for_ms) = (failed.attempts, self.options.rest_ms(failed.failures));
        self.active -= 1;
        self.set(execution, ExecutionState::Queued);
        actions.push(Action::Rest { execution, attempt, for_ms });
    }

    fn rested(&mut self, execution: ExecutionIndex, attempt: u32) {
        let Some(found) = self.executions.get_mut(execution.position()) else { return };
        if found.is_resting && found.attempts == attempt && found.state == ExecutionState::Queued {
            found.is_resting = false;
            self.queue.insert(execution);
        }
    }

    /// Every input exists: it is queued, or its conditions say otherwise.
    fn ready(&mut self, execution: ExecutionIndex, now: Timestamp) {
        match self.conditions_of(execution) {
            Ok(true) => {
                self.queue.insert(execution);
                self.set(execution, ExecutionState::Queued);
            }
            Ok(false) => {
                self.close(execution, ExecutionState::Skipped, now);
                self.skip_downstream(execution, now);
            }
            Err(message) => {
                self.executions[execution.position()].message = Some(message);
                self.close(execution, ExecutionState::SystemError, now);
                self.skip_downstream(execution, now);
            }
        }
    }

    /// Whether every condition says `true`. Tangle trims and ignores case; other text is an error.
    fn conditions_of(&self, execution: ExecutionIndex) -> Result<bool, String> {
        let mut holds = true;
        for source in &self.plan.executions[execution.position()].conditions {
            let text = self.artifact(source).and_then(|artifact| artifact.value.as_deref());
            match text.map(|text| text.trim().to_ascii_lowercase()).as_deref() {
                Some("true") => {}
                Some("false") => holds = false,
                Some(_) | None => {
                    let shown: String = text.unwrap_or("no short text").chars().take(40).collect();
                    return Err(format!(
                        "a condition (isEnabled) must be `true` or `false`, and is `{}`",
                        shown.trim()
                    ));
                }
            }
        }
        Ok(holds)
    }

    fn skip_downstream(&mut self, execution: ExecutionIndex, now: Timestamp) {
        let mut found = self.downstream[execution.position()].clone();
        while let Some(next) = found.pop() {
            if self.executions[next.position()].state == ExecutionState::WaitingForUpstream {
                self.close(next, ExecutionState::Skipped, now);
                found.extend_from_slice(&self.downstream[next.position()]);
            }
        }
    }

    fn launch_what_may_run(&mut self, actions: &mut Vec<Action>) {
        while self.active < self.options.parallelism.max(1)
            && let Some(execution) = self.queue.pop_first()
        {
            let launched = &mut self.executions[execution.position()];
            launched.forget_try();
            launched.attempts += 1;
            actions.push(Action::Launch { execution, attempt: launched.attempts });
            self.active += 1;
            self.set(execution, ExecutionState::Pending);
        }
    }

    fn finish_when_done(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        if self.open == 0 && self.begun_at.is_some() {
            self.ended_at = Some(now);
            actions.push(Action::Finish(self.state()));
        }
    }

    /// Moves an execution to a state in which it stays.
    fn close(&mut self, execution: ExecutionIndex, state: ExecutionState, now: Timestamp) {
        let closed = &mut self.executions[execution.position()];
        if closed.is_active() {
            self.active -= 1;
        }
        closed.ended_at = Some(now);
        self.open -= 1;
        self.set(execution, state);
    }

    fn set(&mut self, execution: ExecutionIndex, state: ExecutionState) {
        self.executions[execution.position()].state = state;
        self.changed.push(execution);
    }
}

/// The indexes of a plan of this many executions.
fn indexes(count: usize) -> impl Iterator<Item = ExecutionIndex> {
    let count = u32::try_from(count).expect("a plan has fewer than four billion executions");
    (0..count).map(ExecutionIndex)
}
