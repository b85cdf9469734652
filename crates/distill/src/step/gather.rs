//! Gather: the task file and the data that it names become files of one shape, so that every later step
//! depends on contents and on no path.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    error::DistillError,
    rows::{Row, gold_labels, read_data},
    step::{Context, Paths, Port, Step, TASK_FILE},
    stored::{read_json, write_json, write_lines},
    task::TaskFile,
};

/// The step.
#[derive(Debug)]
pub(super) struct Gather;

impl Step for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn what(&self) -> &'static str {
        "reads the task file and its data, and checks both"
    }

    fn inputs(&self) -> &'static [Port] {
        &[Port { name: TASK_FILE, what: "TASK.toml; paths in it are relative to it" }]
    }

    fn outputs(&self) -> &'static [Port] {
        &[
            Port { name: "task", what: "JSON: what decides the learning" },
            Port { name: "conditions", what: "JSON: what decides the money" },
            Port { name: "rows", what: "JSON lines: every row of every data file" },
        ]
    }

    fn run(&self, paths: &Paths, _context: &Context) -> Result<(), DistillError> {
        let mut file = TaskFile::read(paths.get(self, TASK_FILE)?)?;
        let rows = read_rows(&file)?;
        file.task.labels = labels(&file, &rows)?;
        check_labels(&file.task.labels, &rows)?;
        write_json(paths.get(self, "task")?, &file.task)?;
        write_json(paths.get(self, "conditions")?, &file.conditions)?;
        write_lines(paths.get(self, "rows")?, &rows)
    }
}

fn read_rows(file: &TaskFile) -> Result<Vec<Row>, DistillError> {
    let mut names = BTreeSet::new();
    let mut rows = Vec::new();
    for (path, data) in file.data.iter().zip(&file.task.data) {
        if !names.insert(data.name.as_str()) {
            let message = format!("two data files are called {}: rename one", data.name);
            return Err(DistillError::Data(message));
        }
        rows.extend(read_data(path, data)?);
    }
    if rows.is_empty() {
        return Err(DistillError::Data("the data files hold no rows".to_owned()));
    }
    Ok(rows)
}

/// The labels that the task names, else those that occur.
fn labels(file: &TaskFile, rows: &[Row]) -> Result<Vec<String>, DistillError> {
    match &file.labels_file {
        Some(path) => read_json(path),
        None if file.task.labels.is_empty() => Ok(gold_labels(rows)),
        None => Ok(file.task.labels.clone()),
    }
}

fn check_labels(labels: &[String], rows: &[Row]) -> Result<(), DistillError> {
    let known: BTreeSet<&str> = labels.iter().map(String::as_str).collect();
    if known.len() != labels.len() {
        return Err(DistillError::Data("a label is named twice".to_owned()));
    }
    if known.len() < 2 {
        return Err(DistillError::Data(format!(
            "{} labels are too few to tell apart: name them with `labels` or `labels_file`, or give \
             data with gold labels",
            known.len()
        )));
    }
    let mut unknown: BTreeMap<&str, &str> = BTreeMap::new();
    for row in rows {
        if let Some(gold) = row.gold.as_deref().filter(|gold| !known.contains(gold)) {
            unknown.entry(gold).or_insert(&row.id);
        }
    }
    match unknown.first_key_value() {
        Some((label, id)) => Err(DistillError::Data(format!(
            "the row {id} has the label `{label}`, which is not among the task's labels"
        ))),
        None => Ok(()),
    }
}
