//! Writing a whole `message`. Reasoning of other vendors is left out and listed: a thinking block
//! without this vendor's signature would be refused when the caller sends it back.

use std::borrow::Cow;

use serde::Serialize;

use super::{identifier, stop_reason, tool_input, usage};
use crate::{
    canonical::{
        event::StopReason,
        reply::{Reply, ReplyBlock},
    },
    json::{text::Json, write},
    stream::StreamOptions,
};

#[derive(Serialize)]
struct Message<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<Block<'a>>,
    stop_reason: Option<&'static str>,
    stop_sequence: Option<&'a str>,
    usage: usage::Written,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Text { text: &'a str },
    ToolUse { id: Cow<'a, str>, name: &'a str, input: Json<'a> },
}

pub(super) fn encode(
    reply: &Reply<'_>,
    options: &StreamOptions,
    dropped: &mut Vec<String>,
) -> Vec<u8> {
    let mut content = Vec::new();
    for block in &reply.blocks {
        match block {
            ReplyBlock::Text(text) | ReplyBlock::Refusal(text) => {
                content.push(Block::Text { text });
            }
            ReplyBlock::ToolUse { id, name, arguments } => content.push(Block::ToolUse {
                id: identifier::valid(id),
                name,
                input: tool_input::object(arguments, dropped),
            }),
            ReplyBlock::Reasoning(_) => {
                dropped.push("choices[0].message.reasoning_content".to_owned());
            }
            ReplyBlock::Aside { .. } => {}
        }
    }
    let message = Message {
        id: reply.id.as_deref().unwrap_or(&options.fallback_id),
        kind: "message",
        role: "assistant",
        model: reply.model.as_deref().unwrap_or(&options.model),
        stop_reason: stop(reply).map(stop_reason::encode),
        stop_sequence: reply.stop_sequence.as_deref(),
        usage: usage::encode(&reply.usage.unwrap_or_default()),
        content,
    };
    let mut body = Vec::new();
    write::value(&mut body, &message);
    body
}

fn stop(reply: &Reply<'_>) -> Option<StopReason> {
    let calls = reply.blocks.iter().any(|block| matches!(block, ReplyBlock::ToolUse { .. }));
    let refused = reply.blocks.iter().any(|block| matches!(block, ReplyBlock::Refusal(_)));
    reply.stop.map(|stop| stop_reason::fitting(stop, calls, refused))
}
