//! Spend: sums over attempts, grouped by what the asker names. An attempt belongs to the day and
//! the time at which it was dispatched. Pending attempts count as attempts and cost nothing yet.

use sqlx::{QueryBuilder, Row, Sqlite, sqlite::SqliteRow};
use terms::{
    ids::RequestId,
    money::NanoUsd,
    time::{DAY_MS, Timestamp},
    usage::Usage,
};

use crate::{
    attempts::{count, id_bytes, read_usage},
    error::StoreError,
    store::Store,
};

/// What spend can be grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpendDimension {
    /// Who asked.
    Principal,
    /// Who pays.
    Team,
    /// The model that was tried.
    Model,
    /// Who was to answer.
    Provider,
    /// What the caller asked for.
    Route,
    /// The day in UTC.
    Day,
    /// The virtual key.
    Key,
}

impl SpendDimension {
    /// Every dimension, in the order in which documents list them.
    pub const ALL: &[SpendDimension] = &[
        Self::Principal,
        Self::Team,
        Self::Model,
        Self::Provider,
        Self::Route,
        Self::Day,
        Self::Key,
    ];

    /// The word used in commands, addresses and table headings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Team => "team",
            Self::Model => "model",
            Self::Provider => "provider",
            Self::Route => "route",
            Self::Day => "day",
            Self::Key => "key",
        }
    }

    /// The dimension with this word, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|dimension| dimension.name() == name)
    }

    const fn column(self) -> &'static str {
        match self {
            Self::Key => "key_id",
            _ => self.name(),
        }
    }
}

/// Which spend to sum, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpendQuery {
    /// One row per combination of these; a single row for all when empty.
    pub by: Vec<SpendDimension>,
    /// Attempts dispatched at or after this time.
    pub since: Option<Timestamp>,
    /// Attempts dispatched before this time.
    pub until: Option<Timestamp>,
}

/// The sums of one combination.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpendRow {
    /// One label per dimension of the query, in its order. A day is `YYYY-MM-DD`.
    pub labels: Vec<String>,
    /// Requests with at least one attempt here. A request that was tried at two models counts in
    /// the rows of both, so that these do not add up over models.
    pub requests: u64,
    /// Attempts, pending ones too.
    pub attempts: u64,
    /// Attempts that ended with neither an answer, nor the caller's leaving, nor the target's declining.
    pub failed_attempts: u64,
    /// Tokens.
    pub usage: Usage,
    /// Cost, estimates included.
    pub cost: NanoUsd,
    /// The part of the cost that rests on estimated token counts.
    pub estimated_cost: NanoUsd,
    /// The part of the cost that rests on assumed prices, because nobody knows the model's.
    pub assumed_cost: NanoUsd,
    /// What answers of students would have cost at their teachers, estimated.
    pub avoided_cost: NanoUsd,
}

/// The sums, each named as its field. The casts are for databases whose sums are wider than their
/// terms.
const SUMS: &str = "\
    COUNT(DISTINCT request) AS requests, COUNT(*) AS attempts, \
    CAST(COALESCE(SUM(CASE WHEN ending IN ('answered', 'caller_left', 'declined') OR ending IS NULL \
    THEN 0 ELSE 1 END), 0) AS BIGINT) AS failed_attempts, \
    CAST(COALESCE(SUM(uncached_in), 0) AS BIGINT) AS uncached_in, \
    CAST(COALESCE(SUM(cache_read), 0) AS BIGINT) AS cache_read, \
    CAST(COALESCE(SUM(cache_write_5m), 0) AS BIGINT) AS cache_write_5m, \
    CAST(COALESCE(SUM(cache_write_1h), 0) AS BIGINT) AS cache_write_1h, \
    CAST(COALESCE(SUM(visible_out), 0) AS BIGINT) AS visible_out, \
    CAST(COALESCE(SUM(reasoning_out), 0) AS BIGINT) AS reasoning_out, \
    CAST(COALESCE(SUM(cost), 0) AS BIGINT) AS cost, \
    CAST(COALESCE(SUM(CASE WHEN usage_source = 'estimated' THEN cost ELSE 0 END), 0) AS BIGINT) \
    AS estimated_cost, \
    CAST(COALESCE(SUM(CASE WHEN price_version = 'assumed' THEN cost ELSE 0 END), 0) AS BIGINT) \
    AS assumed_cost, \
    CAST(COALESCE(SUM(avoided_cost), 0) AS BIGINT) AS avoided_cost";

impl Store {
    /// Sums spend. Rows come dearest first, but in the order of days where days are asked for.
    pub async fn spend(&self, query: &SpendQuery) -> Result<Vec<SpendRow>, StoreError> {
        statement(query)
            .build()
            .fetch_all(&self.reader)
            .await?
            .iter()
            .map(|row| read_spend(row, &query.by))
            .collect()
    }
}

/// An attempt is dispatched within a day of its request's arrival, even when somebody sets the clock
/// in between: the ids, in whose order the rows are kept, bound what must be looked at.
const DISPATCHED_MS: i64 = DAY_MS;

/// The last time that an id can tell.
const LAST_MS: u64 = 0xFFFF_FFFF_FFFF;

/// The least id of requests that arrive at this time.
fn first_id(unix_ms: i64) -> Vec<u8> {
    id_bytes(RequestId::first_at(u64::try_from(unix_ms).unwrap_or(0).min(LAST_MS)))
}

/// Only constants of this file become text of the statement; every value is bound.
fn statement(query: &SpendQuery) -> QueryBuilder<Sqlite> {
    let mut statement = QueryBuilder::new("SELECT ");
    for dimension in &query.by {
        statement.push(dimension.column()).push(", ");
    }
    statement.push(SUMS).push(" FROM attempt WHERE 1 = 1");
    if let Some(since) = query.since {
        statement.push(" AND held_at >= ").push_bind(since.0);
        statement
            .push(" AND request >= ")
            .push_bind(first_id(since.0.saturating_sub(DISPATCHED_MS)));
    }
    if let Some(until) = query.until {
        statement.push(" AND held_at < ").push_bind(until.0);
        statement
            .push(" AND request < ")
            .push_bind(first_id(until.0.saturating_add(DISPATCHED_MS)));
    }
    for (index, dimension) in query.by.iter().enumerate() {
        statement.push(if index == 0 { " GROUP BY " } else { ", " }).push(dimension.column());
    }
    statement.push(" ORDER BY ");
    if query.by.contains(&SpendDimension::Day) {
        statement.push("day, ");
    }
    statement.push("cost DESC, requests DESC");
    for dimension in &query.by {
        statement.push(", ").push(dimension.column());
    }
    statement
}

fn read_spend(row: &SqliteRow, by: &[SpendDimension]) -> Result<SpendRow, StoreError> {
    Ok(SpendRow {
        labels: by.iter().map(|dimension| read_label(row, *dimension)).collect::<Result<_, _>>()?,
        requests: count(row, "requests")?,
        attempts: count(row, "attempts")?,
        failed_attempts: count(row, "failed_attempts")?,
        usage: read_usage(row)?,
        cost: NanoUsd(row.try_get("cost")?),
        estimated_cost: NanoUsd(row.try_get("estimated_cost")?),
        assumed_cost: NanoUsd(row.try_get("assumed_cost")?),
        avoided_cost: NanoUsd(row.try_get("avoided_cost")?),
    })
}

fn read_label(row: &SqliteRow, dimension: SpendDimension) -> Result<String, StoreError> {
    Ok(match dimension {
        SpendDimension::Day => Timestamp::of_day(row.try_get("day")?).date(),
        _ => row.try_get(dimension.column())?,
    })
}
