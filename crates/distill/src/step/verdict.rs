//! Verdict: the evidence of the other steps is put together and `decide` says what follows from it.

use decide::{
    learning::{Point, rows_for},
    verdict::{Cascade, Costs, Evidence, Ruling, decide},
};
use serde::{Deserialize, Serialize};

use crate::{
    error::DistillError,
    step::{
        Context, Paths, Port, Step, evaluate::Evaluation, fit::FitSummary, label::LabelSummary,
    },
    stored::{read_json, write_json},
    task::Conditions,
};

/// The step.
#[derive(Debug)]
pub(super) struct Verdict;

/// Past this many times the rows at hand a learning curve is a wish.
const FARTHEST: u64 = 20;

/// The verdict with all that it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerdictFile {
    pub(crate) ruling: Ruling,
    pub(crate) evidence: Evidence,
}

impl Step for Verdict {
    fn name(&self) -> &'static str {
        "verdict"
    }

    fn what(&self) -> &'static str {
        "decides whether to deploy"
    }

    fn inputs(&self) -> &'static [Port] {
        &[
            Port { name: "conditions", what: "from gather" },
            Port { name: "labelling", what: "from label" },
            Port { name: "fit", what: "from fit" },
            Port { name: "evaluation", what: "from evaluate" },
        ]
    }

    fn outputs(&self) -> &'static [Port] {
        &[Port { name: "verdict", what: "JSON: the verdict, its reasons and its evidence" }]
    }

    fn run(&self, paths: &Paths, _context: &Context) -> Result<(), DistillError> {
        let conditions: Conditions = read_json(paths.get(self, "conditions")?)?;
        let labelling: LabelSummary = read_json(paths.get(self, "labelling")?)?;
        let fit: FitSummary = read_json(paths.get(self, "fit")?)?;
        let evaluation: Evaluation = read_json(paths.get(self, "evaluation")?)?;
        let evidence = evidence(&conditions, &labelling, &fit, &evaluation);
        let ruling = decide(&evidence);
        write_json(paths.get(self, "verdict")?, &VerdictFile { ruling, evidence })
    }
}

fn evidence(
    conditions: &Conditions,
    labelling: &LabelSummary,
    fit: &FitSummary,
    evaluation: &Evaluation,
) -> Evidence {
    let cascade = evaluation.cascade.map(|cascade| Cascade {
        threshold: cascade.threshold,
        paired: cascade.paired,
        deferred_share: cascade.deferred_share(),
    });
    Evidence {
        student: evaluation.paired,
        cascade,
        cheaper: None,
        requirement: conditions.requirement,
        learned_from_teacher: fit.teacher_rows > 0,
        licence: conditions.licence,
        costs: costs(conditions, labelling),
        rows_to_suffice: rows_to_suffice(conditions, fit, evaluation),
    }
}

/// The assumed costs, with the labels added to what is paid once. A price that the task states stands
/// above what the gateway counted.
fn costs(conditions: &Conditions, labelling: &LabelSummary) -> Costs {
    let assumed = conditions.assumed;
    Costs {
        teacher_per_thousand: assumed.teacher_per_thousand.or_else(|| labelling.per_thousand()),
        fixed: assumed.fixed + labelling.cost,
        ..assumed
    }
}

/// Training rows at which the student would be as good as the teacher less what may be lost.
fn rows_to_suffice(
    conditions: &Conditions,
    fit: &FitSummary,
    evaluation: &Evaluation,
) -> Option<u64> {
    let teacher = evaluation.teacher;
    let teacher_errors = (teacher.rows - teacher.right) as f64 / teacher.rows.max(1) as f64;
    let as_good = teacher_errors + conditions.requirement.margin;
    let least = conditions.requirement.least_accuracy.map_or(1.0, |least| 1.0 - least);
    let trained_rows = fit.trained_rows as u64;
    let paired = evaluation.paired;
    let errors = paired.rows() - paired.system_right();
    let start = Point { trained_rows, errors, asked: paired.rows() };
    let rows = rows_for(&fit.curve, start, as_good.min(least))?;
    (rows <= FARTHEST * trained_rows).then_some(rows)
}
