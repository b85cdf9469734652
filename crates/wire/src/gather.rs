//! A whole reply out of a stream: what a caller is given who asked for no stream while its provider was
//! asked for one. Everything that the records say is in it, known to us or not.

use bytes::Bytes;
use serde_json::{Map, Value};
use terms::dialect::Dialect;

use crate::{
    dialect,
    head::Head,
    splice::{Edit, splice},
    sse,
};

/// The whole reply that a complete stream of this dialect amounts to; `None` where it holds none.
pub fn gathered(dialect: Dialect, stream: &[u8]) -> Option<Bytes> {
    dialect::codec(dialect).gather(stream)
}

/// The same request, asked for as a stream; `None` where its answer could not come as one. The head is
/// that of the new body, which is not looked through again.
pub fn as_stream(head: &Head, body: &Bytes) -> Option<(Head, Bytes)> {
    // Sound comes in another format.
    if head.spans.sound {
        return None;
    }
    let mut streamed = Head { stream: true, ..head.clone() };
    let spans = &mut streamed.spans;
    let edit = match &spans.stream {
        Some(span) => Edit { span: span.clone(), text: "true".to_owned() },
        None => Edit { span: spans.start..spans.start, text: "\"stream\":true,".to_owned() },
    };
    spans.moved(edit.span.end, edit.text.len().cast_signed() - edit.span.len().cast_signed());
    spans.stream.get_or_insert_with(|| {
        let value = edit.span.start + "\"stream\":".len();
        value..value + "true".len()
    });
    Some((streamed, splice(body, vec![edit])))
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
