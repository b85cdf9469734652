//! Incidents and canaries: kept as they are, with what is remembered of how targets answer beside them,
//! so that both tell of the same moment.

use terms::{
    ids::IncidentId,
    incident::{CanaryRun, Incident},
    money::NanoUsd,
    time::Timestamp,
};

use crate::{
    attempts::id_bytes,
    error::{StoreError, from_json},
    store::Store,
};

/// The setting that holds what is remembered of how targets answer.
const HISTORY: &str = "sign_history";

const PUT: &str = "\
    INSERT INTO incident (id, opened, is_open, incident) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (id) DO UPDATE SET is_open = excluded.is_open, incident = excluded.incident";

impl Store {
    /// Keeps incidents as they are now, and what is remembered of all targets, in one transaction.
    pub async fn put_incidents(
        &self,
        incidents: &[Incident],
        history: &[u8],
    ) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin().await?;
        for incident in incidents {
            sqlx::query(PUT)
                .bind(incident.id.as_str())
                .bind(incident.opened.0)
                .bind(incident.closed.is_none())
                .bind(serde_json::to_string(incident).expect("an incident is plain data"))
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query(
            "INSERT INTO setting (name, value) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(HISTORY)
        .bind(history)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// What was remembered of all targets when incidents were last kept.
    pub async fn sign_history(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.setting(HISTORY).await
    }

    /// Incidents that are open, oldest first.
    pub async fn open_incidents(&self) -> Result<Vec<Incident>, StoreError> {
        let rows: Vec<String> =
            sqlx::query_scalar("SELECT incident FROM incident WHERE is_open ORDER BY opened, id")
                .fetch_all(&self.reader)
                .await?;
        rows.iter().map(|row| from_json("incident", row)).collect()
    }

    /// All incidents that are open, then the latest of the closed ones, each newest first.
    pub async fn incidents(&self, closed: u32) -> Result<Vec<Incident>, StoreError> {
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT incident FROM incident WHERE is_open OR id IN \
             (SELECT id FROM incident WHERE NOT is_open ORDER BY opened DESC, id LIMIT $1) \
             ORDER BY is_open DESC, opened DESC, id",
        )
        .bind(i64::from(closed))
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(|row| from_json("incident", row)).collect()
    }

    /// The incident of this name.
    pub async fn incident(&self, id: &IncidentId) -> Result<Option<Incident>, StoreError> {
        let row: Option<String> = sqlx::query_scalar("SELECT incident FROM incident WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.reader)
            .await?;
        row.map(|row| from_json("incident", &row)).transpose()
    }

    /// Keeps a canary that was asked, and forgets those from before `since`.
    pub async fn put_canary_run(
        &self,
        run: &CanaryRun,
        since: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM canary_run WHERE at < $1")
            .bind(since.0)
            .execute(&self.writer)
            .await?;
        sqlx::query(
            "INSERT INTO canary_run (request, at, cost, run) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (request) DO NOTHING",
        )
        .bind(id_bytes(run.request))
        .bind(run.at.0)
        .bind(run.cost.0)
        .bind(serde_json::to_string(run).expect("a run is plain data"))
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// The newest canaries that were asked, newest first.
    pub async fn canary_runs(&self, at_most: u32) -> Result<Vec<CanaryRun>, StoreError> {
        let rows: Vec<String> =
            sqlx::query_scalar("SELECT run FROM canary_run ORDER BY at DESC, request LIMIT $1")
                .bind(i64::from(at_most))
                .fetch_all(&self.reader)
                .await?;
        rows.iter().map(|row| from_json("run", row)).collect()
    }

    /// What canaries cost since then.
    pub async fn canary_cost(&self, since: Timestamp) -> Result<NanoUsd, StoreError> {
        let cost: Option<i64> =
            sqlx::query_scalar("SELECT SUM(cost) FROM canary_run WHERE at >= $1")
                .bind(since.0)
                .fetch_one(&self.reader)
                .await?;
        Ok(NanoUsd(cost.unwrap_or(0)))
    }
}
