//! The ids of files where they stand for files: the id of a provider's answer about one, and the
//! references in a request. A reference is a `file_id` or a member of `file_ids` anywhere but in what is
//! the caller's own to fill: a tool's input and schema, metadata.

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;

use crate::{
    head::decoded,
    json::{
        scan::{JsonError, Kind, Scanner},
        write,
    },
    splice::{Edit, splice},
};

/// Below these keys a `file_id` is whatever the caller made of it.
const CALLERS_OWN: &[&str] =
    &["metadata", "parameters", "input_schema", "schema", "json_schema", "args", "arguments"];

/// Puts another id in the place of a file's own in a provider's answer about it: the `id` of the
/// outermost object. `None` where the answer is no JSON object or holds none.
pub fn mark_file_id(body: &Bytes, mark: impl FnOnce(&str) -> String) -> Option<Bytes> {
    let text = std::str::from_utf8(body).ok()?;
    let mut scanner = Scanner::new(text);
    let mut is_id = false;
    let mut found = None;
    while let Some(token) = scanner.next().ok()? {
        match token.kind {
            Kind::Key => is_id = scanner.depth() == 1 && decoded(&text[token.span]) == "id",
            Kind::Text if std::mem::take(&mut is_id) => found = Some(token.span),
            _ => is_id = false,
        }
    }
    let span = found?;
    let marked = mark(&decoded(&text[span.clone()]));
    Some(splice(body, vec![edit(span, &marked)]))
}

/// Puts what `unmark` says in the place of each reference to a file. The same bytes where there are none.
pub fn unmark_file_ids<E>(
    body: &Bytes,
    mut unmark: impl FnMut(&str) -> Result<String, E>,
) -> Result<Bytes, E> {
    let may_hold = |needle: &[u8]| memchr::memmem::find(body, needle).is_some();
    // A key may be written with escapes, which only a whole look undoes.
    if !may_hold(b"file_id") && !may_hold(b"\\u") {
        return Ok(body.clone());
    }
    let Ok(text) = std::str::from_utf8(body) else { return Ok(body.clone()) };
    // A broken body is refused by whoever reads it next.
    let Ok(found) = references(text) else { return Ok(body.clone()) };
    let mut edits = Vec::with_capacity(found.len());
    for span in found {
        let own = unmark(&decoded(&text[span.clone()]))?;
        edits.push(edit(span, &own));
    }
    Ok(splice(body, edits))
}

/// The place of a text, given without its quotes, and what stands there instead.
fn edit(span: Range<usize>, id: &str) -> Edit {
    let mut text = Vec::new();
    write::text(&mut text, id);
    let text = String::from_utf8(text).expect("escaping keeps UTF-8");
    Edit { span: span.start - 1..span.end + 1, text }
}

/// An open container.
#[derive(Clone, Copy, Default)]
struct Open {
    callers_own: bool,
    is_list_of_files: bool,
}

/// Where the references stand, without their quotes.
fn references(text: &str) -> Result<Vec<Range<usize>>, JsonError> {
    let mut scanner = Scanner::new(text);
    let mut open: Vec<Open> = Vec::new();
    let mut key: Option<Cow<'_, str>> = None;
    let mut found = Vec::new();
    while let Some(token) = scanner.next()? {
        let inside = open.last().copied().unwrap_or_default();
        match token.kind {
            Kind::Key => {
                key = Some(decoded(&text[token.span]));
                continue;
            }
            Kind::ObjectStart | Kind::ArrayStart => {
                let name = key.as_deref().unwrap_or_default();
                // The outermost `input` is that of Responses; a deeper one is a tool's.
                let tools_input = name == "input" && open.len() > 1;
                let callers_own = inside.callers_own || tools_input || CALLERS_OWN.contains(&name);
                let is_list_of_files = name == "file_ids" && token.kind == Kind::ArrayStart;
                open.push(Open { callers_own, is_list_of_files });
            }
            Kind::End => drop(open.pop()),
            Kind::Text => {
                let named = key.as_deref() == Some("file_id");
                if !inside.callers_own && (named || inside.is_list_of_files) {
                    found.push(token.span);
                }
            }
            Kind::Number | Kind::True | Kind::False | Kind::Null => {}
        }
        key = None;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{mark_file_id, unmark_file_ids};

    #[test]
    fn the_outermost_id_of_an_answer_is_marked_and_nothing_else() {
        let answer =
            Bytes::from_static(br#"{ "data":{"id":"file-2"}, "id" : "file-1","name":"id"}"#);
        let marked = mark_file_id(&answer, |id| format!("{id}~p")).unwrap();
        assert_eq!(marked, r#"{ "data":{"id":"file-2"}, "id" : "file-1~p","name":"id"}"#);
        for other in [&b"RIFF"[..], b"[]", br#"{"id":7}"#, br#"{"a":{"id":"file-1"}}"#] {
            assert_eq!(mark_file_id(&Bytes::copy_from_slice(other), str::to_owned), None);
        }
    }

    fn unmarked(body: &str) -> String {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let own = unmark_file_ids(&body, |id| Ok::<_, ()>(format!("<{id}>"))).unwrap();
        String::from_utf8(own.to_vec()).unwrap()
    }

    #[test]
    fn every_reference_is_found_however_it_is_written() {
        let check = |body: &str, expect: &str| assert_eq!(unmarked(body), expect);
        check(r#"{"a":[{"file":{"file_id":"x"}}]}"#, r#"{"a":[{"file":{"file_id":"<x>"}}]}"#);
        check(r#"{"input":[{"file_id":"x"}]}"#, r#"{"input":[{"file_id":"<x>"}]}"#);
        check(r#"{"file\u005fid":"x"}"#, r#"{"file\u005fid":"<x>"}"#);
        check(
            r#"{"c":{"file_ids":["x","y"]},"d":["z"]}"#,
            r#"{"c":{"file_ids":["<x>","<y>"]},"d":["z"]}"#,
        );
    }

    #[test]
    fn what_is_the_callers_own_is_left_alone() {
        for body in [
            r#"{"messages":[{"content":[{"type":"tool_use","input":{"file_id":"~/notes"}}]}]}"#,
            r#"{"metadata":{"file_id":"x"}}"#,
            r#"{"tools":[{"input_schema":{"properties":{"file_id":{"type":"string"}}}}]}"#,
            r#"{"contents":[{"parts":[{"functionCall":{"args":{"file_id":"x"}}}]}]}"#,
            r#"{"text":"file_id"}"#,
        ] {
            assert_eq!(unmarked(body), body);
        }
    }

    #[test]
    fn a_refused_reference_refuses_the_body_and_a_broken_body_is_left_to_its_reader() {
        let body = Bytes::from_static(br#"{"file_id":"x"}"#);
        assert!(unmark_file_ids(&body, |_| Err::<String, _>(())).is_err());
        let broken = Bytes::from_static(br#"{"file_id":"x""#);
        assert_eq!(unmark_file_ids(&broken, |_| Err::<String, _>(())).unwrap(), broken);
        let without = Bytes::from_static(br#"{"model":"m"}"#);
        let same = unmark_file_ids(&without, |_| Err::<String, _>(())).unwrap();
        assert_eq!(same.as_ptr(), without.as_ptr());
    }
}
