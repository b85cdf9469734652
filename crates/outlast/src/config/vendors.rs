//! The vendors that need no configuration but a key: one row of data each. Adding one is adding a
//! row. Addresses are the vendors' own, from their API documentation.

use terms::dialect::Dialect;

/// What is known of a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Vendor {
    /// Its name in config, in the catalog and in target names.
    pub(crate) name: &'static str,
    /// The environment variables that hold its key; the first that is set counts.
    pub(crate) key_variables: &'static [&'static str],
    /// The environment variable that moves its address, as the vendor's own SDK reads it.
    pub(crate) address_variable: &'static str,
    /// Where it answers.
    pub(crate) base_url: &'static str,
    /// What it speaks there, in order of preference.
    pub(crate) dialects: &'static [Dialect],
}

impl Vendor {
    /// What is spoken at an address. At any other than the vendor's own stands a compatible server,
    /// and those speak the oldest dialect alone unless the config says more.
    pub(crate) fn dialects_at(&self, address: &str) -> &'static [Dialect] {
        if address.trim_end_matches('/') == self.base_url {
            return self.dialects;
        }
        &self.dialects[self.dialects.len().saturating_sub(1)..]
    }
}

const CHAT: &[Dialect] = &[Dialect::OpenaiChat];
/// Responses first: only there do OpenAI's models reason beside tools.
const RESPONSES_AND_CHAT: &[Dialect] = &[Dialect::OpenaiResponses, Dialect::OpenaiChat];
const GEMINI_AND_CHAT: &[Dialect] = &[Dialect::Gemini, Dialect::OpenaiChat];
const MESSAGES: &[Dialect] = &[Dialect::AnthropicMessages];

/// Every known vendor; the order is the order of preference between those that serve the same model.
pub(crate) const VENDORS: &[Vendor] = &[
    Vendor {
        name: "anthropic",
        key_variables: &["ANTHROPIC_API_KEY"],
        address_variable: "ANTHROPIC_BASE_URL",
        base_url: "https://api.anthropic.com",
        dialects: MESSAGES,
    },
    Vendor {
        name: "openai",
        key_variables: &["OPENAI_API_KEY"],
        address_variable: "OPENAI_BASE_URL",
        base_url: "https://api.openai.com/v1",
        dialects: RESPONSES_AND_CHAT,
    },
    Vendor {
        name: "google",
        key_variables: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        address_variable: "GEMINI_OPENAI_BASE_URL",
        base_url: "https://generativelanguage.googleapis.com/v1beta/openai",
        dialects: GEMINI_AND_CHAT,
    },
    Vendor {
        name: "mistral",
        key_variables: &["MISTRAL_API_KEY"],
        address_variable: "MISTRAL_BASE_URL",
        base_url: "https://api.mistral.ai/v1",
        dialects: CHAT,
    },
    Vendor {
        name: "deepseek",
        key_variables: &["DEEPSEEK_API_KEY"],
        address_variable: "DEEPSEEK_BASE_URL",
        base_url: "https://api.deepseek.com/v1",
        dialects: CHAT,
    },
    Vendor {
        name: "xai",
        key_variables: &["XAI_API_KEY"],
        address_variable: "XAI_BASE_URL",
        base_url: "https://api.x.ai/v1",
        dialects: CHAT,
    },
    Vendor {
        name: "groq",
        key_variables: &["GROQ_API_KEY"],
        address_variable: "GROQ_BASE_URL",
        base_url: "https://api.groq.com/openai/v1",
        dialects: CHAT,
    },
    Vendor {
        name: "cerebras",
        key_variables: &["CEREBRAS_API_KEY"],
        address_variable: "CEREBRAS_BASE_URL",
        base_url: "https://api.cerebras.ai/v1",
        dialects: CHAT,
    },
    Vendor {
        name: "together",
        key_variables: &["TOGETHER_API_KEY"],
        address_variable: "TOGETHER_BASE_URL",
        base_url: "https://api.together.xyz/v1",
        dialects: CHAT,
    },
    Vendor {
        name: "fireworks",
        key_variables: &["FIREWORKS_API_KEY"],
        address_variable: "FIREWORKS_BASE_URL",
        base_url: "https://api.fireworks.ai/inference/v1",
        dialects: CHAT,
    },
    Vendor {
        name: "openrouter",
        key_variables: &["OPENROUTER_API_KEY"],
        address_variable: "OPENROUTER_BASE_URL",
        base_url: "https://openrouter.ai/api/v1",
        dialects: CHAT,
    },
    Vendor {
        name: "perplexity",
        key_variables: &["PERPLEXITY_API_KEY"],
        address_variable: "PERPLEXITY_BASE_URL",
        base_url: "https://api.perplexity.ai",
        dialects: CHAT,
    },
    Vendor {
        name: "sambanova",
        key_variables: &["SAMBANOVA_API_KEY"],
        address_variable: "SAMBANOVA_BASE_URL",
        base_url: "https://api.sambanova.ai/v1",
        dialects: CHAT,
    },
];

/// The vendor of this name.
pub(crate) fn vendor(name: &str) -> Option<&'static Vendor> {
    VENDORS.iter().find(|vendor| vendor.name == name)
}
