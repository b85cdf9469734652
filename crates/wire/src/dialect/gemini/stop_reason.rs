//! `finishReason`, in both directions.

use crate::{canonical::event::StopReason, error::UpstreamError};

/// What a `finishReason` means; some words say that the answer failed.
pub(super) fn decode(word: &str, calls: bool) -> Result<StopReason, UpstreamError> {
    Ok(match word {
        "STOP" if calls => StopReason::ToolUse,
        "STOP" => StopReason::EndTurn,
        "MAX_TOKENS" => StopReason::MaxTokens,
        "SAFETY"
        | "RECITATION"
        | "LANGUAGE"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "MODEL_ARMOR" => StopReason::Refusal,
        "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "MALFORMED_RESPONSE" => {
            let message = format!("the provider broke the answer off, with finish reason `{word}`");
            return Err(UpstreamError::ours(word, &message));
        }
        _ => StopReason::Other,
    })
}

/// The `finishReason` for a stop reason.
pub(super) fn encode(stop: StopReason) -> &'static str {
    match stop {
        StopReason::EndTurn
        | StopReason::StopSequence
        | StopReason::ToolUse
        | StopReason::PauseTurn => "STOP",
        StopReason::MaxTokens | StopReason::ContextWindow => "MAX_TOKENS",
        StopReason::Refusal => "SAFETY",
        StopReason::Other => "OTHER",
    }
}
