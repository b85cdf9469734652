//! Reading a whole `response`.

use serde::Deserialize;
use serde_json::value::RawValue;
use terms::dialect::Dialect;

use super::{
    stop_reason::{self, Seen},
    usage,
};
use crate::{
    canonical::{
        reply::{Reply, ReplyBlock},
        sealed::{On, Sealed},
    },
    error::Malformed,
    json::text::Text,
    upstream_error,
};

/// A reply, whole or as a record of a stream shows it.
#[derive(Debug, Deserialize)]
pub(super) struct Response<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) model: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) created_at: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) status: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) incomplete_details: Option<Incomplete<'a>>,
    #[serde(borrow, default)]
    output: Option<Vec<Item<'a>>>,
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Incomplete<'a> {
    #[serde(borrow, default)]
    pub(super) reason: Option<Text<'a>>,
}

/// One thing that was said or done. Items of the vendor's own tools use these names for other shapes.
#[derive(Debug, Deserialize)]
struct Item<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    call_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    summary: Option<&'a RawValue>,
    #[serde(borrow, default)]
    encrypted_content: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct Part<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    refusal: Option<Text<'a>>,
    #[serde(borrow, default)]
    annotations: Option<Vec<&'a RawValue>>,
}

pub(super) fn decode(text: &str) -> Result<Reply<'_>, Malformed> {
    let response: Response<'_> = serde_json::from_str(text).map_err(|error| refuse(&error))?;
    if let Some(error) = response.error {
        let inside = match response.output {
            // The error of an answer that failed, or an error instead of an answer.
            Some(_) => upstream_error::read_any(error.get().as_bytes()),
            None => upstream_error::read_any(text.as_bytes()),
        };
        return Err(Malformed::ErrorInside(inside));
    }
    let Some(output) = response.output else { return Err(shape("`output` is missing")) };
    let mut reply = Reply {
        id: response.id.filter(|id| !id.is_empty()),
        model: response.model.filter(|model| !model.is_empty()),
        created_unix_s: response.created_at.and_then(|at| at.get().parse().ok()),
        usage: response.usage.and_then(usage::decode),
        ..Reply::default()
    };
    for item in output {
        read_item(item, &mut reply)?;
    }
    let why = response.incomplete_details.and_then(|details| details.reason);
    reply.stop = match response.status.as_deref() {
        Some("completed") | None => Some(stop_reason::completed(seen(&reply.blocks))),
        Some("incomplete") => Some(stop_reason::incomplete(why.as_deref())),
        Some("failed" | "cancelled") => return Err(shape("its `status` says that it failed")),
        Some(_) => return Err(shape("its `status` says that it is not finished")),
    };
    Ok(reply)
}

pub(super) fn seen(blocks: &[ReplyBlock<'_>]) -> Seen {
    Seen {
        calls: blocks.iter().any(|block| matches!(block, ReplyBlock::ToolUse { .. })),
        refused: blocks.iter().any(|block| matches!(block, ReplyBlock::Refusal(_))),
    }
}

fn read_item<'a>(item: Item<'a>, reply: &mut Reply<'a>) -> Result<(), Malformed> {
    match &*item.kind {
        "message" => {
            for part in parts(item.content)? {
                read_part(part, reply);
            }
        }
        "function_call" => {
            let index = reply.blocks.len();
            let arguments = item.arguments.map(written).filter(|arguments| !arguments.is_empty());
            reply.blocks.push(ReplyBlock::ToolUse {
                id: item.call_id.unwrap_or_else(|| Text::from(format!("call_{index}"))),
                name: item.name.unwrap_or_default(),
                arguments: arguments.unwrap_or_else(|| Text::from("{}")),
            });
        }
        "reasoning" => {
            // Models with open weights show their thoughts, the vendor's own a summary of them.
            let (thoughts, summary) = (parts(item.content)?, parts(item.summary)?);
            let shown = if thoughts.is_empty() { summary } else { thoughts };
            let texts: Vec<Text<'a>> = shown.into_iter().filter_map(|part| part.text).collect();
            let text = texts.iter().map(|text| &**text).collect::<Vec<_>>().join("\n\n");
            if !text.is_empty() {
                reply.blocks.push(ReplyBlock::Reasoning(Text::owned(text)));
            }
            if let Some(data) = item.encrypted_content.filter(|data| !data.is_empty()) {
                let (by, on, text) = (Dialect::OpenaiResponses, On::Itself, Text::default());
                reply.blocks.push(ReplyBlock::Sealed(Sealed { by, on, text, data }));
            }
        }
        kind => {
            let bytes = item.arguments.map_or(0, |arguments| arguments.get().len() as u64);
            reply.blocks.push(ReplyBlock::Aside { bytes });
            reply.unsaid.push(format!("output[].{kind}"));
        }
    }
    Ok(())
}

fn parts(raw: Option<&RawValue>) -> Result<Vec<Part<'_>>, Malformed> {
    let Some(raw) = raw else { return Ok(Vec::new()) };
    serde_json::from_str(raw.get()).map_err(|error| refuse(&error))
}

/// Arguments as a text. Some servers send the object itself.
fn written(raw: &RawValue) -> Text<'_> {
    serde_json::from_str(raw.get()).unwrap_or_else(|_| Text::from(raw.get()))
}

fn read_part<'a>(part: Part<'a>, reply: &mut Reply<'a>) {
    if part.annotations.is_some_and(|annotations| !annotations.is_empty()) {
        reply.unsaid.push("output[].content[].annotations".to_owned());
    }
    if part.kind.as_deref() == Some("refusal") {
        reply.blocks.extend(part.refusal.map(ReplyBlock::Refusal));
    } else {
        reply.blocks.extend(part.text.filter(|text| !text.is_empty()).map(ReplyBlock::Text));
    }
}

fn refuse(error: &serde_json::Error) -> Malformed {
    if error.is_data() {
        shape("a field has another type than it should")
    } else {
        Malformed::NotJson
    }
}

fn shape(what: &'static str) -> Malformed {
    Malformed::Shape { dialect: Dialect::OpenaiResponses, what }
}
