//! The zeroth rung: always the most frequent label, with the labels' frequencies as probabilities. Not
//! for serving; it is the floor that every other rung must clear.

use serde::{Deserialize, Serialize};

use crate::{
    error::{FitError, LoadError},
    family::Family,
    file::{Header, Reading, Tensor, write},
    labels,
    student::{FitOptions, Row, Student},
};

const NAME: &str = "majority";

/// The family.
#[derive(Debug, Clone, Copy)]
pub struct Majority;

impl Family for Majority {
    fn name(&self) -> &'static str {
        NAME
    }

    fn fit(&self, rows: &[Row], _options: &FitOptions) -> Result<Box<dyn Student>, FitError> {
        let (labels, places) = labels::sorted(rows)?;
        let scores = log_frequencies(&places, labels.len());
        Ok(Box::new(Frequencies { labels, scores, temperature: 1.0 }))
    }

    fn load(&self, file: &[u8]) -> Result<Box<dyn Student>, LoadError> {
        let reading = Reading::new(file)?;
        let header: Header<Nothing> = reading.header(NAME)?;
        let scores = reading.floats("scores", header.labels.len())?;
        Ok(Box::new(Frequencies { labels: header.labels, scores, temperature: header.temperature }))
    }
}

/// The logarithm of each label's share of the rows.
pub(crate) fn log_frequencies(places: &[usize], labels: usize) -> Vec<f32> {
    let mut counts = vec![0_u32; labels];
    for place in places {
        counts[*place] += 1;
    }
    let rows = places.len() as f32;
    counts.into_iter().map(|count| (count as f32 / rows).ln()).collect()
}

/// This family has no settings.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Label frequencies.
#[derive(Debug)]
struct Frequencies {
    labels: Vec<String>,
    scores: Vec<f32>,
    temperature: f32,
}

impl Student for Frequencies {
    fn family(&self) -> &'static str {
        NAME
    }

    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn scores(&self, _text: &str) -> Vec<f32> {
        self.scores.clone()
    }

    fn temperature(&self) -> f32 {
        self.temperature
    }

    fn set_temperature(&mut self, temperature: f32) {
        self.temperature = temperature;
    }

    fn save(&self) -> Vec<u8> {
        let header = Header::new(NAME, &self.labels, self.temperature, Nothing {});
        write(&header, &[Tensor::floats("scores", &self.scores)])
    }
}
