//! The table behind a run's graph.

use askama::Template;
use terms::time::Timestamp;

use crate::{
    format::shown_time,
    pipelines::RunPage,
    run::look::{Look, execution_took, of_execution},
};

#[derive(Template)]
#[template(path = "run/table.html")]
struct Table<'a> {
    run: &'a str,
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    index: u32,
    name: &'a str,
    look: Look,
    is_shown: bool,
    attempts: u32,
    started: String,
    took: String,
    note: String,
}

pub(super) fn render(run: &RunPage, shown: Option<u32>, now: Timestamp) -> askama::Result<String> {
    let rows = run.executions.iter().map(|row| Row {
        index: row.index,
        name: &row.name,
        look: of_execution(row),
        is_shown: shown == Some(row.index),
        attempts: row.attempts,
        started: row.started_at.map_or_else(String::new, shown_time),
        took: execution_took(row, now).unwrap_or_default(),
        note: match (&row.message, row.is_shared) {
            (Some(message), _) => message.clone(),
            (None, true) => "its program was begun for an equal execution".to_owned(),
            (None, false) => String::new(),
        },
    });
    Table { run: &run.id, rows: rows.collect() }.render()
}
