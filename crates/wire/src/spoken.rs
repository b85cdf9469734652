//! An answer that came from no provider's bytes: a text of our own, written whole or as a stream in the
//! caller's dialect.

use bytes::{Bytes, BytesMut};
use terms::{dialect::Dialect, usage::Usage};

use crate::{
    canonical::{
        event::{Event, StopReason},
        reply::{Reply, ReplyBlock},
    },
    dialect,
    json::text::Literal,
    stream::StreamOptions,
};

/// A whole answer of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spoken<'a> {
    /// What is said.
    pub text: &'a str,
    /// What it took.
    pub usage: Usage,
}

/// Writes an answer that is complete; `options` give its id, its model and its time.
pub fn write_spoken(
    dialect: Dialect,
    spoken: &Spoken<'_>,
    stream: bool,
    options: &StreamOptions,
) -> Bytes {
    let codec = dialect::codec(dialect);
    if !stream {
        let reply = Reply {
            blocks: vec![ReplyBlock::Text(spoken.text.into())],
            stop: Some(StopReason::EndTurn),
            usage: Some(spoken.usage),
            ..Reply::default()
        };
        return codec.encode_reply(&reply, options, &mut Vec::new()).into();
    }
    let mut written = BytesMut::new();
    let mut encoder = codec.stream_encoder(options);
    let events = [
        Event::Start { id: None, model: None },
        Event::Usage(spoken.usage),
        Event::Text(Literal::from_plain(spoken.text)),
        Event::Stop { reason: StopReason::EndTurn, sequence: None },
        Event::End,
    ];
    for event in &events {
        encoder.event(event, &mut written).expect("every dialect can say a text");
    }
    written.freeze()
}
