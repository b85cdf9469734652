//! The families of native students, from the cheapest rung up: one closed list, one file or folder per
//! member. Everyone else asks the list; nobody matches on a member.

pub mod majority;
pub mod ngram;

use std::fmt::Debug;

use crate::{
    error::{FitError, LoadError},
    file::Reading,
    student::{FitOptions, Row, Student},
};

/// A way of learning.
pub trait Family: Debug + Sync {
    /// Its name in files, reports and task files. Example: `ngram-softmax`.
    fn name(&self) -> &'static str;

    /// Learns from rows. Refuses fewer than two labels. The same rows, in the same order, with the
    /// same seed give a student of the same bytes on the same machine (the exponential function of
    /// another platform may round otherwise).
    fn fit(&self, rows: &[Row], options: &FitOptions) -> Result<Box<dyn Student>, FitError>;

    /// Reads a student of this family.
    fn load(&self, file: &[u8]) -> Result<Box<dyn Student>, LoadError>;
}

/// Every family, the cheapest to serve first.
pub const ALL: &[&dyn Family] = &[&majority::Majority, &ngram::NgramSoftmax::CHOSEN];

/// The family of this name, if there is one.
pub fn family(name: &str) -> Option<&'static dyn Family> {
    ALL.iter().copied().find(|family| family.name() == name)
}

/// Reads a student of whichever family its file names.
pub fn load(file: &[u8]) -> Result<Box<dyn Student>, LoadError> {
    let found = Reading::new(file)?.family()?;
    match family(&found) {
        Some(family) => family.load(file),
        None => {
            let known: Vec<_> = ALL.iter().map(|family| format!("`{}`", family.name())).collect();
            Err(LoadError::OtherFamily { found, expected: known.join(" or ") })
        }
    }
}
