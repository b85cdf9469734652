//! `reasoning.effort`. Unlike the vendor's other dialect this one takes it beside tools.

use crate::{
    canonical::request::{Effort, Reasoning},
    dialect::openai_chat::reasoning::{level, version},
    request::Upstream,
};

/// The word to send, if any, and whether the caller's wish is lost.
pub(super) fn encode(
    wish: Option<Reasoning>,
    upstream: &Upstream<'_>,
) -> (Option<&'static str>, bool) {
    if !upstream.capabilities.reasoning {
        let asks = matches!(wish, Some(Reasoning::Effort(_) | Reasoning::Budget(_)));
        return (None, asks);
    }
    let word = match wish {
        None | Some(Reasoning::Adaptive) => None,
        Some(Reasoning::Off) => {
            version(upstream.model).filter(|version| *version >= (5, 1)).map(|_| "none")
        }
        Some(Reasoning::Effort(effort)) => Some(level(effort)),
        Some(Reasoning::Budget(tokens)) => Some(level(Effort::of_budget(tokens))),
    };
    (word, false)
}
