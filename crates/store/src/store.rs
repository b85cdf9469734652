//! The store's handle: opening, closing, and the two pools behind it. Queries live with what they
//! are about, in the sibling files.

use std::{path::Path, time::Duration};

use sqlx::{
    Connection, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{error::StoreError, schema};

/// How long a statement waits for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The pause between two tries to turn a new file to its write-ahead log, where SQLite does not wait.
const TURNING_PAUSE: Duration = Duration::from_millis(5);

/// SQLite's code for a lock that somebody else holds (`SQLITE_BUSY`), in the low byte of all its kinds.
const BUSY: i64 = 5;

/// Connections for reading. Reports are few; the gateway's hot path never reads SQL.
const READERS: u32 = 4;

/// A handle to the store; cheap to clone, all clones share the same connections.
#[derive(Debug, Clone)]
pub struct Store {
    /// One connection, because SQLite has one writer at a time: waiting happens here, in order.
    pub(crate) writer: SqlitePool,
    /// Readers do not block the writer (write-ahead log), nor it them.
    pub(crate) reader: SqlitePool,
}

impl Store {
    /// Opens the store in this file, creates it if it is not there, and brings its schema up to date.
    /// The folder must exist.
    ///
    /// # Errors
    /// [`StoreError::Open`] when the file cannot be opened, [`StoreError::Newer`] when a later
    /// program wrote it.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = options().filename(path).create_if_missing(true);
        let cannot_open = |source| StoreError::Open { path: path.to_owned(), source };
        let first = turned(&options).await.map_err(cannot_open)?;
        let writer = pool(1).connect_with(options.clone()).await.map_err(cannot_open)?;
        schema::migrate(&writer).await?;
        let reader =
            pool(READERS).connect_with(options.read_only(true)).await.map_err(cannot_open)?;
        first.close().await.map_err(cannot_open)?;
        Ok(Self { writer, reader })
    }

    /// A store in memory that is gone with its last handle. For tests and trials.
    pub async fn in_memory() -> Result<Self, StoreError> {
        let writer = pool(1).connect_with(options().in_memory(true)).await?;
        schema::migrate(&writer).await?;
        Ok(Self { reader: writer.clone(), writer })
    }

    /// Waits for running statements and closes the file. Other handles fail from here on.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

fn options() -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .journal_mode(SqliteJournalMode::Wal)
        // A crash of the machine may lose the last batches, which the journal brings again.
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
}

/// A first connection, after which the file has its write-ahead log. To turn a file to it SQLite reads the
/// header and then asks for the write lock while it still reads; of two that do so at once it refuses
/// one on the spot, busy timeout or not, since waiting might be waiting for each other. A turned file is
/// not turned again, so that every later connection waits as it should.
async fn turned(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let tries = BUSY_TIMEOUT.as_millis() / TURNING_PAUSE.as_millis();
    for _ in 0..tries {
        match SqliteConnection::connect_with(options).await {
            Err(error) if is_busy(&error) => tokio::time::sleep(TURNING_PAUSE).await,
            done => return done,
        }
    }
    SqliteConnection::connect_with(options).await
}

fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<i64>().ok()).is_some_and(|code| code & 0xff == BUSY)
}

/// A pool that never lets go of a connection by itself: an idle one costs little, and the memory
/// store would be gone with its only one.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
}
