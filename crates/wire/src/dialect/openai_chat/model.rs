//! The list of models as this dialect writes it.

use serde::Serialize;

use crate::models::ModelRow;

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    owned_by: &'a str,
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Entry<'a>>,
}

fn entry(row: &ModelRow) -> Entry<'_> {
    Entry { id: &row.id, object: "model", created: row.created_unix_s, owned_by: &row.owned_by }
}

pub(in crate::dialect) fn row(row: &ModelRow) -> Vec<u8> {
    serde_json::to_vec(&entry(row)).expect("texts and numbers always serialize")
}

pub(in crate::dialect) fn list(rows: &[ModelRow]) -> Vec<u8> {
    let list = List { object: "list", data: rows.iter().map(entry).collect() };
    serde_json::to_vec(&list).expect("texts and numbers always serialize")
}
