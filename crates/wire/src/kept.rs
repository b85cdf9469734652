//! Replies that the gateway keeps, so that a later request may follow them: the vendor's servers keep
//! nothing. Who keeps them, for whom and how long is the gateway's business.

use bytes::Bytes;

use crate::{
    dialect::openai_responses::{kept, listed},
    head::Head,
};

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

/// An item as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedItem {
    /// Its id, which is ours where its sender gave it none.
    pub id: String,
    /// The item in its long form.
    pub json: String,
}

/// Items between commas one by one, as they are listed; `reply` is whose they are.
pub fn listed_items(items: &str, reply: &str) -> Vec<ListedItem> {
    listed::listed(items, reply)
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

/// The request with these items in place of its own, following nothing, ready for a new
/// [`crate::read_head`].
pub fn with_items(head: &Head, body: &Bytes, items: &str) -> Bytes {
    kept::with_items(head, body, items)
}

/// Whether a request names items of earlier answers by their ids.
pub fn has_references(head: &Head) -> bool {
    head.spans.references
}

/// The items of a request one by one, each with the id of the item that it only names.
pub fn asked_one_by_one(head: &Head, body: &[u8]) -> Vec<(String, Option<String>)> {
    kept::asked_one_by_one(head, body)
}

/// The items of a whole reply, each behind its id.
pub fn said_one_by_one(reply: &[u8]) -> Vec<(String, String)> {
    kept::said_one_by_one(reply)
}

/// Whether an item is reasoning, which only its maker can read.
pub fn is_sealed(item: &str) -> bool {
    kept::is_sealed(item)
}
