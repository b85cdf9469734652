//! Reading and writing the files between steps: JSON and JSON lines with fixed key order, so that the
//! same values are the same bytes.

use std::{fs, io::Write, path::Path};

use serde::{Serialize, de::DeserializeOwned};

use crate::error::DistillError;

/// A value as indented JSON with a newline at the end. Creates the folder it stands in.
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), DistillError> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("our values are plain data");
    bytes.push(b'\n');
    write(path, &bytes)
}

pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, DistillError> {
    let bytes = read(path)?;
    serde_json::from_slice(&bytes).map_err(|error| not_ours(path, &error))
}

/// Values as JSON, one a line.
pub(crate) fn write_lines<T: Serialize>(path: &Path, values: &[T]) -> Result<(), DistillError> {
    let mut bytes = Vec::new();
    for value in values {
        serde_json::to_writer(&mut bytes, value).expect("our values are plain data");
        bytes.push(b'\n');
    }
    write(path, &bytes)
}

pub(crate) fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, DistillError> {
    let bytes = read(path)?;
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).map_err(|error| not_ours(path, &error))).collect()
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, DistillError> {
    fs::read(path).map_err(DistillError::file(path))
}

/// Writes a whole file, by way of a neighbour, so that it is there completely or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), DistillError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(DistillError::file(folder))?;
    }
    let mut neighbour = path.as_os_str().to_owned();
    neighbour.push(".part");
    let mut file = fs::File::create(&neighbour).map_err(DistillError::file(&neighbour))?;
    file.write_all(bytes).map_err(DistillError::file(&neighbour))?;
    fs::rename(&neighbour, path).map_err(DistillError::file(path))
}

fn not_ours(path: &Path, error: &serde_json::Error) -> DistillError {
    DistillError::Artifact { path: path.to_owned(), message: error.to_string() }
}
