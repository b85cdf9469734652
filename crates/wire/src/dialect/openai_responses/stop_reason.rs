//! Why an answer ended, which here stands in `status` and `incomplete_details`, and in what was said.

use crate::canonical::event::StopReason;

/// What of an answer decides on its end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) calls: bool,
    pub(super) refused: bool,
}

/// The stop reason of an answer that is whole.
pub(super) fn completed(seen: Seen) -> StopReason {
    match seen {
        Seen { calls: true, .. } => StopReason::ToolUse,
        Seen { refused: true, .. } => StopReason::Refusal,
        Seen { .. } => StopReason::EndTurn,
    }
}

/// The stop reason of an answer that was broken off on purpose.
pub(super) fn incomplete(why: Option<&str>) -> StopReason {
    match why {
        Some("content_filter") => StopReason::Refusal,
        Some("max_output_tokens") | None => StopReason::MaxTokens,
        Some(_) => StopReason::Other,
    }
}

/// `incomplete_details.reason`, where the answer is not `completed`.
pub(super) fn encode(stop: Option<StopReason>, seen: Seen) -> Option<&'static str> {
    match stop? {
        StopReason::MaxTokens | StopReason::ContextWindow => Some("max_output_tokens"),
        // The words of a refusal are an answer of their own here.
        StopReason::Refusal if !seen.refused => Some("content_filter"),
        StopReason::Refusal
        | StopReason::EndTurn
        | StopReason::StopSequence
        | StopReason::ToolUse
        | StopReason::PauseTurn
        | StopReason::Other => None,
    }
}
