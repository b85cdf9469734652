//! The list of models as this dialect writes it.

use serde::Serialize;
use terms::time::Timestamp;

use crate::models::ModelRow;

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: String,
}

#[derive(Serialize)]
struct List<'a> {
    data: Vec<Entry<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

fn entry(row: &ModelRow) -> Entry<'_> {
    let created = Timestamp(row.created_unix_s.saturating_mul(1_000));
    Entry {
        kind: "model",
        id: &row.id,
        display_name: &row.id,
        created_at: format!("{}T{}Z", created.date(), created.clock()),
    }
}

pub(super) fn row(row: &ModelRow) -> Vec<u8> {
    serde_json::to_vec(&entry(row)).expect("texts always serialize")
}

pub(super) fn list(rows: &[ModelRow]) -> Vec<u8> {
    let list = List {
        data: rows.iter().map(entry).collect(),
        has_more: false,
        first_id: rows.first().map(|row| row.id.as_str()),
        last_id: rows.last().map(|row| row.id.as_str()),
    };
    serde_json::to_vec(&list).expect("texts always serialize")
}
