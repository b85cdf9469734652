//! Traces of requests: written in batches, found by the request's id, thrown away by age.

use terms::{ids::RequestId, time::Timestamp, trace::Trace};

use crate::{
    attempts::id_bytes,
    error::{StoreError, from_json},
    store::Store,
};

impl Store {
    /// Keeps traces, in one transaction. One that is there already stays as it is.
    pub async fn keep_traces(&self, traces: &[Trace]) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin().await?;
        for trace in traces {
            let text = serde_json::to_string(trace).expect("a trace is plain data");
            sqlx::query(
                "INSERT INTO trace (request, at, trace) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            )
            .bind(id_bytes(trace.request))
            .bind(trace.at.0)
            .bind(text)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The trace of a request; `None` where nothing happened to it, or long ago.
    pub async fn trace_of(&self, request: RequestId) -> Result<Option<Trace>, StoreError> {
        let text: Option<String> = sqlx::query_scalar("SELECT trace FROM trace WHERE request = ?")
            .bind(id_bytes(request))
            .fetch_optional(&self.reader)
            .await?;
        text.map(|text| from_json("trace", &text)).transpose()
    }

    /// The newest traces, the newest first.
    pub async fn newest_traces(&self, most: u32) -> Result<Vec<Trace>, StoreError> {
        let texts: Vec<String> =
            sqlx::query_scalar("SELECT trace FROM trace ORDER BY at DESC LIMIT ?")
                .bind(most)
                .fetch_all(&self.reader)
                .await?;
        texts.iter().map(|text| from_json("trace", text)).collect()
    }

    /// Throws away what is older than `before`, and then the oldest until at most `most` are left.
    /// Gives how many went.
    pub async fn thin_traces(&self, before: Timestamp, most: u32) -> Result<u64, StoreError> {
        let old = sqlx::query("DELETE FROM trace WHERE at < ?")
            .bind(before.0)
            .execute(&self.writer)
            .await?;
        let many = sqlx::query(
            "DELETE FROM trace WHERE at < (SELECT at FROM trace ORDER BY at DESC LIMIT 1 OFFSET ?)",
        )
        .bind(most.saturating_sub(1))
        .execute(&self.writer)
        .await?;
        Ok(old.rows_affected() + many.rows_affected())
    }
}
