//! `finish_reason`, in both directions. Servers of this dialect add words of their own.

use crate::{canonical::event::StopReason, error::UpstreamError};

/// What a `finish_reason` means; some words of compatible servers say that the answer failed.
pub(super) fn decode(word: &str) -> Result<StopReason, UpstreamError> {
    Ok(match word {
        "stop" | "eos" | "eos_token" | "end_turn" => StopReason::EndTurn,
        "stop_sequence" => StopReason::StopSequence,
        "length" | "max_tokens" => StopReason::MaxTokens,
        // Mistral.
        "model_length" => StopReason::ContextWindow,
        "tool_calls" | "function_call" => StopReason::ToolUse,
        "content_filter" | "refusal" => StopReason::Refusal,
        // OpenRouter and Mistral; DeepSeek when its own capacity ran out.
        "error" | "insufficient_system_resource" => {
            let message = format!("the provider broke the answer off, with finish reason `{word}`");
            return Err(UpstreamError::ours(word, &message));
        }
        _ => StopReason::Other,
    })
}

/// The `finish_reason` for a stop reason.
pub(super) fn encode(stop: StopReason) -> &'static str {
    match stop {
        StopReason::EndTurn
        | StopReason::StopSequence
        | StopReason::PauseTurn
        | StopReason::Other => "stop",
        StopReason::MaxTokens | StopReason::ContextWindow => "length",
        StopReason::ToolUse => "tool_calls",
        StopReason::Refusal => "content_filter",
    }
}
