//! A whole reply out of a stream: what a caller is given who asked for no stream while its provider was
//! asked for one. Everything that the records say is in it, known to us or not.

use bytes::Bytes;
use serde_json::{Map, Value};
use terms::dialect::Dialect;

use crate::{
    dialect,
    error::BadRequest,
    head::{Head, read_head},
    splice::{Edit, splice, value_of},
    sse,
};

/// The whole reply that a complete stream of this dialect amounts to; `None` where it holds none.
pub fn gathered(dialect: Dialect, stream: &[u8]) -> Option<Bytes> {
    dialect::codec(dialect).gather(stream)
}

/// The same request, asked for as a stream; `None` where its answer could not come as one.
pub fn as_stream(
    dialect: Dialect,
    head: &Head,
    body: &Bytes,
) -> Result<Option<(Head, Bytes)>, BadRequest> {
    let Ok(text) = std::str::from_utf8(body) else { return Ok(None) };
    // Sound comes in another format.
    if value_of(text, "modalities").is_some_and(|span| text[span].contains("\"audio\"")) {
        return Ok(None);
    }
    let edit = match value_of(text, "stream") {
        Some(span) => Edit { span, text: "true".to_owned() },
        None => {
            let start = head.spans.start;
            Edit { span: start..start, text: "\"stream\":true,".to_owned() }
        }
    };
    let body = splice(body, vec![edit]);
    Ok(Some((read_head(dialect, &body)?, body)))
}

/// The data of a stream's records, where it is an object.
pub(crate) fn records(stream: &[u8], mut take: impl FnMut(Map<String, Value>)) {
    sse::read_data(stream, |data| {
        if let Ok(record) = serde_json::from_str(data) {
            take(record);
        }
    });
}

/// Takes over every field that is not null; what is there already is replaced.
pub(crate) fn replace(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (name, value) in from {
        if !value.is_null() || !into.contains_key(&name) {
            into.insert(name, value);
        }
    }
}

/// Takes over every field of a delta: texts and lists are continued, what else is there is replaced.
pub(crate) fn extend(into: &mut Map<String, Value>, delta: Map<String, Value>) {
    for (name, piece) in delta {
        match (into.get_mut(&name), piece) {
            (None, piece) => {
                into.insert(name, piece);
            }
            (Some(_), Value::Null) => {}
            (Some(Value::String(_)), Value::String(piece)) if piece.is_empty() => {}
            (Some(Value::String(text)), Value::String(piece)) if is_continued(&name) => {
                text.push_str(&piece);
            }
            (Some(Value::Array(list)), Value::Array(pieces)) => extend_list(list, pieces),
            (Some(Value::Object(fields)), Value::Object(piece)) => extend(fields, piece),
            (Some(value), piece) => *value = piece,
        }
    }
}

/// Names and kinds are said again, not gone on with.
fn is_continued(field: &str) -> bool {
    !matches!(field, "id" | "type" | "role" | "name" | "format" | "signature" | "index")
}

/// Elements with an index are continued by those with the same; others are added.
fn extend_list(list: &mut Vec<Value>, pieces: Vec<Value>) {
    for piece in pieces {
        let index = piece.get("index").and_then(Value::as_u64);
        let known = list
            .iter_mut()
            .find(|known| index.is_some() && known.get("index").and_then(Value::as_u64) == index);
        match (known, piece) {
            (Some(Value::Object(fields)), Value::Object(piece)) => extend(fields, piece),
            (_, piece) => list.push(piece),
        }
    }
}
