//! Which label each row is learned from, selected by or measured against: its own, or the teacher's
//! answer. Kept in one place, because mixing the two up is how agreement gets sold as accuracy.

use std::{collections::BTreeMap, path::Path};

use student::Row as Lesson;

use crate::{
    error::DistillError,
    labelling::{Answer, Outcome},
    rows::Row,
    stored::read_lines,
    task::LearnFrom,
};

/// The teacher's answers by row.
#[derive(Debug)]
pub(crate) struct Answers(BTreeMap<String, Outcome>);

impl Answers {
    pub(crate) fn read(path: &Path) -> Result<Self, DistillError> {
        let answers: Vec<Answer> = read_lines(path)?;
        Ok(Self(answers.into_iter().map(|answer| (answer.id, answer.outcome)).collect()))
    }

    /// The teacher's label of a row; none where it gave no answer or none of the labels.
    pub(crate) fn label(&self, row: &Row) -> Option<&str> {
        match self.0.get(&row.id)? {
            Outcome::Label { label } => Some(label),
            Outcome::OutOfSchema { .. } | Outcome::Rejected { .. } => None,
        }
    }

    /// Whether the teacher has `label` right; none where it gave no answer. An answer that is none of
    /// the labels is wrong.
    pub(crate) fn is_right(&self, row: &Row, label: &str) -> Option<bool> {
        match self.0.get(&row.id)? {
            Outcome::Label { label: found } => Some(found == label),
            Outcome::OutOfSchema { .. } => Some(false),
            Outcome::Rejected { .. } => None,
        }
    }
}

/// The rows to train on, each with the label that its file says to learn from.
pub(crate) fn to_learn(rows: &[Row], answers: &Answers) -> Vec<Lesson> {
    lessons(rows, |row| match row.learn_from {
        LearnFrom::Gold => row.gold.as_deref(),
        LearnFrom::Teacher => answers.label(row),
    })
}

/// The rows to compare students on: by gold where there is any, else by the teacher.
pub(crate) fn to_compare(rows: &[Row], answers: &Answers) -> Vec<Lesson> {
    lessons(rows, |row| row.gold.as_deref().or_else(|| answers.label(row)))
}

fn lessons<'a>(rows: &'a [Row], label: impl Fn(&'a Row) -> Option<&'a str>) -> Vec<Lesson> {
    let lesson =
        |row: &'a Row| Some(Lesson { text: row.text.clone(), label: label(row)?.to_owned() });
    rows.iter().filter_map(lesson).collect()
}
