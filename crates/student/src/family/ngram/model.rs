//! A trained student of this family: its vocabulary, its weights in 8 bits, and how they answer. The
//! weights are rounded at the end of a fit, so that a student answers the same before and after its file.

use crate::{
    error::LoadError,
    family::ngram::{FileSettings, NAME, training::Weights, vocabulary::Vocabulary},
    file::{Header, Reading, Tensor, write},
    student::Student,
};

/// The largest weight of a row becomes this.
const LARGEST: f32 = 127.0;

/// The student.
#[derive(Debug)]
pub(crate) struct Model {
    labels: Vec<String>,
    temperature: f32,
    vocabulary: Vocabulary,
    /// One row per feature, one column per label.
    weights: Vec<i8>,
    /// What the weights of a row are multiplied with.
    scales: Vec<f32>,
    /// One per label.
    bias: Vec<f32>,
}

impl Model {
    pub(crate) fn new(labels: Vec<String>, vocabulary: Vocabulary, trained: &Weights) -> Self {
        let mut weights = Vec::with_capacity(trained.matrix.len());
        let mut scales = Vec::with_capacity(vocabulary.rows());
        for row in trained.matrix.chunks_exact(labels.len()) {
            let scale = row.iter().fold(0.0, |most: f32, weight| most.max(weight.abs())) / LARGEST;
            weights.extend(row.iter().map(|weight| rounded(weight / scale)));
            scales.push(scale);
        }
        Self { labels, temperature: 1.0, vocabulary, weights, scales, bias: trained.bias.clone() }
    }

    pub(crate) fn read(reading: &Reading<'_>) -> Result<Self, LoadError> {
        let header: Header<FileSettings> = reading.header(NAME)?;
        let shape = header.settings.shape.checked()?;
        let hashes = reading.numbers("hashes")?;
        let in_range = hashes.last().is_none_or(|last| (*last as usize) < shape.buckets());
        if !(in_range && hashes.is_sorted_by(|a, b| a < b)) {
            return Err(LoadError::Damaged("its hashes do not ascend or do not fit".into()));
        }
        let (rows, columns) = (hashes.len(), header.labels.len());
        let rarity = reading.floats("rarity", rows)?;
        Ok(Self {
            weights: reading.small_integers("weights", rows, columns)?,
            scales: reading.floats("scales", rows)?,
            bias: reading.floats("bias", columns)?,
            vocabulary: Vocabulary::new(shape, hashes, rarity),
            temperature: header.temperature,
            labels: header.labels,
        })
    }
}

/// Half away from zero. A row of zeros has no scale; its weights are zero.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a rounded number within ±127, or not a number"
)]
fn rounded(weight: f32) -> i8 {
    weight.round() as i8
}

impl Student for Model {
    fn family(&self) -> &'static str {
        NAME
    }

    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn scores(&self, text: &str) -> Vec<f32> {
        let columns = self.labels.len();
        let mut scores = self.bias.clone();
        for (row, value) in self.vocabulary.values(text) {
            let row = row as usize;
            let factor = value * self.scales[row];
            let weights = &self.weights[row * columns..(row + 1) * columns];
            for (score, weight) in scores.iter_mut().zip(weights) {
                *score += factor * f32::from(*weight);
            }
        }
        scores
    }

    fn temperature(&self) -> f32 {
        self.temperature
    }

    fn set_temperature(&mut self, temperature: f32) {
        self.temperature = temperature;
    }

    fn save(&self) -> Vec<u8> {
        let settings = FileSettings { shape: self.vocabulary.shape };
        let header = Header::new(NAME, &self.labels, self.temperature, settings);
        let tensors = [
            Tensor::numbers("hashes", &self.vocabulary.hashes),
            Tensor::floats("rarity", &self.vocabulary.rarity),
            Tensor::floats("scales", &self.scales),
            Tensor::floats("bias", &self.bias),
            Tensor::small_integers("weights", &self.weights, self.labels.len()),
        ];
        write(&header, &tensors)
    }
}
