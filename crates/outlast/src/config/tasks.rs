//! The key `tasks`: task files whose jobs can be asked for as `task:NAME` before any student is deployed.
//! Their teachers answer until then, so that callers never change.

use std::{fs, path::Path};

use distill::{TaskFile, system_prompt};
use gateway::{Table, Task};
use toml::Spanned;

use crate::{causes::with_causes, config::reader::Findings, deployments::route_name};

/// Reads the task files; every problem with its place.
pub(crate) fn tasks(files: &[Spanned<String>], table: &Table, findings: &Findings) -> Vec<Task> {
    let mut tasks: Vec<Task> = Vec::new();
    for file in files {
        let task = match task(Path::new(file.get_ref())) {
            Ok(task) => task,
            Err(failure) => {
                let advice = "give a task file, as `outlast distill` takes it";
                findings.report(file.span(), with_causes(&failure), advice);
                continue;
            }
        };
        if !table.knows(task.teacher.as_str()) {
            findings.report(
                file.span(),
                format!(
                    "the teacher of `{}` leads nowhere: there is no route `{}`",
                    task.name, task.teacher
                ),
                "add a [[route]] of this name, or give the task another teacher",
            );
        }
        if tasks.iter().any(|other| other.name == task.name) {
            findings.report(
                file.span(),
                format!("`{}` stands here twice", task.name),
                "give each task its own name",
            );
        }
        tasks.push(task);
    }
    tasks
}

fn task(path: &Path) -> anyhow::Result<Task> {
    let file = TaskFile::read(path)?;
    let labels = match &file.labels_file {
        None => file.task.labels.clone(),
        Some(path) => {
            let text = fs::read_to_string(path)
                .map_err(|failure| anyhow::anyhow!("{}: {failure}", path.display()))?;
            serde_json::from_str(&text)
                .map_err(|failure| anyhow::anyhow!("{}: {failure}", path.display()))?
        }
    };
    let instruction = if labels.is_empty() {
        file.task.instruction.clone()
    } else {
        system_prompt(&file.task.instruction, &labels)
    };
    let teacher = file.task.teacher_route.as_str().into();
    Ok(Task { name: route_name(&file.task.name), instruction, teacher, student: None })
}
