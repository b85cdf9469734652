//! How the records of a stream are framed: as server-sent events, or in Amazon's binary messages, with
//! or without a second wrapping. Whatever the frame, records come out as server-sent events do; their raw
//! bytes are such events wherever a caller may be given them.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use terms::dialect::Dialect;

use crate::{
    event_stream::{self, Garbled, Message},
    json::text::Text,
    sse::{self, Content, Record},
};

/// The frame of a provider's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Sse,
    /// Amazon's binary messages.
    EventStream,
    /// The same, each holding the data of one server-sent event of another vendor, in Base64.
    EventStreamOfChunks,
}

impl Framing {
    /// The frame that is a dialect's own.
    pub fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::BedrockConverse => Self::EventStream,
            _ => Self::Sse,
        }
    }
}

/// A reader of one stream in its frame.
#[derive(Debug)]
pub(crate) enum Frames {
    Sse(sse::Reader),
    EventStream { reader: event_stream::Reader, chunks: bool },
}

impl Default for Frames {
    fn default() -> Self {
        Self::Sse(sse::Reader::default())
    }
}

impl Frames {
    pub(crate) fn new(framing: Framing) -> Self {
        let reader = event_stream::Reader::default();
        match framing {
            Framing::Sse => Self::default(),
            Framing::EventStream => Self::EventStream { reader, chunks: false },
            Framing::EventStreamOfChunks => Self::EventStream { reader, chunks: true },
        }
    }

    /// Takes a chunk and hands over every record that is whole now.
    pub(crate) fn push(&mut self, chunk: &[u8], mut take: impl FnMut(Record<'_>)) {
        match self {
            Self::Sse(reader) => reader.push(chunk, take),
            Self::EventStream { reader, chunks } => {
                let chunks = *chunks;
                reader.push(chunk, |message| record(message, chunks, &mut take));
            }
        }
    }

    /// The stream is over: hands over what is left.
    pub(crate) fn finish(&mut self, mut take: impl FnMut(Record<'_>)) {
        match self {
            Self::Sse(reader) => reader.finish(take),
            Self::EventStream { reader, .. } => {
                if reader.is_inside() {
                    take(STRAY);
                }
            }
        }
    }
}

/// What cannot be read and cannot be passed over.
const STRAY: Record<'_> = Record { raw: &[], content: Content::Stray };

fn record(message: Result<Message<'_>, Garbled>, chunks: bool, take: &mut impl FnMut(Record<'_>)) {
    let Ok(message) = message else { return take(STRAY) };
    let Ok(payload) = std::str::from_utf8(message.payload) else { return take(STRAY) };
    if message.kind == "event" {
        if chunks {
            return chunk(payload, take);
        }
        // No caller speaks the dialect of these, so that none is given the record as it came.
        let content = Content::Data { event: message.name, data: Cow::Borrowed(payload) };
        return take(Record { raw: message.payload, content });
    }
    // An exception, or an error without a payload: its name says what it is.
    let said = serde_json::from_str::<Said<'_>>(payload).ok();
    let words = said.as_ref().and_then(|said| said.message.as_deref()).unwrap_or(message.words);
    let error = serde_json::json!({
        "type": "error",
        "error": { "type": message.name, "message": words },
    });
    data("error", &error.to_string(), take);
}

/// An exception's payload.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, default, alias = "Message")]
    message: Option<Text<'a>>,
}

/// The payload of a message that holds one server-sent event's data.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    bytes: Text<'a>,
}

/// What names an event in the data of the dialects that are wrapped so.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
}

fn chunk(payload: &str, take: &mut impl FnMut(Record<'_>)) {
    let inner = serde_json::from_str::<Chunk<'_>>(payload)
        .ok()
        .and_then(|chunk| STANDARD.decode(chunk.bytes.as_bytes()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    // A line end inside would split the record that its caller is given.
    let Some(inner) = inner.filter(|inner| !inner.contains(['\n', '\r'])) else {
        return take(STRAY);
    };
    let name = serde_json::from_str::<Named<'_>>(&inner).map(|named| named.kind);
    data(&name.unwrap_or_default(), &inner, take);
}

/// A record as it would have come in server-sent events.
fn data(event: &str, data: &str, take: &mut impl FnMut(Record<'_>)) {
    let raw = format!("event: {event}\ndata: {data}\n\n");
    take(Record {
        raw: raw.as_bytes(),
        content: Content::Data { event, data: Cow::Borrowed(data) },
    });
}
