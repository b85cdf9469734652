//! Vendors: our name for each, and the names that the lists use.

/// One vendor.
#[derive(Debug)]
pub struct Vendor {
    /// Our name.
    pub name: &'static str,
    /// Its names in LiteLLM's table; empty where that has none of its models.
    pub litellm: &'static [&'static str],
    /// Its name in genai-prices; empty likewise.
    pub genai: &'static str,
    /// Its name in models.dev; empty likewise.
    pub models_dev: &'static str,
}

/// Every vendor.
pub const ALL: &[Vendor] = &[
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
    vendor("sambanova", &["sambanova"], "", ""),
    vendor("together", &["together_ai"], "together", "togetherai"),
    vendor("xai", &["xai"], "x-ai", "xai"),
];

const fn vendor(
    name: &'static str,
    litellm: &'static [&'static str],
    genai: &'static str,
    models_dev: &'static str,
) -> Vendor {
    Vendor { name, litellm, genai, models_dev }
}

/// The vendor with this name of ours.
pub fn by_name(name: &str) -> Option<&'static Vendor> {
    ALL.iter().find(|vendor| vendor.name == name)
}
