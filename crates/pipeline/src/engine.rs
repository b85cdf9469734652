//! The engine that people hold: submit, watch, wait, cancel, resume. Behind it one task owns every
//! run (`actor`), and one task per launch does what takes time (`launch`); this file only carries
//! questions to the one and answers back.

mod actor;
mod house;
mod launch;
mod live_run;
mod new_ids;
mod opening;
mod paths;
mod shown_command;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use terms::ids::RunId;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

use self::{actor::Request, opening::Opened};
use crate::{
    artifacts::ArtifactStore,
    error::PipelineError,
    events::EventStore,
    expand::expand,
    launcher::Limits,
    problem::Problem,
    spec::ComponentSpec,
    view::{RunOutcome, RunSummary, RunView, Watching},
};

/// Questions that may wait for the engine at a time.
const QUESTIONS: usize = 256;

/// How an engine works.
#[derive(Debug)]
pub struct EngineOptions {
    /// The folder of everything the engine keeps: `runs`, `artifacts`, `logs`, `work`.
    pub folder: PathBuf,
    /// Programs at a time, over all runs.
    pub parallelism: usize,
    /// Environment variables that every program gets, such as the address of a gateway. They are
    /// no part of a cache key: what changes results belongs into arguments.
    pub environment: Vec<(String, String)>,
    /// Bounds of each program.
    pub limits: Limits,
    /// Milliseconds of rest before the second try; doubles with every failure.
    pub first_rest_ms: u64,
    /// Where runs and events are kept; none: in files below the folder.
    pub store: Option<Box<dyn EventStore>>,
}

impl EngineOptions {
    /// The usual options, with everything in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            parallelism: std::thread::available_parallelism().map_or(2, usize::from),
            environment: Vec::new(),
            limits: Limits::default(),
            first_rest_ms: 1_000,
            store: None,
        }
    }
}

/// Runs pipelines. Cheap to clone; the last clone that is dropped closes the engine.
#[derive(Debug, Clone)]
pub struct Engine {
    requests: mpsc::Sender<Request>,
    artifacts: ArtifactStore,
    parallelism: usize,
    changes: watch::Receiver<u64>,
    closed: Arc<tokio::sync::Mutex<Option<JoinHandle<()>>>>,
}

impl Engine {
    /// Opens the folder, kills what a dead engine left running there, and reads the stored runs.
    /// Unfinished runs rest until [`Engine::resume_all`].
    ///
    /// # Errors
    ///
    /// Another engine works in the folder, or it cannot be read.
    pub async fn open(options: EngineOptions) -> Result<Self, PipelineError> {
        let parallelism = options.parallelism.max(1);
        let opened = tokio::task::spawn_blocking(|| Opened::open(options));
        let opened = opened.await.map_err(|_| PipelineError::Closed)??;
        let artifacts = opened.house.artifacts.clone();
        let (requests, questions) = mpsc::channel(QUESTIONS);
        let (changed, changes) = watch::channel(0);
        let actor = tokio::spawn(actor::run(opened, questions, changed));
        let closed = Arc::new(tokio::sync::Mutex::new(Some(actor)));
        Ok(Self { requests, artifacts, parallelism, changes, closed })
    }

    /// Begins a run of a pipeline, or of a single component.
    ///
    /// # Errors
    ///
    /// The pipeline cannot run with these arguments; every problem is named with its path. Or the
    /// run could not be stored.
    pub async fn submit(
        &self,
        pipeline: ComponentSpec,
        arguments: BTreeMap<String, String>,
    ) -> Result<RunId, PipelineError> {
        let expanded = expand(&pipeline, &arguments)?;
        for warning in &expanded.warnings {
            tracing::warn!(%warning, "a pipeline is odd");
        }
        let submission = actor::Submission {
            pipeline: Arc::new(pipeline),
            arguments,
            parallelism: self.parallelism,
            expanded,
        };
        self.ask(|answer| Request::Submit(Box::new(submission), answer)).await?
    }

    /// What is odd about a pipeline, though it can run.
    ///
    /// # Errors
    ///
    /// It cannot run with these arguments; every problem is named with its path.
    pub fn check(
        pipeline: &ComponentSpec,
        arguments: &BTreeMap<String, String>,
    ) -> Result<Vec<Problem>, PipelineError> {
        expand(pipeline, arguments).map(|expanded| expanded.warnings)
    }

    /// A run as it is now, and what changes from here on.
    ///
    /// # Errors
    ///
    /// There is no such run.
    pub async fn watch(&self, run: &RunId) -> Result<Watching, PipelineError> {
        self.ask(|answer| Request::Watch(run.clone(), answer)).await?
    }

    /// A run as it is now.
    ///
    /// # Errors
    ///
    /// There is no such run.
    pub async fn view(&self, run: &RunId) -> Result<RunView, PipelineError> {
        self.watch(run).await.map(|watching| watching.view)
    }

    /// Every run, the newest first.
    ///
    /// # Errors
    ///
    /// The engine was closed.
    pub async fn runs(&self) -> Result<Vec<RunSummary>, PipelineError> {
        self.ask(Request::Runs).await
    }

    /// Waits until a run has ended.
    ///
    /// # Errors
    ///
    /// There is no such run, or the engine was closed before it ended.
    pub async fn wait(&self, run: &RunId) -> Result<RunOutcome, PipelineError> {
        let mut outcome: watch::Receiver<Option<Arc<RunOutcome>>> =
            self.ask(|answer| Request::Follow(run.clone(), answer)).await??;
        let ended = outcome.wait_for(Option::is_some).await.map_err(|_| PipelineError::Closed)?;
        let found = ended.as_deref().cloned();
        found.ok_or(PipelineError::Closed)
    }

    /// Asks a run to stop. Programs that other runs wait for go on.
    ///
    /// # Errors
    ///
    /// There is no such run.
    pub async fn cancel(&self, run: &RunId) -> Result<(), PipelineError> {
        self.ask(|answer| Request::Cancel(run.clone(), answer)).await?
    }

    /// Takes up every run that was unfinished when the engine was opened; gives which. What was
    /// finished stays, what ran starts again.
    ///
    /// # Errors
    ///
    /// The engine was closed.
    pub async fn resume_all(&self) -> Result<Vec<RunId>, PipelineError> {
        self.ask(Request::ResumeAll).await
    }

    /// Takes up one run that was unfinished when the engine was opened; one that is over or already
    /// taken up stays as it is.
    ///
    /// # Errors
    ///
    /// There is no such run.
    pub async fn resume(&self, run: &RunId) -> Result<(), PipelineError> {
        self.ask(|answer| Request::Resume(run.clone(), answer)).await?
    }

    /// A counter that moves when anything happens in any run; its sender goes with the engine.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    /// Where artifacts lie.
    pub fn artifacts(&self) -> &ArtifactStore {
        &self.artifacts
    }

    /// Stops every program and closes the engine. Runs stay unfinished, to be resumed later.
    pub async fn close(self) {
        // An engine that is already closing does not answer.
        let _ = self.ask(Request::Close).await;
        if let Some(actor) = self.closed.lock().await.take()
            && let Err(error) = actor.await
        {
            tracing::error!(%error, "the pipeline engine ended badly");
        }
    }

    async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, PipelineError> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(question(answer)).await.map_err(|_| PipelineError::Closed)?;
        answered.await.map_err(|_| PipelineError::Closed)
    }
}
