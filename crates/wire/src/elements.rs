//! Changing the objects of a list in a body: each stays as it was, goes, or becomes another.

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;

use crate::{
    json::scan::{Kind, Scanner},
    splice::{Edit, splice, value_of, without},
};

/// What becomes of an element of a list.
pub(crate) enum Fate {
    Stays,
    Goes,
    Becomes(String),
}

/// The list that is this field of an object, less what goes. `None` where all of it stays.
pub(crate) fn within(
    object: &str,
    field: &str,
    mut judge: impl FnMut(&str) -> Fate,
) -> Option<Edit> {
    let span = value_of(object, field).filter(|span| object[span.clone()].starts_with('['))?;
    let list = &object[span.clone()];
    let mut is_changed = false;
    let mut kept: Vec<Cow<'_, str>> = Vec::new();
    for element in elements(list) {
        let element = &list[element];
        match if element.starts_with('{') { judge(element) } else { Fate::Stays } {
            Fate::Stays => kept.push(Cow::Borrowed(element)),
            Fate::Goes => is_changed = true,
            Fate::Becomes(other) => {
                is_changed = true;
                kept.push(Cow::Owned(other));
            }
        }
    }
    is_changed.then(|| Edit { span, text: format!("[{}]", kept.join(",")) })
}

/// Where the elements of a list stand.
pub(crate) fn elements(list: &str) -> Vec<Range<usize>> {
    let mut scanner = Scanner::new(list);
    let mut found = Vec::new();
    if !matches!(scanner.next(), Ok(Some(first)) if first.kind == Kind::ArrayStart) {
        return found;
    }
    while let Ok(span) = scanner.skip_value() {
        if span.is_empty() || list[span.clone()].starts_with(']') {
            break;
        }
        found.push(span);
    }
    found
}

/// An object without a member.
pub(crate) fn cut(object: &str, name: &str) -> Fate {
    changed(object, without(object, &[name]).map(|(edits, _)| edits).unwrap_or_default())
}

/// A text with edits.
pub(crate) fn changed(text: &str, edits: Vec<Edit>) -> Fate {
    let changed = splice(&Bytes::copy_from_slice(text.as_bytes()), edits);
    Fate::Becomes(String::from_utf8(changed.to_vec()).expect("texts were put into a text"))
}

/// A member that is a text, between its quotes as it was written.
pub(crate) fn text_of<'t>(object: &'t str, name: &str) -> Option<&'t str> {
    let value = &object[value_of(object, name)?];
    value.strip_prefix('"')?.strip_suffix('"')
}
