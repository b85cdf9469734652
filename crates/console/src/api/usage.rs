//! `/api/usage`: spend summed by what the address names, such as `?by=principal,model&since=2026-11-01`.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::{Deserialize, Serialize};
use store::{SpendDimension, SpendQuery, SpendRow};
use terms::{money::NanoUsd, time::Timestamp, usage::Usage};

use crate::{error::ConsoleError, state::App};

/// What to sum, as the address says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UsageQuery {
    by: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

/// The sums.
#[derive(Serialize)]
pub(crate) struct UsageReport {
    by: Vec<&'static str>,
    rows: Vec<UsageRow>,
}

#[derive(Serialize)]
struct UsageRow {
    /// A label for each dimension in `by`.
    labels: BTreeMap<&'static str, String>,
    requests: u64,
    attempts: u64,
    failed_attempts: u64,
    usage: Usage,
    cost_nano_usd: NanoUsd,
    estimated_cost_nano_usd: NanoUsd,
    /// The part at prices that nobody knows.
    assumed_cost_nano_usd: NanoUsd,
    /// What answers of students would have cost at their teachers.
    avoided_cost_nano_usd: NanoUsd,
}

pub(crate) async fn report(
    State(app): State<App>,
    query: Result<Query<UsageQuery>, QueryRejection>,
) -> Result<Json<UsageReport>, ConsoleError> {
    let Query(query) = query.map_err(|error| ConsoleError::BadInput(error.body_text()))?;
    let query = SpendQuery {
        by: dimensions(query.by.as_deref().unwrap_or_default())?,
        since: query.since.as_deref().map(|since| midnight("since", since)).transpose()?,
        until: query.until.as_deref().map(|until| midnight("until", until)).transpose()?,
    };
    let by: Vec<&str> = query.by.iter().map(|dimension| dimension.name()).collect();
    let rows = app.state.store.spend(&query).await?;
    let rows = rows.into_iter().map(|row| usage_row(&by, row)).collect();
    Ok(Json(UsageReport { by, rows }))
}

fn usage_row(by: &[&'static str], row: SpendRow) -> UsageRow {
    UsageRow {
        labels: by.iter().copied().zip(row.labels).collect(),
        requests: row.requests,
        attempts: row.attempts,
        failed_attempts: row.failed_attempts,
        usage: row.usage,
        cost_nano_usd: row.cost,
        estimated_cost_nano_usd: row.estimated_cost,
        assumed_cost_nano_usd: row.assumed_cost,
        avoided_cost_nano_usd: row.avoided_cost,
    }
}

/// Reads `principal,model`. A dimension that is named twice counts once.
fn dimensions(names: &str) -> Result<Vec<SpendDimension>, ConsoleError> {
    let mut dimensions = Vec::new();
    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let dimension = SpendDimension::from_name(name).ok_or_else(|| unknown(name))?;
        if !dimensions.contains(&dimension) {
            dimensions.push(dimension);
        }
    }
    Ok(dimensions)
}

fn unknown(name: &str) -> ConsoleError {
    let known: Vec<&str> = SpendDimension::ALL.iter().map(|dimension| dimension.name()).collect();
    let known = known.join(", ");
    ConsoleError::BadInput(format!("usage cannot be summed by {name:?}; it can by {known}"))
}

fn midnight(what: &str, date: &str) -> Result<Timestamp, ConsoleError> {
    Timestamp::from_date(date).ok_or_else(|| {
        ConsoleError::BadInput(format!("{what} must be a date such as 2026-11-20, not {date:?}"))
    })
}
