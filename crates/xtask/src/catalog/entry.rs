//! One line of the catalog: what is known of a model. Absent means unknown. The order of the fields
//! is the order of the keys in the file.

use serde::Serialize;

/// A model of a vendor. Prices are micro-dollars per million tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Entry {
    pub(super) provider: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_output: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_read: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_write_5m: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_write_1h: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) long: Option<Long>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) can: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retires: Option<String>,
}

/// Prices of a whole request whose input exceeds `over` tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Long {
    pub(super) over: u64,
    pub(super) input: u64,
    pub(super) output: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_read: Option<u64>,
}

/// What a model can do, in the order of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Skills {
    pub(super) images: bool,
    pub(super) tools: bool,
    pub(super) json_schema: bool,
    pub(super) reasoning: bool,
    pub(super) sampling: bool,
    pub(super) prefill: bool,
}

impl Skills {
    /// The words of the file.
    pub(super) fn words(self) -> Vec<&'static str> {
        let all = [
            (self.images, "images"),
            (self.tools, "tools"),
            (self.json_schema, "json_schema"),
            (self.reasoning, "reasoning"),
            (self.sampling, "sampling"),
            (self.prefill, "prefill"),
        ];
        all.into_iter().filter(|(can, _)| *can).map(|(_, word)| word).collect()
    }
}
