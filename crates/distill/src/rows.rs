//! Rows: read from data files once, under one shape ever after, and kept in four parts.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use decide::split::Part;
use serde::{Deserialize, Serialize};

use crate::{
    error::DistillError,
    stored::{read, read_lines, write_lines},
    task::{DataFile, LearnFrom},
};

/// A row of the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// File and line: `train-17`.
    pub(crate) id: String,
    pub(crate) text: String,
    /// The data's own label, if it has one.
    pub(crate) gold: Option<String>,
    pub(crate) learn_from: LearnFrom,
    /// The part that its file puts it into.
    pub(crate) part: Option<Part>,
}

/// Reads a data file: one JSON object a line, of which two keys matter.
pub(crate) fn read_data(path: &Path, file: &DataFile) -> Result<Vec<Row>, DistillError> {
    let bytes = read(path)?;
    let stem = Path::new(&file.name).file_stem().unwrap_or_default().to_string_lossy();
    let mut rows = Vec::new();
    for (line, bytes) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let wrong = |message: String| DistillError::Row { path: path.to_owned(), line, message };
        let mut values: BTreeMap<String, serde_json::Value> = serde_json::from_slice(bytes)
            .map_err(|error| wrong(format!("not a JSON object: {error}")))?;
        let mut string = |key: &str| match values.remove(key) {
            Some(serde_json::Value::String(text)) => Ok(Some(text)),
            None | Some(serde_json::Value::Null) => Ok(None),
            Some(_) => Err(wrong(format!("`{key}` is not a string"))),
        };
        let text = string(&file.input)?;
        let gold = file.label.as_deref().map(&mut string).transpose()?.flatten();
        rows.push(Row {
            id: format!("{stem}-{line}"),
            text: text.ok_or_else(|| wrong(format!("there is no `{}`", file.input)))?,
            gold: gold.filter(|label| !label.is_empty()),
            learn_from: file.learn_from,
            part: file.part,
        });
    }
    Ok(rows)
}

/// The distinct gold labels, sorted.
pub(crate) fn gold_labels(rows: &[Row]) -> Vec<String> {
    let labels: BTreeSet<&str> = rows.iter().filter_map(|row| row.gold.as_deref()).collect();
    labels.into_iter().map(str::to_owned).collect()
}

/// Rows by part, in the order of the data.
#[derive(Debug, Default)]
pub(crate) struct Parts(BTreeMap<Part, Vec<Row>>);

impl Parts {
    pub(crate) fn push(&mut self, part: Part, row: Row) {
        self.0.entry(part).or_default().push(row);
    }

    pub(crate) fn get(&self, part: Part) -> &[Row] {
        self.0.get(&part).map_or(&[], Vec::as_slice)
    }

    /// One file per part in a folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), DistillError> {
        let mut parts = Part::ALL.iter();
        parts.try_for_each(|part| write_lines(&file_of(folder, *part), self.get(*part)))
    }

    pub(crate) fn read(folder: &Path) -> Result<Self, DistillError> {
        let read = |part: Part| Ok((part, read_lines(&file_of(folder, part))?));
        Part::ALL.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }
}

fn file_of(folder: &Path, part: Part) -> std::path::PathBuf {
    folder.join(format!("{}.jsonl", part.name()))
}
