//! What an answer consumed, in disjoint buckets: no token is counted in two of them.

use serde::{Deserialize, Serialize};

/// Token counts of one attempt. The buckets are disjoint; their sums equal the provider's totals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Input tokens that no cache served.
    pub uncached_in: u64,
    /// Input tokens read from the provider's prompt cache.
    pub cache_read: u64,
    /// Input tokens written to the cache for five minutes.
    pub cache_write_5m: u64,
    /// Input tokens written to the cache for one hour.
    pub cache_write_1h: u64,
    /// Output tokens that the caller sees (text and tool calls).
    pub visible_out: u64,
    /// Output tokens spent on reasoning.
    pub reasoning_out: u64,
}

impl Usage {
    /// All input tokens.
    pub const fn input(&self) -> u64 {
        self.uncached_in
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write_5m)
            .saturating_add(self.cache_write_1h)
    }

    /// All output tokens.
    pub const fn output(&self) -> u64 {
        self.visible_out.saturating_add(self.reasoning_out)
    }
}

/// Where the counts came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// The provider stated them.
    Provider,
    /// The provider did not state them (cut, disconnect, missing): estimated from bytes.
    Estimated,
    /// The attempt surely consumed nothing.
    None,
}

impl UsageSource {
    /// Every source, in the order of their definition.
    pub const ALL: &[UsageSource] = &[Self::Provider, Self::Estimated, Self::None];

    /// The word used in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Estimated => "estimated",
            Self::None => "none",
        }
    }

    /// The source with this word, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|source| source.name() == name)
    }
}
