//! Attempts as they were held and settled, read back for the trail of a request and for replay.

use sqlx::{Row, sqlite::SqliteRow};
use terms::{
    dialect::Dialect,
    event::{Hold, Settlement},
    ids::{AttemptId, RequestId},
    money::NanoUsd,
    outcome::Ending,
    time::Timestamp,
    usage::{Usage, UsageSource},
};

use crate::{error::StoreError, store::Store};

/// One attempt of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// What was set aside before it was dispatched.
    pub hold: Hold,
    /// How it ended; `None` while it is pending.
    pub settlement: Option<Settlement>,
}

impl Store {
    /// The attempts of one request, in the order of their dispatch. Empty for an unknown request.
    pub async fn attempts_of(&self, request: RequestId) -> Result<Vec<AttemptRow>, StoreError> {
        sqlx::query("SELECT * FROM attempt WHERE request = $1 ORDER BY ordinal")
            .bind(id_bytes(request))
            .fetch_all(&self.reader)
            .await?
            .iter()
            .map(read_attempt)
            .collect()
    }

    /// The holds that no settlement has completed, oldest first. After the journal was replayed at
    /// start, these are the attempts that were running when the process died.
    pub async fn pending_attempts(&self) -> Result<Vec<Hold>, StoreError> {
        sqlx::query("SELECT * FROM attempt WHERE ended IS NULL ORDER BY held_at, request, ordinal")
            .fetch_all(&self.reader)
            .await?
            .iter()
            .map(read_hold)
            .collect()
    }
}

fn read_attempt(row: &SqliteRow) -> Result<AttemptRow, StoreError> {
    let hold = read_hold(row)?;
    let settlement = match row.try_get::<Option<String>, _>("ending")? {
        None => None,
        Some(ending) => Some(read_settlement(row, hold.attempt, &ending)?),
    };
    Ok(AttemptRow { hold, settlement })
}

fn read_hold(row: &SqliteRow) -> Result<Hold, StoreError> {
    let name = |column| row.try_get::<String, _>(column);
    let dialect = name("dialect")?;
    Ok(Hold {
        attempt: AttemptId { request: read_id(row)?, ordinal: row.try_get("ordinal")? },
        at: Timestamp(row.try_get("held_at")?),
        key: name("key_id")?.into(),
        principal: name("principal")?.into(),
        team: name("team")?.into(),
        route: name("route")?.into(),
        target: name("target")?.into(),
        provider: name("provider")?.into(),
        model: name("model")?.into(),
        dialect: Dialect::from_name(&dialect)
            .ok_or_else(|| StoreError::damaged("dialect", &dialect))?,
        stream: row.try_get::<i64, _>("stream")? != 0,
        estimated_in: count(row, "estimated_in")?,
        ceiling: NanoUsd(row.try_get("ceiling")?),
    })
}

/// An id as it is stored: its 16 bytes, which sort as the ids do.
pub(crate) fn id_bytes(request: RequestId) -> Vec<u8> {
    request.as_u128().to_be_bytes().to_vec()
}

fn read_id(row: &SqliteRow) -> Result<RequestId, StoreError> {
    let bytes: &[u8] = row.try_get("request")?;
    let bits = <[u8; 16]>::try_from(bytes);
    let bits = bits.map_err(|_| StoreError::damaged("request", &String::from_utf8_lossy(bytes)))?;
    Ok(RequestId::from_u128(u128::from_be_bytes(bits)))
}

fn read_settlement(
    row: &SqliteRow,
    attempt: AttemptId,
    ending: &str,
) -> Result<Settlement, StoreError> {
    let source: String = row.try_get("usage_source")?;
    let first_token_ms: Option<i64> = row.try_get("first_token_ms")?;
    Ok(Settlement {
        attempt,
        at: Timestamp(row.try_get("settled_at")?),
        ending: Ending::from_name(ending).ok_or_else(|| StoreError::damaged("ending", ending))?,
        usage: read_usage(row)?,
        source: UsageSource::from_name(&source)
            .ok_or_else(|| StoreError::damaged("usage_source", &source))?,
        cost: NanoUsd(row.try_get("cost")?),
        avoided: row.try_get::<Option<i64>, _>("avoided_cost")?.map(NanoUsd),
        price_version: row.try_get("price_version")?,
        first_token_ms: first_token_ms.map(i64::unsigned_abs),
        total_ms: count(row, "total_ms")?,
    })
}

/// The six buckets, from the columns that bear their names.
pub(crate) fn read_usage(row: &SqliteRow) -> Result<Usage, StoreError> {
    Ok(Usage {
        uncached_in: count(row, "uncached_in")?,
        cache_read: count(row, "cache_read")?,
        cache_write_5m: count(row, "cache_write_5m")?,
        cache_write_1h: count(row, "cache_write_1h")?,
        visible_out: count(row, "visible_out")?,
        reasoning_out: count(row, "reasoning_out")?,
    })
}

/// A column that is never negative.
pub(crate) fn count(row: &SqliteRow, column: &'static str) -> Result<u64, StoreError> {
    let value: i64 = row.try_get(column)?;
    u64::try_from(value).map_err(|_| StoreError::damaged(column, &value.to_string()))
}
