//! What can go wrong in keeping keys and secrets. That a caller is refused is not an error but an
//! answer: see `Refusal` and `SignInRefusal`.

use std::path::PathBuf;

use store::StoreError;

/// A failure to keep or make keys and secrets.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A name that a key is to bear cannot be used.
    #[error("the {what} must have 1 to {limit} characters, none of them a control character")]
    BadName {
        /// Which name: `principal`, `team` or `name`.
        what: &'static str,
        /// The most characters it may have.
        limit: usize,
    },
    /// The admin secret is too short to withstand guessing.
    #[error("the admin secret has {found} characters and needs at least {needed}")]
    ShortAdminSecret {
        /// How many it has.
        found: usize,
        /// How many it needs.
        needed: usize,
    },
    /// The file with the admin secret could not be read or written.
    #[error("cannot keep the admin secret in {path}: {source}", path = .path.display())]
    AdminSecretFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes: {0}")]
    NoRandomness(#[from] getrandom::Error),
    /// A row or setting that this program never writes.
    #[error("the store holds {0}, which this program never writes")]
    Damaged(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
