//! Writing `messages`. Tool results come right after the calls they answer, as this dialect
//! demands: a system turn in between waits until they are all there. Images in a result, which a
//! tool message cannot hold, follow in a user message.

use std::{borrow::Cow, mem};

use serde::Serialize;

use super::details;
use crate::{
    canonical::request::{Block, Media, Speaker, Turn},
    json::text::Json,
};

#[derive(Serialize)]
pub(super) struct Message<'a> {
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<Cow<'a, str>>,
    content: Option<Content<'a>>,
    #[serde(skip_serializing_if = "String::is_empty")]
    reasoning_content: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_details: Vec<Json<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part<'a> {
    Text { text: Cow<'a, str> },
    ImageUrl { image_url: ImageUrl<'a> },
    File { file: File<'a> },
}

#[derive(Serialize)]
struct ImageUrl<'a> {
    url: Cow<'a, str>,
}

#[derive(Serialize)]
struct File<'a> {
    filename: &'a str,
    file_data: Cow<'a, str>,
}

#[derive(Serialize)]
struct Call<'a> {
    id: Cow<'a, str>,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// A system message.
pub(super) fn system<'a>(text: String) -> Message<'a> {
    message("system", vec![Part::Text { text: text.into() }])
}

/// Writes all turns in order; what cannot be said goes to `dropped`.
pub(super) fn messages<'a>(turns: &'a [Turn<'_>], dropped: &mut Vec<String>) -> Vec<Message<'a>> {
    let mut writer =
        Writer { messages: Vec::new(), open_calls: Vec::new(), waiting: Vec::new(), dropped };
    for turn in turns {
        writer.turn(turn);
    }
    writer.release();
    writer.messages
}

struct Writer<'a, 'd> {
    messages: Vec<Message<'a>>,
    /// Calls whose results have not come yet.
    open_calls: Vec<&'a str>,
    /// System messages that wait for those results.
    waiting: Vec<Message<'a>>,
    dropped: &'d mut Vec<String>,
}

impl<'a> Writer<'a, '_> {
    fn turn(&mut self, turn: &'a Turn<'_>) {
        match turn.speaker {
            Speaker::System if self.open_calls.is_empty() => {
                let parts = parts(&turn.blocks);
                self.messages.push(message("system", parts));
            }
            Speaker::System => {
                let parts = parts(&turn.blocks);
                self.waiting.push(message("system", parts));
            }
            Speaker::User => self.user(turn),
            Speaker::Assistant => {
                self.release();
                self.assistant(turn);
            }
        }
    }

    fn user(&mut self, turn: &'a Turn<'_>) {
        let mut seen = Vec::new();
        for block in &turn.blocks {
            if let Block::ToolResult { id, is_error, blocks } = block {
                self.result(id, *is_error, blocks, &mut seen);
            }
        }
        seen.extend(parts(&turn.blocks));
        if self.open_calls.is_empty() || !seen.is_empty() {
            self.release();
        }
        if !seen.is_empty() {
            self.messages.push(message("user", seen));
        }
    }

    fn assistant(&mut self, turn: &'a Turn<'_>) {
        let parts = parts(&turn.blocks);
        let (mut tool_calls, mut reasoning_details) = (Vec::new(), Vec::new());
        let mut reasoning_content = String::new();
        for block in &turn.blocks {
            match block {
                Block::ToolUse { id, name, arguments } => {
                    self.open_calls.push(id);
                    let function = Function { name, arguments };
                    tool_calls.push(Call { id: short(id), kind: "function", function });
                }
                Block::Sealed(seal) => {
                    for sealed in &seal.parts {
                        if sealed.is_in_the_clear() {
                            reasoning_content.push_str(&sealed.text);
                            continue;
                        }
                        match details::unsealed(sealed) {
                            Some(details) => reasoning_details.extend(details),
                            None => self.dropped.push(seal.field.to_owned()),
                        }
                    }
                }
                _ => {}
            }
        }
        if parts.is_empty() && tool_calls.is_empty() {
            // A turn of nothing but reasoning has no words here.
            if !reasoning_details.is_empty() {
                self.dropped.push("reasoning_details".to_owned());
            }
            if !reasoning_content.is_empty() {
                self.dropped.push("reasoning_content".to_owned());
            }
            return;
        }
        let content = (!parts.is_empty()).then(|| content(parts));
        let role = "assistant";
        self.messages.push(Message {
            role,
            tool_call_id: None,
            content,
            reasoning_content,
            reasoning_details,
            tool_calls,
        });
    }

    fn result(
        &mut self,
        id: &'a str,
        is_error: bool,
        blocks: &'a [Block<'_>],
        seen: &mut Vec<Part<'a>>,
    ) {
        self.open_calls.retain(|open| *open != id);
        let (mut texts, others): (Vec<_>, Vec<_>) =
            parts(blocks).into_iter().partition(|part| matches!(part, Part::Text { .. }));
        if is_error {
            self.dropped.push("messages[].content[].is_error".to_owned());
            mark_as_error(&mut texts);
        }
        if !others.is_empty() {
            let text = format!("Returned by tool call {}:", short(id));
            seen.push(Part::Text { text: text.into() });
            seen.extend(others);
        }
        let mut result = message("tool", texts);
        result.tool_call_id = Some(short(id));
        self.messages.push(result);
    }

    /// Lets the waiting system messages go.
    fn release(&mut self) {
        self.open_calls.clear();
        self.messages.append(&mut self.waiting);
    }
}

/// The parts of a message but for calls and results.
fn parts<'a>(blocks: &'a [Block<'_>]) -> Vec<Part<'a>> {
    blocks.iter().filter_map(part).collect()
}

fn part<'a>(block: &'a Block<'_>) -> Option<Part<'a>> {
    Some(match block {
        Block::Text(text) => Part::Text { text: Cow::Borrowed(text) },
        Block::Image(media) => Part::ImageUrl { image_url: ImageUrl { url: url(media) } },
        Block::Document { source, name } => {
            let filename = name.as_deref().unwrap_or("document.pdf");
            Part::File { file: File { filename, file_data: url(source) } }
        }
        Block::Sealed(_) | Block::ToolUse { .. } | Block::ToolResult { .. } => return None,
    })
}

fn message<'a>(role: &'static str, parts: Vec<Part<'a>>) -> Message<'a> {
    let content = Some(content(parts));
    Message {
        role,
        tool_call_id: None,
        content,
        reasoning_content: String::new(),
        reasoning_details: Vec::new(),
        tool_calls: Vec::new(),
    }
}

/// A lone text stands as a string, which every compatible server reads.
fn content(mut parts: Vec<Part<'_>>) -> Content<'_> {
    match parts.as_mut_slice() {
        [] => Content::Text(Cow::Borrowed("")),
        [Part::Text { text }] => Content::Text(mem::take(text)),
        _ => Content::Parts(parts),
    }
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
fn mark_as_error(texts: &mut Vec<Part<'_>>) {
    match texts.first_mut() {
        Some(Part::Text { text }) => *text = Cow::Owned(format!("Error: {text}")),
        _ => texts.push(Part::Text { text: Cow::Borrowed("Error") }),
    }
}

/// Ids of calls have at most 40 characters here. A longer one keeps its end, which tells ids apart.
fn short(id: &str) -> Cow<'_, str> {
    const LONGEST: usize = 40;
    match id.char_indices().rev().nth(LONGEST - 1) {
        Some((at, _)) if at > 0 => Cow::Borrowed(&id[at..]),
        _ => Cow::Borrowed(id),
    }
}
