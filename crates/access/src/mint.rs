//! What a virtual key looks like, and how a new one is made: `ok_`, 12 characters that name it,
//! `_`, and 43 that prove it. Who owns it and whether it works is the table's business (`keys`).

use terms::ids::KeyId;

use crate::{
    error::AccessError,
    secret::{RANDOM_LENGTH, Secret, random_bytes},
};

const PREFIX: &str = "ok_";

/// Characters that name a key: 60 bits.
pub(crate) const HANDLE_LENGTH: usize = 12;

/// Base32 in lower case (RFC 4648): no character that is read as another.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The characters of a key's id after its prefix: what the table is looked up by.
pub(crate) type Handle = [u8; HANDLE_LENGTH];

/// A key as its owner gets it, once.
#[derive(Debug)]
pub struct NewKey {
    /// The public part, for lists and logs.
    pub id: KeyId,
    /// The whole key. It is kept nowhere.
    pub secret: Secret,
}

impl NewKey {
    pub(crate) fn random() -> Result<Self, AccessError> {
        let handle = random_bytes::<HANDLE_LENGTH>()?
            .map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
        let id = format!("{PREFIX}{}", String::from_iter(handle));
        let secret = Secret::new(format!("{id}_{}", Secret::random()?.expose()));
        Ok(Self { id: id.into(), secret })
    }
}

/// The handle of a presented key; `None` when the text is not formed like one. No allocation.
pub(crate) fn handle_of_key(presented: &str) -> Option<Handle> {
    let (id, proof) = presented.as_bytes().split_at_checked(PREFIX.len() + HANDLE_LENGTH)?;
    let well_formed = proof.first() == Some(&b'_') && proof.len() == 1 + RANDOM_LENGTH;
    well_formed.then(|| handle_of_bytes(id))?
}

/// The handle of a key's id.
pub(crate) fn handle_of_id(id: &KeyId) -> Option<Handle> {
    handle_of_bytes(id.as_str().as_bytes())
}

fn handle_of_bytes(id: &[u8]) -> Option<Handle> {
    id.strip_prefix(PREFIX.as_bytes())?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::{NewKey, handle_of_id, handle_of_key};

    #[test]
    fn a_new_key_is_formed_like_one() {
        let key = NewKey::random().unwrap();
        assert_eq!(key.secret.expose().len(), 59);
        assert!(key.secret.expose().starts_with(key.id.as_str()));
        assert_eq!(handle_of_key(key.secret.expose()), handle_of_id(&key.id));
        assert!(handle_of_id(&key.id).is_some());
        let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        assert!(key.id.as_str()[3..].bytes().all(lower), "{}", key.id);
    }

    #[test]
    fn other_texts_are_not() {
        let proof = "a".repeat(43);
        for text in [
            String::new(),
            "sk-ant-api03-abc".to_owned(),
            format!("ok_abcdefghijk_{proof}"),
            format!("ok_abcdefghijkl-{proof}"),
            format!("ok_abcdefghijkl_{proof}a"),
            format!("ko_abcdefghijkl_{proof}"),
            format!("ok_abcdefghijé_{proof}ü"),
        ] {
            assert_eq!(handle_of_key(&text), None, "{text}");
        }
    }
}
