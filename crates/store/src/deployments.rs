//! Deployments of students as a log: what was put into service for a task, taken away and brought back,
//! in order. What a version is, is known to those who write it.

use sqlx::{Row, sqlite::SqliteRow};
use terms::time::Timestamp;

use crate::{error::StoreError, store::Store};

/// One change of what answers a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentRow {
    /// The task's name, without `task:`.
    pub task: String,
    /// Counted from 1 within the task.
    pub number: u32,
    /// The student that serves from then on; `None` when the student was taken away.
    pub version: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// Adds a change behind the others of its task, and returns its number.
    pub async fn add_deployment(
        &self,
        task: &str,
        version: Option<&str>,
        at: Timestamp,
    ) -> Result<u32, StoreError> {
        let number = sqlx::query_scalar(
            "INSERT INTO deployment (task, number, version, at) VALUES (?, \
             (SELECT COALESCE(MAX(number), 0) + 1 FROM deployment WHERE task = ?), ?, ?) \
             RETURNING number",
        )
        .bind(task)
        .bind(task)
        .bind(version)
        .bind(at.0)
        .fetch_one(&self.writer)
        .await?;
        Ok(number)
    }

    /// Every change, by task, oldest first.
    pub async fn deployments(&self) -> Result<Vec<DeploymentRow>, StoreError> {
        sqlx::query("SELECT task, number, version, at FROM deployment ORDER BY task, number")
            .fetch_all(&self.reader)
            .await?
            .iter()
            .map(read)
            .collect()
    }
}

fn read(row: &SqliteRow) -> Result<DeploymentRow, StoreError> {
    Ok(DeploymentRow {
        task: row.try_get("task")?,
        number: row.try_get("number")?,
        version: row.try_get("version")?,
        at: Timestamp(row.try_get("at")?),
    })
}
