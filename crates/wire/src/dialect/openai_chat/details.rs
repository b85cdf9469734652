//! `reasoning_details`, in which OpenRouter and others of this dialect give reasoning that only its maker
//! can read: they go back whole, in their order and as they were. Those of one answer are sealed at once.

use serde_json::Value;
use terms::dialect::Dialect;

use crate::{
    canonical::sealed::{On, Sealed},
    gather::extend,
    json::text::{Json, Text},
};

/// Bytes of reasoning in details beyond which none of an answer is kept to be sealed.
const BYTES: usize = 4 << 20;

/// The details of a stream that were not sealed yet.
#[derive(Debug, Default)]
pub(super) struct Details {
    entries: Vec<Value>,
    bytes: usize,
}

impl Details {
    /// Takes the details of a record.
    pub(super) fn take(&mut self, list: &str) {
        self.bytes += list.len();
        if self.bytes > BYTES {
            self.entries = Vec::new();
            return;
        }
        for piece in serde_json::from_str::<Vec<Value>>(list).unwrap_or_default() {
            add(&mut self.entries, piece);
        }
    }

    /// What has come is whole, since something else is said: sealed, if there is a seal on any of it.
    /// What has none waits for what comes next, as its maker wants all of them in a row.
    pub(super) fn seal(&mut self) -> Option<Sealed<'static>> {
        self.entries.iter().any(is_sealed).then(|| {
            let entries = Value::from(std::mem::take(&mut self.entries));
            sealed(Text::owned(entries.to_string()))
        })
    }
}

/// The seal of a whole message's details, if there is one on any of them.
pub(super) fn seal(list: &str) -> Option<Sealed<'_>> {
    let entries: Vec<Value> = serde_json::from_str(list).ok()?;
    entries.iter().any(is_sealed).then(|| sealed(Text::from(list)))
}

/// The details that were sealed; `None` where they are none.
pub(super) fn unsealed<'s>(sealed: &'s Sealed<'_>) -> Option<Vec<Json<'s>>> {
    let entries: Vec<Json<'s>> = serde_json::from_str(&sealed.data).ok()?;
    entries.iter().all(|entry| entry.as_written().starts_with('{')).then_some(entries)
}

fn sealed(data: Text<'_>) -> Sealed<'_> {
    // The words that a signature vouches for are in its entry.
    Sealed { by: Dialect::OpenaiChat, on: On::Itself, text: Text::default(), data }
}

/// Adds a piece of a stream: words go on with those before them of the same kind and index, until they
/// are signed. What is encrypted comes whole.
pub(super) fn add(entries: &mut Vec<Value>, piece: Value) {
    let is_words = |entry: &Value| {
        matches!(entry["type"].as_str(), Some("reasoning.text" | "reasoning.summary"))
    };
    let is_filled =
        |entry: &Value, field: &str| entry[field].as_str().is_some_and(|text| !text.is_empty());
    let goes_on = |last: &Value| {
        let is_of_it = |field: &str| {
            last[field].is_null() || piece[field].is_null() || last[field] == piece[field]
        };
        let is_new = is_filled(last, "signature") && is_filled(&piece, "text");
        is_words(last)
            && last["type"] == piece["type"]
            && is_of_it("index")
            && is_of_it("id")
            && !is_new
    };
    let is_more = entries.last().is_some_and(goes_on);
    match (entries.last_mut(), piece) {
        (Some(Value::Object(last)), Value::Object(piece)) if is_more => extend(last, piece),
        (_, piece) => entries.push(piece),
    }
}

fn is_sealed(entry: &Value) -> bool {
    let sealed = match entry["type"].as_str() {
        Some("reasoning.encrypted") => &entry["data"],
        _ => &entry["signature"],
    };
    sealed.as_str().is_some_and(|sealed| !sealed.is_empty())
}
