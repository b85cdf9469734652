//! Stochastic gradient descent on the cross-entropy of a softmax, one row a step, one thread: the order
//! of every addition is fixed, so the same rows and seed give the same weights.

use crate::{
    calibration::softmax,
    family::ngram::{Settings, vocabulary::Values},
    random::Random,
};

/// Passes at most, however few the rows.
const MOST_PASSES: usize = 100;

/// The biases learn this much slower than the weights, because every row moves them.
const BIAS_RATE: f32 = 0.02;

/// What was learned.
#[derive(Debug)]
pub(crate) struct Weights {
    /// One row per feature, one column per label.
    pub(crate) matrix: Vec<f32>,
    /// One per label.
    pub(crate) bias: Vec<f32>,
}

/// Trains on texts and the places of their labels.
pub(crate) fn train(
    texts: &[Values],
    places: &[usize],
    rows: usize,
    labels: usize,
    settings: &Settings,
    seed: u64,
) -> Weights {
    let mut weights = Weights { matrix: vec![0.0; rows * labels], bias: vec![0.0; labels] };
    let mut order: Vec<usize> = (0..texts.len()).collect();
    let mut random = Random::new(seed);
    let passes = settings.steps.div_ceil(texts.len()).min(MOST_PASSES).max(settings.passes);
    let steps = (passes * texts.len()) as f32;
    let mut step = 0.0;
    let mut errors = vec![0.0; labels];
    for _ in 0..passes {
        random.shuffle(&mut order);
        for text in &order {
            let rate =
                settings.first_rate + (settings.last_rate - settings.first_rate) * (step / steps);
            predict(&weights, &texts[*text], &mut errors);
            subtract_target(&mut errors, places[*text], settings.smoothing);
            descend(&mut weights, &texts[*text], &errors, rate);
            step += 1.0;
        }
    }
    weights
}

/// Fills in the probabilities of the labels.
fn predict(weights: &Weights, text: &Values, probabilities: &mut [f32]) {
    let labels = probabilities.len();
    probabilities.copy_from_slice(&weights.bias);
    for (row, value) in text {
        let start = *row as usize * labels;
        let row = &weights.matrix[start..start + labels];
        for (probability, weight) in probabilities.iter_mut().zip(row) {
            *probability += value * weight;
        }
    }
    softmax(probabilities, 1.0);
}

/// Probabilities become errors: less what they should be.
fn subtract_target(errors: &mut [f32], place: usize, smoothing: f32) {
    let share = smoothing / errors.len() as f32;
    for error in errors.iter_mut() {
        *error -= share;
    }
    errors[place] -= 1.0 - smoothing;
}

fn descend(weights: &mut Weights, text: &Values, errors: &[f32], rate: f32) {
    for (bias, error) in weights.bias.iter_mut().zip(errors) {
        *bias -= rate * BIAS_RATE * error;
    }
    for (row, value) in text {
        let start = *row as usize * errors.len();
        let row = &mut weights.matrix[start..start + errors.len()];
        let step = rate * value;
        for (weight, error) in row.iter_mut().zip(errors) {
            *weight -= step * error;
        }
    }
}
