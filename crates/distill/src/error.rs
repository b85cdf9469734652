//! Why a step of a distillation did not finish.

use std::{io, path::PathBuf};

use student::{FitError, LoadError};
use thiserror::Error;

/// Why a step did not finish. Nothing here is worth an unattended retry but [`DistillError::Gateway`].
#[derive(Debug, Error)]
pub enum DistillError {
    /// The task file says something that cannot be.
    #[error("{file}:{line}: {message}")]
    Task {
        /// The task file as it was named.
        file: String,
        /// 1-based.
        line: usize,
        /// What is wrong and what may stand there.
        message: String,
    },
    /// A file or folder could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line of a data file is not a row.
    #[error("{path}:{line}: {message}")]
    Row {
        /// The data file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// A file is not what the step before writes.
    #[error("{path} is not what the step before writes: {message}")]
    Artifact {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The data cannot do what the task asks.
    #[error("{0}")]
    Data(String),
    /// The rows cannot be learned from.
    #[error("cannot train: {0}")]
    Fit(#[from] FitError),
    /// A student's file cannot be read.
    #[error("{path}: {source}")]
    Student {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: LoadError,
    },
    /// The gateway does not answer; what it has answered is kept, and the step may be run again.
    #[error("{0}; what was answered is kept, run the step again to go on")]
    Gateway(String),
    /// The step asks the teacher and was not told how to reach the gateway.
    #[error("the step asks the teacher: it needs the gateway's address and a key")]
    NoTeacherAccess,
    /// A path that the step needs was not given.
    #[error("the step `{step}` needs a path for `{port}`")]
    MissingPath {
        /// The step.
        step: &'static str,
        /// The input or output.
        port: &'static str,
    },
}

impl DistillError {
    /// For `map_err` on anything that touches the file system.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
