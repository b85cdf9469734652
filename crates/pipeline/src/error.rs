//! What can go wrong with a pipeline.

use std::{io, path::PathBuf};

use terms::ids::RunId;
use thiserror::Error;

use crate::{
    problem::{Problem, listed},
    yaml::YamlError,
};

/// Why a pipeline could not be read, run or found.
#[derive(Debug, Error)]
pub enum PipelineError {
    /// A file or folder cannot be used.
    #[error("{path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The text is not YAML.
    #[error("not YAML: {0}")]
    NotYaml(#[from] YamlError),
    /// The text is not JSON.
    #[error("not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    /// It is YAML, but nothing that could run.
    #[error("not a component: it has no `implementation`")]
    NotAComponent,
    /// A component or pipeline with mistakes. Each is named.
    #[error("{}", listed(.0))]
    Invalid(Vec<Problem>),
    /// A file that a pipeline refers to is wrong.
    #[error("in {path}: {source}")]
    Referred {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<PipelineError>,
    },
    /// There is no such run.
    #[error("there is no run `{0}`")]
    UnknownRun(RunId),
    /// Another engine works in the folder.
    #[error("{0}: another engine works in this folder; stop it, or choose another folder")]
    FolderInUse(PathBuf),
    /// A stored run cannot be understood.
    #[error("{path}: {message}")]
    StoredRun {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The engine was closed.
    #[error("the pipeline engine was closed")]
    Closed,
}

impl PipelineError {
    /// Says which file an error of the system is about.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// What is wrong with the pipeline itself, for an answer with status 422; empty for other
    /// errors.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Invalid(problems) => problems,
            Self::Referred { source, .. } => source.problems(),
            _ => &[],
        }
    }
}
