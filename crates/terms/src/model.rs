//! A catalog entry: what is known of a model.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{ModelName, ProviderName},
    money::PicoUsdPerToken,
};

/// Prices per token by bucket. A bucket without its own price falls back as documented per field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prices {
    /// Uncached input.
    pub input: PicoUsdPerToken,
    /// Visible output.
    pub output: PicoUsdPerToken,
    /// Cache reads; `input` where absent.
    pub cache_read: Option<PicoUsdPerToken>,
    /// Cache writes kept five minutes; `input` where absent.
    pub cache_write_5m: Option<PicoUsdPerToken>,
    /// Cache writes kept one hour; the five-minute price where absent.
    pub cache_write_1h: Option<PicoUsdPerToken>,
    /// Reasoning output; `output` where absent.
    pub reasoning: Option<PicoUsdPerToken>,
    /// Dearer prices for a whole request whose input exceeds a threshold.
    pub long_context: Option<LongContext>,
}

/// The price step of some models: above `threshold` input tokens the whole request costs more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongContext {
    /// Input tokens, of all kinds, above which these prices hold.
    pub threshold: u64,
    /// Uncached input.
    pub input: PicoUsdPerToken,
    /// Output of both kinds.
    pub output: PicoUsdPerToken,
    /// Cache reads; the ordinary cache price scaled like the input where absent.
    pub cache_read: Option<PicoUsdPerToken>,
}

/// What a model can do, as far as routing must know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// Accepts images.
    pub images: bool,
    /// Accepts tool definitions and calls tools.
    pub tools: bool,
    /// Can be held to a JSON schema.
    pub json_schema: bool,
    /// Reasons before it speaks: its first visible token may take long.
    pub reasoning: bool,
    /// Accepts `temperature` and its kin; many reasoning models refuse them.
    pub sampling: bool,
    /// Continues an assistant turn that it is given.
    pub prefill: bool,
}

/// One model of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// Who serves it.
    pub provider: ProviderName,
    /// What that provider calls it.
    pub name: ModelName,
    /// Input tokens that fit; 0 where unknown.
    pub context_window: u64,
    /// Output tokens at most; 0 where unknown.
    pub max_output: u64,
    /// What it costs.
    pub prices: Prices,
    /// What it can do.
    pub capabilities: Capabilities,
    /// The provider's announced last day, `YYYY-MM-DD`.
    pub retires: Option<String>,
}
