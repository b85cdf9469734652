//! Writing `system` and `messages`. Turns of one speaker that follow each other become one, because
//! most models here want the speakers to alternate. Texts of white space alone, which are refused, are
//! left out. Media must be sent as data: nothing here fetches an address.

use std::borrow::Cow;

use serde::Serialize;

use crate::{
    canonical::{
        request::{Block, Media, Speaker, Turn},
        sealed::{On, Sealed},
    },
    dialect::anthropic_messages::{identifier, tool_input},
    error::BadRequest,
    json::text::Json,
};

#[derive(Serialize)]
pub(super) struct Message<'a> {
    role: &'static str,
    content: Vec<Content<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Content<'a> {
    Text(Cow<'a, str>),
    Image(Image<'a>),
    Document(Document<'a>),
    ToolUse(ToolUse<'a>),
    ToolResult(ToolResult<'a>),
    #[serde(rename = "reasoningContent")]
    Thought(Thought<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Thought<'a> {
    ReasoningText { text: &'a str, signature: &'a str },
    RedactedContent(&'a str),
}

#[derive(Serialize)]
pub(super) struct Image<'a> {
    format: &'static str,
    source: Source<'a>,
}

#[derive(Serialize)]
pub(super) struct Document<'a> {
    format: &'static str,
    name: String,
    source: Source<'a>,
}

#[derive(Serialize)]
struct Source<'a> {
    bytes: &'a str,
}

#[derive(Serialize)]
pub(super) struct ToolUse<'a> {
    #[serde(rename = "toolUseId")]
    id: Cow<'a, str>,
    name: &'a str,
    input: Json<'static>,
}

#[derive(Serialize)]
pub(super) struct ToolResult<'a> {
    #[serde(rename = "toolUseId")]
    id: Cow<'a, str>,
    content: Vec<Content<'a>>,
    status: &'static str,
}

/// `system` and `messages`.
pub(super) struct Written<'a> {
    pub(super) system: Vec<Content<'a>>,
    pub(super) messages: Vec<Message<'a>>,
}

/// Writes all turns; what cannot be said goes to `dropped`, or is refused where it matters.
pub(super) fn turns<'a>(
    turns: &'a [Turn<'_>],
    dropped: &mut Vec<String>,
) -> Result<Written<'a>, BadRequest> {
    let mut written = Written { system: Vec::new(), messages: Vec::new() };
    let mut writer = Writer { documents: 0, dropped };
    // A request of nothing but system turns needs someone to answer: its last turn speaks as user.
    let only_system = turns.iter().all(|turn| turn.speaker == Speaker::System);
    for (index, turn) in turns.iter().enumerate() {
        let content = writer.blocks(&turn.blocks, index)?;
        let role = match turn.speaker {
            Speaker::System if only_system && index + 1 == turns.len() => {
                writer.dropped.push(format!("messages[{index}].role"));
                "user"
            }
            Speaker::System => {
                if !written.messages.is_empty() {
                    writer.dropped.push(format!("messages[{index}].position"));
                }
                written.system.extend(content);
                continue;
            }
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
        };
        match written.messages.last_mut().filter(|last| last.role == role) {
            Some(last) => last.content.extend(content),
            None if content.is_empty() => {}
            None => written.messages.push(Message { role, content }),
        }
    }
    Ok(written)
}

struct Writer<'d> {
    documents: usize,
    dropped: &'d mut Vec<String>,
}

impl Writer<'_> {
    fn blocks<'a>(
        &mut self,
        blocks: &'a [Block<'_>],
        turn: usize,
    ) -> Result<Vec<Content<'a>>, BadRequest> {
        let mut written = Vec::with_capacity(blocks.len());
        for block in blocks {
            match block {
                Block::Sealed(seal) => written.extend(seal.parts.iter().map(thought)),
                block => written.extend(self.content(block, turn)?),
            }
        }
        Ok(written)
    }

    fn content<'a>(
        &mut self,
        block: &'a Block<'_>,
        turn: usize,
    ) -> Result<Option<Content<'a>>, BadRequest> {
        Ok(Some(match block {
            Block::Text(text) if text.trim().is_empty() => return Ok(None),
            Block::Sealed(_) => return Ok(None),
            Block::Text(text) => Content::Text(Cow::Borrowed(text)),
            Block::Image(media) => {
                let (kind, source) = source(media, turn)?;
                let format = image_format(kind).ok_or_else(|| unsupported(turn, kind))?;
                Content::Image(Image { format, source })
            }
            Block::Document { source: media, name } => {
                let (kind, source) = source(media, turn)?;
                let format = (kind == "application/pdf").then_some("pdf");
                let format = format.ok_or_else(|| unsupported(turn, kind))?;
                self.documents += 1;
                let name = document_name(name.as_deref(), self.documents);
                Content::Document(Document { format, name, source })
            }
            Block::ToolUse { id, name, arguments } => Content::ToolUse(ToolUse {
                id: identifier::valid(id),
                name,
                input: tool_input::object(arguments, self.dropped),
            }),
            Block::ToolResult { id, is_error, blocks } => Content::ToolResult(ToolResult {
                id: identifier::valid(id),
                content: self.blocks(blocks, turn)?,
                status: if *is_error { "error" } else { "success" },
            }),
        }))
    }
}

/// Reasoning that this vendor sealed, as it gave it.
fn thought<'a>(sealed: &'a Sealed<'_>) -> Content<'a> {
    Content::Thought(match sealed.on {
        On::Thought => Thought::ReasoningText { text: &sealed.text, signature: &sealed.data },
        On::Itself | On::Call => Thought::RedactedContent(&sealed.data),
    })
}

fn source<'a>(media: &'a Media<'_>, turn: usize) -> Result<(&'a str, Source<'a>), BadRequest> {
    match media {
        Media::Base64 { media_type, data } => Ok((media_type, Source { bytes: data })),
        Media::Url(_) => Err(refusal(
            turn,
            "holds an image or document by its address, which bedrock-converse does not fetch; send \
             it as data",
        )),
    }
}

fn image_format(media_type: &str) -> Option<&'static str> {
    match media_type {
        "image/png" => Some("png"),
        "image/jpeg" | "image/jpg" => Some("jpeg"),
        "image/gif" => Some("gif"),
        "image/webp" => Some("webp"),
        _ => None,
    }
}

/// Letters, digits, single spaces, hyphens and brackets are allowed in a name, and no name twice.
fn document_name(name: Option<&str>, number: usize) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "-()[]".contains(c) { c } else { ' ' };
    let plain: String = name.unwrap_or("document").chars().map(allowed).take(150).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    format!("{} {number}", if words.is_empty() { "document".to_owned() } else { words.join(" ") })
}

fn unsupported(turn: usize, media_type: &str) -> BadRequest {
    let shown: String = media_type.chars().filter(char::is_ascii_graphic).take(60).collect();
    let complaint = format!(
        "holds media of type `{shown}`; bedrock-converse takes PNG, JPEG, GIF and WebP images and PDF"
    );
    refusal(turn, &complaint)
}

fn refusal(turn: usize, complaint: &str) -> BadRequest {
    let refusal = BadRequest::field(&format!("messages[{turn}].content"), complaint);
    BadRequest { code: "unsupported_across_dialects", ..refusal }
}
