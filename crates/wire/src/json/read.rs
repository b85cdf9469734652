//! Reading a whole body into a typed request, with complaints that name the place but never repeat
//! what stands there: a prompt must not travel in an error.

use serde::Deserialize;

use super::{path::path_at, text::Text};
use crate::error::BadRequest;

/// Reads a body.
pub(crate) fn body<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, BadRequest> {
    part(body, "")
}

/// Reads a part of a body, which stands at this place.
pub(crate) fn part<'a, T: Deserialize<'a>>(part: &'a [u8], place: &str) -> Result<T, BadRequest> {
    serde_json::from_slice(part).map_err(|error| wrong_type(part, &error, place))
}

/// A value of another type than its field has, by the field's name and in the words of JSON.
fn wrong_type(part: &[u8], error: &serde_json::Error, place: &str) -> BadRequest {
    let text = std::str::from_utf8(part).unwrap_or_default();
    let before = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    // The column is that of the last byte that was taken, counted from one: the last of the value, or
    // the last before it where its first byte told enough.
    let at = before.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
    let rest = part.get(at..).unwrap_or_default();
    let is_before = |byte: &u8| byte.is_ascii_whitespace() || b":,[".contains(byte);
    let within = path_at(text, at + rest.iter().take_while(|byte| is_before(byte)).count());
    let dot =
        if place.is_empty() || within.is_empty() || within.starts_with('[') { "" } else { "." };
    let path = format!("{place}{dot}{within}");
    let complaint = error.to_string();
    let wanted = complaint.rsplit_once("expected ").map_or("", |(_, wanted)| wanted);
    let complaint = if error.is_data() {
        in_json(wanted.split(" at line ").next().unwrap_or_default())
    } else {
        "cannot be read"
    };
    if path.is_empty() {
        return BadRequest::json(format!("the body {complaint}"));
    }
    BadRequest::field(&path, complaint)
}

/// What was wanted, in the words of JSON instead of those of the program.
fn in_json(wanted: &str) -> &'static str {
    match wanted {
        "f64" | "f32" => "must be a number",
        "u64" | "u32" | "u8" | "usize" => "must be a whole number from 0 on",
        "i64" | "i32" => "must be a whole number",
        "a boolean" => "must be true or false",
        "a string" => "must be a string",
        "a sequence" => "must be an array",
        "a string or an array" => "must be a string or an array",
        "a string or an object" => "must be a string or an object",
        "an object" => "must be an object",
        _ => "has another type than it should",
    }
}

/// Lists unknown fields by their path.
pub(crate) fn list_unknown(path: &str, unknown: &[Text<'_>], unsaid: &mut Vec<String>) {
    for field in unknown {
        let entry = format!("{path}.{}", &**field);
        if !unsaid.contains(&entry) {
            unsaid.push(entry);
        }
    }
}
