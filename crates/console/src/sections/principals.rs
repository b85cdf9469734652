//! Who asks most and what it costs. A list of interesting work, not of shame: it names no limits
//! and ranks nobody as too dear.

use askama::Template;

use crate::{
    format::count,
    live::{Overview, PrincipalRow},
};

#[derive(Template)]
#[template(path = "sections/principals.html")]
struct Principals {
    rows: Vec<Row>,
}

struct Row {
    principal: String,
    requests: String,
    cost: String,
    /// The length of its bar in percent of the dearest.
    length: String,
}

pub(crate) fn render(overview: &Overview) -> askama::Result<String> {
    let dearest = overview.top_principals.iter().map(|row| row.cost.0).max().unwrap_or(0).max(1);
    let rows = overview.top_principals.iter().map(|principal| row(principal, dearest)).collect();
    Principals { rows }.render()
}

fn row(principal: &PrincipalRow, dearest: i64) -> Row {
    let length = principal.cost.0.max(0) as f64 / dearest as f64 * 100.0;
    Row {
        principal: principal.principal.to_string(),
        requests: count(principal.requests),
        cost: principal.cost.to_string(),
        length: format!("{length:.1}"),
    }
}
