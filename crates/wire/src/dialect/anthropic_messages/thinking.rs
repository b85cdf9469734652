//! `thinking` and `output_config.effort`, which models take in different ways.

use serde::Serialize;

use crate::{
    canonical::request::{Block, Effort, Reasoning, Request, Speaker, ToolChoice},
    request::Upstream,
};

/// Tokens of a thinking budget at least, by the vendor's reference.
const SMALLEST_BUDGET: u64 = 1_024;

/// What is said of thinking.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) thinking: Option<Thinking>,
    pub(crate) effort: Option<&'static str>,
    /// Whether the caller's wish is lost.
    pub(crate) lost: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Thinking {
    Adaptive,
    Enabled { budget_tokens: u64 },
}

/// Models of generation 4.6 and later think as much as they find right, steered by an effort;
/// from 4.7 on they refuse a budget. Earlier ones know only the budget (the vendor's page on
/// adaptive thinking; docker/docker-agent pull request 2563, 2026-04). Neither thinks when a tool
/// is forced, and a budget does not go with an open tool call whose turn did not begin in thought.
pub(crate) fn encode(request: &Request<'_>, max_tokens: u64, upstream: &Upstream<'_>) -> Said {
    let effort = match request.reasoning {
        None | Some(Reasoning::Off) => return Said::default(),
        Some(Reasoning::Adaptive) => None,
        Some(Reasoning::Effort(effort)) => Some(effort),
        Some(Reasoning::Budget(tokens)) => Some(Effort::of_budget(tokens)),
    };
    if !upstream.capabilities.reasoning {
        return Said { lost: true, ..Said::default() };
    }
    let forced = matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
    if generation(upstream.model).is_some_and(|generation| generation >= (4, 6)) {
        let thinks = !forced && effort != Some(Effort::Minimal);
        return Said {
            thinking: thinks.then_some(Thinking::Adaptive),
            effort: effort.map(level),
            lost: forced && effort.is_none(),
        };
    }
    let wished = match request.reasoning {
        Some(Reasoning::Budget(tokens)) => tokens,
        _ => effort.unwrap_or(Effort::Medium).budget(),
    };
    // The budget is a part of `max_tokens`; half of it is left for the answer.
    let budget_tokens = wished.min(max_tokens / 2);
    let in_thoughtless_loop = inside_tool_loop(request) && !began_in_thought(request);
    if forced || in_thoughtless_loop || budget_tokens < SMALLEST_BUDGET {
        return Said { lost: true, ..Said::default() };
    }
    Said { thinking: Some(Thinking::Enabled { budget_tokens }), effort: None, lost: false }
}

/// Whether the last assistant turn called tools whose results are the newest thing said.
fn inside_tool_loop(request: &Request<'_>) -> bool {
    let last = request.turns.iter().rfind(|turn| turn.speaker == Speaker::User);
    last.is_some_and(|turn| {
        turn.blocks.iter().any(|block| matches!(block, Block::ToolResult { .. }))
    })
}

/// Whether the last assistant turn comes back with the thought that it began with.
fn began_in_thought(request: &Request<'_>) -> bool {
    let last = request.turns.iter().rfind(|turn| turn.speaker == Speaker::Assistant);
    last.is_some_and(|turn| matches!(turn.blocks.first(), Some(Block::Sealed(_))))
}

fn level(effort: Effort) -> &'static str {
    match effort {
        Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Xhigh | Effort::Max => "max",
    }
}

/// The generation in a name: the first one or two small numbers after `claude`.
fn generation(model: &str) -> Option<(u32, u32)> {
    let name = &model[model.find("claude")?..];
    let mut numbers = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .skip_while(|word| !is_small_number(word))
        .take_while(|word| is_small_number(word))
        .filter_map(|word| word.parse().ok());
    Some((numbers.next()?, numbers.next().unwrap_or(0)))
}

/// Dates in names have eight digits.
fn is_small_number(word: &str) -> bool {
    (1..=2).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::generation;

    #[test]
    fn generations_are_read_from_names() {
        let check = |name: &str, expected| assert_eq!(generation(name), expected, "{name}");
        check("claude-fable-5", Some((5, 0)));
        check("claude-opus-4-8", Some((4, 8)));
        check("claude-sonnet-4-5-20250929", Some((4, 5)));
        check("claude-sonnet-4-20250514", Some((4, 0)));
        check("claude-3-7-sonnet-20250219", Some((3, 7)));
        check("us.anthropic.claude-opus-4-6-v1:0", Some((4, 6)));
        check("deepseek-chat", None);
    }
}
