//! The beginning of a distillation: the task file and all that it names are checked, then a run is begun,
//! or the same one goes on where a dead process left it.

use std::path::Path;

use anyhow::{Context, bail};
use distill::{TaskFile, step::TASK_FILE};
use pipeline::RunView;
use terms::ids::RunId;

use super::graph::{CONTENTS, graph, image};
use crate::pipelines::{PipelinesView, build};

/// Begins the distillation of a task file, given by its whole path, or goes on with it. Gives its run.
pub(crate) async fn begin(pipelines: &PipelinesView, task_file: &Path) -> anyhow::Result<RunId> {
    let path = task_file.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let file = TaskFile::read(&path)?;
        let contents = file.contents()?;
        anyhow::Ok((file, contents, build()?))
    });
    let (file, contents, build) = read.await??;
    check_route(pipelines, &file)?;
    let shown = task_file.to_str().context("the task file's path is not text")?;
    let arguments = [(TASK_FILE, shown), (CONTENTS, contents.as_str())];
    let arguments = arguments.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let spec = graph(&file.task.name, build);
    for run in pipelines.engine.runs().await? {
        if run.state.is_final() || run.name != spec.display_name() {
            continue;
        }
        let view = pipelines.engine.view(&run.id).await?;
        if view.arguments == arguments && is_of_build(&view, build) {
            pipelines.engine.resume(&run.id).await?;
            return Ok(run.id);
        }
    }
    Ok(pipelines.engine.submit(spec, arguments).await?)
}

/// A run of another build would go on with this one's program, under the other one's name.
fn is_of_build(view: &RunView, build: &str) -> bool {
    let image = image(build);
    view.executions.iter().all(|execution| execution.image == image)
}

/// A teacher that nobody can reach is found here, and not a row at a time.
fn check_route(pipelines: &PipelinesView, file: &TaskFile) -> anyhow::Result<()> {
    let Some(gateway) = &pipelines.gateway else {
        bail!("a distillation asks its teacher through the gateway, and none runs here");
    };
    let route = &file.task.teacher_route;
    if !gateway.table().knows(route) {
        let message = format!(
            "the gateway has no route `{route}`: configure one in outlast.toml, or give the key of \
             a vendor that has this model"
        );
        return Err(file.route_error(message).into());
    }
    Ok(())
}
