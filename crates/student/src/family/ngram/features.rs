//! From a text to hashed features: words and runs of words, and runs of characters within words. Fixed
//! for ever by the file format: a student knows its features only by their hashes.

use serde::{Deserialize, Serialize};

use crate::error::LoadError;

/// Characters of a text that are read at most: a bound on time, far past what tells a class.
const MAX_CHARACTERS: usize = 16_384;

/// FNV-1a's prime (Fowler, Noll, Vo), over characters instead of bytes.
const PRIME: u64 = 0x0000_0100_0000_01B3;

/// Where word hashes start: FNV-1a's offset basis.
const WORD: u64 = 0xCBF2_9CE4_8422_2325;

/// Where character hashes start, so that the word `cat` and the run `cat` differ.
const CHARACTER: u64 = 0x9AE1_6A3B_2F90_404F;

/// Which features there are. Part of a student's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Hashes have this many bits: 2 to that power are the most features there can be.
    pub hash_bits: u32,
    /// Words in a row at most.
    pub most_words: usize,
    /// Characters in a row at least.
    pub fewest_characters: usize,
    /// Characters in a row at most; a word's edge counts as one.
    pub most_characters: usize,
}

impl Shape {
    /// Refuses a shape from a file that no fit has made.
    pub(crate) fn checked(self) -> Result<Self, LoadError> {
        let plausible = (8..=24).contains(&self.hash_bits)
            && (1..=8).contains(&self.most_words)
            && (1..=self.most_characters).contains(&self.fewest_characters)
            && self.most_characters <= 16;
        if plausible { Ok(self) } else { Err(LoadError::Damaged("its features' shape".into())) }
    }

    /// How many different hashes there are.
    pub(crate) fn buckets(self) -> usize {
        1 << self.hash_bits
    }
}

/// The hashes of a text's features, as often as they occur.
#[derive(Debug, Default)]
pub(crate) struct Features {
    /// Words and runs of words.
    pub(crate) words: Vec<u32>,
    /// Runs of characters.
    pub(crate) characters: Vec<u32>,
}

/// The features of a text, in its order.
pub(crate) fn features(text: &str, shape: Shape) -> Features {
    let spaced = spaced(text);
    let mut features = Features::default();
    features.characters.reserve(spaced.len() * 3);
    let mut hashes = Vec::new();
    let mut start = 0;
    for end in 1..spaced.len() {
        if spaced[end] == ' ' {
            hashes.push(spaced[start + 1..end].iter().copied().fold(WORD, mix));
            push_character_runs(&spaced[start..=end], shape, &mut features.characters);
            start = end;
        }
    }
    push_word_runs(&hashes, shape, &mut features.words);
    features
}

/// The text in lower case with one space before, between and after its words; empty without words.
fn spaced(text: &str) -> Vec<char> {
    let mut spaced = Vec::with_capacity(text.len().min(MAX_CHARACTERS) + 2);
    spaced.push(' ');
    for character in text.chars().take(MAX_CHARACTERS) {
        if is_of_a_word(character) {
            spaced.extend(character.to_lowercase());
        } else if !is_apostrophe(character) && spaced.last() != Some(&' ') {
            spaced.push(' ');
        }
    }
    if spaced.last() != Some(&' ') {
        spaced.push(' ');
    }
    spaced
}

/// Letters and digits of any script with their marks, and symbols such as emoji. Not: white space, the
/// punctuation of ASCII, of the general block and of the CJK block.
fn is_of_a_word(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric();
    }
    character.is_alphanumeric()
        || !(character.is_whitespace()
            || character.is_control()
            || ('\u{2000}'..='\u{206F}').contains(&character)
            || ('\u{3000}'..='\u{303F}').contains(&character)
            || ('\u{FF00}'..='\u{FF0F}').contains(&character)
            || ('\u{A1}'..='\u{BF}').contains(&character))
}

/// Left out within words: `don't`, `dont` and `don’t` are one word.
fn is_apostrophe(character: char) -> bool {
    character == '\'' || character == '\u{2019}'
}

/// Hashes of all runs of characters in a word with its two edges.
fn push_character_runs(word: &[char], shape: Shape, runs: &mut Vec<u32>) {
    for start in 0..word.len() {
        let mut hash = CHARACTER;
        for (length, character) in (1..=shape.most_characters).zip(&word[start..]) {
            hash = mix(hash, *character);
            if length >= shape.fewest_characters {
                runs.push(bucket(hash, shape));
            }
        }
    }
}

/// Hashes of all runs of words.
fn push_word_runs(hashes: &[u64], shape: Shape, runs: &mut Vec<u32>) {
    for (start, first) in hashes.iter().enumerate() {
        let mut hash = *first;
        runs.push(bucket(hash, shape));
        for next in hashes[start + 1..].iter().take(shape.most_words - 1) {
            hash = (hash ^ next).wrapping_mul(PRIME).rotate_left(17);
            runs.push(bucket(hash, shape));
        }
    }
}

fn mix(hash: u64, character: char) -> u64 {
    (hash ^ u64::from(character)).wrapping_mul(PRIME)
}

/// The top bits after the finaliser of MurmurHash3 (A. Appleby), which spreads FNV's weak high bits.
fn bucket(hash: u64, shape: Shape) -> u32 {
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    let mixed = mixed ^ (mixed >> 33);
    u32::try_from(mixed >> (64 - shape.hash_bits)).expect("at most 24 bits are left")
}

#[cfg(test)]
mod tests {
    use super::{Features, Shape, features, spaced};

    const SHAPE: Shape =
        Shape { hash_bits: 18, most_words: 2, fewest_characters: 3, most_characters: 5 };

    fn check(text: &str, expect: &str) {
        assert_eq!(spaced(text).into_iter().collect::<String>(), expect, "{text:?}");
    }

    #[test]
    fn words_are_lower_case_between_single_spaces() {
        check("My card hasn't ARRIVED!!", " my card hasnt arrived ");
        check("  top-up: £5.00 ", " top up 5 00 ");
        check("नमस्ते दुनिया", " नमस्ते दुनिया ");
        check("ok 👍🏽", " ok 👍🏽 ");
        check("カード、届かない。", " カード 届かない ");
        check("", " ");
        check("?!", " ");
    }

    #[test]
    fn a_word_gives_its_runs_and_a_text_without_words_none() {
        // Runs of 3, 4 and 5 characters in ` card `: 4 + 3 + 2. Words: my, card, and the pair.
        let Features { words, characters } = features("my card", SHAPE);
        assert_eq!((words.len(), characters.len()), (3, 2 + 1 + 4 + 3 + 2));
        assert!(words.iter().chain(&characters).all(|hash| *hash < 1 << 18));
        let Features { words, characters } = features("…", SHAPE);
        assert!(words.is_empty() && characters.is_empty());
    }

    #[test]
    fn hashes_are_part_of_the_file_format() {
        let words = features("my card", SHAPE).words;
        assert_eq!(
            words,
            [78_976, 95_818, 113_087],
            "a changed hash makes every saved student useless"
        );
    }
}
