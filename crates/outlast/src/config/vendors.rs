//! The vendors that need no configuration but a key: one row of data each. Adding one is adding a
//! row. Addresses and habits are the vendors' own, from their API documentation where a row names no
//! other source.

use terms::dialect::Dialect;
use wire::{Envelope, Habits, Prefill, ReasoningBack};

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
    /// Whether it is a server that people run themselves: no key is needed, nothing is charged, and
    /// without a file it counts only where its address variable is set.
    pub(crate) is_local: bool,
    /// What it wants otherwise than its dialect's own vendor.
    pub(crate) habits: Habits,
    /// Headers that it reads beside the usual.
    pub(crate) headers: &'static [(&'static str, &'static str)],
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

/// Every field in which servers of this dialect give reasoning.
const ANY_REASONING: &[&str] = &["reasoning_content", "reasoning", "reasoning_details"];

/// A hosted vendor that speaks OpenAI chat as OpenAI does.
const COMPATIBLE: Vendor = Vendor {
    name: "",
    key_variables: &[],
    address_variable: "",
    base_url: "",
    dialects: CHAT,
    is_local: false,
    habits: Habits {
        envelope: Envelope::None,
        no_stream_options: false,
        only_max_tokens: false,
        prefill: Prefill::Unknown,
        reasoning_back: ReasoningBack::Unknown,
        strict_turns: false,
    },
    headers: &[],
};

/// A server of one's own that does.
const LOCAL: Vendor = Vendor { is_local: true, ..COMPATIBLE };

/// Every known vendor; the order is the order of preference between those that serve the same model.
pub(crate) const VENDORS: &[Vendor] = &[
    Vendor {
        name: "anthropic",
        key_variables: &["ANTHROPIC_API_KEY"],
        address_variable: "ANTHROPIC_BASE_URL",
        base_url: "https://api.anthropic.com",
        dialects: MESSAGES,
        ..COMPATIBLE
    },
    Vendor {
        name: "openai",
        key_variables: &["OPENAI_API_KEY"],
        address_variable: "OPENAI_BASE_URL",
        base_url: "https://api.openai.com/v1",
        dialects: RESPONSES_AND_CHAT,
        ..COMPATIBLE
    },
    Vendor {
        name: "google",
        key_variables: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        address_variable: "GEMINI_OPENAI_BASE_URL",
        base_url: "https://generativelanguage.googleapis.com/v1beta/openai",
        dialects: GEMINI_AND_CHAT,
        ..COMPATIBLE
    },
    Vendor {
        name: "mistral",
        key_variables: &["MISTRAL_API_KEY"],
        address_variable: "MISTRAL_BASE_URL",
        base_url: "https://api.mistral.ai/v1",
        // It refuses fields that it does not know, and states usage unasked (dnakov/anon-kode issue
        // 53, 2025-03; editor-code-assistant/eca issue 231, 2025-12). `prefix` is its API's own field
        // (AssistantMessage in its OpenAPI document); reasoning of others is no such field
        // (charmbracelet/crush issue 1590, BerriAI/litellm issue 30835). Ids and order of turns:
        // anomalyco/opencode issue 1680, zed-industries/zed pull request 31736.
        habits: Habits {
            no_stream_options: true,
            only_max_tokens: true,
            prefill: Prefill::Prefix,
            reasoning_back: ReasoningBack::Refused(ANY_REASONING),
            strict_turns: true,
            ..COMPATIBLE.habits
        },
        ..COMPATIBLE
    },
    Vendor {
        name: "deepseek",
        key_variables: &["DEEPSEEK_API_KEY"],
        address_variable: "DEEPSEEK_BASE_URL",
        base_url: "https://api.deepseek.com/v1",
        // "The `reasoning_content` in the thinking mode must be passed back to the API"
        // (api-docs.deepseek.com/guides/thinking_mode; earendil-works/pi issue 3636).
        habits: Habits { reasoning_back: ReasoningBack::Wanted, ..COMPATIBLE.habits },
        ..COMPATIBLE
    },
    Vendor {
        name: "xai",
        key_variables: &["XAI_API_KEY"],
        address_variable: "XAI_BASE_URL",
        base_url: "https://api.x.ai/v1",
        ..COMPATIBLE
    },
    Vendor {
        name: "groq",
        key_variables: &["GROQ_API_KEY"],
        address_variable: "GROQ_BASE_URL",
        base_url: "https://api.groq.com/openai/v1",
        // karthink/gptel issue 774, janhq/jan issue 8136.
        habits: Habits {
            reasoning_back: ReasoningBack::Refused(ANY_REASONING),
            ..COMPATIBLE.habits
        },
        ..COMPATIBLE
    },
    Vendor {
        name: "cerebras",
        key_variables: &["CEREBRAS_API_KEY"],
        address_variable: "CEREBRAS_BASE_URL",
        base_url: "https://api.cerebras.ai/v1",
        // It takes `reasoning` (QwenLM/qwen-code issue 11045).
        habits: Habits {
            reasoning_back: ReasoningBack::Refused(&["reasoning_content", "reasoning_details"]),
            ..COMPATIBLE.habits
        },
        ..COMPATIBLE
    },
    Vendor {
        name: "together",
        key_variables: &["TOGETHER_API_KEY"],
        address_variable: "TOGETHER_BASE_URL",
        base_url: "https://api.together.xyz/v1",
        ..COMPATIBLE
    },
    Vendor {
        name: "fireworks",
        key_variables: &["FIREWORKS_API_KEY"],
        address_variable: "FIREWORKS_BASE_URL",
        base_url: "https://api.fireworks.ai/inference/v1",
        ..COMPATIBLE
    },
    Vendor {
        name: "openrouter",
        key_variables: &["OPENROUTER_API_KEY"],
        address_variable: "OPENROUTER_BASE_URL",
        base_url: "https://openrouter.ai/api/v1",
        // Names the application in its owner's own statistics (openrouter.ai/docs/app-attribution).
        headers: &[("x-openrouter-title", "Outlast")],
        ..COMPATIBLE
    },
    Vendor {
        name: "perplexity",
        key_variables: &["PERPLEXITY_API_KEY"],
        address_variable: "PERPLEXITY_BASE_URL",
        base_url: "https://api.perplexity.ai",
        ..COMPATIBLE
    },
    Vendor {
        name: "sambanova",
        key_variables: &["SAMBANOVA_API_KEY"],
        address_variable: "SAMBANOVA_BASE_URL",
        base_url: "https://api.sambanova.ai/v1",
        ..COMPATIBLE
    },
    Vendor {
        name: "cohere",
        key_variables: &["COHERE_API_KEY", "CO_API_KEY"],
        address_variable: "COHERE_BASE_URL",
        base_url: "https://api.cohere.ai/compatibility/v1",
        // Its compatibility API refuses the field (strandsagents.com, model provider Cohere).
        habits: Habits { no_stream_options: true, ..COMPATIBLE.habits },
        ..COMPATIBLE
    },
    Vendor {
        name: "huggingface",
        key_variables: &["HF_TOKEN"],
        address_variable: "HUGGINGFACE_BASE_URL",
        base_url: "https://router.huggingface.co/v1",
        ..COMPATIBLE
    },
    Vendor {
        name: "nvidia",
        key_variables: &["NVIDIA_API_KEY"],
        address_variable: "NVIDIA_BASE_URL",
        base_url: "https://integrate.api.nvidia.com/v1",
        ..COMPATIBLE
    },
    Vendor {
        name: "moonshot",
        key_variables: &["MOONSHOT_API_KEY"],
        address_variable: "MOONSHOT_BASE_URL",
        base_url: "https://api.moonshot.ai/v1",
        // "thinking is enabled but reasoning_content is missing in assistant tool call message"
        // (continuedev/continue issue 11600).
        habits: Habits { reasoning_back: ReasoningBack::Wanted, ..COMPATIBLE.habits },
        ..COMPATIBLE
    },
    Vendor {
        name: "minimax",
        key_variables: &["MINIMAX_API_KEY"],
        address_variable: "MINIMAX_BASE_URL",
        base_url: "https://api.minimax.io/v1",
        ..COMPATIBLE
    },
    Vendor {
        name: "zai",
        key_variables: &["ZAI_API_KEY"],
        address_variable: "ZAI_BASE_URL",
        base_url: "https://api.z.ai/api/paas/v4",
        ..COMPATIBLE
    },
    Vendor {
        name: "deepinfra",
        key_variables: &["DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"],
        address_variable: "DEEPINFRA_BASE_URL",
        base_url: "https://api.deepinfra.com/v1/openai",
        ..COMPATIBLE
    },
    Vendor {
        name: "vllm",
        key_variables: &["VLLM_API_KEY"],
        address_variable: "VLLM_BASE_URL",
        base_url: "http://localhost:8000/v1",
        // vllm-project/vllm pull request 8942, 2024-10.
        habits: Habits { prefill: Prefill::ContinueFinalMessage, ..LOCAL.habits },
        ..LOCAL
    },
    Vendor {
        name: "ollama",
        key_variables: &["OLLAMA_API_KEY"],
        address_variable: "OLLAMA_BASE_URL",
        base_url: "http://localhost:11434/v1",
        ..LOCAL
    },
    Vendor {
        name: "llama-cpp",
        key_variables: &["LLAMA_API_KEY"],
        address_variable: "LLAMA_CPP_BASE_URL",
        base_url: "http://localhost:8080/v1",
        ..LOCAL
    },
    Vendor {
        name: "sglang",
        key_variables: &["SGLANG_API_KEY"],
        address_variable: "SGLANG_BASE_URL",
        base_url: "http://localhost:30000/v1",
        // sgl-project/sglang pull request 4226, 2025-03.
        habits: Habits { prefill: Prefill::ContinueFinalMessage, ..LOCAL.habits },
        ..LOCAL
    },
    Vendor {
        name: "lm-studio",
        key_variables: &["LM_STUDIO_API_KEY"],
        address_variable: "LM_STUDIO_BASE_URL",
        base_url: "http://localhost:1234/v1",
        ..LOCAL
    },
];

/// The vendor of this name.
pub(crate) fn vendor(name: &str) -> Option<&'static Vendor> {
    VENDORS.iter().find(|vendor| vendor.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use http::{HeaderName, HeaderValue};
    use terms::dialect::Dialect;

    use super::VENDORS;

    #[test]
    fn every_row_is_whole_and_its_names_are_its_own() {
        let mut names = BTreeSet::new();
        let mut variables = BTreeSet::new();
        for vendor in VENDORS {
            let name = vendor.name;
            assert!(names.insert(name), "{name} stands here twice");
            let plain = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(!name.is_empty() && name.chars().all(plain), "{name}");
            let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            for variable in vendor.key_variables.iter().chain([&vendor.address_variable]) {
                assert!(!variable.is_empty() && variable.chars().all(upper), "{name}: {variable}");
                assert!(variables.insert(*variable), "{name}: {variable} is another's, too");
            }
            assert!(!vendor.key_variables.is_empty() && !vendor.dialects.is_empty(), "{name}");
            assert!(vendor.dialects.iter().all(|dialect| Dialect::ALL.contains(dialect)), "{name}");
            let scheme = if vendor.is_local { "http://localhost:" } else { "https://" };
            assert!(vendor.base_url.starts_with(scheme), "{name}");
            assert!(!vendor.base_url.ends_with('/'), "{name}: {}", vendor.base_url);
            for (header, value) in vendor.headers {
                HeaderName::from_static(header);
                HeaderValue::from_static(value);
            }
        }
    }

    #[test]
    fn the_guide_lists_every_row() {
        let guide = include_str!("../../../../docs/guide/configuration.md");
        for vendor in VENDORS {
            let row = format!(
                "| {} | `{}` | `{}` | {} |",
                vendor.name,
                vendor.key_variables.join("`, `"),
                vendor.address_variable,
                vendor.base_url
            );
            assert!(guide.contains(&row), "docs/guide/configuration.md lacks this row:\n{row}");
        }
        let rows = guide.lines().filter(|line| line.contains("_BASE_URL` |")).count();
        assert_eq!(rows, VENDORS.len(), "the guide lists vendors that are gone");
    }
}
