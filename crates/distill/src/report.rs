//! What a report says, for programs: the figures of every step with their intervals. No clock has a say in
//! it, so that the same task and data give the same bytes wherever and however often they are run.

pub(crate) mod markdown;

use std::path::Path;

use decide::{
    interval::{Interval, wilson},
    verdict::{Costs, Verdict},
};
use serde::{Deserialize, Serialize};
use terms::money::NanoUsd;

pub use crate::step::{
    calibrate::{Basis, CalibrationSummary},
    evaluate::{CascadeResult, Evaluation, Score},
    fit::{FitSummary, Rung},
    label::LabelSummary,
    split::SplitSummary,
};
use crate::{
    error::DistillError,
    measured::{EvaluationMeasurements, FitMeasurements, LabelMeasurements},
    step::verdict::VerdictFile,
    stored::read_json,
    task::{Conditions, Task},
};

/// What the steps found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) task: Task,
    pub(crate) conditions: Conditions,
    pub(crate) split: SplitSummary,
    pub(crate) labelling: LabelSummary,
    pub(crate) fit: FitSummary,
    pub(crate) calibration: CalibrationSummary,
    pub(crate) evaluation: Evaluation,
    pub(crate) verdict: VerdictFile,
}

/// What their clocks said.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) labelling: LabelMeasurements,
    pub(crate) fit: FitMeasurements,
    pub(crate) evaluation: EvaluationMeasurements,
}

/// The report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The task's name.
    pub task: String,
    /// What is to be done.
    pub verdict: Verdict,
    /// Why, in sentences.
    pub reasons: Vec<String>,
    /// The route to the teacher.
    pub teacher_route: String,
    /// Whether it was a recording.
    pub teacher_is_recorded: bool,
    /// Against gold labels.
    pub accuracy: Accuracy,
    /// Accuracy of the student less that of the teacher, on the same rows.
    pub student_less_teacher: Interval,
    /// The exact two-sided p-value of McNemar's test on the same rows.
    pub mcnemar_p: f64,
    /// Not accuracy: how often the student says what the teacher says.
    pub agreement_with_teacher: Share,
    /// Where calibration found a threshold.
    pub cascade: Option<CascadeFigures>,
    /// Per 1,000 requests.
    pub costs: CostFigures,
    /// Size of the student's file.
    pub student_bytes: usize,
    /// What became of the rows.
    pub split: SplitSummary,
    /// What the teacher was asked.
    pub labelling: LabelSummary,
    /// What was trained.
    pub fit: FitSummary,
    /// What calibration came to.
    pub calibration: CalibrationSummary,
    /// What the test part showed.
    pub evaluation: Evaluation,
}

/// Shares of right answers on the gold labels of the test part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// The student alone.
    pub student: Share,
    /// The teacher, on the rows that it answered.
    pub teacher: Share,
    /// Always the most frequent label.
    pub majority: Share,
}

/// A share of rows with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Rows that are right.
    pub right: u64,
    /// All rows.
    pub rows: u64,
    /// The share, by Wilson.
    pub interval: Interval,
}

impl Share {
    fn new(right: u64, rows: u64) -> Self {
        Self { right, rows, interval: wilson(right, rows) }
    }
}

impl From<Score> for Share {
    fn from(score: Score) -> Self {
        Self::new(score.right, score.rows)
    }
}

/// The student with the teacher behind it, on the test part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CascadeFigures {
    /// Below this confidence the teacher answers.
    pub threshold: f64,
    /// Share of the rows that went to the teacher.
    pub deferred_share: f64,
    /// Of both together.
    pub accuracy: Share,
    /// Accuracy of both together less that of the teacher alone.
    pub cascade_less_teacher: Interval,
    /// What the student would have had right of the deferred rows.
    pub student_on_deferred: Share,
    /// What the teacher had right of them.
    pub teacher_on_deferred: Share,
}

/// Costs per 1,000 requests, with what they rest on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostFigures {
    /// The teacher alone; none where nobody knows.
    pub teacher_per_thousand: Option<NanoUsd>,
    /// The student, with the audit by the teacher.
    pub student_per_thousand: Option<NanoUsd>,
    /// The same with the deferred rows.
    pub cascade_per_thousand: Option<NanoUsd>,
    /// Requests until what is paid once is back.
    pub break_even_requests: Option<u64>,
    /// Prices and traffic, counted or assumed.
    pub rest_on: Costs,
}

impl Report {
    /// Reads the `report.json` of a report's folder.
    pub fn read(folder: &Path) -> Result<Self, DistillError> {
        read_json(&folder.join("report.json"))
    }

    pub(crate) fn new(found: &Found) -> Self {
        let evaluation = &found.evaluation;
        Self {
            task: found.task.name.clone(),
            verdict: found.verdict.ruling.verdict,
            reasons: found.verdict.ruling.reasons.iter().map(ToString::to_string).collect(),
            teacher_route: found.task.teacher_route.clone(),
            teacher_is_recorded: found.task.teacher_is_recorded,
            accuracy: Accuracy {
                student: evaluation.student.into(),
                teacher: evaluation.teacher.into(),
                majority: evaluation.majority.into(),
            },
            student_less_teacher: evaluation.paired.difference(),
            mcnemar_p: evaluation.paired.mcnemar(),
            agreement_with_teacher: evaluation.agreement.into(),
            cascade: cascade(evaluation),
            costs: costs(found),
            student_bytes: found.fit.bytes,
            split: found.split.clone(),
            labelling: found.labelling.clone(),
            fit: found.fit.clone(),
            calibration: found.calibration.clone(),
            evaluation: evaluation.clone(),
        }
    }
}

fn cascade(evaluation: &Evaluation) -> Option<CascadeFigures> {
    let cascade = evaluation.cascade?;
    let (paired, deferred) = (cascade.paired, cascade.deferred);
    Some(CascadeFigures {
        threshold: cascade.threshold,
        deferred_share: cascade.deferred_share(),
        accuracy: Share::new(paired.system_right(), paired.rows()),
        cascade_less_teacher: paired.difference(),
        student_on_deferred: Share::new(deferred.system_right(), deferred.rows()),
        teacher_on_deferred: Share::new(deferred.teacher_right(), deferred.rows()),
    })
}

/// What 1,000 requests cost each way; the way that the verdict chose breaks even.
pub(crate) fn costs(found: &Found) -> CostFigures {
    let costs = found.verdict.evidence.costs;
    let deferred = found.evaluation.cascade.map(|cascade| cascade.deferred_share());
    let chosen = match found.verdict.ruling.verdict {
        Verdict::Deploy => 0.0,
        _ => deferred.unwrap_or(0.0),
    };
    #[expect(clippy::cast_possible_truncation, reason = "a price per 1,000 far below 2⁵³ nano-USD")]
    let per_thousand = |share| Some(NanoUsd(costs.per_thousand(share)?.round() as i64));
    CostFigures {
        teacher_per_thousand: costs.teacher_per_thousand,
        student_per_thousand: per_thousand(0.0),
        cascade_per_thousand: deferred.and_then(per_thousand),
        break_even_requests: costs.break_even(chosen),
        rest_on: costs,
    }
}
