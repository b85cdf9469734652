//! A whole completion out of its chunks.

use serde_json::{Map, Value, json};

use super::details;
use crate::gather::{extend, records, replace};

pub(super) fn gather(stream: &[u8]) -> Option<Value> {
    let mut whole = Map::new();
    let mut choices: Vec<Map<String, Value>> = Vec::new();
    records(stream, |mut chunk| {
        if let Some(Value::Array(pieces)) = chunk.remove("choices") {
            for piece in pieces {
                if let Value::Object(piece) = piece {
                    take(&mut choices, piece);
                }
            }
        }
        // Only there to hide how long a token is.
        chunk.remove("obfuscation");
        replace(&mut whole, chunk);
    });
    if choices.is_empty() {
        return None;
    }
    choices.sort_by_key(|choice| choice.get("index").and_then(Value::as_u64));
    whole.insert("object".to_owned(), Value::from("chat.completion"));
    let choices = choices.into_iter().map(finished).collect::<Vec<Value>>();
    let usage = whole.remove("usage");
    whole.insert("choices".to_owned(), Value::from(choices));
    if let Some(usage) = usage.filter(|usage| !usage.is_null()) {
        whole.insert("usage".to_owned(), usage);
    }
    Some(Value::Object(whole))
}

fn take(choices: &mut Vec<Map<String, Value>>, mut piece: Map<String, Value>) {
    let index = piece.get("index").and_then(Value::as_u64).unwrap_or(0);
    let known = choices
        .iter_mut()
        .position(|choice| choice.get("index").and_then(Value::as_u64).unwrap_or(0) == index);
    let at = known.unwrap_or_else(|| {
        let message = json!({ "role": "assistant", "content": null });
        let fields = [("index", Value::from(index)), ("message", message)];
        choices.push(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
        choices.len() - 1
    });
    let choice = &mut choices[at];
    if let (Some(Value::Object(mut delta)), Some(Value::Object(message))) =
        (piece.remove("delta"), choice.get_mut("message"))
    {
        if let Some(content) = delta.remove("content").filter(|content| !content.is_null()) {
            say(message, content);
        }
        if let Some(Value::Array(pieces)) = delta.remove("reasoning_details") {
            let known = message.entry("reasoning_details").or_insert_with(|| json!([]));
            if let Value::Array(known) = known {
                for piece in pieces {
                    details::add(known, piece);
                }
            }
        }
        extend(message, delta);
    }
    // Of the rest only logprobs are continued: a reason that is said twice is still one.
    if let Some(logprobs) = piece.remove("logprobs") {
        let logprobs = Map::from_iter([("logprobs".to_owned(), logprobs)]);
        extend(choice, logprobs);
    }
    replace(choice, piece);
}

/// Goes on with the content, which some vendors send as text, some as parts, and some as both.
fn say(message: &mut Map<String, Value>, content: Value) {
    let part = |text: &str| json!({ "type": "text", "text": text });
    let joined = match (message.remove("content"), content) {
        (Some(Value::String(said)), Value::String(more)) => Value::from(said + &more),
        (Some(Value::String(said)), Value::Array(parts)) => {
            let said = (!said.is_empty()).then(|| part(&said));
            said.into_iter().chain(parts).collect()
        }
        (Some(Value::Array(mut parts)), Value::String(more)) => {
            match parts.last_mut().and_then(|last| last.get_mut("text")) {
                Some(Value::String(text)) => text.push_str(&more),
                _ if more.is_empty() => {}
                _ => parts.push(part(&more)),
            }
            Value::from(parts)
        }
        (Some(Value::Array(parts)), Value::Array(more)) => parts.into_iter().chain(more).collect(),
        // Nothing was said yet.
        (_, content) => content,
    };
    message.insert("content".to_owned(), joined);
}

/// The pieces of calls have numbers, which whole calls do not.
fn finished(mut choice: Map<String, Value>) -> Value {
    let calls = choice.get_mut("message").and_then(|message| message.get_mut("tool_calls"));
    for call in calls.and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::Object(call) = call {
            call.remove("index");
        }
    }
    Value::Object(choice)
}
