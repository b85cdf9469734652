//! The ids of files, in whatever place of a body they stand: a provider's own in its answers, marked ones
//! in requests. What a mark says is known to whoever makes it.

use std::ops::Range;

use bytes::Bytes;

use crate::{
    head::decoded,
    json::{
        scan::{Kind, Scanner},
        write,
    },
    splice::{Edit, splice},
};

/// Puts another id in the place of each file's own id in a provider's answer: the values of `id` that
/// begin with `file`. `None` where the answer is no JSON.
pub fn mark_file_ids(body: &Bytes, mark: impl Fn(&str) -> String) -> Option<Bytes> {
    let text = std::str::from_utf8(body).ok()?;
    let mut edits = Vec::new();
    each_text(text, |key, id, span| {
        if key == "id" && id.starts_with("file") {
            edits.push(edit(span, &mark(id)));
        }
    })?;
    Some(splice(body, edits))
}

/// Puts the provider's own id in the place of each marked one: the values of `file_id` and `file_ids`
/// that `unmark` knows. The same bytes where there are none.
pub fn unmark_file_ids<E>(
    body: &Bytes,
    mut unmark: impl FnMut(&str) -> Result<Option<String>, E>,
) -> Result<Bytes, E> {
    if memchr::memmem::find(body, b"\"file_id").is_none() {
        return Ok(body.clone());
    }
    let Ok(text) = std::str::from_utf8(body) else { return Ok(body.clone()) };
    let mut found = Vec::new();
    let read = each_text(text, |key, id, span| {
        if key == "file_id" || key == "file_ids" {
            found.push((id.to_owned(), span));
        }
    });
    // A broken body is refused by whoever reads it next.
    if read.is_none() {
        return Ok(body.clone());
    }
    let mut edits = Vec::new();
    for (id, span) in found {
        if let Some(own) = unmark(&id)? {
            edits.push(edit(span, &own));
        }
    }
    Ok(splice(body, edits))
}

fn edit(span: Range<usize>, id: &str) -> Edit {
    let mut text = Vec::new();
    write::text(&mut text, id);
    Edit { span, text: String::from_utf8(text).expect("escaping keeps UTF-8") }
}

/// Every text with the key before it and its place, quotes included.
fn each_text(text: &str, mut see: impl FnMut(&str, &str, Range<usize>)) -> Option<()> {
    let mut scanner = Scanner::new(text);
    let mut key = "";
    while let Some(token) = scanner.next().ok()? {
        match token.kind {
            Kind::Key => key = &text[token.span],
            Kind::Text => {
                let span = token.span.start - 1..token.span.end + 1;
                see(key, &decoded(&text[token.span]), span);
            }
            _ => {}
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{mark_file_ids, unmark_file_ids};

    #[test]
    fn ids_are_marked_and_found_again_and_nothing_else_changes() {
        let answer = Bytes::from_static(
            br#"{ "id" : "file-1", "data":[{"id":"file_2","name":"file-3"}],"object":"file"}"#,
        );
        let marked = mark_file_ids(&answer, |id| format!("{id}~p")).unwrap();
        assert_eq!(
            marked,
            r#"{ "id" : "file-1~p", "data":[{"id":"file_2~p","name":"file-3"}],"object":"file"}"#
        );
        assert_eq!(mark_file_ids(&Bytes::from_static(b"RIFF"), str::to_owned), None);

        let unmark = |id: &str| Ok::<_, ()>(id.strip_suffix("~p").map(str::to_owned));
        let request = Bytes::from_static(
            br#"{"a":{"file_id":"file-1~p"},"file_ids":["x~p","y"],"id":"z~p"}"#,
        );
        let own = unmark_file_ids(&request, unmark).unwrap();
        assert_eq!(own, r#"{"a":{"file_id":"file-1"},"file_ids":["x","y"],"id":"z~p"}"#);
        let without = Bytes::from_static(br#"{"model":"m~p"}"#);
        assert_eq!(unmark_file_ids(&without, unmark).unwrap().as_ptr(), without.as_ptr());
        let broken = Bytes::from_static(br#"{"file_id":"x~p""#);
        assert_eq!(unmark_file_ids(&broken, unmark).unwrap(), broken);
        assert!(unmark_file_ids(&request, |_| Err::<Option<String>, _>(())).is_err());
    }
}
