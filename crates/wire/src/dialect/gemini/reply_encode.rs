//! Writing a whole answer.

use serde::Serialize;

use super::{stop_reason, usage};
use crate::{
    canonical::reply::{Reply, ReplyBlock},
    dialect::anthropic_messages::tool_input,
    json::{text::Json, write},
    seal,
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

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought_signature: Option<String>,
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
    let mut parts: Vec<Part<'_>> = Vec::new();
    let mut sealed = Vec::new();
    // Many clients send no thoughts back, so that what sealed them stands on what they led to.
    let signature = |sealed: &mut Vec<_>| {
        let wrapped = (!sealed.is_empty()).then(|| seal::wrap(&options.provider, sealed));
        sealed.clear();
        wrapped
    };
    for block in &reply.blocks {
        match block {
            ReplyBlock::Text(text) | ReplyBlock::Refusal(text) => {
                let thought_signature = signature(&mut sealed);
                parts.push(Part { text: Some(text), thought_signature, ..Part::default() });
            }
            ReplyBlock::Reasoning(text) => {
                parts.push(Part { text: Some(text), thought: Some(true), ..Part::default() });
            }
            ReplyBlock::Sealed(piece) => sealed.push(piece.clone()),
            ReplyBlock::ToolUse { id, name, arguments } => {
                let call = Call { id, name, args: tool_input::object(arguments, dropped) };
                let thought_signature = signature(&mut sealed);
                parts.push(Part {
                    function_call: Some(call),
                    thought_signature,
                    ..Part::default()
                });
            }
            ReplyBlock::Aside { .. } => {}
        }
    }
    if let Some(last) = signature(&mut sealed) {
        parts.push(Part { text: Some(""), thought_signature: Some(last), ..Part::default() });
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
