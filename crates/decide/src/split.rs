//! Rows into four disjoint parts: train, select, calibrate, test. Whole clusters of near-duplicates go
//! together, so that nothing is tested on what was as good as learned; labels are spread evenly. The same
//! rows and seed give the same parts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::near_duplicate::mix;

/// A part of the rows, by what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Learned from.
    Train,
    /// Candidates are compared here.
    Select,
    /// Probabilities and the threshold are set here.
    Calibrate,
    /// Opened once, for the verdict.
    Test,
}

impl Part {
    /// Every part, in the order of their use.
    pub const ALL: [Part; 4] = [Self::Train, Self::Select, Self::Calibrate, Self::Test];

    /// The word used in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Select => "select",
            Self::Calibrate => "calibrate",
            Self::Test => "test",
        }
    }
}

/// How much of the rows each part gets, in the order of [`Part::ALL`], by weight. At least one is
/// positive; a part of weight 0 stays empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares(pub [u32; 4]);

/// A row, as far as splitting must know it.
#[derive(Debug, Clone, Copy)]
pub struct Splittable<'a> {
    /// Rows of the same cluster stay together ([`crate::near_duplicate::clusters`]).
    pub cluster: usize,
    /// Rows of the same label are spread over the parts; empty where there is none.
    pub label: &'a str,
}

/// A cluster on its way into a part.
struct Cluster<'a> {
    label: &'a str,
    rows: Vec<usize>,
}

/// The part of each row. Clusters are taken in an order that the seed shuffles, and each goes to the part
/// that its label lacks most.
pub fn split(rows: &[Splittable<'_>], shares: Shares, seed: u64) -> Vec<Part> {
    let mut parts = vec![Part::Train; rows.len()];
    let totals = label_counts(rows);
    let mut filled: BTreeMap<&str, [u64; 4]> = BTreeMap::new();
    for cluster in shuffled_clusters(rows, seed) {
        let filled = filled.entry(cluster.label).or_default();
        let chosen = most_lacking(totals[cluster.label], *filled, shares);
        filled[chosen] += cluster.rows.len() as u64;
        for row in cluster.rows {
            parts[row] = Part::ALL[chosen];
        }
    }
    parts
}

fn label_counts<'a>(rows: &[Splittable<'a>]) -> BTreeMap<&'a str, u64> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row.label).or_default() += 1;
    }
    counts
}

/// Clusters with the label of their first row, ordered by a hash of that row's place and the seed; large
/// ones first, because only small ones can even out what they leave.
fn shuffled_clusters<'a>(rows: &[Splittable<'a>], seed: u64) -> Vec<Cluster<'a>> {
    let mut clusters: BTreeMap<usize, Cluster<'a>> = BTreeMap::new();
    for (place, row) in rows.iter().enumerate() {
        let new = || Cluster { label: row.label, rows: Vec::new() };
        clusters.entry(row.cluster).or_insert_with(new).rows.push(place);
    }
    let mut clusters: Vec<Cluster<'a>> = clusters.into_values().collect();
    let order = |cluster: &Cluster<'_>| mix(mix(seed) ^ cluster.rows[0] as u64);
    clusters.sort_by_key(|cluster| (std::cmp::Reverse(cluster.rows.len()), order(cluster)));
    clusters
}

/// The part with the largest gap between what it should have of `total` and what it has; the later part
/// among equals, so that a rare label is tested rather than only learned.
fn most_lacking(total: u64, filled: [u64; 4], shares: Shares) -> usize {
    let weights: u64 = shares.0.iter().map(|share| u64::from(*share)).sum();
    let gap = |part: usize| {
        let wanted = i128::from(total) * i128::from(shares.0[part]);
        wanted - i128::from(filled[part]) * i128::from(weights)
    };
    let open = (0..4).filter(|part| shares.0[*part] > 0);
    open.max_by_key(|part| gap(*part)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Part, Shares, Splittable, split};

    const SHARES: Shares = Shares([70, 10, 10, 10]);

    fn rows(count: usize) -> Vec<Splittable<'static>> {
        let row = |place: usize| Splittable {
            cluster: place - usize::from(place % 10 == 1),
            label: ["a", "b", "c"][place / 10 % 3],
        };
        (0..count).map(row).collect()
    }

    fn count(parts: &[Part], part: Part) -> usize {
        parts.iter().filter(|found| **found == part).count()
    }

    #[test]
    fn parts_have_their_shares_of_every_label() {
        let rows = rows(900);
        let parts = split(&rows, SHARES, 1);
        for label in ["a", "b", "c"] {
            let of_label: Vec<Part> = rows
                .iter()
                .zip(&parts)
                .filter(|(row, _)| row.label == label)
                .map(|(_, part)| *part)
                .collect();
            for (part, expect) in Part::ALL.into_iter().zip([210, 30, 30, 30]) {
                let found = count(&of_label, part);
                assert!(found.abs_diff(expect) <= 1, "{label}: {found} in {part:?}");
            }
        }
    }

    #[test]
    fn a_cluster_is_never_parted() {
        let rows = rows(900);
        let parts = split(&rows, SHARES, 1);
        for (row, part) in rows.iter().zip(&parts) {
            assert_eq!(*part, parts[row.cluster]);
        }
    }

    #[test]
    fn the_seed_alone_decides() {
        assert_eq!(split(&rows(90), SHARES, 1), split(&rows(90), SHARES, 1));
        assert_ne!(split(&rows(90), SHARES, 1), split(&rows(90), SHARES, 2));
    }

    #[test]
    fn a_part_without_a_share_stays_empty() {
        let parts = split(&rows(90), Shares([90, 10, 0, 0]), 1);
        assert_eq!(count(&parts, Part::Calibrate) + count(&parts, Part::Test), 0);
        assert!(count(&parts, Part::Select) > 0);
    }
}
