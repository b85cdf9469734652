//! Changing single fields of a body by byte range, so that everything else keeps its bytes: key
//! order, whitespace, 20-digit integers.

use std::ops::Range;

use bytes::Bytes;

use crate::{head::Head, json::write, request::Upstream};

/// One replacement. Edits of one body must not overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) span: Range<usize>,
    pub(crate) text: String,
}

/// Puts the upstream's name of the model in place of the caller's, where they differ.
pub(crate) fn rename(head: &Head, upstream: &Upstream<'_>) -> Option<Edit> {
    if upstream.model == head.model {
        return None;
    }
    let mut text = Vec::new();
    write::text(&mut text, upstream.model);
    let text = String::from_utf8(text).expect("escaping keeps UTF-8");
    Some(Edit { span: head.spans.model.clone(), text })
}

/// Applies edits. Without any, the very same bytes are shared, not copied.
pub(crate) fn splice(body: &Bytes, mut edits: Vec<Edit>) -> Bytes {
    if edits.is_empty() {
        return body.clone();
    }
    edits.sort_by_key(|edit| edit.span.start);
    let added: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let mut spliced = Vec::with_capacity(body.len() + added);
    let mut at = 0;
    for edit in &edits {
        spliced.extend_from_slice(&body[at..edit.span.start]);
        spliced.extend_from_slice(edit.text.as_bytes());
        at = edit.span.end;
    }
    spliced.extend_from_slice(&body[at..]);
    spliced.into()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Edit, splice};

    #[test]
    fn edits_apply_in_any_order() {
        let body = Bytes::from_static(b"{\"a\": 1, \"b\": 2}");
        let edits = vec![
            Edit { span: 14..15, text: "22".into() },
            Edit { span: 1..1, text: "\"c\":0,".into() },
        ];
        assert_eq!(splice(&body, edits), Bytes::from_static(b"{\"c\":0,\"a\": 1, \"b\": 22}"));
        assert_eq!(splice(&body, vec![]).as_ptr(), body.as_ptr());
    }
}
