//! Split: rows into four disjoint parts. A row whose text stands in a later part too is left out of the
//! earlier one; near-duplicates go together where the split is ours, and are counted where the files
//! have decided.

use std::collections::{BTreeMap, BTreeSet};

use decide::{
    near_duplicate::clusters,
    split::{Part, Shares, Splittable, split},
};
use serde::{Deserialize, Serialize};

use crate::{
    error::DistillError,
    rows::{Parts, Row},
    step::{Context, Paths, Port, Step},
    stored::{read_json, read_lines, write_json},
    task::Task,
};

/// The step.
#[derive(Debug)]
pub(super) struct Split;

/// What became of the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitSummary {
    /// Rows of each part.
    pub rows: BTreeMap<Part, usize>,
    /// Rows left out because the same text stands in a later part.
    pub left_out: usize,
    /// Test rows that have a near-duplicate (not the same text) among the rows that are learned from.
    pub test_near_learned: usize,
}

impl Step for Split {
    fn name(&self) -> &'static str {
        "split"
    }

    fn what(&self) -> &'static str {
        "puts every row into one of four disjoint parts"
    }

    fn inputs(&self) -> &'static [Port] {
        &[Port { name: "task", what: "from gather" }, Port { name: "rows", what: "from gather" }]
    }

    fn outputs(&self) -> &'static [Port] {
        &[
            Port { name: "parts", what: "folder: train, select, calibrate and test as JSON lines" },
            Port { name: "split", what: "JSON: how many rows went where" },
        ]
    }

    fn run(&self, paths: &Paths, _context: &Context) -> Result<(), DistillError> {
        let task: Task = read_json(paths.get(self, "task")?)?;
        let rows: Vec<Row> = read_lines(paths.get(self, "rows")?)?;
        let clusters = clusters(rows.iter().map(|row| row.text.as_str()));
        let places = places(&rows, &clusters, &task);
        let kept = kept(&rows, &places);
        check(&places, &kept)?;
        let summary = summary(&places, &kept, &clusters);
        let mut parts = Parts::default();
        for ((row, part), _) in rows.into_iter().zip(&places).zip(&kept).filter(|(_, kept)| **kept)
        {
            parts.push(*part, row);
        }
        parts.write(paths.get(self, "parts")?)?;
        write_json(paths.get(self, "split")?, &summary)
    }
}

/// The part of each row: its file's, else by cluster. A file's training rows give up their share for
/// selection.
fn places(rows: &[Row], clusters: &[usize], task: &Task) -> Vec<Part> {
    let Shares([train, select, _, _]) = task.shares;
    let mut places: Vec<Part> = rows.iter().map(|row| row.part.unwrap_or(Part::Train)).collect();
    let selects = rows.iter().all(|row| row.part != Some(Part::Select));
    let of_training = if selects { Shares([train, select, 0, 0]) } else { Shares([1, 0, 0, 0]) };
    for (wanted, shares) in [(None, task.shares), (Some(Part::Train), of_training)] {
        let chosen: Vec<usize> = (0..rows.len()).filter(|row| rows[*row].part == wanted).collect();
        let splittable = |row: &usize| Splittable {
            cluster: clusters[*row],
            label: rows[*row].gold.as_deref().unwrap_or(""),
        };
        let splittable: Vec<_> = chosen.iter().map(splittable).collect();
        for (row, part) in chosen.iter().zip(split(&splittable, shares, task.seed)) {
            places[*row] = part;
        }
    }
    places
}

/// Whether each row stays: not if its very text stands in a later part. Texts that differ by a space stay,
/// and count as near-duplicates: which rows a file holds is its author's decision, and is reported.
fn kept(rows: &[Row], places: &[Part]) -> Vec<bool> {
    let mut latest: BTreeMap<&str, Part> = BTreeMap::new();
    for (row, part) in rows.iter().zip(places) {
        let latest = latest.entry(row.text.as_str()).or_insert(*part);
        *latest = (*latest).max(*part);
    }
    rows.iter().zip(places).map(|(row, part)| latest[row.text.as_str()] == *part).collect()
}

fn check(places: &[Part], kept: &[bool]) -> Result<(), DistillError> {
    for part in [Part::Train, Part::Test] {
        if !places.iter().zip(kept).any(|(place, kept)| *place == part && *kept) {
            let name = part.name();
            return Err(DistillError::Data(format!(
                "no row is left for the part `{name}`: give it a file with `part = \"{name}\"`, or a \
                 share in `[split]`"
            )));
        }
    }
    Ok(())
}

fn summary(places: &[Part], kept: &[bool], clusters: &[usize]) -> SplitSummary {
    let mut rows: BTreeMap<Part, usize> = Part::ALL.into_iter().map(|part| (part, 0)).collect();
    let staying = || places.iter().zip(clusters).zip(kept).filter(|(_, kept)| **kept);
    for ((part, _), _) in staying() {
        *rows.entry(*part).or_default() += 1;
    }
    let learned: BTreeSet<usize> = staying()
        .filter(|((part, _), _)| matches!(part, Part::Train | Part::Select))
        .map(|((_, cluster), _)| *cluster)
        .collect();
    let near = |part: Part, cluster: usize| part == Part::Test && learned.contains(&cluster);
    SplitSummary {
        rows,
        left_out: kept.iter().filter(|kept| !**kept).count(),
        test_near_learned: staying().filter(|((part, cluster), _)| near(**part, **cluster)).count(),
    }
}
