//! Reading a whole reply.

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
#[serde(rename_all = "camelCase")]
struct Whole<'a> {
    #[serde(borrow, default)]
    output: Option<Output<'a>>,
    #[serde(borrow, default)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    /// Of an error.
    #[serde(borrow, default)]
    message: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    message: Message<'a>,
}

#[derive(Debug, Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Vec<Block<'a>>,
}

/// One part; exactly one field is there.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    tool_use: Option<ToolUse<'a>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Reasoning<'a>>,
}

#[derive(Debug, Deserialize)]
struct ToolUse<'a> {
    #[serde(borrow, rename = "toolUseId")]
    id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default)]
    input: Option<Json<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reasoning<'a> {
    #[serde(borrow, default)]
    reasoning_text: Option<ReasoningText<'a>>,
    #[serde(borrow, default)]
    redacted_content: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct ReasoningText<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    signature: Option<Text<'a>>,
}

pub(super) fn decode(text: &str) -> Result<Reply<'_>, Malformed> {
    let whole: Whole<'_> = serde_json::from_str(text).map_err(|error| refuse(&error))?;
    let Some(output) = whole.output else {
        if whole.message.is_some() {
            return Err(Malformed::ErrorInside(upstream_error::read_any(text.as_bytes())));
        }
        return Err(shape("`output` is missing"));
    };
    let mut reply = Reply {
        stop: whole.stop_reason.map(|reason| stop_reason::decode(&reason)),
        usage: whole.usage.and_then(usage::decode),
        ..Reply::default()
    };
    for block in output.message.content {
        read_block(block, &mut reply);
    }
    Ok(reply)
}

fn read_block<'a>(block: Block<'a>, reply: &mut Reply<'a>) {
    if let Some(text) = block.text {
        if !text.is_empty() {
            reply.blocks.push(ReplyBlock::Text(text));
        }
    } else if let Some(call) = block.tool_use {
        let input = call.input.map(|input| Text::owned(input.as_written()));
        let arguments = input.filter(|input| &**input != "null").unwrap_or_else(|| "{}".into());
        reply.blocks.push(ReplyBlock::ToolUse { id: call.id, name: call.name, arguments });
    } else if let Some(reasoning) = block.reasoning_content {
        if let Some(ReasoningText { text, signature }) = reasoning.reasoning_text {
            reply.blocks.extend(text.filter(|text| !text.is_empty()).map(ReplyBlock::Reasoning));
            reply.blocks.extend(sealed(signature, On::Thought));
        }
        reply.blocks.extend(sealed(reasoning.redacted_content, On::Itself));
    } else {
        reply.blocks.push(ReplyBlock::Aside { bytes: 0 });
        reply.unsaid.push("content[]".to_owned());
    }
}

fn sealed(data: Option<Text<'_>>, on: On) -> Option<ReplyBlock<'_>> {
    let data = data.filter(|data| !data.is_empty())?;
    let by = Dialect::BedrockConverse;
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
    Malformed::Shape { dialect: Dialect::BedrockConverse, what }
}
