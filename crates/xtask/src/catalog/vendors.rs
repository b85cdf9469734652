//! The vendors of the catalog: our name for each and the names that the sources use.

/// One vendor.
#[derive(Debug)]
pub(super) struct Vendor {
    /// Our name.
    pub(super) name: &'static str,
    /// Its names in litellm; empty where that source has none of its models.
    pub(super) litellm: &'static [&'static str],
    /// Its name in genai-prices.
    pub(super) genai: Option<&'static str>,
    /// Its name in models.dev.
    pub(super) models_dev: Option<&'static str>,
}

/// Every vendor.
pub(super) const ALL: &[Vendor] = &[
    vendor("anthropic", &["anthropic"], "anthropic", "anthropic"),
    vendor("cerebras", &["cerebras"], "cerebras", "cerebras"),
    vendor("cohere", &["cohere_chat", "cohere"], "cohere", "cohere"),
    vendor("deepseek", &["deepseek"], "deepseek", "deepseek"),
    vendor("fireworks", &["fireworks_ai"], "fireworks", "fireworks-ai"),
    vendor("google", &["gemini"], "google", "google"),
    vendor("groq", &["groq"], "groq", "groq"),
    vendor("mistral", &["mistral"], "mistral", "mistral"),
    vendor("openai", &["openai"], "openai", "openai"),
    vendor("openrouter", &[], "openrouter", "openrouter"),
    vendor("perplexity", &["perplexity"], "perplexity", "perplexity"),
    Vendor { name: "sambanova", litellm: &["sambanova"], genai: None, models_dev: None },
    vendor("together", &["together_ai"], "together", "togetherai"),
    vendor("xai", &["xai"], "x-ai", "xai"),
];

const fn vendor(
    name: &'static str,
    litellm: &'static [&'static str],
    genai: &'static str,
    models_dev: &'static str,
) -> Vendor {
    Vendor { name, litellm, genai: Some(genai), models_dev: Some(models_dev) }
}

/// The vendor with this name of ours.
pub(super) fn by_name(name: &str) -> Option<&'static Vendor> {
    ALL.iter().find(|vendor| vendor.name == name)
}
