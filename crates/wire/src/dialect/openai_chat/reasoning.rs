//! `reasoning_effort`, which models take in different ways.

use crate::{
    canonical::request::{Effort, Reasoning},
    request::Upstream,
};

/// The word to send, if any, and whether the caller's wish is lost.
///
/// With function tools the gpt-5 family refuses any effort on chat completions, and from 5.6 on
/// wants `none` said aloud (openai/openai-openapi issue 541, 2026-05; BerriAI/litellm pull request
/// 34569, 2026-07). `minimal`, `xhigh` and `max` are not known to every model, so they become the
/// nearest level that is.
pub(super) fn encode(
    wish: Option<Reasoning>,
    tools: bool,
    upstream: &Upstream<'_>,
) -> (Option<&'static str>, bool) {
    let version = version(upstream.model);
    let asks = !matches!(wish, None | Some(Reasoning::Off));
    if tools && version.is_some_and(|version| version >= (5, 6)) {
        return (Some("none"), asks);
    }
    if tools || !upstream.capabilities.reasoning {
        return (None, asks && wish != Some(Reasoning::Adaptive));
    }
    let word = match wish {
        None | Some(Reasoning::Adaptive) => None,
        Some(Reasoning::Off) => version.filter(|version| *version >= (5, 1)).map(|_| "none"),
        Some(Reasoning::Effort(effort)) => Some(level(effort)),
        Some(Reasoning::Budget(tokens)) => Some(level(Effort::of_budget(tokens))),
    };
    (word, false)
}

pub(in crate::dialect) fn level(effort: Effort) -> &'static str {
    match effort {
        Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High | Effort::Xhigh | Effort::Max => "high",
    }
}

/// The version in a name such as `gpt-5.6-terra` or `openai/gpt-5`.
pub(in crate::dialect) fn version(model: &str) -> Option<(u32, u32)> {
    let name = model.rsplit('/').next().unwrap_or(model);
    let numbers = name.strip_prefix("gpt-")?.split('-').next()?;
    let (major, minor) = numbers.split_once('.').unwrap_or((numbers, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use terms::{dialect::Dialect, model::Capabilities};

    use super::encode;
    use crate::{
        canonical::request::{Effort, Reasoning},
        request::Upstream,
    };

    fn check(
        model: &str,
        wish: Option<Reasoning>,
        tools: bool,
        expected: (Option<&'static str>, bool),
    ) {
        let capabilities = Capabilities { reasoning: true, ..Capabilities::default() };
        let dialect = Dialect::OpenaiChat;
        let upstream = Upstream {
            provider: "maker",
            dialect,
            model,
            max_output: 0,
            capabilities,
            instruction: None,
        };
        assert_eq!(encode(wish, tools, &upstream), expected, "{model} {wish:?} tools: {tools}");
    }

    #[test]
    fn tools_and_effort_do_not_go_together() {
        let high = Some(Reasoning::Effort(Effort::Xhigh));
        check("gpt-5.5", high, false, (Some("high"), false));
        check("gpt-5.5", high, true, (None, true));
        check("openai/gpt-5.6-terra", high, true, (Some("none"), true));
        check("gpt-5.6", None, true, (Some("none"), false));
        check("gpt-5.5", None, true, (None, false));
        check("deepseek-reasoner", Some(Reasoning::Budget(9_000)), false, (Some("medium"), false));
        check("gpt-5.2", Some(Reasoning::Off), false, (Some("none"), false));
        check("gpt-5", Some(Reasoning::Off), false, (None, false));
    }
}
