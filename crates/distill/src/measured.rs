//! What a clock has said: the files that differ from run to run and therefore feed nothing but the
//! report. Each is written once by the step that measured.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long answers took, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Answers timed.
    pub answers: u64,
    /// The median.
    pub p50_us: f64,
    /// 95 of 100 were faster.
    pub p95_us: f64,
    /// 99 of 100 were faster.
    pub p99_us: f64,
}

impl Latency {
    /// `None` without times.
    pub(crate) fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        let last = times.len().checked_sub(1)?;
        let at = |hundredths: usize| times[(times.len() * hundredths / 100).min(last)];
        let micros = |hundredths| at(hundredths).as_nanos() as f64 / 1000.0;
        Some(Self {
            answers: times.len() as u64,
            p50_us: micros(50),
            p95_us: micros(95),
            p99_us: micros(99),
        })
    }
}

/// Written by the step `label`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelMeasurements {
    /// The teacher through the gateway; none when nothing was asked.
    pub teacher: Option<Latency>,
}

/// Written by the step `fit`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitMeasurements {
    /// The final fit alone, in seconds.
    pub training_seconds: f64,
    /// All fits of the step: every rung, the learning curve and the final one.
    pub all_fits_seconds: f64,
}

/// Written by the step `evaluate`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationMeasurements {
    /// The student on one thread of this machine, in process.
    pub student: Option<Latency>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Latency;

    #[test]
    fn quantiles_are_those_of_the_sorted_times() {
        let times = (1..=200).rev().map(Duration::from_micros).collect();
        let latency = Latency::of(times).unwrap();
        let found = [latency.p50_us, latency.p95_us, latency.p99_us].map(f64::round);
        assert_eq!((latency.answers, found), (200, [101.0, 191.0, 199.0]));
        assert!(Latency::of(vec![]).is_none());
    }
}
