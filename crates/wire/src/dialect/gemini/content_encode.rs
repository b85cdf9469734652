//! Writing `systemInstruction` and `contents`. System turns go to the front, as this dialect has only
//! that place for them. A call carries the signature that the vendor documents for calls that its
//! models did not make; without one its newer models refuse the request.

use std::borrow::Cow;

use serde::Serialize;

use crate::{
    canonical::{
        request::{Block, Media, Speaker, Turn},
        sealed::{On, Seal},
    },
    dialect::anthropic_messages::tool_input,
    json::text::Json,
};

/// From the vendor's page on thought signatures.
pub(crate) const NO_SIGNATURE: &str = "skip_thought_signature_validator";

#[derive(Serialize)]
pub(super) struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    pub(super) parts: Vec<Part<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Part<'a> {
    #[serde(untagged)]
    Text { text: Cow<'a, str> },
    #[serde(untagged, rename_all = "camelCase")]
    Signature { text: &'static str, thought_signature: &'a str },
    #[serde(untagged, rename_all = "camelCase")]
    Inline { inline_data: Inline<'a> },
    #[serde(untagged, rename_all = "camelCase")]
    File { file_data: File<'a> },
    #[serde(untagged, rename_all = "camelCase")]
    Call {
        function_call: Call<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        thought_signature: Option<&'a str>,
    },
    #[serde(untagged, rename_all = "camelCase")]
    Response { function_response: Answered<'a> },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Inline<'a> {
    mime_type: &'a str,
    data: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct File<'a> {
    mime_type: &'static str,
    file_uri: &'a str,
}

#[derive(Serialize)]
pub(super) struct Call<'a> {
    id: &'a str,
    name: &'a str,
    args: Json<'static>,
}

#[derive(Serialize)]
pub(super) struct Answered<'a> {
    id: &'a str,
    name: &'a str,
    response: Told<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Told<'a> {
    Output(Cow<'a, str>),
    Error(Cow<'a, str>),
}

/// `systemInstruction` and `contents`.
pub(super) struct Written<'a> {
    pub(super) system: Content<'a>,
    pub(super) contents: Vec<Content<'a>>,
}

/// A text.
pub(super) fn text<'a>(text: impl Into<Cow<'a, str>>) -> Part<'a> {
    Part::Text { text: text.into() }
}

/// Writes all turns; what cannot be said goes to `dropped`.
pub(super) fn turns<'a>(
    turns: &'a [Turn<'_>],
    signed: bool,
    dropped: &mut Vec<String>,
) -> Written<'a> {
    let system = Content { role: None, parts: Vec::new() };
    let mut written = Written { system, contents: Vec::new() };
    // A request of nothing but system turns needs someone to answer: its last turn speaks as user.
    let only_system = turns.iter().all(|turn| turn.speaker == Speaker::System);
    let mut names: Vec<(&str, &str)> = Vec::new();
    for (index, turn) in turns.iter().enumerate() {
        let mut parts = Vec::new();
        let mut signature = None;
        for block in &turn.blocks {
            if let Block::Sealed(seal) = block {
                signature = signatures(seal, &mut parts).or(signature);
                continue;
            }
            if let Block::ToolUse { id, name, .. } = block {
                names.push((id, name));
            }
            let given = signature.filter(|_| matches!(block, Block::ToolUse { .. }));
            part(block, &names, given.or(signed.then_some(NO_SIGNATURE)), &mut parts, dropped);
            if given.is_some() {
                signature = None;
            }
        }
        let role = match turn.speaker {
            Speaker::System if only_system && index + 1 == turns.len() => {
                dropped.push(format!("messages[{index}].role"));
                "user"
            }
            Speaker::System => {
                if !written.contents.is_empty() {
                    dropped.push(format!("messages[{index}].position"));
                }
                written.system.parts.extend(parts);
                continue;
            }
            Speaker::User => "user",
            Speaker::Assistant => "model",
        };
        if !parts.is_empty() {
            written.contents.push(Content { role: Some(role), parts });
        }
    }
    written
}

/// Reasoning that this vendor sealed: in parts of its own, but for what the next call carries.
fn signatures<'a>(seal: &'a Seal, parts: &mut Vec<Part<'a>>) -> Option<&'a str> {
    let mut of_call = None;
    for sealed in &seal.parts {
        match sealed.on {
            On::Call => of_call = Some(&*sealed.data),
            On::Thought | On::Itself => {
                parts.push(Part::Signature { text: "", thought_signature: &sealed.data });
            }
        }
    }
    of_call
}

fn part<'a>(
    block: &'a Block<'_>,
    names: &[(&'a str, &'a str)],
    signature: Option<&'a str>,
    parts: &mut Vec<Part<'a>>,
    dropped: &mut Vec<String>,
) {
    match block {
        Block::Text(text) if text.is_empty() => {}
        Block::Sealed(_) => {}
        Block::Text(said) => parts.push(text(&**said)),
        Block::Image(source) => parts.push(media(source, "image/*", None)),
        Block::Document { source, name } => {
            parts.push(media(source, "application/pdf", name.as_deref()));
        }
        Block::ToolUse { id, name, arguments } => parts.push(Part::Call {
            function_call: Call { id, name, args: tool_input::object(arguments, dropped) },
            thought_signature: signature,
        }),
        Block::ToolResult { id, is_error, blocks } => {
            let name = names.iter().rev().find(|(known, _)| *known == &**id);
            let name = name.map_or("tool", |(_, name)| *name);
            let words = words(blocks);
            let response = if *is_error { Told::Error(words) } else { Told::Output(words) };
            parts.push(Part::Response { function_response: Answered { id, name, response } });
            // What is no text stands beside the result.
            for seen in blocks.iter().filter(|block| !matches!(block, Block::Text(_))) {
                part(seen, names, signature, parts, dropped);
            }
        }
    }
}

fn words<'a>(blocks: &'a [Block<'_>]) -> Cow<'a, str> {
    let mut texts = blocks.iter().filter_map(|block| match block {
        Block::Text(text) => Some(&**text),
        _ => None,
    });
    let Some(first) = texts.next() else { return Cow::Borrowed("") };
    let mut words = Cow::Borrowed(first);
    for text in texts {
        words.to_mut().push('\n');
        words.to_mut().push_str(text);
    }
    words
}

fn media<'a>(media: &'a Media<'_>, kind: &'static str, name: Option<&'a str>) -> Part<'a> {
    match media {
        Media::Base64 { media_type, data } => {
            let inline_data = Inline { mime_type: media_type, data, display_name: name };
            Part::Inline { inline_data }
        }
        Media::Url(url) => Part::File { file_data: File { mime_type: kind, file_uri: url } },
    }
}
