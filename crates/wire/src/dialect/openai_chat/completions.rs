//! Legacy completions, carried as chat: a prompt becomes one user message, the answer's text a choice of a
//! `text_completion`. For models that only chat; one that completes is asked as it is.

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{reply_decode, stop_reason, usage};
use crate::{
    canonical::reply::ReplyBlock,
    error::{BadRequest, Malformed},
    json::{few::Few, object::TextOr, read, text::Text, write},
    sse::{self, Content},
};

/// The fields that mean the same in chat keep their text.
#[derive(Debug, Deserialize, Serialize)]
struct Kept<'a> {
    #[serde(borrow)]
    model: &'a RawValue,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    stream: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    stream_options: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    max_tokens: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    stop: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    seed: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    user: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Asked<'a> {
    #[serde(borrow, default)]
    prompt: Option<&'a RawValue>,
    #[serde(default)]
    n: Option<u64>,
    #[serde(default)]
    best_of: Option<u64>,
    #[serde(default)]
    echo: Option<bool>,
    #[serde(borrow, default)]
    suffix: Option<&'a RawValue>,
    #[serde(borrow, default)]
    logprobs: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Chat<'a> {
    #[serde(flatten)]
    kept: Kept<'a>,
    messages: [Message<'a>; 1],
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

/// The chat request that asks for the same. What chat cannot mean is refused by name.
pub(crate) fn as_chat(body: &[u8]) -> Result<Bytes, BadRequest> {
    let asked: Asked<'_> = read::body(body)?;
    let kept: Kept<'_> = read::body(body)?;
    for (field, is_asked) in [
        ("n", asked.n.is_some_and(|n| n > 1)),
        ("best_of", asked.best_of.is_some_and(|best| best > 1)),
        ("echo", asked.echo == Some(true)),
        ("suffix", asked.suffix.is_some()),
        ("logprobs", asked.logprobs.is_some()),
    ] {
        if is_asked {
            let complaint = "cannot be asked of a model that only chats; leave it out, or ask for \
                             one that completes";
            return Err(BadRequest {
                code: "unsupported_across_dialects",
                ..BadRequest::field(field, complaint)
            });
        }
    }
    let prompt = asked.prompt.ok_or_else(|| BadRequest::missing("prompt"))?;
    let one_text = || BadRequest::field("prompt", "must be one text for a model that only chats");
    let prompt: TextOr<'_, Text<'_>> =
        serde_json::from_str(prompt.get()).map_err(|_| one_text())?;
    let content = match &prompt {
        TextOr::Text(text) => text,
        TextOr::List(texts) if texts.len() == 1 => &texts[0],
        TextOr::List(_) => return Err(one_text()),
    };
    let chat = Chat { kept, messages: [Message { role: "user", content }] };
    let mut written = Vec::new();
    write::value(&mut written, &chat);
    Ok(written.into())
}

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
    text: &'a str,
    index: u8,
    logprobs: Option<()>,
    finish_reason: Option<&'a str>,
}

/// A whole chat answer as a completion.
pub(crate) fn from_chat(body: &[u8]) -> Result<Bytes, Malformed> {
    let text = std::str::from_utf8(body).map_err(|_| Malformed::NotJson)?;
    let reply = reply_decode::decode(text)?;
    let mut said = String::new();
    for block in &reply.blocks {
        if let ReplyBlock::Text(text) | ReplyBlock::Refusal(text) = block {
            said.push_str(text);
        }
    }
    let choice = Choice {
        text: &said,
        index: 0,
        logprobs: None,
        finish_reason: reply.stop.map(stop_reason::encode),
    };
    let completion = Completion {
        id: reply.id.as_deref().unwrap_or_default(),
        object: "text_completion",
        created: reply.created_unix_s.unwrap_or_default(),
        model: reply.model.as_deref().unwrap_or_default(),
        choices: [choice],
        usage: reply.usage.as_ref().map(usage::encode),
    };
    let mut written = Vec::new();
    write::value(&mut written, &completion);
    Ok(written.into())
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    created: i64,
    #[serde(borrow)]
    model: Text<'a>,
    #[serde(borrow)]
    choices: Few<Piece<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(borrow)]
    delta: Delta<'a>,
    #[serde(borrow, default)]
    finish_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<Text<'a>>,
    #[serde(borrow, default)]
    refusal: Option<Text<'a>>,
}

#[derive(Serialize)]
struct Record<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: Vec<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<&'a RawValue>,
}

/// Whole records of a chat stream as records of a stream of completions. What is no chunk (comments, an
/// error, the terminator) stays as it is; a chunk that says nothing is left out.
pub(crate) fn records_from_chat(records: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(records.len());
    sse::read_all(records, |record| {
        let chunk = match &record.content {
            Content::Data { data, .. } => serde_json::from_str::<Chunk<'_>>(data).ok(),
            _ => None,
        };
        match chunk {
            Some(chunk) => put(&chunk, &mut out),
            None => out.extend_from_slice(record.raw),
        }
    });
    out.freeze()
}

fn put(chunk: &Chunk<'_>, out: &mut BytesMut) {
    let choices: Vec<Choice<'_>> = chunk.choices.iter().filter_map(choice).collect();
    let has_usage = chunk.usage.is_some_and(|usage| usage.get() != "null");
    if choices.is_empty() && !has_usage {
        return;
    }
    let record = Record {
        id: &chunk.id,
        object: "text_completion",
        created: chunk.created,
        model: &chunk.model,
        choices,
        usage: chunk.usage,
    };
    let mut written = Vec::new();
    write::value(&mut written, &record);
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(&written);
    out.extend_from_slice(b"\n\n");
}

fn choice<'a>(piece: &'a Piece<'_>) -> Option<Choice<'a>> {
    let text = piece.delta.content.as_deref().filter(|text| !text.is_empty());
    let text = text.or(piece.delta.refusal.as_deref());
    if text.is_none() && piece.finish_reason.is_none() {
        return None;
    }
    Some(Choice {
        text: text.unwrap_or_default(),
        index: 0,
        logprobs: None,
        finish_reason: piece.finish_reason.as_deref(),
    })
}
