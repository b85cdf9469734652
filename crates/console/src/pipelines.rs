//! What the console shows of pipelines, as plain values, and the trait by which it gets them. The binary
//! fills them in from its engine; nothing here is computed, and no engine is known.

use std::{collections::BTreeMap, future::Future, path::PathBuf, pin::Pin, time::Duration};

use serde::{Deserialize, Serialize};
use terms::{
    run::{ExecutionState, RunState},
    time::Timestamp,
};
use tokio::{sync::watch, time::timeout};

/// How long a program that asks for news of a run waits for them.
const PATIENCE: Duration = Duration::from_secs(20);

/// A future that the engine's side gives.
pub type Promise<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The pipelines of the running program, as the console sees them.
pub trait Pipelines: Send + Sync + 'static {
    /// A counter that moves when something happened in any run.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Every run, the newest first.
    fn runs(&self) -> Promise<'_, Vec<RunRow>>;

    /// A run as it is now, if there is one of this id.
    fn run<'a>(&'a self, run: &'a str) -> Promise<'a, Option<RunPage>>;

    /// One execution of a run in full.
    fn execution<'a>(&'a self, run: &'a str, index: u32) -> Promise<'a, Option<ExecutionPage>>;

    /// What was made or read in a run.
    fn artifact<'a>(&'a self, asked: &'a ArtifactAsked) -> Promise<'a, Option<ArtifactContent>>;

    /// Begins a run of a pipeline; gives its id.
    fn submit(&self, order: RunOrder) -> Promise<'_, Result<String, Unfit>>;

    /// Begins a distillation, or goes on with the same one if it is unfinished; gives the run's id.
    fn distill(&self, order: DistillationOrder) -> Promise<'_, Result<String, Unfit>>;

    /// Asks a run to stop; says whether there is such a run.
    fn cancel<'a>(&'a self, run: &'a str) -> Promise<'a, bool>;
}

/// Waits until a run has gone past an event, is over, or some seconds have passed; gives it as it is then.
pub async fn newer(pipelines: &dyn Pipelines, run: &str, after: u64) -> Option<RunPage> {
    let mut changes = pipelines.changes();
    let gone_past = async {
        loop {
            changes.mark_unchanged();
            let found = pipelines.run(run).await?;
            if found.sequence > after || found.state.is_final() || changes.changed().await.is_err()
            {
                return Some(found);
            }
        }
    };
    match timeout(PATIENCE, gone_past).await {
        Ok(found) => found,
        Err(_) => pipelines.run(run).await,
    }
}

/// A pipeline to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunOrder {
    /// The text of a pipeline or component, YAML or JSON, all components inside.
    pub pipeline: String,
    /// The pipeline's arguments.
    #[serde(default)]
    pub arguments: BTreeMap<String, String>,
}

/// A task to distill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistillationOrder {
    /// The task file, by its whole path on the machine that the program runs on.
    pub task_file: PathBuf,
}

/// Why something cannot run: sentences, each about one mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit(pub Vec<String>);

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// Its id.
    pub id: String,
    /// The name of its pipeline.
    pub name: String,
    /// Where it stands.
    pub state: RunState,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How many executions stand where.
    pub executions: BTreeMap<String, usize>,
}

/// A run with its graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunPage {
    /// Its id.
    pub id: String,
    /// The name of its pipeline.
    pub name: String,
    /// Where it stands.
    pub state: RunState,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The pipeline's arguments.
    pub arguments: BTreeMap<String, String>,
    /// The executions, in the order of the plan.
    pub executions: Vec<ExecutionRow>,
    /// Where they are drawn.
    pub drawing: Drawing,
    /// What the pipeline as a whole made so far.
    pub outputs: Vec<ArtifactRow>,
    /// The text of `report.md` in its output `report`, where it has one.
    pub report: Option<String>,
    /// The last event that is in these values.
    pub sequence: u64,
}

/// An execution in its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionRow {
    /// Its position in the plan.
    pub index: u32,
    /// The task names from the pipeline down: `prepare/split`.
    pub name: String,
    /// Where it stands.
    pub state: ExecutionState,
    /// Tries so far.
    pub attempts: u32,
    /// Tries that failed.
    pub failures: u32,
    /// Whether its program was begun for an equal execution.
    pub is_shared: bool,
    /// The launch of the past whose outputs it took.
    pub reused_from: Option<String>,
    /// When the present or last try began to run.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why the last try failed.
    pub message: Option<String>,
    /// The file with what its program says.
    pub log: Option<PathBuf>,
}

/// An execution in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionPage {
    /// As it stands in its run.
    pub row: ExecutionRow,
    /// The name of its component.
    pub component: String,
    /// The image that its component names.
    pub image: String,
    /// The words that its program is started with.
    pub command: Vec<String>,
    /// What it computes, as a hash.
    pub cache_key: Option<String>,
    /// The launch of its present or last try.
    pub launch: Option<String>,
    /// The exit code of the last try that failed.
    pub exit_code: Option<i32>,
    /// What it reads, as far as it exists.
    pub inputs: Vec<ArtifactRow>,
    /// What it made.
    pub outputs: Vec<ArtifactRow>,
    /// The last of what its program said; empty where it said nothing.
    pub log_tail: String,
    /// Whether it said more before.
    pub log_is_cut: bool,
}

/// An artifact under the name of an input or output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRow {
    /// The name of the input or output.
    pub name: String,
    /// Bytes, of a folder the sum over its files.
    pub bytes: u64,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// The content where it is short text.
    pub value: Option<String>,
    /// Where it lies on this machine; a constant lies nowhere.
    pub path: Option<PathBuf>,
}

/// Where executions and what flows between them are drawn, in the picture's own units.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Drawing {
    /// The width of the whole.
    pub width: f64,
    /// The height of the whole.
    pub height: f64,
    /// The width and height of every box.
    pub node: (f64, f64),
    /// The upper left corner of each execution's box.
    pub nodes: Vec<(f64, f64)>,
    /// Lines from box to box, each pair of boxes once.
    pub lines: Vec<Line>,
}

/// A line from box to box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The execution that makes something.
    pub from: u32,
    /// The one that reads it.
    pub to: u32,
    /// The points that it passes.
    pub points: Vec<(f64, f64)>,
}

/// Which artifact is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactAsked {
    /// The run.
    pub run: String,
    /// Whose it is.
    pub place: ArtifactPlace,
    /// The name of the input or output.
    pub name: String,
    /// A file of a folder, by its path inside.
    pub file: Option<String>,
}

/// Whose artifact it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArtifactPlace {
    /// An output of the pipeline as a whole.
    Run,
    /// An input of an execution.
    Input(u32),
    /// An output of an execution.
    Output(u32),
    /// What an execution's program said; the name counts for nothing.
    Log(u32),
}

/// The content of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactContent {
    /// A file, to be read from there.
    File(PathBuf),
    /// Text that lies nowhere.
    Text(String),
    /// The files of a folder by their paths inside, with their bytes.
    Folder(Vec<(String, u64)>),
}
