//! Label: the teacher is asked about every row where its answer is needed: to learn from it, to compare
//! with it, or to set the threshold. Rows that are learned from gold labels are not asked about.

use decide::split::Part;
use serde::{Deserialize, Serialize};
use terms::money::NanoUsd;

use crate::{
    error::DistillError,
    labelling::{Answer, Ask, Labelled, Limits, Outcome, label},
    measured::{LabelMeasurements, Latency},
    prompt::system_prompt,
    rows::{Parts, Row},
    step::{Context, Paths, Port, Step},
    stored::{read_json, write_json, write_lines},
    task::{Conditions, LearnFrom, Task},
    teacher::Teacher,
};

/// The step.
#[derive(Debug)]
pub(super) struct Label;

/// What was bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelSummary {
    /// Rows that the teacher was to be asked about.
    pub wanted: usize,
    /// Rows with a label of the task.
    pub labelled: usize,
    /// Rows with an answer that is none.
    pub out_of_schema: usize,
    /// Rows without an answer, with the reasons in the labels' file.
    pub rejected: usize,
    /// Rows not asked about because the budget was spent.
    pub past_budget: usize,
    /// What all of it cost.
    pub cost: NanoUsd,
    /// Answers for which the gateway told no cost.
    pub without_cost: usize,
    /// Answers whose cost rests on a price that the gateway had to assume.
    #[serde(default)]
    pub at_assumed_price: usize,
}

impl LabelSummary {
    /// What 1,000 answers cost by the gateway's count; `None` where it told none or they were free.
    pub fn per_thousand(&self) -> Option<NanoUsd> {
        let priced = self.labelled + self.out_of_schema + self.rejected - self.without_cost;
        let priced = i64::try_from(priced).ok().filter(|priced| *priced > 0)?;
        Some(NanoUsd(self.cost.0.saturating_mul(1000) / priced)).filter(|cost| cost.0 > 0)
    }
}

impl Step for Label {
    fn name(&self) -> &'static str {
        "label"
    }

    fn what(&self) -> &'static str {
        "asks the teacher, through the gateway and within the budget"
    }

    fn inputs(&self) -> &'static [Port] {
        &[
            Port { name: "task", what: "from gather" },
            Port { name: "conditions", what: "from gather" },
            Port { name: "parts", what: "from split" },
        ]
    }

    fn outputs(&self) -> &'static [Port] {
        &[
            Port { name: "labels", what: "JSON lines: the teacher's answer to each row" },
            Port { name: "labelling", what: "JSON: how many, and what they cost" },
            Port { name: "label_measurements", what: "JSON: how long the teacher took" },
        ]
    }

    fn asks_teacher(&self) -> bool {
        true
    }

    fn run(&self, paths: &Paths, context: &Context) -> Result<(), DistillError> {
        let task: Task = read_json(paths.get(self, "task")?)?;
        let conditions: Conditions = read_json(paths.get(self, "conditions")?)?;
        let parts = Parts::read(paths.get(self, "parts")?)?;
        let asks: Vec<Ask<'_>> = Part::ALL
            .into_iter()
            .flat_map(|part| parts.get(part).iter().filter(move |row| wanted(part, row)))
            .map(|row| Ask { id: &row.id, text: &row.text })
            .collect();
        let labelled = buy(&task, &conditions, &asks, context)?;
        let summary = summary(&labelled, asks.len());
        write_lines(paths.get(self, "labels")?, &labelled.answers)?;
        write_json(paths.get(self, "labelling")?, &summary)?;
        let measurements = LabelMeasurements { teacher: Latency::of(labelled.times) };
        write_json(paths.get(self, "label_measurements")?, &measurements)
    }
}

/// The parts where student and teacher are compared, and rows that have no other label to use.
fn wanted(part: Part, row: &Row) -> bool {
    match part {
        Part::Train => row.learn_from == LearnFrom::Teacher,
        Part::Select => row.learn_from == LearnFrom::Teacher || row.gold.is_none(),
        Part::Calibrate | Part::Test => true,
    }
}

fn buy(
    task: &Task,
    conditions: &Conditions,
    asks: &[Ask<'_>],
    context: &Context,
) -> Result<Labelled, DistillError> {
    let access = context.teacher.as_ref().ok_or(DistillError::NoTeacherAccess)?;
    let prompt = system_prompt(&task.instruction, &task.labels);
    let teacher = Teacher::new(access, &task.teacher_route, prompt)?;
    let limits = Limits { budget: conditions.budget, concurrency: conditions.concurrency };
    // One file per teacher and prompt: what was answered there is known to every later task that asks
    // the same.
    let progress = context.progress.join(format!("{}.jsonl", &teacher.fingerprint("")[..16]));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(DistillError::file(&context.progress))?;
    runtime.block_on(label(&teacher, asks, &task.labels, limits, &progress))
}

fn summary(labelled: &Labelled, wanted: usize) -> LabelSummary {
    let answers = &labelled.answers;
    let count = |kind: fn(&Answer) -> bool| answers.iter().filter(|answer| kind(answer)).count();
    LabelSummary {
        wanted,
        labelled: count(|answer| matches!(answer.outcome, Outcome::Label { .. })),
        out_of_schema: count(|answer| matches!(answer.outcome, Outcome::OutOfSchema { .. })),
        rejected: count(|answer| matches!(answer.outcome, Outcome::Rejected { .. })),
        past_budget: wanted - answers.len(),
        cost: answers.iter().filter_map(|answer| answer.cost).sum(),
        without_cost: count(|answer| answer.cost.is_none()),
        at_assumed_price: count(|answer| answer.is_assumed),
    }
}
