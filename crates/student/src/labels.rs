//! The labels of training rows as a sorted list, and each row's place in it.

use crate::{error::FitError, student::Row};

/// Past this many labels a softmax over all of them is the wrong tool.
pub(crate) const MAX_LABELS: usize = 10_000;

/// The distinct labels, sorted, and the place of each row's label among them.
pub(crate) fn sorted(rows: &[Row]) -> Result<(Vec<String>, Vec<usize>), FitError> {
    let mut labels: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
    labels.sort_unstable();
    labels.dedup();
    if labels.len() < 2 {
        return Err(FitError::TooFewLabels { rows: rows.len(), labels: labels.len() });
    }
    if labels.len() > MAX_LABELS {
        return Err(FitError::TooManyLabels { labels: labels.len(), limit: MAX_LABELS });
    }
    let place = |row: &Row| {
        labels.binary_search(&row.label.as_str()).expect("every label of a row is in the list")
    };
    let places = rows.iter().map(place).collect();
    Ok((labels.into_iter().map(str::to_owned).collect(), places))
}

/// Whether labels read from a file are as a fit leaves them.
pub(crate) fn well_formed(labels: &[String]) -> bool {
    (2..=MAX_LABELS).contains(&labels.len()) && labels.is_sorted_by(|a, b| a < b)
}
