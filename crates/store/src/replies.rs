//! Replies that callers want kept, with what was asked. How long they are kept and who may see them is
//! other crates' business; here they are written, found by owner and id, and thrown away when told.

use sqlx::{Row, sqlite::SqliteRow};
use terms::time::Timestamp;

use crate::{error::StoreError, store::Store};

/// A kept reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyRow {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub principal: String,
    /// The reply that it follows.
    pub follows: Option<String>,
    /// Who answered.
    pub provider: String,
    /// What was asked, as JSON items between commas.
    pub asked: String,
    /// The whole reply, as JSON.
    pub reply: Vec<u8>,
    /// The ids of the items that it said. Not read back.
    pub items: Vec<String>,
    /// Since when.
    pub at: Timestamp,
}

impl Store {
    /// Keeps replies, in one transaction. One that is there already stays as it is.
    pub async fn keep_replies(&self, rows: &[ReplyRow]) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin().await?;
        for row in rows {
            let bytes = i64::try_from(row.asked.len() + row.reply.len()).unwrap_or(i64::MAX);
            sqlx::query(
                "INSERT INTO kept_reply (id, principal, follows, provider, asked, reply, bytes, at) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
            )
            .bind(&row.id)
            .bind(&row.principal)
            .bind(&row.follows)
            .bind(&row.provider)
            .bind(&row.asked)
            .bind(&row.reply)
            .bind(bytes)
            .bind(row.at.0)
            .execute(&mut *transaction)
            .await?;
            for item in &row.items {
                sqlx::query(
                    "INSERT INTO kept_item (id, reply) VALUES (?, ?) ON CONFLICT DO NOTHING",
                )
                .bind(item)
                .bind(&row.id)
                .execute(&mut *transaction)
                .await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The reply of this owner with this id.
    pub async fn kept_reply(
        &self,
        principal: &str,
        id: &str,
    ) -> Result<Option<ReplyRow>, StoreError> {
        let row = sqlx::query(
            "SELECT id, principal, follows, provider, asked, reply, at FROM kept_reply \
             WHERE id = ? AND principal = ?",
        )
        .bind(id)
        .bind(principal)
        .fetch_optional(&self.reader)
        .await?;
        row.as_ref().map(read).transpose()
    }

    /// The newest reply of this owner that said the item with this id.
    pub async fn kept_item(
        &self,
        principal: &str,
        item: &str,
    ) -> Result<Option<ReplyRow>, StoreError> {
        let row = sqlx::query(
            "SELECT k.id AS id, k.principal AS principal, k.follows AS follows, \
             k.provider AS provider, k.asked AS asked, k.reply AS reply, k.at AS at \
             FROM kept_item AS i JOIN kept_reply AS k ON k.id = i.reply \
             WHERE i.id = ? AND k.principal = ? ORDER BY k.at DESC LIMIT 1",
        )
        .bind(item)
        .bind(principal)
        .fetch_optional(&self.reader)
        .await?;
        row.as_ref().map(read).transpose()
    }

    /// Removes the reply of this owner with this id; false where there was none.
    pub async fn remove_reply(&self, principal: &str, id: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM kept_reply WHERE id = ? AND principal = ?")
            .bind(id)
            .bind(principal)
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Throws away what is older than `before`, and then the oldest until at most `most_bytes` are
    /// left. Gives how many went.
    pub async fn thin_replies(
        &self,
        before: Timestamp,
        most_bytes: i64,
    ) -> Result<u64, StoreError> {
        let old = sqlx::query("DELETE FROM kept_reply WHERE at < ?")
            .bind(before.0)
            .execute(&self.writer)
            .await?;
        let over = sqlx::query(
            "DELETE FROM kept_reply WHERE id IN (SELECT id FROM \
             (SELECT id, SUM(bytes) OVER (ORDER BY at DESC, id DESC) AS total FROM kept_reply) \
             WHERE total > ?)",
        )
        .bind(most_bytes)
        .execute(&self.writer)
        .await?;
        Ok(old.rows_affected() + over.rows_affected())
    }
}

fn read(row: &SqliteRow) -> Result<ReplyRow, StoreError> {
    Ok(ReplyRow {
        id: row.try_get("id")?,
        principal: row.try_get("principal")?,
        follows: row.try_get("follows")?,
        provider: row.try_get("provider")?,
        asked: row.try_get("asked")?,
        reply: row.try_get("reply")?,
        items: Vec::new(),
        at: Timestamp(row.try_get("at")?),
    })
}
