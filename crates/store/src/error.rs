//! What can go wrong with the store, as rich as its callers' decisions.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use terms::ids::KeyId;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file could not be opened or created.
    #[error("cannot open the store {path}: {source}", path = .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// The file was written by a later version of the program; it is left as it is.
    #[error(
        "the store has schema version {found}, and this program knows {known}; \
         use a newer program or another data folder"
    )]
    Newer {
        /// The version in the file.
        found: i64,
        /// The latest version this program knows.
        known: i64,
    },
    /// A key with this id is there already.
    #[error("a key with the id {0} exists already")]
    KeyExists(KeyId),
    /// A stored value is not one that this program writes.
    #[error("the store holds {value:?} in column {column}, which this program never writes")]
    Damaged {
        /// Where.
        column: &'static str,
        /// What.
        value: String,
    },
    /// A number is too large for a 64-bit signed column. Nothing of the batch was written.
    #[error("{0} is too large to be stored")]
    TooLarge(&'static str),
    /// The database refused or failed.
    #[error("the store failed: {0}")]
    Database(#[from] sqlx::Error),
}

/// Characters of a damaged value that are shown.
const SHOWN: usize = 100;

impl StoreError {
    /// A value that this program never writes; its beginning.
    pub(crate) fn damaged(column: &'static str, value: &str) -> Self {
        Self::Damaged { column, value: value.chars().take(SHOWN).collect() }
    }
}

/// What stands as JSON in a column.
pub(crate) fn from_json<T: DeserializeOwned>(
    column: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::damaged(column, text))
}
