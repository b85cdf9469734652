//! What can go wrong with money.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why the ledger could not do its work.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// The journal cannot be written or read.
    #[error("journal {path}: {source}")]
    Journal {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] store::StoreError),
}
