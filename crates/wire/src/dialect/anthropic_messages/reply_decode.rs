//! Reading a whole `message`.

use serde::Deserialize;
use serde_json::value::RawValue;
use terms::dialect::Dialect;

use super::{stop_reason, usage};
use crate::{
    canonical::{
        reply::{Reply, ReplyBlock},
        sealed::{On, Sealed},
    },
    error::Malformed,
    json::text::{Json, Text},
    upstream_error,
};

#[derive(Debug, Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    model: Option<Text<'a>>,
    #[serde(borrow, default)]
    content: Option<Vec<Block<'a>>>,
    #[serde(borrow, default)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow, default)]
    stop_sequence: Option<Text<'a>>,
    #[serde(borrow, default)]
    stop_details: Option<StopDetails<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct StopDetails<'a> {
    #[serde(borrow, default)]
    explanation: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    input: Option<Json<'a>>,
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    thinking: Option<Text<'a>>,
    #[serde(borrow, default)]
    signature: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    citations: Option<Vec<&'a RawValue>>,
}

pub(super) fn decode(text: &str) -> Result<Reply<'_>, Malformed> {
    let message: Message<'_> = serde_json::from_str(text).map_err(|error| refuse(&error))?;
    if message.error.is_some() {
        return Err(Malformed::ErrorInside(upstream_error::read_any(text.as_bytes())));
    }
    let Some(content) = message.content else { return Err(shape("`content` is missing")) };
    let mut reply = Reply {
        id: message.id.filter(|id| !id.is_empty()),
        model: message.model.filter(|model| !model.is_empty()),
        stop: message.stop_reason.map(|reason| stop_reason::decode(&reason)),
        stop_sequence: message.stop_sequence,
        usage: message.usage.and_then(usage::decode),
        ..Reply::default()
    };
    for block in content {
        read_block(block, &mut reply);
    }
    let explanation = message.stop_details.and_then(|details| details.explanation);
    reply.blocks.extend(explanation.filter(|text| !text.is_empty()).map(ReplyBlock::Refusal));
    Ok(reply)
}

fn read_block<'a>(block: Block<'a>, reply: &mut Reply<'a>) {
    match &*block.kind {
        "text" => {
            let text = block.text.filter(|text| !text.is_empty());
            reply.blocks.extend(text.map(ReplyBlock::Text));
            if block.citations.is_some_and(|citations| !citations.is_empty()) {
                reply.unsaid.push("content[].citations".to_owned());
            }
        }
        "thinking" => {
            let thinking = block.thinking.filter(|thinking| !thinking.is_empty());
            reply.blocks.extend(thinking.map(ReplyBlock::Reasoning));
            reply.blocks.extend(sealed(block.signature, On::Thought));
        }
        "redacted_thinking" => reply.blocks.extend(sealed(block.data, On::Itself)),
        "tool_use" => {
            let arguments = block
                .input
                .map_or_else(|| Text::from("{}"), |input| Text::owned(input.as_written()));
            reply.blocks.push(ReplyBlock::ToolUse {
                id: block.id.unwrap_or_default(),
                name: block.name.unwrap_or_default(),
                arguments,
            });
        }
        kind => {
            let bytes = block.input.map_or(0, |input| input.as_written().len() as u64);
            reply.blocks.push(ReplyBlock::Aside { bytes });
            reply.unsaid.push(format!("content[].{kind}"));
        }
    }
}

fn sealed(data: Option<&RawValue>, on: On) -> Option<ReplyBlock<'_>> {
    let data: Text<'_> = serde_json::from_str(data?.get()).ok()?;
    if data.is_empty() {
        return None;
    }
    let by = Dialect::AnthropicMessages;
    Some(ReplyBlock::Sealed(Sealed { by, on, text: Text::default(), data }))
}

fn refuse(error: &serde_json::Error) -> Malformed {
    if error.is_data() {
        shape("a field has another type than it should")
    } else {
        Malformed::NotJson
    }
}

fn shape(what: &'static str) -> Malformed {
    Malformed::Shape { dialect: Dialect::AnthropicMessages, what }
}
