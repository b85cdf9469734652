//! The list of models as this dialect writes it.

use serde::Serialize;

use crate::models::ModelRow;

#[derive(Serialize)]
struct Entry<'a> {
    name: String,
    #[serde(rename = "displayName")]
    display_name: &'a str,
    #[serde(rename = "supportedGenerationMethods")]
    methods: [&'static str; 2],
}

#[derive(Serialize)]
struct List<'a> {
    models: Vec<Entry<'a>>,
}

fn entry(row: &ModelRow) -> Entry<'_> {
    let methods = ["generateContent", "countTokens"];
    Entry { name: format!("models/{}", row.id), display_name: &row.id, methods }
}

pub(super) fn row(row: &ModelRow) -> Vec<u8> {
    serde_json::to_vec(&entry(row)).expect("texts always serialize")
}

pub(super) fn list(rows: &[ModelRow]) -> Vec<u8> {
    let list = List { models: rows.iter().map(entry).collect() };
    serde_json::to_vec(&list).expect("texts always serialize")
}
