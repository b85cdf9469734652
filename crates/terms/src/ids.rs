//! Identities. Each is its own type, so that a route's name can never stand where a target's is meant.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// Defines a name: a cheap-to-clone string of one meaning.
macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Takes the name as it is.
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The name itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $type {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }

        impl From<String> for $type {
            fn from(name: String) -> Self {
                Self(name.into())
            }
        }
    };
}

name!(
    /// Someone who answers: a vendor, a server of one's own, our students. Example: `anthropic`.
    ProviderName
);
name!(
    /// A model as its provider calls it. Example: `claude-fable-5`.
    ModelName
);
name!(
    /// One place a request can be sent: provider + model + credential + limits. Example: `anthropic/claude-fable-5`.
    TargetName
);
name!(
    /// The name that a caller asks for in its `model` field.
    RouteName
);
name!(
    /// The person or service that owns a key. Example: `ada`.
    PrincipalName
);
name!(
    /// The group that pays. Example: `platform`.
    TeamName
);
name!(
    /// The public part of a virtual key, safe to print: `ok_` and 12 characters.
    KeyId
);
name!(
    /// A change of a target that nobody announced: `inc_` and 16 hexadecimal digits.
    IncidentId
);
name!(
    /// A prompt whose answer is known to have certain properties. Example: `adds-two-numbers`.
    CanaryName
);
name!(
    /// One submitted pipeline: 20 hexadecimal digits as Tangle writes ids, so that they sort by time.
    RunId
);
name!(
    /// One start of a program for an execution. Several executions may share it when they would
    /// compute the same thing; another try is another launch.
    LaunchId
);
name!(
    /// What a launch will compute, as a hash over its container and the contents of its inputs.
    CacheKey
);

/// A request as its caller sent it: 128 bits, a UUID of version 7, so that ids sort by time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(u128);

impl RequestId {
    /// Builds a version 7 UUID (RFC 9562, section 5.7) from a wall-clock time in Unix milliseconds
    /// and 80 random bits, of which 74 are used.
    pub const fn from_parts(unix_ms: u64, random: u128) -> Self {
        let time = ((unix_ms & 0xFFFF_FFFF_FFFF) as u128) << 80;
        let version = 0x7_u128 << 76;
        let rand_a = ((random >> 64) & 0xFFF) << 64;
        let variant = 0b10_u128 << 62;
        let rand_b = random & 0x3FFF_FFFF_FFFF_FFFF;
        Self(time | version | rand_a | variant | rand_b)
    }

    /// The id with these 128 bits, as it was stored. The reverse of [`RequestId::as_u128`].
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// The least id of a request that arrived at this time: what sorts below it arrived earlier.
    pub const fn first_at(unix_ms: u64) -> Self {
        Self(((unix_ms & 0xFFFF_FFFF_FFFF) as u128) << 80)
    }

    /// The text that [`RequestId::parse`] reads, letter by letter. By hand, because an id is printed
    /// several times per request and `{:032x}` takes a tenth of a microsecond.
    pub fn ascii(self) -> [u8; 36] {
        let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
        let mut text = *b"req_00000000000000000000000000000000";
        for (pair, byte) in text[4..].chunks_exact_mut(2).zip(self.0.to_be_bytes()) {
            pair[0] = digit(byte >> 4);
            pair[1] = digit(byte & 0xF);
        }
        text
    }

    /// The 128 bits.
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// Reads `req_` followed by 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("req_")?;
        if digits.len() != 32 {
            return None;
        }
        u128::from_str_radix(digits, 16).ok().map(Self)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.ascii();
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for RequestId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a request id"))
    }
}

/// One try of one request at one target. The ordinal starts at 1; the pair is unique for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AttemptId {
    /// The request that this is a try of.
    pub request: RequestId,
    /// 1 for the first try.
    pub ordinal: u8,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.request, self.ordinal)
    }
}

#[cfg(test)]
mod tests {
    use super::RequestId;

    #[test]
    fn a_request_id_is_a_version_7_uuid_that_survives_printing() {
        let id = RequestId::from_parts(0x0193_5555_AAAA, u128::MAX);
        let text = id.to_string();
        assert_eq!(text, "req_01935555aaaa7fffbfffffffffffffff");
        assert_eq!(RequestId::parse(&text), Some(id));
        assert_eq!(RequestId::parse("req_12"), None);
    }

    #[test]
    fn later_ids_sort_later() {
        assert!(RequestId::from_parts(1, u128::MAX) < RequestId::from_parts(2, 0));
        assert!(RequestId::from_parts(1, u128::MAX) < RequestId::first_at(2));
        assert!(RequestId::first_at(2) < RequestId::from_parts(2, 0));
    }
}
