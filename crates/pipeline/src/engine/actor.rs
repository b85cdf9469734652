//! The one owner of every run and of every launch. It waits for questions, for launches and for
//! rests, turns what happened into events, and does what the runs then ask for. It never waits for
//! a program, and looks at nothing at intervals.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use decide::{
    reuse::{Choice, Finished, Shelf},
    run::Action,
};
use terms::{
    ids::{CacheKey, LaunchId, RunId},
    run::{Ending, ExecutionIndex, RunEvent},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{Id, JoinError, JoinSet},
};

use super::{
    house::House,
    launch::{Job, Report, Verdict, perform},
    live_run::LiveRun,
    new_ids::{new_id, now},
    opening::Opened,
};
use crate::{
    cache_key::cache_key,
    error::PipelineError,
    events::{EventStore, StoredRun},
    expand::Expanded,
    spec::ComponentSpec,
    view::{RunOutcome, RunSummary, Watching},
};

/// Who answers, and with what.
type Answer<T> = oneshot::Sender<T>;

/// A question to the engine.
#[derive(Debug)]
pub(super) enum Request {
    Submit(Box<Submission>, Answer<Result<RunId, PipelineError>>),
    Watch(RunId, Answer<Result<Watching, PipelineError>>),
    Follow(RunId, Answer<Result<watch::Receiver<Option<Arc<RunOutcome>>>, PipelineError>>),
    Cancel(RunId, Answer<Result<(), PipelineError>>),
    Runs(Answer<Vec<RunSummary>>),
    Resume(RunId, Answer<Result<(), PipelineError>>),
    ResumeAll(Answer<Vec<RunId>>),
    Close(Answer<()>),
}

/// A pipeline that can run.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) pipeline: Arc<ComponentSpec>,
    pub(super) arguments: BTreeMap<String, String>,
    pub(super) parallelism: usize,
    pub(super) expanded: Expanded,
}

/// An execution that waits for a launch.
#[derive(Debug, Clone)]
struct Follower {
    run: RunId,
    execution: ExecutionIndex,
    attempt: u32,
    /// Whether the launch was begun for another.
    is_shared: bool,
}

/// A launch that is not over.
#[derive(Debug)]
struct InFlight {
    key: CacheKey,
    followers: Vec<Follower>,
    stop: watch::Sender<bool>,
    is_running: bool,
}

struct Actor {
    house: Arc<House>,
    store: Box<dyn EventStore>,
    first_rest_ms: u64,
    runs: BTreeMap<RunId, LiveRun>,
    /// Stored runs that were unfinished and not yet taken up again.
    unfinished: Vec<RunId>,
    shelf: Shelf,
    in_flight: HashMap<LaunchId, InFlight>,
    launches: JoinSet<Report>,
    launch_of_task: HashMap<Id, LaunchId>,
    rests: JoinSet<(RunId, RunEvent)>,
    started: mpsc::UnboundedSender<LaunchId>,
    changed: watch::Sender<u64>,
    is_closing: bool,
}

/// Works until it is told to close, or nobody can ask any more.
pub(super) async fn run(
    opened: Opened,
    mut requests: mpsc::Receiver<Request>,
    changed: watch::Sender<u64>,
) {
    // At most one message per launch, and launches are bounded.
    let (started, mut starts) = mpsc::unbounded_channel();
    let is_unfinished = |live: &&LiveRun| !live.run().state().is_final();
    let unfinished = opened.runs.iter().filter(is_unfinished);
    let mut actor = Actor {
        unfinished: unfinished.map(|live| live.id().clone()).collect(),
        house: opened.house,
        store: opened.store,
        first_rest_ms: opened.first_rest_ms,
        runs: opened.runs.into_iter().map(|run| (run.id().clone(), run)).collect(),
        shelf: opened.shelf,
        in_flight: HashMap::new(),
        launches: JoinSet::new(),
        launch_of_task: HashMap::new(),
        rests: JoinSet::new(),
        started,
        changed,
        is_closing: false,
    };
    let closed = loop {
        tokio::select! {
            request = requests.recv() => match request {
                Some(Request::Close(answer)) => break Some(answer),
                Some(request) => actor.answer(request),
                None => break None,
            },
            Some(launch) = starts.recv() => actor.launch_started(&launch),
            Some(report) = actor.launches.join_next_with_id() => actor.launch_over(report),
            Some(rested) = actor.rests.join_next() => if let Ok((run, event)) = rested {
                actor.tell(run, event);
            },
        }
    };
    actor.close().await;
    // Whoever asked may have gone.
    let _ = closed.map(|answer| answer.send(()));
}

impl Actor {
    fn answer(&mut self, request: Request) {
        // An answer that nobody waits for any more is not missed.
        match request {
            Request::Submit(submission, answer) => drop(answer.send(self.submit(*submission))),
            Request::Watch(run, answer) => {
                let found = self.find(&run).map(|live| live.watch(&self.house.folder));
                drop(answer.send(found));
            }
            Request::Follow(run, answer) => {
                drop(answer.send(self.find(&run).map(LiveRun::follow)));
            }
            Request::Cancel(run, answer) => {
                let found = self.find(&run).map(drop);
                if found.is_ok() {
                    self.tell(run, RunEvent::CancelAsked);
                }
                drop(answer.send(found));
            }
            Request::Runs(answer) => {
                drop(answer.send(self.runs.values().rev().map(LiveRun::summary).collect()));
            }
            Request::Resume(run, answer) => {
                let found = self.find(&run).map(drop);
                if found.is_ok() {
                    self.resume(&run);
                }
                drop(answer.send(found));
            }
            Request::ResumeAll(answer) => drop(answer.send(self.resume_all())),
            Request::Close(answer) => drop(answer),
        }
    }

    fn find(&self, run: &RunId) -> Result<&LiveRun, PipelineError> {
        self.runs.get(run).ok_or_else(|| PipelineError::UnknownRun(run.clone()))
    }

    fn submit(&mut self, submission: Submission) -> Result<RunId, PipelineError> {
        let stored = StoredRun {
            id: RunId::from(new_id()),
            submitted_at: now(),
            arguments: submission.arguments,
            parallelism: submission.parallelism,
            plan: submission.expanded.plan,
            pipeline: submission.pipeline,
        };
        self.store.create(&stored)?;
        let id = stored.id.clone();
        let live = LiveRun::new(stored, submission.expanded.containers, self.first_rest_ms);
        self.runs.insert(id.clone(), live);
        self.tell(id.clone(), RunEvent::Begun);
        Ok(id)
    }

    fn resume_all(&mut self) -> Vec<RunId> {
        let mut unfinished = self.unfinished.clone();
        unfinished.retain(|id| self.resume(id));
        unfinished
    }

    /// Takes up a run that rests; says whether there was anything to take up.
    fn resume(&mut self, id: &RunId) -> bool {
        let Some(place) = self.unfinished.iter().position(|found| found == id) else {
            return false;
        };
        self.unfinished.remove(place);
        // One that was cancelled meanwhile is over.
        if self.runs[id].run().state().is_final() {
            return false;
        }
        // A crash right after the submission leaves a run without any event.
        let has_begun = self.runs[id].run().begun_at().is_some();
        self.tell(id.clone(), if has_begun { RunEvent::Resumed } else { RunEvent::Begun });
        true
    }

    /// Records an event, and does what the run asks for, until nothing more follows at once.
    fn tell(&mut self, run: RunId, event: RunEvent) {
        let mut news = VecDeque::from([(run, event)]);
        while let Some((run, event)) = news.pop_front() {
            let Some(live) = self.runs.get_mut(&run) else { continue };
            let actions = live.record(event, now(), self.store.as_ref(), &self.house.folder);
            self.changed.send_modify(|count| *count += 1);
            if self.is_closing {
                continue;
            }
            for action in actions {
                news.extend(self.act(&run, action).map(|event| (run.clone(), event)));
            }
        }
    }

    /// Does what a run asks for. What follows at once is given back.
    fn act(&mut self, run: &RunId, action: Action) -> Option<RunEvent> {
        match action {
            Action::Launch { execution, attempt } => self.launch(run, execution, attempt),
            Action::Stop { execution, attempt } => self.stop(run, execution, attempt),
            Action::Rest { execution, attempt, for_ms } => {
                let run = run.clone();
                self.rests.spawn(async move {
                    tokio::time::sleep(Duration::from_millis(for_ms)).await;
                    (run, RunEvent::Rested { execution, attempt })
                });
                None
            }
            Action::Finish(state) => {
                tracing::info!(%run, ?state, "a run is over");
                None
            }
        }
    }

    fn launch(&mut self, run: &RunId, execution: ExecutionIndex, attempt: u32) -> Option<RunEvent> {
        let live = &self.runs[run];
        let container = live.container(execution);
        let inputs = live.run().inputs(execution);
        let key = cache_key(container.spec(), &inputs);
        let planned = &live.run().plan().executions[execution.position()];
        let mut follower = Follower { run: run.clone(), execution, attempt, is_shared: false };
        let staleness = planned.policy.max_staleness_ms;
        let takeable = match self.shelf.choose(&key, staleness, now()) {
            Choice::Share(launch) => {
                let shared =
                    self.in_flight.get_mut(&launch).expect("the shelf knows live launches");
                follower.is_shared = true;
                let event = shared.is_running.then(|| started(&follower, &launch, &key));
                shared.followers.push(follower);
                return event;
            }
            Choice::Take(takeable) => takeable,
            Choice::Start => Vec::new(),
        };
        let launch = LaunchId::from(new_id());
        let (stop, stopped) = watch::channel(false);
        let job = Job {
            launch: launch.clone(),
            takeable,
            container: container.clone(),
            inputs: inputs.into_iter().map(|(name, a)| (name.to_owned(), a.clone())).collect(),
            outputs: planned.outputs.clone(),
            timeout_ms: planned.policy.timeout_ms,
            stop: stopped,
            started: self.started.clone(),
        };
        self.shelf.begun(key.clone(), launch.clone(), staleness != Some(0));
        let task = self.launches.spawn(perform(self.house.clone(), job));
        self.launch_of_task.insert(task.id(), launch.clone());
        let followers = vec![follower];
        self.in_flight.insert(launch, InFlight { key, followers, stop, is_running: false });
        None
    }

    /// Stops an execution. Its launch goes on as long as another execution waits for it.
    fn stop(&mut self, run: &RunId, execution: ExecutionIndex, attempt: u32) -> Option<RunEvent> {
        let is_it = |found: &Follower| {
            found.run == *run && found.execution == execution && found.attempt == attempt
        };
        let launch = self.in_flight.iter_mut().find(|(_, f)| f.followers.iter().any(is_it));
        match launch {
            Some((launch, found)) if found.followers.len() == 1 => {
                self.shelf.over(&found.key, launch);
                found.stop.send_replace(true);
                None
            }
            Some((_, found)) => {
                found.followers.retain(|follower| !is_it(follower));
                Some(RunEvent::Ended { execution, attempt, ending: Ending::Cancelled })
            }
            None => Some(RunEvent::Ended { execution, attempt, ending: Ending::Cancelled }),
        }
    }

    fn launch_started(&mut self, launch: &LaunchId) {
        let Some(found) = self.in_flight.get_mut(launch) else { return };
        found.is_running = true;
        let key = found.key.clone();
        for follower in found.followers.clone() {
            self.tell(follower.run.clone(), started(&follower, launch, &key));
        }
    }

    fn launch_over(&mut self, joined: Result<(Id, Report), JoinError>) {
        let report = match joined {
            Ok((task, report)) => {
                self.launch_of_task.remove(&task);
                report
            }
            Err(error) => {
                let Some(launch) = self.launch_of_task.remove(&error.id()) else { return };
                let message = format!("the engine failed while it ran it: {error}");
                let verdict = Verdict::Ended(Ending::Refused { message });
                Report { launch, verdict, gone: Vec::new() }
            }
        };
        // The word that it started may still be on its way, and must come before its end.
        let did_run = matches!(
            report.verdict,
            Verdict::Ended(
                Ending::Succeeded { .. } | Ending::Failed { .. } | Ending::TimedOut { .. }
            )
        );
        if did_run && self.in_flight.get(&report.launch).is_some_and(|found| !found.is_running) {
            self.launch_started(&report.launch);
        }
        let Some(over) = self.in_flight.remove(&report.launch) else { return };
        self.shelf.over(&over.key, &report.launch);
        for launch in &report.gone {
            self.shelf.forget(&over.key, launch);
        }
        if let Verdict::Ended(Ending::Succeeded { outputs }) = &report.verdict {
            let (launch, outputs) = (report.launch.clone(), outputs.clone());
            self.shelf.keep(over.key.clone(), Finished { launch, at: now(), outputs });
        }
        for Follower { run, execution, attempt, .. } in over.followers {
            let event = match &report.verdict {
                Verdict::Taken(finished) => RunEvent::Reused {
                    execution,
                    attempt,
                    launch: finished.launch.clone(),
                    key: over.key.clone(),
                    outputs: finished.outputs.clone(),
                },
                Verdict::Ended(ending) => {
                    RunEvent::Ended { execution, attempt, ending: ending.clone() }
                }
            };
            // What was stopped because the engine closes is not cancelled: it is resumed later.
            if !(self.is_closing
                && matches!(event, RunEvent::Ended { ending: Ending::Cancelled, .. }))
            {
                self.tell(run, event);
            }
        }
    }

    /// Stops everything; what ended by itself meanwhile still counts.
    async fn close(&mut self) {
        self.is_closing = true;
        self.rests.shutdown().await;
        for found in self.in_flight.values() {
            found.stop.send_replace(true);
        }
        while let Some(report) = self.launches.join_next_with_id().await {
            self.launch_over(report);
        }
    }
}

fn started(follower: &Follower, launch: &LaunchId, key: &CacheKey) -> RunEvent {
    RunEvent::Started {
        execution: follower.execution,
        attempt: follower.attempt,
        launch: launch.clone(),
        key: key.clone(),
        shared: follower.is_shared,
    }
}
