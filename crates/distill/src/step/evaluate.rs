//! Evaluate: the test part is opened, once. Accuracy is counted against gold labels only; agreement with
//! the teacher is counted apart and called that.

use std::time::{Duration, Instant};

use decide::{interval::Paired, split::Part};
use serde::{Deserialize, Serialize};
use student::Student;

use crate::{
    error::DistillError,
    lessons::Answers,
    measured::{EvaluationMeasurements, Latency},
    rows::{Parts, Row},
    step::{
        Context, Paths, Port, Step, calibrate::CalibrationSummary, fit::FitSummary,
        fit::read_student,
    },
    stored::{read_json, write_json},
};

/// The step.
#[derive(Debug)]
pub(super) struct Evaluate;

/// Answers to the first this many rows are not timed: caches and branch predictors warm up.
const WARM_UP: usize = 50;

/// A count of rows, and of those that are right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Rows that are right.
    pub right: u64,
    /// All rows.
    pub rows: u64,
}

impl Score {
    fn count(&mut self, right: bool) {
        self.rows += 1;
        self.right += u64::from(right);
    }
}

/// What the test part showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Rows of the test part.
    pub rows: usize,
    /// Students that have been tried on it; each further one would count as one more.
    pub candidates: u32,
    /// The student on rows with a gold label.
    pub student: Score,
    /// The teacher on rows with a gold label that it answered.
    pub teacher: Score,
    /// Always the most frequent label of training, on rows with a gold label.
    pub majority: Score,
    /// The student (as the system) and the teacher on rows with a gold label that it answered.
    pub paired: Paired,
    /// Rows where the student says what the teacher says, of those that have a label of the teacher.
    pub agreement: Score,
    /// Student with the teacher behind it, where calibration found a threshold.
    pub cascade: Option<CascadeResult>,
}

/// Student and teacher together, on rows with a gold label that the teacher answered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CascadeResult {
    /// Below this confidence the teacher answers.
    pub threshold: f64,
    /// The cascade (as the system) and the teacher alone.
    pub paired: Paired,
    /// The student's own answers: those at or above the threshold.
    pub kept: Score,
    /// Student (as the system) and teacher on the deferred rows.
    pub deferred: Paired,
}

impl CascadeResult {
    /// Share of the rows that went to the teacher.
    pub fn deferred_share(&self) -> f64 {
        self.deferred.rows() as f64 / self.paired.rows().max(1) as f64
    }
}

impl Step for Evaluate {
    fn name(&self) -> &'static str {
        "evaluate"
    }

    fn what(&self) -> &'static str {
        "opens the test part once"
    }

    fn inputs(&self) -> &'static [Port] {
        &[
            Port { name: "parts", what: "from split" },
            Port { name: "labels", what: "from label" },
            Port { name: "fit", what: "from fit" },
            Port { name: "student", what: "from calibrate" },
            Port { name: "calibration", what: "from calibrate" },
        ]
    }

    fn outputs(&self) -> &'static [Port] {
        &[
            Port { name: "evaluation", what: "JSON: who was right where" },
            Port { name: "evaluation_measurements", what: "JSON: how long the student took" },
        ]
    }

    fn run(&self, paths: &Paths, _context: &Context) -> Result<(), DistillError> {
        let parts = Parts::read(paths.get(self, "parts")?)?;
        let answers = Answers::read(paths.get(self, "labels")?)?;
        let fit: FitSummary = read_json(paths.get(self, "fit")?)?;
        let student = read_student(paths.get(self, "student")?)?;
        let calibration: CalibrationSummary = read_json(paths.get(self, "calibration")?)?;
        let rows = parts.get(Part::Test);
        let (said, times) = ask(&*student, rows);
        let evaluation =
            evaluate(rows, &said, &answers, &fit.majority_label, calibration.threshold);
        let measurements = EvaluationMeasurements { student: Latency::of(times) };
        write_json(paths.get(self, "evaluation")?, &evaluation)?;
        write_json(paths.get(self, "evaluation_measurements")?, &measurements)
    }
}

/// A student's answer to a row.
struct Said {
    label: String,
    confidence: f64,
}

/// Asks the student about every row, one at a time, and times it.
fn ask(student: &dyn Student, rows: &[Row]) -> (Vec<Said>, Vec<Duration>) {
    for row in rows.iter().take(WARM_UP) {
        student.predict(&row.text);
    }
    let ask = |row: &Row| {
        let started = Instant::now();
        let prediction = student.predict(&row.text);
        let took = started.elapsed();
        let label = student.labels()[prediction.label].clone();
        (Said { label, confidence: f64::from(prediction.probability) }, took)
    };
    rows.iter().map(ask).unzip()
}

fn evaluate(
    rows: &[Row],
    said: &[Said],
    answers: &Answers,
    majority: &str,
    threshold: f64,
) -> Evaluation {
    let mut evaluation = Evaluation {
        rows: rows.len(),
        candidates: 1,
        student: Score::default(),
        teacher: Score::default(),
        majority: Score::default(),
        paired: Paired::default(),
        agreement: Score::default(),
        cascade: (threshold > 0.0).then(|| CascadeResult {
            threshold,
            paired: Paired::default(),
            kept: Score::default(),
            deferred: Paired::default(),
        }),
    };
    for (row, said) in rows.iter().zip(said) {
        if let Some(label) = answers.label(row) {
            evaluation.agreement.count(said.label == label);
        }
        let Some(gold) = row.gold.as_deref() else { continue };
        let right = said.label == gold;
        evaluation.student.count(right);
        evaluation.majority.count(majority == gold);
        let Some(teacher_right) = answers.is_right(row, gold) else { continue };
        evaluation.teacher.count(teacher_right);
        evaluation.paired.count(right, teacher_right);
        if let Some(cascade) = &mut evaluation.cascade {
            count_cascade(cascade, said.confidence, right, teacher_right);
        }
    }
    evaluation
}

fn count_cascade(cascade: &mut CascadeResult, confidence: f64, right: bool, teacher_right: bool) {
    if confidence < cascade.threshold {
        cascade.deferred.count(right, teacher_right);
        cascade.paired.count(teacher_right, teacher_right);
    } else {
        cascade.kept.count(right);
        cascade.paired.count(right, teacher_right);
    }
}
