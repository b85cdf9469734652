//! Changing single fields of a body by byte range, so that everything else keeps its bytes: key
//! order, whitespace, 20-digit integers.

use std::ops::Range;

use bytes::Bytes;

use crate::{
    head::Head,
    json::{
        scan::{JsonError, Kind, Scanner},
        write,
    },
    request::Upstream,
};

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

/// A member of the outermost object: from its name's opening quote to its value's end.
struct Member<'a> {
    name: &'a str,
    span: Range<usize>,
    value: Range<usize>,
}

/// Where the value of a member of the outermost object stands.
pub(crate) fn value_of(text: &str, name: &str) -> Option<Range<usize>> {
    members(text).ok()?.into_iter().find(|member| member.name == name).map(|member| member.value)
}

/// Where the name of a member of the outermost object stands, quotes included.
pub(crate) fn name_of(text: &str, name: &str) -> Option<Range<usize>> {
    let member = members(text).ok()?.into_iter().find(|member| member.name == name)?;
    Some(member.span.start..member.span.start + name.len() + 2)
}

/// Takes these members out of the outermost object, each with one comma. Gives the edits and the
/// names that were there.
pub(crate) fn without<'a>(
    text: &'a str,
    names: &[&str],
) -> Result<(Vec<Edit>, Vec<&'a str>), JsonError> {
    let members = members(text)?;
    let goes = |member: &Member<'_>| names.contains(&member.name);
    let Some(last_kept) = members.iter().rposition(|member| !goes(member)) else {
        return Ok((Vec::new(), Vec::new()));
    };
    let cut = |span: Range<usize>| Edit { span, text: String::new() };
    let mut edits: Vec<Edit> = members
        .windows(2)
        .take(last_kept)
        .filter(|pair| goes(&pair[0]))
        .map(|pair| cut(pair[0].span.start..pair[1].span.start))
        .collect();
    if let [kept, .., last] = &members[last_kept..] {
        edits.push(cut(kept.span.end..last.span.end));
    }
    Ok((edits, members.iter().filter(|member| goes(member)).map(|member| member.name).collect()))
}

fn members(text: &str) -> Result<Vec<Member<'_>>, JsonError> {
    let mut scanner = Scanner::new(text);
    let mut members = Vec::new();
    scanner.next()?;
    while let Some(token) = scanner.next()? {
        if token.kind == Kind::Key {
            let value = scanner.skip_value()?;
            let start = token.span.start - 1;
            let span = start..value.end;
            members.push(Member { name: &text[token.span], span, value });
        }
    }
    Ok(members)
}

/// Applies edits. Without any, the very same bytes are shared, not copied.
pub(crate) fn splice(body: &Bytes, mut edits: Vec<Edit>) -> Bytes {
    if edits.is_empty() {
        return body.clone();
    }
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
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

    use super::{Edit, splice, without};

    #[test]
    fn members_go_with_one_comma_each_wherever_they_stand() {
        let check = |text: &'static str, expect: &str| {
            let (edits, _) = without(text, &["t", "p"]).unwrap();
            assert_eq!(splice(&Bytes::from_static(text.as_bytes()), edits), expect.as_bytes());
        };
        check(r#"{"t":1,"a": {"t":2} }"#, r#"{"a": {"t":2} }"#);
        check(r#"{"a":1 , "t" : "x" }"#, r#"{"a":1 }"#);
        check(r#"{"p":0, "a":1,"t":[1,2],"b":2,"p":{} , "t":3}"#, r#"{"a":1,"b":2}"#);
        check(r#"{"a":1}"#, r#"{"a":1}"#);
    }

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
