//! What every student can do, whatever its family: answer a text with a label and a probability, be
//! calibrated, be saved. Families only supply scores; what is made of scores stands here, once.

use std::fmt::Debug;

use crate::calibration::{self, Calibration, softmax};

/// A text with its label: what a student learns from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The input, as it will be asked later.
    pub text: String,
    /// The answer to learn.
    pub label: String,
}

/// Choices of a fit that do not belong to a family.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FitOptions {
    /// Orders whatever a fit does in random order. The same rows and seed give the same bytes.
    pub seed: u64,
}

/// A student's answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Place of the label in [`Student::labels`].
    pub label: usize,
    /// The student's probability for it, after its temperature; `1 / labels` at least.
    pub probability: f32,
}

/// A classifier that has learned its labels.
pub trait Student: Debug + Send + Sync {
    /// The name of its family, as in [`crate::ALL`].
    fn family(&self) -> &'static str;

    /// Its labels, sorted and distinct, at least two.
    fn labels(&self) -> &[String];

    /// One finite score per label, before the temperature (logits). Any text is answered; one with
    /// nothing known in it gets the scores of the labels' frequencies.
    fn scores(&self, text: &str) -> Vec<f32>;

    /// What the scores are divided by before they become probabilities; 1 until calibrated.
    fn temperature(&self) -> f32;

    /// Sets the temperature, a positive finite number.
    fn set_temperature(&mut self, temperature: f32);

    /// The student as a safetensors file, everything about it in the file's header.
    fn save(&self) -> Vec<u8>;

    /// Size of its file in bytes.
    fn bytes(&self) -> usize {
        self.save().len()
    }

    /// The likeliest label. The first in order among equals.
    fn predict(&self, text: &str) -> Prediction {
        let mut scores = self.scores(text);
        let label = highest(&scores);
        softmax(&mut scores, self.temperature());
        Prediction { label, probability: scores[label] }
    }

    /// One probability per label; they sum to 1.
    fn probabilities(&self, text: &str) -> Vec<f32> {
        let mut scores = self.scores(text);
        softmax(&mut scores, self.temperature());
        scores
    }

    /// Sets the temperature so that the probabilities fit these rows best, which must not be rows it
    /// was trained on. No label changes by it, only how sure the student is of it.
    fn calibrate(&mut self, rows: &[Row]) -> Calibration {
        let scored = calibration::score(rows, self.labels(), |text| self.scores(text));
        let calibration = calibration::fit(&scored, self.temperature());
        self.set_temperature(calibration.temperature);
        calibration
    }
}

/// Place of the highest score; the first among equals.
pub(crate) fn highest(scores: &[f32]) -> usize {
    let mut best = 0;
    for (place, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = place;
        }
    }
    best
}
