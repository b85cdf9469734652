//! Replies that the gateway keeps, so that a later request may follow them: the vendor's servers keep
//! nothing. Who keeps them, for whom and how long is the gateway's business.

use bytes::Bytes;

use crate::{dialect::openai_responses::kept, head::Head};

/// What the gateway calls a reply of a dialect whose replies can be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnReply {
    /// Its id, which is ours.
    pub id: String,
    /// The id of the reply that it follows.
    pub follows: Option<String>,
    /// Whether it is kept. One that is not keeps the bytes of its provider.
    pub kept: bool,
}

/// What a request asks beside what it follows, as JSON items between commas.
pub fn asked_items(head: &Head, body: &[u8]) -> String {
    kept::asked_items(head, body)
}

/// What a whole reply said, as JSON items between commas. Reasoning that no one could read again is
/// not among them; that which only its maker can read is where `sealed` says so.
pub fn said_items(reply: &[u8], sealed: bool) -> String {
    kept::said_items(reply, sealed)
}

/// The request with what it follows before its own items, ready for a new [`crate::read_head`].
pub fn with_history(head: &Head, body: &Bytes, history: &str) -> Bytes {
    kept::with_history(head, body, history)
}
