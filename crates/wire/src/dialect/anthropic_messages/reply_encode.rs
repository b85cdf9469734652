//! Writing a whole `message`. Reasoning of other vendors is shown to callers who asked for thinking, under
//! a signature of ours that is taken out again when it comes back; for others it is left out and listed.

use std::borrow::Cow;

use serde::Serialize;

use super::{identifier, stop_reason, tool_input, usage};
use crate::{
    canonical::{
        event::StopReason,
        reply::{Reply, ReplyBlock},
    },
    json::{text::Json, write},
    seal,
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
    Thinking { thinking: Cow<'a, str>, signature: String },
    RedactedThinking { data: String },
    ToolUse { id: Cow<'a, str>, name: &'a str, input: Json<'a> },
}

pub(super) fn encode(
    reply: &Reply<'_>,
    options: &StreamOptions,
    dropped: &mut Vec<String>,
) -> Vec<u8> {
    let mut content = Vec::new();
    let mut is_signed = true;
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
            ReplyBlock::Reasoning(_) if !options.show_reasoning => {
                dropped.push("choices[0].message.reasoning_content".to_owned());
            }
            ReplyBlock::Sealed(sealed) if !options.show_reasoning => {
                if !sealed.is_in_the_clear() {
                    dropped.push(sealed.field().to_owned());
                }
            }
            ReplyBlock::Reasoning(text) => match content.last_mut() {
                Some(Block::Thinking { thinking, .. }) if !is_signed => {
                    thinking.to_mut().push_str(text);
                }
                _ => {
                    is_signed = false;
                    let signature = seal::wrap(&options.provider, &[]);
                    content.push(Block::Thinking { thinking: Cow::Borrowed(text), signature });
                }
            },
            ReplyBlock::Sealed(sealed) => {
                let wrapped = seal::wrap(&options.provider, std::slice::from_ref(sealed));
                match content.last_mut() {
                    Some(Block::Thinking { signature, .. }) if !is_signed => *signature = wrapped,
                    _ => content.push(Block::RedactedThinking { data: wrapped }),
                }
                is_signed = true;
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
