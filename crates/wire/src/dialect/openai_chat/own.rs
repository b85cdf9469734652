//! The fields of a request that we own when caller and provider both speak this dialect: the
//! model's name, and that a stream ends with its usage. Everything else keeps its bytes.

use crate::{
    head::Head,
    head_rules::{HeadRules, Turns},
    json::write,
    request::Upstream,
    splice::{self, Edit},
};

pub(super) const HEAD_RULES: HeadRules = HeadRules {
    max_tokens: &["max_completion_tokens", "max_tokens"],
    required: None,
    texts: &[],
    wholes: &["functions", "response_format"],
    formats: &["response_format"],
    stream_options: true,
    turns: Turns { field: "messages", may_be_text: false, roles: true, kept: false },
    refused: &[],
};

pub(super) fn edits(head: &Head, upstream: &Upstream<'_>) -> Vec<Edit> {
    let mut edits: Vec<Edit> = splice::rename(head, upstream).into_iter().collect();
    if head.stream && !head.include_usage {
        edits.push(ask_for_usage(head));
    }
    edits
}

/// Without this a stream ends without token counts, and its cost could only be guessed.
fn ask_for_usage(head: &Head) -> Edit {
    let spans = &head.spans;
    if let Some(span) = spans.include_usage.clone() {
        return Edit { span, text: "true".to_owned() };
    }
    match spans.stream_options.clone() {
        None => Edit {
            span: spans.start..spans.start,
            text: "\"stream_options\":{\"include_usage\":true},".to_owned(),
        },
        Some(span) if spans.stream_options_filled => Edit {
            span: span.start + 1..span.start + 1,
            text: "\"include_usage\":true,".to_owned(),
        },
        Some(span) => Edit { span, text: "{\"include_usage\":true}".to_owned() },
    }
}

/// A system message before the first one.
pub(super) fn instruct(body: &[u8], instruction: &str) -> Option<Edit> {
    let messages = splice::value_of(std::str::from_utf8(body).ok()?, "messages")?;
    let inside = messages.start + 1;
    let empty = body[inside..].trim_ascii_start().first() == Some(&b']');
    let mut text = b"{\"role\":\"system\",\"content\":".to_vec();
    write::text(&mut text, instruction);
    text.extend_from_slice(if empty { b"}" } else { b"}," });
    Some(Edit { span: inside..inside, text: String::from_utf8(text).ok()? })
}
