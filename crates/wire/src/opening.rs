//! How a conversation begins: the part of a request that all requests of one conversation share, so that
//! they can be sent where its prompt cache is. It reads up to the first answer and decodes nothing.

use crate::{
    head::Head,
    json::scan::{Kind, Scanner},
};

/// Open containers inside the list of turns, and inside a turn.
const LIST: u32 = 1;
const TURN: u32 = 2;

/// The turns of a body before the first that is not of the caller, as they stand there; the whole text
/// where they are one. `None` for a request that has no turns.
pub fn opening<'b>(head: &Head, body: &'b [u8]) -> Option<&'b [u8]> {
    let turns = body.get(head.spans.turns.clone()).filter(|turns| !turns.is_empty())?;
    let text = std::str::from_utf8(turns).ok()?;
    let mut scanner = Scanner::new(text);
    let (mut key, mut end) = ("", 0);
    while let Ok(Some(token)) = scanner.next() {
        let within = &text[token.span.clone()];
        match (token.kind, scanner.depth()) {
            (Kind::Text, 0) => return Some(turns),
            (Kind::Key, TURN) => key = within,
            (Kind::Text, TURN) if is_an_answer(key, within) => break,
            (Kind::End, LIST) => end = token.span.end,
            _ => {}
        }
    }
    (end > 0).then(|| &turns[..end])
}

/// Whether this field of a turn says that a model made it, or that it answers what a model made. A turn
/// that has a kind is an item, and a caller begins with none but messages.
fn is_an_answer(field: &str, value: &str) -> bool {
    match field {
        "role" => matches!(value, "assistant" | "model" | "tool"),
        "type" => value != "message",
        _ => false,
    }
}
