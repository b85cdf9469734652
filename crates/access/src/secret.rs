//! A text that must not be seen: it prints as nothing, and there is no way to serialize it. It does
//! not wipe memory.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Characters of 32 bytes in base64 without padding.
pub(crate) const RANDOM_LENGTH: usize = 43;

/// A secret text.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes a text that someone gave.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// 256 random bits as 43 URL-safe characters.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        Ok(Self(URL_SAFE_NO_PAD.encode(random_bytes::<32>()?)))
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// Random bytes from the operating system.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::{RANDOM_LENGTH, Secret};

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(hidden)");
    }

    #[test]
    fn random_secrets_are_long_and_differ() {
        let (first, second) = (Secret::random().unwrap(), Secret::random().unwrap());
        assert_eq!(first.expose().len(), RANDOM_LENGTH);
        assert_ne!(first.expose(), second.expose());
    }
}
