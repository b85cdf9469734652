//! Answers that the gateway keeps: their ids are ours, they say that they are kept, and what was asked
//! and answered can be put before the next question. Works on the bytes; nothing is decoded.

use bytes::Bytes;

use super::own::{is_reasoning, is_stale_reasoning};
use crate::{
    head::Head,
    json::{scan::Scanner, write},
    kept::OwnReply,
    splice::{Edit, splice, value_of},
    sse,
};

/// Puts our id in place of the provider's, in a whole reply or in a record of a stream. `None` where
/// the record says nothing of the reply as a whole.
pub(super) fn claim(text: &str, own: &OwnReply) -> Option<String> {
    let within = value_of(text, "response").unwrap_or(0..text.len());
    let reply = &text[within.clone()];
    let id = value_of(reply, "id").filter(|_| value_of(reply, "output").is_some())?;
    let quoted = |plain: &str| {
        let mut quoted = Vec::new();
        write::text(&mut quoted, plain);
        String::from_utf8(quoted).expect("escaping keeps UTF-8")
    };
    let mut edits = vec![Edit { span: id, text: quoted(&own.id) }];
    if let Some(span) = value_of(reply, "store") {
        edits.push(Edit { span, text: "true".to_owned() });
    }
    if let (Some(span), Some(follows)) = (value_of(reply, "previous_response_id"), &own.follows) {
        edits.push(Edit { span, text: quoted(follows) });
    }
    for edit in &mut edits {
        edit.span = edit.span.start + within.start..edit.span.end + within.start;
    }
    let claimed = splice(&Bytes::copy_from_slice(text.as_bytes()), edits);
    Some(String::from_utf8(claimed.to_vec()).expect("texts were put into a text"))
}

/// The same for the data of a record of a stream. Most speak of no whole reply, and are not looked
/// through.
pub(super) fn claim_record(data: &str, own: &OwnReply) -> Option<String> {
    // Line ends between the tokens would end a line of the record.
    data.contains("\"response\"").then(|| claim(data, own))?.map(|data| data.replace('\n', " "))
}

/// The whole reply that the last of these records carries.
pub(super) fn last_reply(records: &[u8]) -> Option<Bytes> {
    let mut last = String::new();
    sse::read_data(records, |data| {
        if data.trim_ascii_start().starts_with('{') {
            last.clear();
            last.push_str(data);
        }
    });
    let span = value_of(&last, "response")?;
    Some(Bytes::copy_from_slice(&last.as_bytes()[span]))
}

/// What a request asks beside what it follows: its items, comma-separated.
pub(crate) fn asked_items(head: &Head, body: &[u8]) -> String {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let turns = &text[head.spans.turns.clone()];
    if turns.starts_with('"') {
        return format!(r#"{{"type":"message","role":"user","content":{turns}}}"#);
    }
    let inner = turns.strip_prefix('[').and_then(|turns| turns.strip_suffix(']'));
    inner.unwrap_or_default().trim().to_owned()
}

/// The same, one by one, each with the id of the item that it only names.
pub(crate) fn asked_one_by_one(head: &Head, body: &[u8]) -> Vec<(String, Option<String>)> {
    let list = format!("[{}]", asked_items(head, body));
    let named = |item: &str| {
        let is_reference =
            value_of(item, "type").is_some_and(|span| &item[span] == "\"item_reference\"");
        let id = value_of(item, "id").filter(|_| is_reference)?;
        serde_json::from_str(&item[id]).ok()
    };
    each(&list).into_iter().map(|item| (item.to_owned(), named(item))).collect()
}

/// The items of a whole reply with their ids.
pub(crate) fn said_one_by_one(reply: &[u8]) -> Vec<(String, String)> {
    let text = std::str::from_utf8(reply).unwrap_or_default();
    let Some(span) = value_of(text, "output") else { return Vec::new() };
    let with_id = |item: &&str| {
        let id = value_of(item, "id")?;
        Some((serde_json::from_str(&item[id]).ok()?, (*item).to_owned()))
    };
    each(&text[span]).iter().filter_map(with_id).collect()
}

/// Whether an item is reasoning.
pub(crate) fn is_sealed(item: &str) -> bool {
    is_reasoning(item)
}

/// The objects of a list.
pub(super) fn each(list: &str) -> Vec<&str> {
    let mut scanner = Scanner::new(list);
    let mut items = Vec::new();
    if !matches!(scanner.next(), Ok(Some(_))) {
        return items;
    }
    while let Ok(span) = scanner.skip_value() {
        let item = &list[span];
        if !item.starts_with('{') {
            break;
        }
        items.push(item);
    }
    items
}

/// What a whole reply said: its items, comma-separated, less what no one could read again.
pub(crate) fn said_items(reply: &[u8], sealed: bool) -> String {
    let text = std::str::from_utf8(reply).unwrap_or_default();
    let Some(span) = value_of(text, "output") else { return String::new() };
    let stays = |item: &&&str| if sealed { !is_stale_reasoning(item) } else { !is_reasoning(item) };
    let all = each(&text[span]);
    let items: Vec<&str> = all.iter().filter(stays).copied().collect();
    items.join(",")
}

/// The request with these items in place of its own, following nothing.
pub(crate) fn with_items(head: &Head, body: &Bytes, items: &str) -> Bytes {
    let mut edits = vec![Edit { span: head.spans.turns.clone(), text: format!("[{items}]") }];
    edits.extend(head.spans.follows.clone().map(|span| Edit { span, text: "null".to_owned() }));
    splice(body, edits)
}
