//! Pipelines with fixed values that only a test changes.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use console::pipelines::{
    ArtifactAsked, ArtifactContent, ArtifactRow, DistillationOrder, Drawing, ExecutionPage,
    ExecutionRow, Line, Pipelines, Promise, RunOrder, RunPage, RunRow, Unfit,
};
use terms::{
    run::{ExecutionState, RunState},
    time::Timestamp,
};
use tokio::sync::watch;

use super::NOON;

pub(crate) struct FixedPipelines {
    run: Mutex<RunPage>,
    changes: watch::Sender<u64>,
    /// What was ordered, as text.
    pub(crate) ordered: Mutex<Vec<String>>,
    /// A file that an artifact lies in.
    pub(crate) file: Mutex<Option<PathBuf>>,
}

impl FixedPipelines {
    pub(crate) fn new() -> Self {
        Self {
            run: Mutex::new(run()),
            changes: watch::Sender::new(0),
            ordered: Mutex::default(),
            file: Mutex::default(),
        }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut RunPage)) {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut run);
        run.sequence += 1;
        drop(run);
        self.changes.send_modify(|count| *count += 1);
    }

    fn now(&self) -> RunPage {
        self.run.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, text: String) {
        self.ordered.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }
}

impl Pipelines for FixedPipelines {
    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn runs(&self) -> Promise<'_, Vec<RunRow>> {
        Box::pin(async {
            let run = self.now();
            let mut executions = std::collections::BTreeMap::new();
            for row in &run.executions {
                *executions.entry(row.state.as_str().to_owned()).or_default() += 1;
            }
            vec![RunRow {
                id: run.id,
                name: run.name,
                state: run.state,
                submitted_at: run.submitted_at,
                ended_at: run.ended_at,
                executions,
            }]
        })
    }

    fn run<'a>(&'a self, run: &'a str) -> Promise<'a, Option<RunPage>> {
        Box::pin(async move { Some(self.now()).filter(|found| found.id == run) })
    }

    fn execution<'a>(&'a self, _: &'a str, index: u32) -> Promise<'a, Option<ExecutionPage>> {
        Box::pin(async move {
            let row = self.now().executions.get(index as usize)?.clone();
            let artifact = |name: &str, value: Option<&str>| ArtifactRow {
                name: name.to_owned(),
                bytes: 1_234,
                is_folder: false,
                value: value.map(str::to_owned),
                path: None,
            };
            Some(ExecutionPage {
                row,
                component: "Fit".to_owned(),
                image: "outlast:0.1.0-4f2a".to_owned(),
                command: ["outlast", "step", "it's fit"].map(str::to_owned).into(),
                cache_key: Some("blake3=ab".to_owned()),
                launch: Some("launch-7".to_owned()),
                exit_code: Some(3),
                inputs: vec![artifact("rows of data", Some("<script>alert(1)</script>"))],
                outputs: vec![artifact("student", None)],
                log_tail: "working on <b>it</b>\n".to_owned(),
                log_is_cut: true,
            })
        })
    }

    fn artifact<'a>(&'a self, asked: &'a ArtifactAsked) -> Promise<'a, Option<ArtifactContent>> {
        Box::pin(async {
            self.note(format!("{:?} {} {:?}", asked.place, asked.name, asked.file));
            match asked.name.as_str() {
                "text" => Some(ArtifactContent::Text("<script>".to_owned())),
                "folder" if asked.file.is_none() => {
                    let files = [("a b/<c>.txt".to_owned(), 5)];
                    Some(ArtifactContent::Folder(files.into()))
                }
                "folder" | "file" => {
                    let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
                    file.clone().map(ArtifactContent::File)
                }
                _ => None,
            }
        })
    }

    fn submit(&self, order: RunOrder) -> Promise<'_, Result<String, Unfit>> {
        Box::pin(async move {
            if order.pipeline.is_empty() {
                return Err(Unfit(vec!["line 1: nothing".to_owned(), "line 2: too".to_owned()]));
            }
            self.note(format!("{} {:?}", order.pipeline.len(), order.arguments));
            Ok("run-1".to_owned())
        })
    }

    fn distill(&self, order: DistillationOrder) -> Promise<'_, Result<String, Unfit>> {
        Box::pin(async move {
            self.note(order.task_file.display().to_string());
            Ok("run-1".to_owned())
        })
    }

    fn cancel<'a>(&'a self, run: &'a str) -> Promise<'a, bool> {
        Box::pin(async move {
            self.note(format!("cancel {run}"));
            run == "run-1"
        })
    }
}

fn run() -> RunPage {
    let row = |index, name: &str, state| ExecutionRow {
        index,
        name: name.to_owned(),
        state,
        attempts: 1,
        failures: 0,
        is_shared: false,
        reused_from: None,
        started_at: Some(Timestamp(NOON - 3_000)),
        ended_at: None,
        message: None,
        log: None,
    };
    let reused = ExecutionRow {
        reused_from: Some("launch-1".to_owned()),
        ..row(0, "gather", ExecutionState::Succeeded)
    };
    let fitting = row(1, "climb/<fit>", ExecutionState::Running);
    let waiting = ExecutionRow {
        started_at: None,
        attempts: 0,
        ..row(2, "report", ExecutionState::WaitingForUpstream)
    };
    let line = |from, to, y| Line { from, to, points: vec![(180.0, 24.0), (244.0, y)] };
    RunPage {
        id: "run-1".to_owned(),
        name: "distill <intent>".to_owned(),
        state: RunState::Running,
        submitted_at: Timestamp(NOON - 4_000),
        ended_at: None,
        arguments: [("task_file".to_owned(), "/tasks/TASK.toml".to_owned())].into(),
        executions: vec![reused, fitting, waiting],
        drawing: Drawing {
            width: 668.0,
            height: 116.0,
            node: (180.0, 48.0),
            nodes: vec![(0.0, 0.0), (244.0, 0.0), (488.0, 68.0)],
            lines: vec![line(0, 1, 24.0), line(1, 2, 92.0)],
        },
        outputs: Vec::new(),
        report: None,
        sequence: 7,
    }
}
