//! The first rung: a softmax over hashed word and character n-grams. Seconds to train, microseconds to
//! answer, a few megabytes: only the rows of the hashed weight matrix that training touched are kept,
//! in 8 bits with one scale per row.

mod features;
mod model;
mod training;
mod vocabulary;

use serde::{Deserialize, Serialize};

pub use crate::family::ngram::features::Shape;

use crate::{
    error::{FitError, LoadError},
    family::{Family, ngram::model::Model},
    file::Reading,
    labels,
    student::{FitOptions, Row, Student},
};

const NAME: &str = "ngram-softmax";

/// The family, with its settings.
#[derive(Debug, Clone, Copy)]
pub struct NgramSoftmax(pub Settings);

/// What a fit can be told. [`NgramSoftmax::CHOSEN`] is what the product uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Which features there are.
    pub shape: Shape,
    /// Passes over the rows at least.
    pub passes: usize,
    /// Steps at least: few rows are passed over more often, until there were this many.
    pub steps: usize,
    /// The first step's rate; it falls in a line to `last_rate`.
    pub first_rate: f32,
    /// The last step's rate.
    pub last_rate: f32,
    /// Share of each target that is spread evenly over all labels (label smoothing), so that one
    /// wrongly labelled row does not pull without end.
    pub smoothing: f32,
}

impl NgramSoftmax {
    /// The settings of the product. Chosen by three-fold cross-validation on the 9,002 training rows
    /// of Banking77, never on its test rows; `cargo run --release -p student --example banking77 --
    /// select` shows the neighbours. Differences below half a point there are noise.
    pub const CHOSEN: Self = Self(Settings {
        shape: Shape { hash_bits: 18, most_words: 2, fewest_characters: 3, most_characters: 5 },
        passes: 8,
        steps: 16_000,
        first_rate: 2.0,
        last_rate: 0.1,
        smoothing: 0.1,
    });
}

/// What a file must say besides its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSettings {
    shape: Shape,
}

impl Family for NgramSoftmax {
    fn name(&self) -> &'static str {
        NAME
    }

    fn fit(&self, rows: &[Row], options: &FitOptions) -> Result<Box<dyn Student>, FitError> {
        let (labels, places) = labels::sorted(rows)?;
        let (vocabulary, texts) = vocabulary::learn(rows, self.0.shape, labels.len());
        let weights = training::train(
            &texts,
            &places,
            vocabulary.rows(),
            labels.len(),
            &self.0,
            options.seed,
        );
        Ok(Box::new(Model::new(labels, vocabulary, &weights)))
    }

    fn load(&self, file: &[u8]) -> Result<Box<dyn Student>, LoadError> {
        Ok(Box::new(Model::read(&Reading::new(file)?)?))
    }
}
