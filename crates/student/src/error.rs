//! Why a student cannot be made: from rows, or from a file.

use thiserror::Error;

/// Why rows cannot be learned from.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FitError {
    /// There is nothing to tell apart.
    #[error(
        "the {rows} training rows hold {labels} different labels; a student needs at least two: add \
         rows of another label"
    )]
    TooFewLabels {
        /// Rows given.
        rows: usize,
        /// Different labels among them.
        labels: usize,
    },
    /// More labels than a native student takes.
    #[error("{labels} different labels are more than the {limit} that a native student takes")]
    TooManyLabels {
        /// Different labels among the rows.
        labels: usize,
        /// The most that are taken.
        limit: usize,
    },
}

/// Why a file is not a student.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LoadError {
    /// Larger than any student this program writes.
    #[error("the file has {bytes} bytes, more than the {limit} that a native student may have")]
    TooLarge {
        /// Size of the file.
        bytes: usize,
        /// The most that is read.
        limit: usize,
    },
    /// Not a safetensors file.
    #[error("the file is not in the safetensors format: {0}")]
    NotSafetensors(String),
    /// A safetensors file of something else.
    #[error("the file is a safetensors file, but its header does not describe a student")]
    NotAStudent,
    /// A student of a family that this build does not know, or not the one asked for.
    #[error("the file holds a student of the family `{found}`, expected {expected}")]
    OtherFamily {
        /// The family that the header names.
        found: String,
        /// The family or families that can be read here.
        expected: String,
    },
    /// The header and the tensors contradict each other.
    #[error("the student's file is damaged: {0}")]
    Damaged(String),
}
