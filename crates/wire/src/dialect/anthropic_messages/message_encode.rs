//! Writing `system` and `messages`. System turns go to the front, where every model of this dialect
//! reads them; one that stood between other turns is listed as moved. Empty texts, which this
//! dialect refuses, are left out.

use std::borrow::Cow;

use serde::Serialize;

use super::{identifier, tool_input};
use crate::{
    canonical::{
        request::{Block, Media, Speaker, Turn},
        sealed::{On, Sealed},
    },
    json::text::Json,
};

#[derive(Serialize)]
pub(super) struct Message<'a> {
    role: &'static str,
    content: Vec<Content<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Content<'a> {
    Text {
        text: Cow<'a, str>,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    Image {
        source: Source<'a>,
    },
    Document {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Json<'static>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<Content<'a>>,
        #[serde(skip_serializing_if = "is_false")]
        is_error: bool,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Source<'a> {
    Base64 { media_type: &'a str, data: &'a str },
    Url { url: &'a str },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// `system` and `messages`.
pub(super) struct Written<'a> {
    pub(super) system: Vec<Content<'a>>,
    pub(super) messages: Vec<Message<'a>>,
}

/// Writes all turns; what cannot be said goes to `dropped`.
pub(super) fn turns<'a>(turns: &'a [Turn<'_>], dropped: &mut Vec<String>) -> Written<'a> {
    let mut written = Written { system: Vec::new(), messages: Vec::new() };
    // A request of nothing but system turns needs someone to answer: its last turn speaks as user.
    let only_system = turns.iter().all(|turn| turn.speaker == Speaker::System);
    for (index, turn) in turns.iter().enumerate() {
        let content = blocks(&turn.blocks, dropped);
        let role = match turn.speaker {
            Speaker::System if only_system && index + 1 == turns.len() => {
                dropped.push(format!("messages[{index}].role"));
                "user"
            }
            Speaker::System => {
                if !written.messages.is_empty() {
                    dropped.push(format!("messages[{index}].position"));
                }
                written.system.extend(content);
                continue;
            }
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
        };
        if !content.is_empty() {
            written.messages.push(Message { role, content });
        }
    }
    written
}

fn blocks<'a>(blocks: &'a [Block<'_>], dropped: &mut Vec<String>) -> Vec<Content<'a>> {
    let mut written = Vec::with_capacity(blocks.len());
    for block in blocks {
        match block {
            Block::Sealed(seal) => written.extend(seal.parts.iter().map(thought)),
            block => written.extend(content(block, dropped)),
        }
    }
    written
}

/// Reasoning that this vendor sealed, as it gave it.
fn thought<'a>(sealed: &'a Sealed<'_>) -> Content<'a> {
    match sealed.on {
        On::Thought => Content::Thinking { thinking: &sealed.text, signature: &sealed.data },
        On::Itself | On::Call => Content::RedactedThinking { data: &sealed.data },
    }
}

fn content<'a>(block: &'a Block<'_>, dropped: &mut Vec<String>) -> Option<Content<'a>> {
    Some(match block {
        Block::Text(text) if text.is_empty() => return None,
        Block::Sealed(_) => return None,
        Block::Text(text) => Content::Text { text: Cow::Borrowed(text) },
        Block::Image(media) => Content::Image { source: source(media) },
        Block::Document { source: media, name } => {
            Content::Document { source: source(media), title: name.as_deref() }
        }
        Block::ToolUse { id, name, arguments } => Content::ToolUse {
            id: identifier::valid(id),
            name,
            input: tool_input::object(arguments, dropped),
        },
        Block::ToolResult { id, is_error, blocks: inside } => Content::ToolResult {
            tool_use_id: identifier::valid(id),
            content: blocks(inside, dropped),
            is_error: *is_error,
        },
    })
}

fn source<'a>(media: &'a Media<'_>) -> Source<'a> {
    match media {
        Media::Base64 { media_type, data } => Source::Base64 { media_type, data },
        Media::Url(url) => Source::Url { url },
    }
}
