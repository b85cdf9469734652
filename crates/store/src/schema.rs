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
    use super::{MIGRATIONS, migrate};
    use crate::{Store, StoreError};

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
