//! Writing a whole `chat.completion`.

use serde::Serialize;

use super::{stop_reason, usage};
use crate::{
    canonical::reply::{Reply, ReplyBlock},
    json::write,
    seal,
    stream::StreamOptions,
};

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: [Choice<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<usage::Written>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u8,
    message: Message<'a>,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<String>,
    refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_details: Vec<Detail<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
}

/// Not OpenAI's own, but what OpenRouter's clients send back as they got it.
#[derive(Serialize)]
struct Detail<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    data: String,
    /// The call that it stands before.
    id: Option<&'a str>,
    format: &'static str,
    index: usize,
}

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

pub(super) fn encode(reply: &Reply<'_>, options: &StreamOptions) -> Vec<u8> {
    let choice = Choice {
        index: 0,
        message: message(reply, &options.provider),
        logprobs: None,
        finish_reason: reply.stop.map(stop_reason::encode),
    };
    let completion = Completion {
        id: reply.id.as_deref().unwrap_or(&options.fallback_id),
        object: "chat.completion",
        created: reply.created_unix_s.unwrap_or(options.created_unix_s),
        model: reply.model.as_deref().unwrap_or(&options.model),
        choices: [choice],
        usage: reply.usage.as_ref().map(usage::encode),
    };
    let mut body = Vec::new();
    write::value(&mut body, &completion);
    body
}

fn message<'a>(reply: &'a Reply<'_>, provider: &str) -> Message<'a> {
    // Details that wait for what comes next.
    let mut waiting = 0;
    let mut message = Message {
        role: "assistant",
        content: None,
        refusal: None,
        reasoning_content: None,
        reasoning_details: Vec::new(),
        tool_calls: Vec::new(),
    };
    for block in &reply.blocks {
        match block {
            ReplyBlock::Text(text) => append(&mut message.content, text),
            ReplyBlock::Refusal(text) => append(&mut message.refusal, text),
            ReplyBlock::Reasoning(text) => append(&mut message.reasoning_content, text),
            ReplyBlock::Sealed(sealed) if sealed.is_in_the_clear() => continue,
            ReplyBlock::Sealed(sealed) => {
                waiting += 1;
                message.reasoning_details.push(Detail {
                    kind: "reasoning.encrypted",
                    data: seal::wrap(provider, std::slice::from_ref(sealed)),
                    id: None,
                    format: "unknown",
                    index: message.reasoning_details.len(),
                });
                continue;
            }
            ReplyBlock::ToolUse { id, name, arguments } => {
                for detail in message.reasoning_details.iter_mut().rev().take(waiting) {
                    detail.id = Some(id);
                }
                let function = Function { name, arguments };
                message.tool_calls.push(Call { id, kind: "function", function });
            }
            ReplyBlock::Aside { .. } => {}
        }
        waiting = 0;
    }
    if message.content.is_none() && message.tool_calls.is_empty() && message.refusal.is_none() {
        message.content = Some(String::new());
    }
    message
}

fn append(whole: &mut Option<String>, text: &str) {
    whole.get_or_insert_default().push_str(text);
}
