//! Calibrate: the student's probabilities are made honest on rows it has not seen, and the confidence is
//! set below which the teacher should answer: only where these rows show that the teacher is better there.

use decide::{
    interval::Paired,
    split::Part,
    threshold::{Calibrated, Found, Guarantee, deferred, learn_then_test, where_teacher_is_better},
};
use serde::{Deserialize, Serialize};
use student::Student;

use crate::{
    error::DistillError,
    lessons::{Answers, to_compare},
    rows::{Parts, Row},
    step::{Context, Paths, Port, Step, fit::read_student},
    stored::{read_json, write, write_json},
    task::Task,
};

/// The step.
#[derive(Debug)]
pub(super) struct Calibrate;

/// What right and wrong mean in the calibration part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The data's own labels: the guarantee is one of accuracy.
    Gold,
    /// The teacher's answers: the guarantee is one of agreement.
    Agreement,
}

/// What calibration came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationSummary {
    /// What right and wrong meant.
    pub basis: Basis,
    /// Rows with a label that the student knows.
    pub rows: usize,
    /// What the student's scores are divided by.
    pub temperature: f32,
    /// Expected calibration error before.
    pub error_before: f64,
    /// The same after.
    pub error_after: f64,
    /// What the guarantee allows.
    pub found: Found,
    /// Below this confidence the teacher answers; 0 where it never should.
    pub threshold: f64,
    /// The student (as the system) and the teacher on the rows below that threshold; where there is none,
    /// on those below the guarantee's.
    pub deferred: Paired,
}

impl Step for Calibrate {
    fn name(&self) -> &'static str {
        "calibrate"
    }

    fn what(&self) -> &'static str {
        "makes the student's confidence honest and finds where to ask the teacher"
    }

    fn inputs(&self) -> &'static [Port] {
        &[
            Port { name: "task", what: "from gather" },
            Port { name: "parts", what: "from split" },
            Port { name: "labels", what: "from label" },
            Port { name: "fitted_student", what: "from fit" },
        ]
    }

    fn outputs(&self) -> &'static [Port] {
        &[
            Port { name: "student", what: "safetensors: the student, calibrated" },
            Port { name: "calibration", what: "JSON: temperature and threshold" },
        ]
    }

    fn run(&self, paths: &Paths, _context: &Context) -> Result<(), DistillError> {
        let task: Task = read_json(paths.get(self, "task")?)?;
        let parts = Parts::read(paths.get(self, "parts")?)?;
        let answers = Answers::read(paths.get(self, "labels")?)?;
        let mut student = read_student(paths.get(self, "fitted_student")?)?;
        let rows = parts.get(Part::Calibrate);
        let calibration = student.calibrate(&to_compare(rows, &answers));
        let (basis, calibrated) = answered(rows, &answers, &*student);
        let found = learn_then_test(&calibrated, task.guarantee);
        let (threshold, deferred) = deferral(basis, &calibrated, found, task.guarantee);
        let summary = CalibrationSummary {
            basis,
            rows: calibration.rows,
            temperature: calibration.temperature,
            error_before: calibration.error_before,
            error_after: calibration.error_after,
            found,
            threshold,
            deferred,
        };
        write(paths.get(self, "student")?, &student.save())?;
        write_json(paths.get(self, "calibration")?, &summary)
    }
}

/// From where on to ask the teacher, and both of them on those rows. Against gold labels: where the teacher
/// is shown to be better, and no further than the guarantee asks. By agreement the teacher is right by
/// definition, so the guarantee alone decides.
fn deferral(
    basis: Basis,
    calibrated: &[Calibrated],
    found: Found,
    guarantee: Guarantee,
) -> (f64, Paired) {
    let guaranteed = match found {
        Found::Threshold { threshold, .. } => Some(threshold),
        Found::TooFewRows { .. } | Found::NoneKeepsIt => None,
    };
    if basis == Basis::Agreement {
        let threshold = guaranteed.unwrap_or(0.0);
        return (threshold, deferred(calibrated, threshold));
    }
    let highest = guaranteed.unwrap_or(1.0);
    match where_teacher_is_better(calibrated, highest, guarantee.risk) {
        Some(deferral) => (deferral.threshold, deferral.deferred),
        None => (0.0, deferred(calibrated, highest)),
    }
}

/// Student and teacher on the calibration rows: by gold if any row has it, and then on those rows alone;
/// else by agreement.
fn answered(rows: &[Row], answers: &Answers, student: &dyn Student) -> (Basis, Vec<Calibrated>) {
    let by_gold = rows.iter().any(|row| row.gold.is_some());
    let calibrated = |row: &Row| {
        let truth = if by_gold { row.gold.as_deref()? } else { answers.label(row)? };
        let prediction = student.predict(&row.text);
        Some(Calibrated {
            confidence: f64::from(prediction.probability),
            student_right: student.labels()[prediction.label] == truth,
            teacher_right: answers.is_right(row, truth),
        })
    };
    let basis = if by_gold { Basis::Gold } else { Basis::Agreement };
    (basis, rows.iter().filter_map(calibrated).collect())
}
