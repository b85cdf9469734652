//! The keys of a provider, in order, each told apart by a number that says nothing about it.

use crate::credential::Credential;

/// The keys of a provider; none for an open server.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    credentials: Vec<Credential>,
    ids: Vec<u64>,
}

impl Keyring {
    /// Keys that stand for each other: any of them may be shown for any model.
    pub fn new(credentials: Vec<Credential>) -> Self {
        let ids = credentials.iter().map(Credential::id).collect();
        Self { credentials, ids }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.credentials.len()
    }

    /// Whether it is an open server's.
    pub fn is_empty(&self) -> bool {
        self.credentials.is_empty()
    }

    /// The numbers by which they are told apart, also after a reload.
    pub(crate) fn ids(&self) -> &[u64] {
        &self.ids
    }

    pub(crate) fn credential(&self, key: u8) -> Option<&Credential> {
        self.credentials.get(usize::from(key))
    }
}

impl From<Option<Credential>> for Keyring {
    fn from(credential: Option<Credential>) -> Self {
        Self::new(credential.into_iter().collect())
    }
}
