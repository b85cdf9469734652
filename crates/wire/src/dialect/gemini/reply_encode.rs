//! Writing a whole answer.

use serde::Serialize;

use super::{stop_reason, usage};
use crate::{
    canonical::reply::{Reply, ReplyBlock},
    dialect::anthropic_messages::tool_input,
    json::{text::Json, write},
    stream::StreamOptions,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    candidates: [Candidate<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_metadata: Option<usage::Written>,
    model_version: &'a str,
    response_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'static str>,
    index: u8,
}

#[derive(Serialize)]
struct Content<'a> {
    parts: Vec<Part<'a>>,
    role: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<Call<'a>>,
}

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    name: &'a str,
    args: Json<'static>,
}

pub(super) fn encode(
    reply: &Reply<'_>,
    options: &StreamOptions,
    dropped: &mut Vec<String>,
) -> Vec<u8> {
    let mut parts = Vec::new();
    for block in &reply.blocks {
        let said = |text, thought| Part { text: Some(text), thought, function_call: None };
        match block {
            ReplyBlock::Text(text) | ReplyBlock::Refusal(text) => parts.push(said(text, None)),
            ReplyBlock::Reasoning(text) => parts.push(said(text, Some(true))),
            ReplyBlock::ToolUse { id, name, arguments } => {
                let call = Call { id, name, args: tool_input::object(arguments, dropped) };
                parts.push(Part { text: None, thought: None, function_call: Some(call) });
            }
            ReplyBlock::Aside { .. } => {}
        }
    }
    let candidate = Candidate {
        content: Content { parts, role: "model" },
        finish_reason: reply.stop.map(stop_reason::encode),
        index: 0,
    };
    let answer = Answer {
        candidates: [candidate],
        usage_metadata: reply.usage.as_ref().map(usage::encode),
        model_version: reply.model.as_deref().unwrap_or(&options.model),
        response_id: reply.id.as_deref().unwrap_or(&options.fallback_id),
    };
    let mut body = Vec::new();
    write::value(&mut body, &answer);
    body
}
