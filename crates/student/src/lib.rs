//! Native students: small classifiers that learn from labelled text on a CPU, fit into a few megabytes
//! and answer in microseconds. Fit, save, load, predict, calibrate; synchronous, and the same rows and
//! seed give the same bytes. No HTTP, no SQL, no files: bytes and rows in, bytes and values out.

mod calibration;
mod error;
pub mod family;
mod file;
mod labels;
mod random;
mod student;

pub use crate::{
    calibration::Calibration,
    error::{FitError, LoadError},
    family::{ALL, Family, family, load},
    file::MAX_FILE_BYTES,
    student::{FitOptions, Prediction, Row, Student},
};
