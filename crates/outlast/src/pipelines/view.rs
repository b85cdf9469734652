//! What the console and the commands see of the engine: its values copied, nothing decided.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use console::pipelines::{
    ArtifactAsked, ArtifactContent, ArtifactRow, DistillationOrder, Drawing, ExecutionPage,
    ExecutionRow, Line, Pipelines, Promise, RunOrder, RunPage, RunRow, Unfit,
};
use decide::layout::Sizes;
use gateway::Gateway;
use pipeline::{
    ArtifactStore, Engine, PipelineError, RunView, parse, parse_json,
    view::{ExecutionView, RunSummary},
};
use terms::{ids::RunId, run::Artifact};
use tokio::{sync::watch, task::spawn_blocking};

use super::artifacts::{find, log_tail, report};
use crate::{causes::with_causes, distillation};

/// The engine, and the gateway where there is one.
#[derive(Debug, Clone)]
pub(crate) struct PipelinesView {
    pub(crate) engine: Engine,
    /// Distillations need it for their teachers.
    pub(crate) gateway: Option<Arc<Gateway>>,
}

impl PipelinesView {
    async fn view(&self, run: &str) -> Option<RunView> {
        // Closed, or no such run: nothing to show either way.
        self.engine.view(&RunId::from(run)).await.ok()
    }
}

impl Pipelines for PipelinesView {
    fn changes(&self) -> watch::Receiver<u64> {
        self.engine.changes()
    }

    fn runs(&self) -> Promise<'_, Vec<RunRow>> {
        Box::pin(async {
            let runs = self.engine.runs().await.unwrap_or_default();
            runs.into_iter().map(row).collect()
        })
    }

    fn run<'a>(&'a self, run: &'a str) -> Promise<'a, Option<RunPage>> {
        Box::pin(async {
            let (view, store) = (self.view(run).await?, self.engine.artifacts().clone());
            spawn_blocking(move || page(view, &store)).await.ok()
        })
    }

    fn execution<'a>(&'a self, run: &'a str, index: u32) -> Promise<'a, Option<ExecutionPage>> {
        Box::pin(async move {
            let mut view = self.view(run).await?;
            let at = usize::try_from(index).ok().filter(|at| *at < view.executions.len())?;
            let found = view.executions.swap_remove(at);
            let store = self.engine.artifacts().clone();
            spawn_blocking(move || execution(found, &store)).await.ok()
        })
    }

    fn artifact<'a>(&'a self, asked: &'a ArtifactAsked) -> Promise<'a, Option<ArtifactContent>> {
        Box::pin(async {
            let view = self.view(&asked.run).await?;
            let (asked, store) = (asked.clone(), self.engine.artifacts().clone());
            spawn_blocking(move || find(&view, &asked, &store)).await.ok()?
        })
    }

    fn submit(&self, order: RunOrder) -> Promise<'_, Result<String, Unfit>> {
        Box::pin(async move {
            let is_json = order.pipeline.trim_start().starts_with('{');
            let read = if is_json { parse_json } else { parse };
            let pipeline = read(&order.pipeline).map_err(unfit)?;
            let run = self.engine.submit(pipeline, order.arguments).await.map_err(unfit)?;
            Ok(run.to_string())
        })
    }

    fn distill(&self, order: DistillationOrder) -> Promise<'_, Result<String, Unfit>> {
        Box::pin(async move {
            let begun = distillation::begin(self, &order.task_file).await;
            begun.map(|run| run.to_string()).map_err(|error| Unfit(vec![with_causes(&error)]))
        })
    }

    fn cancel<'a>(&'a self, run: &'a str) -> Promise<'a, bool> {
        Box::pin(async move { self.engine.cancel(&RunId::from(run)).await.is_ok() })
    }
}

/// Every mistake as a sentence of its own.
pub(crate) fn unfit(error: PipelineError) -> Unfit {
    match error.problems() {
        [] => Unfit(vec![error.to_string()]),
        problems => Unfit(problems.iter().map(ToString::to_string).collect()),
    }
}

fn row(run: RunSummary) -> RunRow {
    let executions = run.executions.into_iter().map(|(state, count)| (state.to_owned(), count));
    RunRow {
        id: run.id.to_string(),
        name: run.name,
        state: run.state,
        submitted_at: run.submitted_at,
        ended_at: run.ended_at,
        executions: executions.collect(),
    }
}

fn page(view: RunView, store: &ArtifactStore) -> RunPage {
    RunPage {
        id: view.id.to_string(),
        report: view.outputs.get("report").and_then(|artifact| report(artifact, store)),
        outputs: artifacts(&view.outputs, store),
        drawing: drawing(&view),
        executions: view.executions.iter().map(execution_row).collect(),
        name: view.name,
        state: view.state,
        submitted_at: view.submitted_at,
        ended_at: view.ended_at,
        arguments: view.arguments,
        sequence: view.sequence,
    }
}

fn execution_row(found: &ExecutionView) -> ExecutionRow {
    ExecutionRow {
        index: found.index.0,
        name: found.name.clone(),
        state: found.state,
        attempts: found.attempts,
        failures: found.failures,
        is_shared: found.is_shared,
        reused_from: found.reused_from.as_ref().map(ToString::to_string),
        started_at: found.started_at,
        ended_at: found.ended_at,
        message: found.message.clone(),
        log: found.log.clone(),
    }
}

fn execution(found: ExecutionView, store: &ArtifactStore) -> ExecutionPage {
    let (log_tail, log_is_cut) = found.log.as_deref().map(log_tail).unwrap_or_default();
    ExecutionPage {
        row: execution_row(&found),
        cache_key: found.cache_key.map(|key| key.to_string()),
        launch: found.launch.map(|launch| launch.to_string()),
        inputs: artifacts(&found.inputs, store),
        outputs: artifacts(&found.outputs, store),
        component: found.component,
        image: found.image,
        command: found.command,
        exit_code: found.exit_code,
        log_tail,
        log_is_cut,
    }
}

fn artifacts(found: &BTreeMap<String, Artifact>, store: &ArtifactStore) -> Vec<ArtifactRow> {
    let row = |(name, artifact): (&String, &Artifact)| ArtifactRow {
        name: name.clone(),
        bytes: artifact.bytes,
        is_folder: artifact.is_folder,
        value: artifact.value.clone(),
        path: Some(store.path(artifact)).filter(|path: &_| Path::exists(path)),
    };
    found.iter().map(row).collect()
}

/// The engine's layout, several values between the same two executions as one line, and none where a
/// longer way says the same.
fn drawing(view: &RunView) -> Drawing {
    let sizes = Sizes::default();
    let mut lines: BTreeMap<(u32, u32), Vec<(f64, f64)>> = BTreeMap::new();
    let drawn = view.edges.iter().zip(&view.layout.edges).filter(|(_, points)| !points.is_empty());
    for (edge, points) in drawn {
        let points = points.iter().map(|point| (point.x, point.y));
        lines.entry((edge.from.0, edge.to.0)).or_insert_with(|| points.collect());
    }
    Drawing {
        width: view.layout.width,
        height: view.layout.height,
        node: (sizes.node_width, sizes.node_height),
        nodes: view.layout.nodes.iter().map(|point| (point.x, point.y)).collect(),
        lines: lines.into_iter().map(|((from, to), points)| Line { from, to, points }).collect(),
    }
}
