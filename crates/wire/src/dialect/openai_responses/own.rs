//! The fields of a request that we own when caller and provider both speak this dialect: the model's
//! name, and that the provider keeps nothing. What only a provider that keeps answers could read is
//! taken out; everything else keeps its bytes.

use std::ops::Range;

use crate::{
    elements::elements,
    head::Head,
    head_rules::{HeadRules, Turns},
    json::write,
    request::Upstream,
    splice::{self, Edit},
};

pub(super) const HEAD_RULES: HeadRules = HeadRules {
    max_tokens: &["max_output_tokens"],
    required: None,
    texts: &["instructions"],
    wholes: &["text"],
    formats: &["text"],
    stream_options: false,
    turns: Turns { field: "input", may_be_text: true, roles: false, kept: true },
    refused: &["background", "conversation"],
};

/// Reasoning that comes back with the next request, because no one keeps it.
const SEALED: &str = "reasoning.encrypted_content";

pub(super) fn edits(head: &Head, body: &[u8], upstream: &Upstream<'_>) -> Vec<Edit> {
    let mut edits: Vec<Edit> = splice::rename(head, upstream).into_iter().collect();
    let start = head.spans.start;
    let mut first = String::new();
    match head.spans.store.clone() {
        Some(span) if head.keeps => edits.push(Edit { span, text: "false".to_owned() }),
        Some(_) => {}
        None => first.push_str("\"store\":false,"),
    }
    if let Some(span) = head.spans.follows.clone() {
        edits.push(Edit { span, text: "null".to_owned() });
    }
    let text = std::str::from_utf8(body).unwrap_or_default();
    // Models that do not reason refuse to be asked for it.
    if head.keeps && upstream.capabilities.reasoning {
        match splice::value_of(text, "include").filter(|span| text[span.clone()].starts_with('[')) {
            Some(span) if text[span.clone()].contains(SEALED) => {}
            Some(span) => {
                let empty = text[span.start + 1..span.end].trim_start().starts_with(']');
                let comma = if empty { "" } else { "," };
                let at = span.start + 1..span.start + 1;
                edits.push(Edit { span: at, text: format!("\"{SEALED}\"{comma}") });
            }
            // A null stands there, or nothing at all.
            None => match splice::value_of(text, "include") {
                Some(span) => edits.push(Edit { span, text: format!("[\"{SEALED}\"]") }),
                None => first.push_str("\"include\":[\"reasoning.encrypted_content\"],"),
            },
        }
    }
    if !first.is_empty() {
        edits.push(Edit { span: start..start, text: first });
    }
    if head.spans.stale_reasoning {
        edits.extend(without_stale_reasoning(text, head.spans.turns.clone()));
    }
    edits
}

/// The field `instructions`, where the caller sent none at all.
pub(super) fn instruct(head: &Head, body: &[u8], instruction: &str) -> Option<Edit> {
    if splice::value_of(std::str::from_utf8(body).ok()?, "instructions").is_some() {
        return None;
    }
    let at = head.spans.start;
    let mut text = b"\"instructions\":".to_vec();
    write::text(&mut text, instruction);
    text.push(b',');
    Some(Edit { span: at..at, text: String::from_utf8(text).ok()? })
}

/// Takes out reasoning that was not sealed for its way back: the provider, who keeps nothing, would
/// look for it by its id and refuse the request.
fn without_stale_reasoning(text: &str, turns: Range<usize>) -> Vec<Edit> {
    let items = items(text, turns);
    let stale = |span: &Range<usize>| is_stale_reasoning(&text[span.clone()]);
    let cut = |span: Range<usize>| Edit { span, text: String::new() };
    let Some(last_kept) = items.iter().rposition(|item| !stale(item)) else {
        let (Some(first), Some(last)) = (items.first(), items.last()) else { return Vec::new() };
        return vec![cut(first.start..last.end)];
    };
    let mut edits: Vec<Edit> = items
        .windows(2)
        .take(last_kept)
        .filter(|pair| stale(&pair[0]))
        .map(|pair| cut(pair[0].start..pair[1].start))
        .collect();
    if let [kept, .., last] = &items[last_kept..] {
        edits.push(cut(kept.end..last.end));
    }
    edits
}

/// Where the items of the list at `turns` stand, as far as they are objects.
fn items(text: &str, turns: Range<usize>) -> Vec<Range<usize>> {
    let list = &text[turns.clone()];
    elements(list)
        .into_iter()
        .take_while(|span| list[span.clone()].starts_with('{'))
        .map(|span| turns.start + span.start..turns.start + span.end)
        .collect()
}

pub(super) fn is_reasoning(item: &str) -> bool {
    splice::value_of(item, "type").is_some_and(|span| &item[span] == "\"reasoning\"")
}

pub(super) fn is_stale_reasoning(item: &str) -> bool {
    let value = |name: &str| splice::value_of(item, name).map(|span| &item[span]);
    is_reasoning(item)
        && value("encrypted_content").is_none_or(|sealed| sealed.len() <= 2 || sealed == "null")
}
