//! Ids of tool calls. This dialect allows letters, digits, `_` and `-`; other servers write dots
//! and colons (`functions.search:0`), which are replaced alike wherever the id appears.

use std::borrow::Cow;

pub(crate) fn valid(id: &str) -> Cow<'_, str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !id.is_empty() && id.chars().all(allowed) {
        return Cow::Borrowed(id);
    }
    let replaced: String = id.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    Cow::Owned(if replaced.is_empty() { "call".to_owned() } else { replaced })
}
