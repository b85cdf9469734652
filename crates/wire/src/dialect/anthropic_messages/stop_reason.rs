//! `stop_reason`, in both directions.

use crate::canonical::event::StopReason;

pub(super) fn decode(word: &str) -> StopReason {
    match word {
        "end_turn" => StopReason::EndTurn,
        "stop_sequence" => StopReason::StopSequence,
        "max_tokens" => StopReason::MaxTokens,
        "tool_use" => StopReason::ToolUse,
        "refusal" => StopReason::Refusal,
        "pause_turn" => StopReason::PauseTurn,
        "model_context_window_exceeded" => StopReason::ContextWindow,
        _ => StopReason::Other,
    }
}

pub(super) fn encode(stop: StopReason) -> &'static str {
    match stop {
        StopReason::EndTurn | StopReason::Other => "end_turn",
        StopReason::StopSequence => "stop_sequence",
        StopReason::MaxTokens => "max_tokens",
        StopReason::ToolUse => "tool_use",
        StopReason::Refusal => "refusal",
        StopReason::PauseTurn => "pause_turn",
        StopReason::ContextWindow => "model_context_window_exceeded",
    }
}

/// The stop reason that fits what was said. Other vendors' servers say that they simply stopped
/// after a tool call or a refusal; callers of this dialect act on the difference.
pub(super) fn fitting(stop: StopReason, calls: bool, refused: bool) -> StopReason {
    match stop {
        StopReason::EndTurn | StopReason::Other if calls => StopReason::ToolUse,
        StopReason::EndTurn | StopReason::Other if refused => StopReason::Refusal,
        StopReason::ToolUse if !calls => StopReason::EndTurn,
        other => other,
    }
}
