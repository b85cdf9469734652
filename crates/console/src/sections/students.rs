//! What students do for their tasks, and what their answers would have cost at their teachers.

use askama::Template;

use crate::{
    format::{count, percent},
    live::{Overview, StudentRow},
};

#[derive(Template)]
#[template(path = "sections/students.html")]
struct Students {
    today: String,
    rows: Vec<Row>,
}

struct Row {
    task: String,
    answered: String,
    share: String,
    declined: String,
    avoided: String,
}

pub(crate) fn render(overview: &Overview) -> askama::Result<String> {
    let today = overview.spend.avoided_today.to_string();
    Students { today, rows: overview.students.iter().map(row).collect() }.render()
}

fn row(student: &StudentRow) -> Row {
    Row {
        task: student.task.to_string(),
        answered: count(student.answered),
        share: percent(student.answered, student.answered + student.declined),
        declined: count(student.declined),
        avoided: student.avoided.to_string(),
    }
}
