//! The schema as ordered migrations, applied when a store is opened. A migration that was released
//! is never edited; a change is a new file at the end of the list.

use sqlx::SqlitePool;

use crate::error::StoreError;

/// Every migration in order; the version of a store is how many of them it has seen.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_keys_settings_and_attempts.sql"),
    include_str!("../migrations/0002_avoided_cost_and_deployments.sql"),
    include_str!("../migrations/0003_breaker_events.sql"),
    include_str!("../migrations/0004_kept_replies.sql"),
    include_str!("../migrations/0005_kept_items.sql"),
    include_str!("../migrations/0006_attempts_in_fewer_bytes.sql"),
    include_str!("../migrations/0007_traces.sql"),
    include_str!("../migrations/0008_incidents.sql"),
];

const VERSION_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY)";

/// Applies what is missing, all of it in one transaction that holds the write lock from its start,
/// so that two programs opening a new store at once do not both build it.
pub(crate) async fn migrate(pool: &SqlitePool) -> Result<(), StoreError> {
    let known = i64::try_from(MIGRATIONS.len()).expect("a list of migrations is short");
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query(VERSION_TABLE).execute(&mut *transaction).await?;
    let found: Option<i64> = sqlx::query_scalar("SELECT MAX(version) FROM schema_version")
        .fetch_one(&mut *transaction)
        .await?;
    let found = found.unwrap_or(0);
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (version, migration) in (1..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
        sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO schema_version (version) VALUES ($1)")
            .bind(version)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
    use terms::{
        dialect::Dialect,
        event::{Entry, JournalPosition, Settlement},
        ids::RequestId,
        money::NanoUsd,
        outcome::{Ending, Failure},
    };

    use super::{MIGRATIONS, VERSION_TABLE, migrate};
    use crate::{SpendQuery, Store, StoreError};

    #[tokio::test]
    async fn migrating_twice_is_migrating_once() {
        let store = Store::in_memory().await.unwrap();
        migrate(&store.writer).await.unwrap();
        let versions: Vec<i64> = sqlx::query_scalar("SELECT version FROM schema_version")
            .fetch_all(&store.reader)
            .await
            .unwrap();
        assert_eq!(versions.len(), MIGRATIONS.len());
    }

    /// Attempts as the program before the sixth migration wrote them: one answered, one that a
    /// student declined, one pending.
    const OLD_ATTEMPTS: &str = "\
        INSERT INTO attempt VALUES \
        ('req_0193555555557abc8000000000000001', 1, 1795219140000, 20778, 'ok_a', 'ada', 'platform', \
        'fable', 'anthropic/fable', 'anthropic', 'fable', 'anthropic-messages', 1, 900, 5000, \
        1795219141200, 'answered', 800, 100, 20, 3, 50, 7, 'provider', 3400, '2026-11-20', 310, 1200, \
        NULL), \
        ('req_0193555555557abc8000000000000002', 1, 1795219200000, 20778, 'ok_a', 'ada', 'platform', \
        'fable', 'task/s1', 'task', 's1', 'openai-chat', 0, 90, 0, \
        1795219200001, 'declined', 0, 0, 0, 0, 0, 0, 'none', 0, '', NULL, 1, 0), \
        ('req_0193555555557abc8000000000000002', 2, 1795219260000, 20779, 'ok_a', 'ada', 'platform', \
        'fable', 'anthropic/fable', 'anthropic', 'fable', 'openai-chat', 0, 90, 70, \
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)";

    #[tokio::test]
    async fn attempts_of_an_older_program_read_as_before_and_are_completed() {
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(SqliteConnectOptions::new().in_memory(true))
            .await
            .unwrap();
        sqlx::query(VERSION_TABLE).execute(&pool).await.unwrap();
        for (version, migration) in (1_i64..).zip(&MIGRATIONS[..5]) {
            sqlx::raw_sql(*migration).execute(&pool).await.unwrap();
            let seen = sqlx::query("INSERT INTO schema_version (version) VALUES ($1)");
            seen.bind(version).execute(&pool).await.unwrap();
        }
        sqlx::query(OLD_ATTEMPTS).execute(&pool).await.unwrap();
        migrate(&pool).await.unwrap();
        let store = Store { writer: pool.clone(), reader: pool };

        let request = RequestId::parse("req_0193555555557abc8000000000000002").unwrap();
        let rows = store.attempts_of(request).await.unwrap();
        let ends: Vec<_> =
            rows.iter().map(|row| row.settlement.as_ref().map(|s| s.ending)).collect();
        assert_eq!(ends, [Some(Ending::Failed(Failure::Declined)), None]);
        assert_eq!(rows[0].settlement.as_ref().unwrap().avoided, Some(NanoUsd(0)));
        assert_eq!(rows[1].hold.target, "anthropic/fable".into());
        assert_eq!(store.pending_attempts().await.unwrap(), [rows[1].hold.clone()]);

        let first = RequestId::parse("req_0193555555557abc8000000000000001").unwrap();
        let row = store.attempts_of(first).await.unwrap().remove(0);
        let settled = row.settlement.unwrap();
        assert_eq!((settled.usage.input(), settled.usage.output()), (923, 57));
        assert_eq!((settled.price_version.as_str(), settled.total_ms), ("2026-11-20", 1_200));
        assert!(row.hold.stream && row.hold.dialect == Dialect::AnthropicMessages);

        let late = Settlement { attempt: rows[1].hold.attempt, ..settled };
        let position = JournalPosition { segment: 1, offset: 1 };
        let taken = store.ingest(&[Entry::Settlement(late)], position).await.unwrap();
        assert_eq!((taken.settled, taken.orphaned), (1, 0));
        let spent = store.spend(&SpendQuery::default()).await.unwrap().remove(0);
        assert_eq!((spent.requests, spent.attempts, spent.failed_attempts), (2, 3, 0));
        assert_eq!((spent.cost, spent.estimated_cost), (NanoUsd(6_800), NanoUsd(0)));
    }

    #[tokio::test]
    async fn a_store_of_a_later_program_is_refused() {
        let store = Store::in_memory().await.unwrap();
        sqlx::query("INSERT INTO schema_version (version) VALUES (99)")
            .execute(&store.writer)
            .await
            .unwrap();
        let refused = migrate(&store.writer).await;
        assert!(matches!(refused, Err(StoreError::Newer { found: 99, .. })));
    }
}
