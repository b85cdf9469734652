//! What happened to breakers, as rows: written with the journal's batches, read at start and by the
//! console. What a state means for a request is not known here.

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use terms::{
    breaker::{
        AgentName, Autonomy, BreakerChange, BreakerEvent, BreakerId, BreakerState, ClientFamily,
        Evidence, SessionId, SessionKey,
    },
    money::NanoUsd,
    time::Timestamp,
};

use crate::{error::StoreError, store::Store};

const INSERT: &str = "\
    INSERT INTO breaker_event (breaker, version, at, principal, client, session, agent, change, \
    more_ms, more_cost, state, allowed_ms, allowed_cost, used_ms, used_cost, requests, first_seen, \
    last_human, run_began, decided_by) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
    ON CONFLICT (breaker, version) DO NOTHING";

const NEWEST: &str = "SELECT * FROM breaker_event ORDER BY at DESC, version DESC, breaker LIMIT $1";

const STANDING: &str = "\
    SELECT * FROM breaker_event AS latest \
    WHERE version = (SELECT MAX(version) FROM breaker_event WHERE breaker = latest.breaker) \
    AND (state <> 'closed' OR (change = 'confirmed' AND at >= $1)) \
    ORDER BY at DESC, breaker LIMIT $2";

/// Adds an event; one that is there already stays as it is.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    event: &BreakerEvent,
) -> Result<(), StoreError> {
    let more = match event.change {
        BreakerChange::Confirmed(more) => Some(more),
        _ => None,
    };
    let evidence = &event.evidence;
    sqlx::query(INSERT)
        .bind(event.breaker.as_str())
        .bind(whole(event.version))
        .bind(event.at.0)
        .bind(event.session.principal.as_str())
        .bind(event.session.client.name())
        .bind(event.session.session.as_str())
        .bind(event.agent.as_str())
        .bind(event.change.name())
        .bind(more.map(|more| whole(more.autonomous_ms)))
        .bind(more.map(|more| more.cost.0))
        .bind(event.state.name())
        .bind(whole(event.allowed.autonomous_ms))
        .bind(event.allowed.cost.0)
        .bind(whole(evidence.used.autonomous_ms))
        .bind(evidence.used.cost.0)
        .bind(whole(evidence.requests))
        .bind(evidence.first_seen.0)
        .bind(evidence.last_human.map(|at| at.0))
        .bind(evidence.run_began.0)
        .bind(event.by.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// The largest that a column takes stands for everything above it: a limit that is no limit must
/// not keep a batch out of the store.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Store {
    /// The newest events, newest first.
    pub async fn breaker_events(&self, at_most: u32) -> Result<Vec<BreakerEvent>, StoreError> {
        sqlx::query(NEWEST)
            .bind(i64::from(at_most))
            .fetch_all(&self.reader)
            .await?
            .iter()
            .map(read_event)
            .collect()
    }

    /// The latest event of each breaker that is not closed, or that somebody confirmed since then,
    /// newest first.
    pub async fn standing_breakers(
        &self,
        confirmed_since: Timestamp,
        at_most: u32,
    ) -> Result<Vec<BreakerEvent>, StoreError> {
        sqlx::query(STANDING)
            .bind(confirmed_since.0)
            .bind(i64::from(at_most))
            .fetch_all(&self.reader)
            .await?
            .iter()
            .map(read_event)
            .collect()
    }
}

fn read_event(row: &SqliteRow) -> Result<BreakerEvent, StoreError> {
    let client: &str = row.try_get("client")?;
    let session: &str = row.try_get("session")?;
    let state: &str = row.try_get("state")?;
    let autonomy = |ms: &str, cost: &str| -> Result<Autonomy, StoreError> {
        Ok(Autonomy {
            autonomous_ms: row.try_get::<i64, _>(ms)?.unsigned_abs(),
            cost: NanoUsd(row.try_get(cost)?),
        })
    };
    Ok(BreakerEvent {
        breaker: BreakerId::from(row.try_get::<&str, _>("breaker")?),
        version: row.try_get::<i64, _>("version")?.unsigned_abs(),
        at: Timestamp(row.try_get("at")?),
        session: SessionKey {
            principal: row.try_get::<String, _>("principal")?.into(),
            client: ClientFamily::from_name(client)
                .ok_or_else(|| StoreError::damaged("client", client))?,
            session: SessionId::parse(session)
                .ok_or_else(|| StoreError::damaged("session", session))?,
        },
        agent: AgentName::of(row.try_get("agent")?),
        change: read_change(row)?,
        state: BreakerState::from_name(state).ok_or_else(|| StoreError::damaged("state", state))?,
        allowed: autonomy("allowed_ms", "allowed_cost")?,
        evidence: Evidence {
            used: autonomy("used_ms", "used_cost")?,
            requests: row.try_get::<i64, _>("requests")?.unsigned_abs(),
            first_seen: Timestamp(row.try_get("first_seen")?),
            last_human: row.try_get::<Option<i64>, _>("last_human")?.map(Timestamp),
            run_began: Timestamp(row.try_get("run_began")?),
        },
        by: row.try_get("decided_by")?,
    })
}

fn read_change(row: &SqliteRow) -> Result<BreakerChange, StoreError> {
    match row.try_get("change")? {
        "pinged" => Ok(BreakerChange::Pinged),
        "confirmed" => Ok(BreakerChange::Confirmed(Autonomy {
            autonomous_ms: row.try_get::<Option<i64>, _>("more_ms")?.unwrap_or(0).unsigned_abs(),
            cost: NanoUsd(row.try_get::<Option<i64>, _>("more_cost")?.unwrap_or(0)),
        })),
        "stopped" => Ok(BreakerChange::Stopped),
        "human_spoke" => Ok(BreakerChange::HumanSpoke),
        other => Err(StoreError::damaged("change", other)),
    }
}
