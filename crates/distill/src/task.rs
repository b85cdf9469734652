//! A task: what is asked of whom, about which labels, and what it may cost. Read strictly from `TASK.toml`
//! (an unknown key is an error with its line) and split in two, so that a changed price does not train
//! anything again: the task itself, and the conditions.

mod raw;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use decide::{
    split::{Part, Shares},
    threshold::Guarantee,
    verdict::{Costs, Licence, Requirement},
};
use serde::{Deserialize, Serialize};
use terms::money::NanoUsd;

use crate::error::DistillError;

/// A task file, checked, with the files that it names.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskFile {
    /// What decides the learning. Its labels are empty where the data are to name them.
    pub task: Task,
    /// What decides the money.
    pub conditions: Conditions,
    /// The data files, in the order of [`Task::data`]; paths relative to the task file are resolved.
    pub data: Vec<PathBuf>,
    /// A JSON list of labels, where the task names one.
    pub labels_file: Option<PathBuf>,
    /// Where the results go, resolved.
    pub output: PathBuf,
    places: Places,
}

/// The lines on which a task file names what lies outside of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Places {
    file: PathBuf,
    data: Vec<usize>,
    labels_file: usize,
    teacher_route: usize,
}

impl TaskFile {
    /// Reads and checks a task file. The files that it names are not opened.
    pub fn read(path: &Path) -> Result<Self, DistillError> {
        let text = std::fs::read_to_string(path).map_err(DistillError::file(path))?;
        Self::parse(&text, path)
    }

    /// Checks a task file's text; `path` names it in errors and is what its paths are relative to.
    pub fn parse(text: &str, path: &Path) -> Result<Self, DistillError> {
        raw::parse(text, path)
    }

    /// One hash over the task file and every file that it names: the same as long as none of them
    /// changes, wherever they lie.
    ///
    /// # Errors
    /// A file cannot be read; the error is about the line that names it.
    pub fn contents(&self) -> Result<String, DistillError> {
        let mut hasher = blake3::Hasher::new();
        hash_file(&self.places.file, &mut hasher).map_err(DistillError::file(&self.places.file))?;
        let labels = self.labels_file.iter().map(|path| (path, self.places.labels_file));
        for (path, line) in self.data.iter().zip(self.places.data.iter().copied()).chain(labels) {
            hash_file(path, &mut hasher).map_err(|source| {
                let path = path.display();
                self.error(line, format!("the file {path} cannot be read: {source}"))
            })?;
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// An error about the teacher's route, with its line.
    pub fn route_error(&self, message: impl Into<String>) -> DistillError {
        self.error(self.places.teacher_route, message)
    }

    fn error(&self, line: usize, message: impl Into<String>) -> DistillError {
        let file = self.places.file.display().to_string();
        DistillError::Task { file, line, message: message.into() }
    }
}

/// Adds a file's length and bytes, a piece at a time.
fn hash_file(path: &Path, hasher: &mut blake3::Hasher) -> std::io::Result<()> {
    let mut file = std::fs::File::open(path)?;
    let mut of_file = blake3::Hasher::new();
    std::io::copy(&mut file, &mut of_file)?;
    hasher.update(of_file.finalize().as_bytes());
    Ok(())
}

/// What decides the learning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Lower case letters, digits and dashes: `task:NAME` is what callers will ask for.
    pub name: String,
    /// What the teacher is told.
    pub instruction: String,
    /// The labels, in the order in which the teacher is told them.
    pub labels: Vec<String>,
    /// The gateway's route to the teacher.
    pub teacher_route: String,
    /// Whether the teacher is a recording of what a model once answered.
    pub teacher_is_recorded: bool,
    /// Decides every random order.
    pub seed: u64,
    /// Weights of the parts for rows that are not put into one by their file.
    pub shares: Shares,
    /// What the student's own answers must keep in a cascade.
    pub guarantee: Guarantee,
    /// The data files.
    pub data: Vec<DataFile>,
}

/// How the rows of a data file (JSON lines) are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFile {
    /// Its name without folders, for people.
    pub name: String,
    /// The key of the input in each row.
    pub input: String,
    /// The key of the gold label; none where there are no gold labels.
    pub label: Option<String>,
    /// The part that all its rows belong to; none where they are to be split.
    pub part: Option<Part>,
    /// Whose labels its rows are learned from.
    pub learn_from: LearnFrom,
}

/// Whose labels are learned from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LearnFrom {
    /// The data's own.
    #[default]
    Gold,
    /// The teacher's answers.
    Teacher,
}

/// What decides the money.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// The most that labels may cost.
    pub budget: NanoUsd,
    /// Requests to the teacher at once, at most.
    pub concurrency: usize,
    /// Whether the teacher's terms allow learning from its answers.
    pub licence: Licence,
    /// Who answered that, and why.
    pub licence_note: String,
    /// What must hold.
    pub requirement: Requirement,
    /// Prices and traffic as assumed; the fixed costs without the labels'.
    pub assumed: Costs,
    /// Where the assumptions come from, in the task's own words.
    pub assumptions_note: String,
}
