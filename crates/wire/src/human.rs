//! Whether a human speaks in a request: whether what follows the last assistant message holds text
//! that somebody typed. It reads only that end of the body, and looks into no tool's result.
//!
//! What it cannot know: a script that types for a human looks like one.

use std::borrow::Cow;

use crate::{
    head::{Head, decoded},
    json::scan::{Kind, Scanner},
};

/// Elements that Claude Code wraps around what itself, a tool or another agent says in a user's name
/// (its client, version 2.1.197). `<command-name>` and `<bash-input>` are not among them: a human
/// typed those.
const MACHINE_ELEMENTS: &[&str] = &[
    "system-reminder",
    "task-notification",
    "teammate-message",
    "agent-message",
    "cross-session-message",
    "channel",
    "remote-review",
    "remote-review-progress",
    "fork-boilerplate",
    "local-command-caveat",
    "local-command-stdout",
    "local-command-stderr",
    "bash-stdout",
    "bash-stderr",
    "user-prompt-submit-hook",
    "tick",
    "session",
    // Codex (its client, version 0.169).
    "environment_context",
    "user_instructions",
    "skills_instructions",
    "permissions instructions",
    "turn_aborted",
    "subagent_notification",
];

/// How texts begin that the same client writes in a user's name: it goes on by itself after its
/// context was summarised, after a hook held it back or after it was restarted, and it asks a model
/// on a tool's behalf.
const MACHINE_OPENINGS: &[&str] = &[
    "This session is being continued from a previous conversation",
    "Your task is to create a detailed summary of",
    "CRITICAL: Respond with TEXT ONLY",
    "Stop hook feedback:",
    "Continue from where you left off.",
    "Perform a web search for the query:",
    "Web page content:",
];

/// Whether a human speaks in the request that [`crate::read_head`] found this of.
pub fn human_spoke(head: &Head, body: &[u8]) -> bool {
    let turn = body.get(head.spans.last_turn.clone()).unwrap_or_default();
    let Ok(mut rest) = std::str::from_utf8(turn) else { return false };
    if let Some(text) = rest.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        return is_typed(text);
    }
    while let Some(start) = rest.find('{') {
        rest = &rest[start..];
        let Some((typed, length)) = typed_message(rest) else { return false };
        if typed {
            return true;
        }
        rest = &rest[length..];
    }
    false
}

/// Whether the message that this begins with is a user's and holds typed text, and its length.
fn typed_message(text: &str) -> Option<(bool, usize)> {
    let mut scanner = Scanner::new(text);
    let (mut user, mut typed) = (false, false);
    let mut key = "";
    let mut message_key = "";
    loop {
        let token = scanner.next().ok()??;
        let within = &text[token.span.clone()];
        match (token.kind, scanner.depth()) {
            (Kind::End, 0) => return Some((user && typed, token.span.end)),
            (Kind::Key, depth) => {
                key = within;
                if depth == MESSAGE {
                    message_key = within;
                }
            }
            (Kind::Text, MESSAGE) if key == "role" => user = within == "user",
            (Kind::Text, MESSAGE) if key == "content" => typed |= is_typed(within),
            (Kind::Text, PART) if key == "text" && matches!(message_key, "content" | "parts") => {
                typed |= is_typed(within);
            }
            _ => {}
        }
    }
}

/// Open containers inside a message, and inside a part of its content.
const MESSAGE: u32 = 1;
const PART: u32 = 3;

/// Whether anything is left of a text, as it stands between its quotes, without what machines wrote.
fn is_typed(written: &str) -> bool {
    let text: Cow<'_, str> = decoded(written);
    let mut rest = text.trim_start();
    while let Some(after) = behind_element(rest) {
        rest = after.trim_start();
    }
    !rest.is_empty() && !MACHINE_OPENINGS.iter().any(|opening| rest.starts_with(opening))
}

/// What follows the machine's element that this begins with.
fn behind_element(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('<')?;
    let name = MACHINE_ELEMENTS.iter().find(|name| {
        let after = inside.strip_prefix(**name);
        after.is_some_and(|after| after.starts_with(['>', ' ', '\n']))
    })?;
    let end = format!("</{name}>");
    Some(text.find(&end).map_or("", |at| &text[at + end.len()..]))
}
