//! Which hashes a student knows, how rare each was in training, and a text as numbers over them. TF-IDF
//! with a logarithm on both sides; words and characters are scaled to length one apart from each other,
//! so that the many character runs do not drown the words.

use crate::{
    family::ngram::features::{Features, Shape, features},
    student::Row,
};

/// Stands for a hash that training never met.
const UNKNOWN: u32 = u32::MAX;

/// Weights (rows × labels) at most; the rarest features are left out until they fit. 256 MB in training.
const MAX_WEIGHTS: usize = 64 << 20;

/// A text as (row, value) pairs; the squares of the values sum to 1, or there are none.
pub(crate) type Values = Vec<(u32, f32)>;

/// The known hashes. A row is a hash's place among them.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    pub(crate) shape: Shape,
    /// The hash of each row, ascending.
    pub(crate) hashes: Vec<u32>,
    /// How rare each row's hash is: ln((1 + texts) / (1 + texts with it)) + 1.
    pub(crate) rarity: Vec<f32>,
    /// The row of each hash, or [`UNKNOWN`].
    row_of: Vec<u32>,
}

impl Vocabulary {
    /// From hashes that ascend and fit the shape.
    pub(crate) fn new(shape: Shape, hashes: Vec<u32>, rarity: Vec<f32>) -> Self {
        let mut row_of = vec![UNKNOWN; shape.buckets()];
        for (row, hash) in (0..).zip(&hashes) {
            row_of[*hash as usize] = row;
        }
        Self { shape, hashes, rarity, row_of }
    }

    pub(crate) fn rows(&self) -> usize {
        self.hashes.len()
    }

    /// A text as numbers.
    pub(crate) fn values(&self, text: &str) -> Values {
        self.values_of(features(text, self.shape))
    }

    fn values_of(&self, features: Features) -> Values {
        let mut values = Values::with_capacity(features.words.len() + features.characters.len());
        for hashes in [features.words, features.characters] {
            self.push_block(hashes, &mut values);
        }
        scale_to_one(&mut values);
        values
    }

    /// Appends one kind of feature, scaled to length one.
    fn push_block(&self, mut hashes: Vec<u32>, values: &mut Values) {
        hashes.sort_unstable();
        let start = values.len();
        for same in hashes.chunk_by(|a, b| a == b) {
            let row = self.row_of[same[0] as usize];
            if row != UNKNOWN {
                let often = 1.0 + (same.len() as f32).ln();
                values.push((row, often * self.rarity[row as usize]));
            }
        }
        scale_to_one(&mut values[start..]);
    }
}

/// Scales values so that their squares sum to 1, but for values that are all zero.
fn scale_to_one(values: &mut [(u32, f32)]) {
    let length = values.iter().map(|(_, value)| value * value).sum::<f32>().sqrt();
    if length == 0.0 {
        return;
    }
    for (_, value) in values {
        *value /= length;
    }
}

/// The vocabulary of training rows, and those rows as numbers over it.
pub(crate) fn learn(rows: &[Row], shape: Shape, labels: usize) -> (Vocabulary, Vec<Values>) {
    let texts: Vec<Features> = rows.iter().map(|row| features(&row.text, shape)).collect();
    let counts = text_counts(&texts, shape);
    let hashes = known_hashes(&counts, MAX_WEIGHTS / labels);
    let rarity = |hash: &u32| {
        let with = f64::from(counts[*hash as usize]);
        ((1.0 + rows.len() as f64) / (1.0 + with)).ln() + 1.0
    };
    #[expect(clippy::cast_possible_truncation, reason = "kept in 32 bits; at most about 40")]
    let rarity = hashes.iter().map(|hash| rarity(hash) as f32).collect();
    let vocabulary = Vocabulary::new(shape, hashes, rarity);
    let values = texts.into_iter().map(|features| vocabulary.values_of(features)).collect();
    (vocabulary, values)
}

/// In how many texts each hash occurs.
fn text_counts(texts: &[Features], shape: Shape) -> Vec<u32> {
    let mut counts = vec![0_u32; shape.buckets()];
    let mut hashes: Vec<u32> = Vec::new();
    for text in texts {
        hashes.clear();
        hashes.extend(text.words.iter().chain(&text.characters));
        hashes.sort_unstable();
        hashes.dedup();
        for hash in &hashes {
            counts[*hash as usize] += 1;
        }
    }
    counts
}

/// The hashes that occur, ascending: the most frequent where there are more than `most`.
fn known_hashes(counts: &[u32], most: usize) -> Vec<u32> {
    let mut known: Vec<u32> =
        (0..).zip(counts).filter(|(_, count)| **count > 0).map(|(hash, _)| hash).collect();
    if known.len() > most {
        known.sort_by_key(|hash| std::cmp::Reverse(counts[*hash as usize]));
        known.truncate(most);
        known.sort_unstable();
    }
    known
}

#[cfg(test)]
mod tests {
    use super::{known_hashes, learn};
    use crate::{family::ngram::NgramSoftmax, student::Row};

    #[test]
    fn the_most_frequent_hashes_are_kept() {
        assert_eq!(known_hashes(&[0, 3, 1, 0, 2, 3], 9), [1, 2, 4, 5]);
        assert_eq!(known_hashes(&[0, 3, 1, 0, 2, 3], 3), [1, 4, 5]);
    }

    #[test]
    fn values_have_length_one_and_unknown_texts_have_none() {
        let row = |text: &str| Row { text: text.to_owned(), label: String::new() };
        let rows = [row("my card is lost"), row("lost lost card")];
        let (vocabulary, values) = learn(&rows, NgramSoftmax::CHOSEN.0.shape, 2);
        for values in &values {
            let square: f32 = values.iter().map(|(_, value)| value * value).sum();
            assert!((square - 1.0).abs() < 1e-5, "{square}");
        }
        assert_eq!(values[1], vocabulary.values("LOST, lost card!"));
        assert!(vocabulary.values("zzz qqq").is_empty());
    }
}
