//! The field of a request that we own when caller and provider both speak this dialect: the
//! model's name. Streams state their usage unasked. Everything else keeps its bytes.

use crate::{
    head::Head,
    head_rules::{HeadRules, Turns},
    json::write,
    request::Upstream,
    splice::{self, Edit},
};

pub(super) const HEAD_RULES: HeadRules = HeadRules {
    max_tokens: &["max_tokens"],
    required: Some("max_tokens"),
    texts: &["system"],
    wholes: &["output_config", "output_format"],
    formats: &["output_config", "output_format"],
    stream_options: false,
    turns: Turns { field: "messages", may_be_text: false, roles: true, kept: false },
    refused: &[],
};

pub(super) fn edits(head: &Head, upstream: &Upstream<'_>) -> Vec<Edit> {
    splice::rename(head, upstream).into_iter().collect()
}

/// The field `system`, where the caller sent none at all.
pub(super) fn instruct(head: &Head, body: &[u8], instruction: &str) -> Option<Edit> {
    if splice::value_of(std::str::from_utf8(body).ok()?, "system").is_some() {
        return None;
    }
    let at = head.spans.start;
    let mut text = b"\"system\":".to_vec();
    write::text(&mut text, instruction);
    text.push(b',');
    Some(Edit { span: at..at, text: String::from_utf8(text).ok()? })
}
