//! A whole reply out of its pieces, each of which has the shape of a reply.

use serde_json::{Map, Value};

use crate::gather::{records, replace};

pub(super) fn gather(stream: &[u8]) -> Option<Value> {
    let mut whole = Map::new();
    let mut candidates: Vec<Map<String, Value>> = Vec::new();
    let mut any = false;
    records(stream, |mut piece| {
        any = true;
        if let Some(Value::Array(pieces)) = piece.remove("candidates") {
            for piece in pieces {
                if let Value::Object(piece) = piece {
                    take(&mut candidates, piece);
                }
            }
        }
        replace(&mut whole, piece);
    });
    if !candidates.is_empty() {
        let candidates = candidates.into_iter().map(Value::Object).collect::<Vec<Value>>();
        // First, as the vendor writes it.
        whole.shift_insert(0, "candidates".to_owned(), Value::from(candidates));
    }
    any.then_some(Value::Object(whole))
}

fn take(candidates: &mut Vec<Map<String, Value>>, mut piece: Map<String, Value>) {
    let index = |candidate: &Map<String, Value>| {
        candidate.get("index").and_then(Value::as_u64).unwrap_or(0)
    };
    let at = candidates.iter().position(|known| index(known) == index(&piece));
    let Some(known) = at.map(|at| &mut candidates[at]) else {
        candidates.push(piece);
        return;
    };
    if let Some(Value::Object(mut content)) = piece.remove("content") {
        let parts = content.remove("parts");
        match known.get_mut("content") {
            Some(Value::Object(said)) => {
                if let Some(Value::Array(parts)) = parts {
                    join(said, parts);
                }
                replace(said, content);
            }
            _ => {
                content.extend(parts.map(|parts| ("parts".to_owned(), parts)));
                known.insert("content".to_owned(), Value::Object(content));
            }
        }
    }
    replace(known, piece);
}

/// Adds parts; a text goes on with the text before it, where both are nothing else.
fn join(content: &mut Map<String, Value>, parts: Vec<Value>) {
    let said = content.entry("parts").or_insert_with(|| Value::from(Vec::<Value>::new()));
    let Value::Array(said) = said else { return };
    for mut part in parts {
        if let Some(last) = said.last_mut()
            && goes_on(last, &part)
            && let (Some(Value::String(text)), Some(Value::String(more))) =
                (last.get_mut("text"), part.get_mut("text"))
        {
            text.push_str(more);
            continue;
        }
        said.push(part);
    }
}

fn goes_on(last: &Value, next: &Value) -> bool {
    let thought = |part: &Value| part.get("thought").and_then(Value::as_bool).unwrap_or(false);
    let is_text = |part: &Value| {
        part.as_object().is_some_and(|fields| {
            fields.keys().all(|name| matches!(name.as_str(), "text" | "thought"))
        })
    };
    is_text(last) && is_text(next) && thought(last) == thought(next)
}
