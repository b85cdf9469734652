//! Where a continuation begins: what was heard of it first, less what it repeats of the part before it.

use super::{Resumption, Transcript};

/// Bytes of a continuation that are looked at before any of it is passed on.
const LOOKED_AT: usize = 128;

/// Bytes at the end of the first part that a continuation must repeat to be cut there. Fewer may stand
/// there by chance.
const OVERLAP: usize = 12;

/// Bytes at the beginning of an answer by which one that was begun again is known.
pub(super) const BEGUN_AGAIN: usize = 24;

/// A continuation whose beginning is looked at.
#[derive(Debug)]
pub(crate) struct Joining {
    resumption: Resumption,
    before: String,
    pub(crate) heard: String,
    /// Whether there was reasoning before anything was heard.
    reasoned: bool,
}

impl Joining {
    pub(crate) fn new(transcript: &Transcript, resumption: Resumption) -> Self {
        let before = transcript.words().unwrap_or_default().to_owned();
        Self { resumption, before, heard: String::new(), reasoned: false }
    }

    /// Takes a text. True once enough was heard.
    pub(crate) fn hear(&mut self, text: &str) -> bool {
        self.heard.push_str(text);
        self.heard.len() >= LOOKED_AT
    }

    /// Takes reasoning.
    pub(crate) fn reasons(&mut self) {
        self.reasoned = true;
    }

    /// Whether the rest was taken for reasoning, which its caller would never see.
    pub(crate) fn is_all_reasoning(&self) -> bool {
        self.resumption == Resumption::Prefill && self.reasoned && self.heard.is_empty()
    }

    /// Whether the answer was begun again.
    pub(crate) fn begins_again(&self) -> bool {
        let beginning = self.before.trim_start().as_bytes().get(..BEGUN_AGAIN);
        let heard = self.heard.trim_start().as_bytes();
        beginning.is_some_and(|beginning| heard.starts_with(beginning))
    }

    /// What was heard, less what it repeats.
    pub(crate) fn rest(&self) -> &str {
        &self.heard[repeated(&self.before, &self.heard, self.resumption)..]
    }
}

/// Bytes at the beginning of a continuation that repeat the end of what is there.
fn repeated(before: &str, heard: &str, resumption: Resumption) -> usize {
    if resumption == Resumption::Prefill {
        // It was asked to go on without the spaces at the end, which its caller has.
        let spaces = &before[before.trim_end().len()..];
        let common = spaces.chars().zip(heard.chars()).take_while(|(one, other)| one == other);
        return common.map(|(space, _)| space.len_utf8()).sum();
    }
    let longest = before.len().min(heard.len());
    let fits =
        |length: &usize| heard.is_char_boundary(*length) && before.ends_with(&heard[..*length]);
    let least = OVERLAP.min(before.len().max(1));
    (least..=longest).rev().find(fits).unwrap_or(0)
}
