//! Writing `input`. Every turn keeps its place; calls and their results are items of their own here.

use std::{borrow::Cow, mem};

use serde::Serialize;

use crate::canonical::request::{Block, Media, Speaker, Turn};

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Item<'a> {
    Message {
        role: &'static str,
        content: Vec<Part<'a>>,
    },
    Call {
        #[serde(rename = "type")]
        kind: &'static str,
        call_id: Cow<'a, str>,
        name: &'a str,
        arguments: &'a str,
    },
    Reasoning {
        #[serde(rename = "type")]
        kind: &'static str,
        summary: [&'static str; 0],
        encrypted_content: &'a str,
    },
    Output {
        #[serde(rename = "type")]
        kind: &'static str,
        call_id: Cow<'a, str>,
        output: Output<'a>,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    InputText {
        text: Cow<'a, str>,
    },
    OutputText {
        text: Cow<'a, str>,
    },
    InputImage {
        image_url: Cow<'a, str>,
    },
    InputFile {
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<&'a str>,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Output<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

/// A message that tells the model what to do.
pub(super) fn system<'a>(text: String) -> Item<'a> {
    Item::Message { role: "system", content: vec![Part::InputText { text: text.into() }] }
}

/// Writes all turns in order; what cannot be said goes to `dropped`.
pub(super) fn items<'a>(turns: &'a [Turn<'_>], dropped: &mut Vec<String>) -> Vec<Item<'a>> {
    let mut items = Vec::new();
    for turn in turns {
        let role = match turn.speaker {
            Speaker::System => "system",
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
        };
        let mut content = Vec::new();
        // Results stand right after their calls; what a user says beside them follows.
        for block in &turn.blocks {
            if let Block::ToolResult { id, is_error, blocks } = block {
                items.push(result(id, *is_error, blocks, dropped));
            }
        }
        for block in &turn.blocks {
            match block {
                Block::ToolUse { id, name, arguments } => {
                    close(role, &mut content, &mut items);
                    let call_id = short(id);
                    items.push(Item::Call { kind: "function_call", call_id, name, arguments });
                }
                Block::Sealed(seal) => {
                    close(role, &mut content, &mut items);
                    items.extend(seal.parts.iter().map(|sealed| Item::Reasoning {
                        kind: "reasoning",
                        summary: [],
                        encrypted_content: &sealed.data,
                    }));
                }
                other => content.extend(part(other, turn.speaker)),
            }
        }
        close(role, &mut content, &mut items);
    }
    items
}

fn close<'a>(role: &'static str, content: &mut Vec<Part<'a>>, items: &mut Vec<Item<'a>>) {
    if !content.is_empty() {
        items.push(Item::Message { role, content: mem::take(content) });
    }
}

fn result<'a>(
    id: &'a str,
    is_error: bool,
    blocks: &'a [Block<'_>],
    dropped: &mut Vec<String>,
) -> Item<'a> {
    let mut parts: Vec<Part<'a>> =
        blocks.iter().filter_map(|block| part(block, Speaker::User)).collect();
    if is_error {
        dropped.push("messages[].content[].is_error".to_owned());
        mark_as_error(&mut parts);
    }
    let output = match parts.as_mut_slice() {
        [] => Output::Text(Cow::Borrowed("")),
        [Part::InputText { text }] => Output::Text(mem::take(text)),
        _ => Output::Parts(parts),
    };
    Item::Output { kind: "function_call_output", call_id: short(id), output }
}

fn part<'a>(block: &'a Block<'_>, speaker: Speaker) -> Option<Part<'a>> {
    Some(match block {
        Block::Text(text) if text.is_empty() => return None,
        Block::Text(text) if speaker == Speaker::Assistant => {
            Part::OutputText { text: Cow::Borrowed(text) }
        }
        Block::Text(text) => Part::InputText { text: Cow::Borrowed(text) },
        Block::Image(media) => Part::InputImage { image_url: url(media) },
        Block::Document { source: Media::Url(url), .. } => {
            Part::InputFile { filename: None, file_data: None, file_url: Some(url) }
        }
        Block::Document { source, name } => Part::InputFile {
            filename: Some(name.as_deref().unwrap_or("document.pdf")),
            file_data: Some(url(source)),
            file_url: None,
        },
        Block::Sealed(_) | Block::ToolUse { .. } | Block::ToolResult { .. } => return None,
    })
}

fn url<'a>(media: &'a Media<'_>) -> Cow<'a, str> {
    match media {
        Media::Url(url) => Cow::Borrowed(url),
        Media::Base64 { media_type, data } => {
            Cow::Owned(format!("data:{};base64,{}", &**media_type, &**data))
        }
    }
}

/// This dialect has no flag for a failed call; the words must say it.
fn mark_as_error(parts: &mut Vec<Part<'_>>) {
    match parts.first_mut() {
        Some(Part::InputText { text }) => *text = Cow::Owned(format!("Error: {text}")),
        _ => parts.insert(0, Part::InputText { text: Cow::Borrowed("Error") }),
    }
}

/// Ids of calls have at most 64 characters here. A longer one keeps its end, which tells ids apart.
fn short(id: &str) -> Cow<'_, str> {
    const LONGEST: usize = 64;
    match id.char_indices().rev().nth(LONGEST - 1) {
        Some((at, _)) if at > 0 => Cow::Borrowed(&id[at..]),
        _ => Cow::Borrowed(id),
    }
}
