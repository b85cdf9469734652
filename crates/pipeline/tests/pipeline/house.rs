//! An engine in a folder of its own, and words to write pipelines with.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use pipeline::{
    ComponentSpec, Engine, EngineOptions, RunOutcome, RunView, parse,
    view::{ExecutionView, RunUpdate},
};
use tempfile::TempDir;
use terms::{
    ids::RunId,
    run::{Artifact, ExecutionState, RunState},
};
use tokio::{io::AsyncReadExt, net::unix::pipe, sync::broadcast::Receiver, time::timeout};

/// A task of a pipeline in a test: its name, its shell script, what it reads, and more lines.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    pub(crate) name: &'static str,
    /// Inputs are `$1` onwards, its one output `out` is the last argument, `$out`.
    pub(crate) text: String,
    /// Where inputs come from: a task's name, or `=text`.
    pub(crate) reads: Vec<&'static str>,
    /// More YAML at the level of the task.
    pub(crate) more: &'static str,
}

/// A task with a script.
pub(crate) fn script(name: &'static str, script: &str, reads: &[&'static str]) -> Script {
    Script { name, text: script.into(), reads: reads.to_vec(), more: "" }
}

/// A pipeline of shell scripts. Its outputs are those of all tasks.
pub(crate) fn pipeline_of(tasks: &[Script]) -> ComponentSpec {
    let mut text = String::from("name: test\noutputs:\n");
    for task in tasks {
        text.push_str(&format!("- {{name: {}}}\n", task.name));
    }
    text.push_str("implementation:\n  graph:\n    outputValues:\n");
    for task in tasks {
        let name = task.name;
        text.push_str(&format!(
            "      {name}: {{taskOutput: {{taskId: {name}, outputName: out}}}}\n"
        ));
    }
    text.push_str("    tasks:\n");
    for task in tasks {
        text.push_str(&task_text(task));
    }
    parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn task_text(task: &Script) -> String {
    let numbered = || task.reads.iter().enumerate().map(|(at, from)| (format!("x{at}"), *from));
    let inputs: Vec<String> = numbered().map(|(name, _)| format!("{{name: {name}}}")).collect();
    let paths: Vec<String> = numbered().map(|(name, _)| format!("{{inputPath: {name}}}")).collect();
    let arguments: Vec<String> = numbered()
        .map(|(name, from)| match from.strip_prefix('=') {
            Some(text) => format!("{name}: {}", serde_json::to_string(text).expect("text")),
            None => format!("{name}: {{taskOutput: {{taskId: {from}, outputName: out}}}}"),
        })
        .collect();
    let script = format!("for out; do :; done; {}", task.text);
    let command = serde_json::to_string(&["sh", "-euc", &script, "test"]).expect("text");
    format!(
        "      {name}:\n        arguments: {{{arguments}}}\n{more}        componentRef:\n          spec:\n            \
         name: {name}\n            inputs: [{inputs}]\n            outputs: [{{name: out}}]\n            \
         implementation:\n              container:\n                image: none\n                \
         command: {command}\n                args: [{paths}{comma}{{outputPath: out}}]\n",
        name = task.name,
        arguments = arguments.join(", "),
        more =
            if task.more.is_empty() { String::new() } else { format!("        {}\n", task.more) },
        inputs = inputs.join(", "),
        paths = paths.join(", "),
        comma = if paths.is_empty() { "" } else { ", " },
    )
}

/// An engine in a folder of its own.
pub(crate) struct House {
    pub(crate) engine: Engine,
    pub(crate) folder: TempDir,
}

/// Opens an engine in a new folder.
pub(crate) async fn house(parallelism: usize) -> House {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Engine::open(options(folder.path(), parallelism)).await.expect("it opens");
    House { engine, folder }
}

/// Options for tests: short rests, short grace.
pub(crate) fn options(folder: &Path, parallelism: usize) -> EngineOptions {
    let mut options = EngineOptions::new(folder.join("engine"));
    options.parallelism = parallelism;
    options.first_rest_ms = 1;
    options.limits.grace_ms = 200;
    options
}

impl House {
    pub(crate) async fn submit(&self, tasks: &[Script]) -> RunId {
        self.submit_with(pipeline_of(tasks), &[]).await
    }

    pub(crate) async fn submit_with(&self, spec: ComponentSpec, given: &[(&str, &str)]) -> RunId {
        let owned = given.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let arguments: BTreeMap<String, String> = owned.collect();
        self.engine.submit(spec, arguments).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs a pipeline of scripts to its end.
    pub(crate) async fn run(&self, tasks: &[Script]) -> (RunOutcome, RunView) {
        let run = self.submit(tasks).await;
        let outcome = self.engine.wait(&run).await.expect("it ends");
        (outcome, self.engine.view(&run).await.expect("it is known"))
    }

    /// A file that scripts can see, outside of what the engine keeps.
    pub(crate) fn outside(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.outside(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub(crate) fn text(&self, artifact: &Artifact) -> String {
        fs::read_to_string(self.engine.artifacts().path(artifact)).expect("it lies there")
    }
}

/// The execution of this name.
pub(crate) fn of<'a>(view: &'a RunView, name: &str) -> &'a ExecutionView {
    view.executions.iter().find(|execution| execution.name == name).expect("it is in the plan")
}

/// The state of each execution, by name.
pub(crate) fn states(view: &RunView) -> Vec<(&str, &'static str)> {
    view.executions.iter().map(|found| (found.name.as_str(), found.state.as_str())).collect()
}

/// Waits until an execution is in this state. Fails when the run ends before.
pub(crate) async fn until(engine: &Engine, run: &RunId, name: &str, state: ExecutionState) {
    let watching = engine.watch(run).await.expect("it is known");
    let mut updates: Receiver<_> = watching.updates;
    let wanted = of(&watching.view, name);
    if wanted.state == state {
        return;
    }
    let index = wanted.index;
    loop {
        let update: std::sync::Arc<RunUpdate> = updates.recv().await.expect("the engine is open");
        if update.changed.contains(&(index, state)) {
            return;
        }
        assert!(!update.state.is_final(), "the run ended before {name} was {state:?}");
    }
}

/// A named pipe: who opens it for reading waits for who opens it for writing. Lets a test hold a
/// program, and a program tell a test that it runs, without any sleep.
pub(crate) fn named_pipe(path: &str) {
    let made = std::process::Command::new("mkfifo").arg(path).status().expect("mkfifo runs");
    assert!(made.success(), "mkfifo {path}");
}

/// Lets go a program that reads from a named pipe.
pub(crate) async fn let_go(path: &str) {
    tokio::fs::write(path, "go\n").await.expect("written");
}

/// A named pipe that programs hold open as long as they live.
pub(crate) struct Held {
    end: pipe::Receiver,
    /// The pipe only ends for a reader who has ever seen a writer.
    writer: pipe::Sender,
}

impl Held {
    /// Makes the pipe. Opened here first, so that programs can open it to write without waiting.
    pub(crate) fn new(path: &str) -> Self {
        named_pipe(path);
        let end = pipe::OpenOptions::new().open_receiver(path).expect("it opens");
        let writer = pipe::OpenOptions::new().open_sender(path).expect("it opens");
        Self { end, writer }
    }

    /// Waits until a program says `up`.
    pub(crate) async fn up(&mut self) {
        let mut said = [0; 3];
        self.end.read_exact(&mut said).await.expect("it is read");
        assert_eq!(&said, b"up\n");
    }

    /// Waits until no program holds the pipe any more; fails when one keeps it.
    pub(crate) async fn all_let_go(mut self) {
        drop(self.writer);
        let mut said = Vec::new();
        let silence = timeout(Duration::from_secs(20), self.end.read_to_end(&mut said)).await;
        silence.expect("a process still holds the pipe").expect("it is read");
    }
}

pub(crate) const SUCCEEDED: RunState = RunState::Succeeded;
pub(crate) const FAILED: RunState = RunState::Failed;
