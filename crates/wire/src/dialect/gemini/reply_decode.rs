//! Reading a whole answer, which is also what each record of a stream looks like.

use serde::Deserialize;
use serde_json::value::RawValue;
use terms::dialect::Dialect;

use super::{stop_reason, usage};
use crate::{
    canonical::{
        event::StopReason,
        reply::{Reply, ReplyBlock},
        sealed::{On, Sealed},
    },
    error::Malformed,
    json::text::Text,
    upstream_error,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    #[serde(borrow, default)]
    pub(super) candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow, default)]
    pub(super) prompt_feedback: Option<Feedback<'a>>,
    #[serde(borrow, default)]
    pub(super) usage_metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) model_version: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) response_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Feedback<'a> {
    #[serde(borrow, default)]
    pub(super) block_reason: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    #[serde(default)]
    pub(super) index: Option<u64>,
    #[serde(borrow, default)]
    pub(super) content: Option<Content<'a>>,
    #[serde(borrow, default)]
    pub(super) finish_reason: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) citation_metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) grounding_metadata: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Content<'a> {
    #[serde(borrow, default)]
    pub(super) parts: Option<Vec<Part<'a>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(borrow, default)]
    pub(super) text: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) thought: Option<bool>,
    #[serde(borrow, default)]
    pub(super) thought_signature: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) function_call: Option<Call<'a>>,
    #[serde(borrow, default)]
    pub(super) inline_data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) executable_code: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) code_execution_result: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Call<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) args: Option<&'a RawValue>,
}

pub(super) fn decode(text: &str) -> Result<Reply<'_>, Malformed> {
    let answer: Answer<'_> = serde_json::from_str(text).map_err(|error| refuse(&error))?;
    if answer.error.is_some() {
        return Err(Malformed::ErrorInside(upstream_error::read_any(text.as_bytes())));
    }
    let blocked = answer.prompt_feedback.is_some_and(|feedback| feedback.block_reason.is_some());
    let candidates = match answer.candidates {
        Some(candidates) if !candidates.is_empty() => candidates,
        _ if blocked => Vec::new(),
        _ => return Err(shape("`candidates` is missing")),
    };
    let mut reply = Reply {
        id: answer.response_id.filter(|id| !id.is_empty()),
        model: answer.model_version.filter(|model| !model.is_empty()),
        stop: blocked.then_some(StopReason::Refusal),
        usage: answer.usage_metadata.and_then(usage::decode),
        ..Reply::default()
    };
    for (index, candidate) in candidates.into_iter().enumerate() {
        if index == 0 {
            read_candidate(candidate, &mut reply)?;
        } else {
            let mut aside = Reply::default();
            read_candidate(candidate, &mut aside)?;
            reply.blocks.push(ReplyBlock::Aside { bytes: aside.output_bytes() });
            reply.unsaid.push("candidates[1]".to_owned());
        }
    }
    Ok(reply)
}

fn read_candidate<'a>(candidate: Candidate<'a>, reply: &mut Reply<'a>) -> Result<(), Malformed> {
    for part in candidate.content.and_then(|content| content.parts).into_iter().flatten() {
        read_part(part, reply);
    }
    if candidate.citation_metadata.is_some() || candidate.grounding_metadata.is_some() {
        reply.unsaid.push("candidates[0].citations".to_owned());
    }
    let calls = reply.blocks.iter().any(|block| matches!(block, ReplyBlock::ToolUse { .. }));
    if let Some(reason) = candidate.finish_reason.filter(|reason| !reason.is_empty()) {
        let stop = stop_reason::decode(&reason, calls).map_err(Malformed::ErrorInside)?;
        reply.stop = Some(stop);
    }
    Ok(())
}

fn read_part<'a>(part: Part<'a>, reply: &mut Reply<'a>) {
    let is_call = part.function_call.is_some();
    let sealed = part.thought_signature.and_then(|data| sealed(data, is_call));
    if is_call {
        reply.blocks.extend(sealed.clone().map(ReplyBlock::Sealed));
    }
    if let Some(call) = part.function_call {
        let index = reply.blocks.len();
        let id = call.id.filter(|id| !id.is_empty());
        reply.blocks.push(ReplyBlock::ToolUse {
            id: id.unwrap_or_else(|| Text::from(format!("call_{index}"))),
            name: call.name.unwrap_or_default(),
            arguments: call.args.map_or(Text::from("{}"), |args| Text::from(args.get())),
        });
    }
    let text = part.text.and_then(|raw| serde_json::from_str::<Text<'_>>(raw.get()).ok());
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        reply.blocks.push(if part.thought == Some(true) {
            ReplyBlock::Reasoning(text)
        } else {
            ReplyBlock::Text(text)
        });
    }
    if !is_call {
        reply.blocks.extend(sealed.map(ReplyBlock::Sealed));
    }
    let others = [
        ("inlineData", part.inline_data),
        ("executableCode", part.executable_code),
        ("codeExecutionResult", part.code_execution_result),
    ];
    for (name, raw) in others {
        if let Some(raw) = raw {
            reply.blocks.push(ReplyBlock::Aside { bytes: raw.get().len() as u64 });
            reply.unsaid.push(format!("candidates[0].content.parts[].{name}"));
        }
    }
}

/// A signature stands on a call, or for itself in a part of its own when it goes back.
pub(super) fn sealed(data: Text<'_>, is_call: bool) -> Option<Sealed<'_>> {
    let on = if is_call { On::Call } else { On::Itself };
    let sealed = Sealed { by: Dialect::Gemini, on, text: Text::default(), data };
    (!sealed.data.is_empty()).then_some(sealed)
}

fn refuse(error: &serde_json::Error) -> Malformed {
    if error.is_data() {
        shape("a field has another type than it should")
    } else {
        Malformed::NotJson
    }
}

fn shape(what: &'static str) -> Malformed {
    Malformed::Shape { dialect: Dialect::Gemini, what }
}
