//! The fields of a request that we own when caller and provider both speak this dialect. There are
//! none in the body: the model's name stands in the address.

use crate::{
    head::Head,
    head_rules::{HeadRules, Turns},
    json::write,
    splice::{self, Edit},
};

pub(super) const HEAD_RULES: HeadRules = HeadRules {
    max_tokens: &[],
    required: None,
    texts: &["systemInstruction", "system_instruction"],
    wholes: &[],
    formats: &["generationConfig", "generation_config"],
    stream_options: false,
    turns: Turns { field: "contents", may_be_text: false, roles: false, kept: false },
    // What it names lies with the vendor, under whoever's key put it there.
    refused: &["cachedContent", "cached_content"],
};

/// The field `systemInstruction`, where the caller sent none at all.
pub(super) fn instruct(head: &Head, body: &[u8], instruction: &str) -> Option<Edit> {
    let text = std::str::from_utf8(body).ok()?;
    let names = ["systemInstruction", "system_instruction"];
    if names.iter().any(|name| splice::value_of(text, name).is_some()) {
        return None;
    }
    let at = head.spans.start;
    let mut text = b"\"systemInstruction\":{\"parts\":[{\"text\":".to_vec();
    write::text(&mut text, instruction);
    text.extend_from_slice(b"}]},");
    Some(Edit { span: at..at, text: String::from_utf8(text).ok()? })
}
