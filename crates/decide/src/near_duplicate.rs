//! Which texts are nearly the same: clusters by shared runs of characters. MinHash signatures in bands
//! propose pairs (A. Broder 1997), the exact Jaccard similarity decides. A text that is asked twice in
//! other words is not found; that needs embeddings.

use std::collections::HashMap;

/// Characters of a run.
const RUN: usize = 5;

/// Share of common runs from which on two texts count as nearly the same.
const SIMILAR: f64 = 0.8;

/// Bands of a signature and hashes of a band: at a similarity of 0.8 a pair is proposed with a chance of
/// 1 - (1 - 0.8⁴)⁸ = 0.985, at 0.5 with 0.4.
const BANDS: usize = 8;
const HASHES: usize = 4;

/// For each text the place of the first text of its cluster, which may be itself. Time grows with the
/// texts, not with their pairs: within a band each text is compared with the first that fell there.
pub fn clusters<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<usize> {
    let runs: Vec<Vec<u64>> = texts.into_iter().map(runs).collect();
    let mut parents: Vec<usize> = (0..runs.len()).collect();
    let mut first_in_band: HashMap<(usize, u64), usize> = HashMap::new();
    for (place, own) in runs.iter().enumerate() {
        for (band, key) in band_keys(own).into_iter().enumerate() {
            let first = *first_in_band.entry((band, key)).or_insert(place);
            let (a, b) = (root(&parents, first), root(&parents, place));
            if a != b && similarity(&runs[first], own) >= SIMILAR {
                parents[a.max(b)] = a.min(b);
            }
        }
    }
    (0..runs.len()).map(|place| root(&parents, place)).collect()
}

/// A text with case, punctuation and spacing evened out: equal keys mean the same words.
pub fn key(text: &str) -> String {
    let mut key = String::with_capacity(text.len());
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        if !key.is_empty() {
            key.push(' ');
        }
        key.extend(word.chars().flat_map(char::to_lowercase));
    }
    key
}

fn root(parents: &[usize], mut place: usize) -> usize {
    while parents[place] != place {
        place = parents[place];
    }
    place
}

/// Hashes of the runs of characters of a text's key, sorted and distinct; one for a short text.
fn runs(text: &str) -> Vec<u64> {
    let characters: Vec<char> = key(text).chars().collect();
    let hash = |run: &[char]| run.iter().fold(0, |hash, c| mix(hash ^ u64::from(*c)));
    let mut runs: Vec<u64> = characters.windows(RUN).map(hash).collect();
    if runs.is_empty() {
        runs.push(hash(&characters));
    }
    runs.sort_unstable();
    runs.dedup();
    runs
}

fn band_keys(runs: &[u64]) -> [u64; BANDS] {
    std::array::from_fn(|band| {
        (0..HASHES).fold(0, |key, hash| {
            let salt = mix((band * HASHES + hash + 1) as u64);
            let least = runs.iter().map(|run| mix(run ^ salt)).min();
            mix(key ^ least.expect("every text has a run"))
        })
    })
}

/// Common runs by all runs (P. Jaccard 1901), of two sorted lists.
fn similarity(a: &[u64], b: &[u64]) -> f64 {
    let common = a.iter().filter(|run| b.binary_search(run).is_ok()).count();
    common as f64 / (a.len() + b.len() - common) as f64
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
pub(crate) fn mix(value: u64) -> u64 {
    let mixed = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::{clusters, key};

    #[test]
    fn nearly_the_same_texts_share_a_cluster() {
        let texts = [
            "I still have not received my new card, I ordered it over a week ago",
            "what is the exchange rate",
            "i still have not received my new card I ordered it over a week ago!",
            "",
            "I still have not received my new card; I ordered it over a week ago.",
            "What is the exchange rate?",
            "what is the top up limit",
            "??",
            "I still have not received my new cards, I ordered it over a week ago",
        ];
        assert_eq!(clusters(texts), [0, 1, 0, 3, 0, 1, 6, 3, 0]);
    }

    #[test]
    fn a_key_is_the_words_alone() {
        assert_eq!(key("  Where's MY card?! "), "where s my card");
    }
}
