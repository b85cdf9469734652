//! Virtual keys as rows. The secret itself is never here, only its keyed hash; who made the hash
//! and how it is compared is `access`'s business.

use sqlx::{Row, sqlite::SqliteRow};
use terms::{
    ids::{KeyId, PrincipalName, TeamName},
    time::Timestamp,
};

use crate::{error::StoreError, store::Store};

/// One virtual key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Its public part.
    pub id: KeyId,
    /// What its maker calls it.
    pub name: String,
    /// Who owns it.
    pub principal: PrincipalName,
    /// Who pays.
    pub team: TeamName,
    /// The keyed hash of the secret.
    pub secret_hash: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was disabled; `None` while it works.
    pub disabled_at: Option<Timestamp>,
}

impl Store {
    /// Adds a key.
    ///
    /// # Errors
    /// [`StoreError::KeyExists`] when the id is taken.
    pub async fn insert_key(&self, key: &KeyRow) -> Result<(), StoreError> {
        let added = sqlx::query(
            "INSERT INTO virtual_key \
             (id, name, principal, team, secret_hash, created_at, disabled_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING",
        )
        .bind(key.id.as_str())
        .bind(&key.name)
        .bind(key.principal.as_str())
        .bind(key.team.as_str())
        .bind(key.secret_hash.as_slice())
        .bind(key.created_at.0)
        .bind(key.disabled_at.map(|at| at.0))
        .execute(&self.writer)
        .await?;
        match added.rows_affected() {
            0 => Err(StoreError::KeyExists(key.id.clone())),
            _ => Ok(()),
        }
    }

    /// Every key, disabled ones too, oldest first.
    pub async fn keys(&self) -> Result<Vec<KeyRow>, StoreError> {
        sqlx::query(
            "SELECT id, name, principal, team, secret_hash, created_at, disabled_at \
             FROM virtual_key ORDER BY created_at, id",
        )
        .fetch_all(&self.reader)
        .await?
        .iter()
        .map(read_key)
        .collect()
    }

    /// Disables a key for good. `false` when there is no such key or it is disabled already; the
    /// first time then stays.
    pub async fn disable_key(&self, id: &KeyId, at: Timestamp) -> Result<bool, StoreError> {
        let changed = sqlx::query(
            "UPDATE virtual_key SET disabled_at = $1 WHERE id = $2 AND disabled_at IS NULL",
        )
        .bind(at.0)
        .bind(id.as_str())
        .execute(&self.writer)
        .await?;
        Ok(changed.rows_affected() > 0)
    }
}

fn read_key(row: &SqliteRow) -> Result<KeyRow, StoreError> {
    let hash: &[u8] = row.try_get("secret_hash")?;
    Ok(KeyRow {
        id: row.try_get::<String, _>("id")?.into(),
        name: row.try_get("name")?,
        principal: row.try_get::<String, _>("principal")?.into(),
        team: row.try_get::<String, _>("team")?.into(),
        secret_hash: hash
            .try_into()
            .map_err(|_| StoreError::damaged("secret_hash", &format!("{} bytes", hash.len())))?,
        created_at: Timestamp(row.try_get("created_at")?),
        disabled_at: row.try_get::<Option<i64>, _>("disabled_at")?.map(Timestamp),
    })
}
