//! Writing a stream of message events in the vendor's exact order: message_start, then per block
//! start, deltas and stop, then message_delta with stop reason and usage, then message_stop.
//! Reasoning of other vendors is shown to callers who asked for thinking, under a signature of ours that
//! is taken out again when it comes back. For others pings stand in its place as signs of life.

use bytes::{BufMut, BytesMut};
use serde::Serialize;
use terms::{dialect::Dialect, usage::Usage};

use super::{identifier, stop_reason, usage};
use crate::{
    canonical::{
        event::{Event, StopReason},
        sealed::Sealed,
    },
    dialect::{Said, StreamEncoder},
    error::UpstreamError,
    json::{
        text::{Literal, Text},
        write,
    },
    resume::{OpenBlock, Piece, Place, Transcript},
    seal,
    stream::StreamOptions,
};

/// Of so many pieces of reasoning one becomes a ping.
const PIECES_PER_PING: u32 = 32;

/// The state of one stream.
#[derive(Debug)]
pub(super) struct Encoder {
    options: StreamOptions,
    started: bool,
    content: bool,
    /// Blocks that were begun.
    blocks: u64,
    open: Open,
    calls: usize,
    refused: bool,
    stop: Option<(StopReason, Option<String>)>,
    usage: Option<Usage>,
    unsaid_pieces: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Text,
    /// A thought that has no signature yet.
    Thinking,
    Signed,
    Call(usize),
}

#[derive(Serialize)]
struct MessageDelta<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    delta: Stop<'a>,
    usage: usage::Written,
}

#[derive(Serialize)]
struct Stop<'a> {
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
}

impl Encoder {
    pub(super) fn new(options: &StreamOptions) -> Self {
        Self {
            options: options.clone(),
            started: false,
            content: false,
            blocks: 0,
            open: Open::Nothing,
            calls: 0,
            refused: false,
            stop: None,
            usage: None,
            unsaid_pieces: 0,
        }
    }

    /// A writer that goes on where the provider's own records ended.
    pub(super) fn resumed(
        options: &StreamOptions,
        transcript: &Transcript,
        place: Place,
    ) -> Result<Self, &'static str> {
        let calls =
            transcript.said.iter().filter(|said| matches!(said, Piece::Call { .. })).count();
        let open = match (place.open.unwrap_or_default(), transcript.said.last()) {
            (OpenBlock::Unlike, _) => return Err("output of a kind that only its own dialect has"),
            (OpenBlock::Thought, _) => Open::Thinking,
            (OpenBlock::Signed, _) => Open::Signed,
            (OpenBlock::Nothing, _) | (OpenBlock::Said, None) => Open::Nothing,
            (OpenBlock::Said, Some(Piece::Call { number, .. })) => Open::Call(*number),
            (OpenBlock::Said, Some(Piece::Text(_) | Piece::Refusal(_))) => Open::Text,
        };
        // Who was shown a thought is shown the rest of it.
        let show_reasoning = options.show_reasoning || transcript.reasoned;
        let options = StreamOptions { show_reasoning, ..options.clone() };
        let refused = transcript.said.iter().any(|said| matches!(said, Piece::Refusal(_)));
        Ok(Self {
            started: true,
            content: true,
            blocks: place.blocks,
            open,
            calls,
            refused,
            usage: transcript.usage,
            ..Self::new(&options)
        })
    }
}

impl StreamEncoder for Encoder {
    fn spoken_by(&mut self, provider: &str) {
        provider.clone_into(&mut self.options.provider);
    }

    fn event(&mut self, event: &Event<'_>, out: &mut BytesMut) -> Result<Said, UpstreamError> {
        match event {
            Event::Start { id, model } => self.start(id.as_ref(), model.as_ref(), out)?,
            Event::Text(text) => self.text(text, out),
            Event::Refusal(text) => {
                self.refused = true;
                self.text(text, out);
            }
            Event::Reasoning(text) if self.options.show_reasoning => self.thought(text, out),
            Event::ThoughtAnew if self.open == Open::Thinking => self.close(out),
            Event::Sealed(sealed) if self.options.show_reasoning => self.sealed(sealed, out),
            Event::Sealed(sealed) if sealed.is_in_the_clear() => {}
            Event::Sealed(sealed) => return Ok(Said::Without(sealed.field())),
            Event::Reasoning(_) => {
                self.ping(out);
                return Ok(Said::Without("reasoning_content"));
            }
            Event::ToolStart { call, id, name } => self.call(*call, id, name, out),
            Event::ToolArguments { call, fragment } => self.arguments(*call, fragment, out)?,
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Stop { reason, sequence } => {
                self.close(out);
                self.stop = Some((*reason, sequence.as_ref().map(|sequence| sequence.to_string())));
            }
            Event::End => self.end(out),
            Event::ThoughtAnew | Event::Aside { .. } | Event::Unsaid(_) | Event::Failed(_) => {}
        }
        Ok(Said::Whole)
    }
}

impl Encoder {
    fn start(
        &mut self,
        id: Option<&Text<'_>>,
        model: Option<&Text<'_>>,
        out: &mut BytesMut,
    ) -> Result<(), UpstreamError> {
        if self.started {
            return if self.content { Err(restarted()) } else { Ok(()) };
        }
        self.started = true;
        out.put_slice(
            b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":",
        );
        write::text(out, id.map_or(self.options.fallback_id.as_str(), |id| id));
        out.put_slice(b",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
        write::text(out, model.map_or(self.options.model.as_str(), |model| model));
        out.put_slice(b",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":");
        write::value(out, &usage::encode(&self.usage.unwrap_or_default()));
        out.put_slice(b"}}\n\n");
        Ok(())
    }

    fn begin(&mut self, out: &mut BytesMut) {
        if !self.started {
            self.start(None, None, out).expect("the first start never fails");
        }
        self.content = true;
    }

    fn text(&mut self, text: &Literal<'_>, out: &mut BytesMut) {
        self.begin(out);
        if self.open != Open::Text {
            self.close(out);
            self.open_block(Open::Text, out);
            out.put_slice(b"{\"type\":\"text\",\"text\":\"\"}}\n\n");
        }
        self.delta(b"{\"type\":\"text_delta\",\"text\":", text, out);
    }

    fn thought(&mut self, text: &Literal<'_>, out: &mut BytesMut) {
        self.begin(out);
        if self.open != Open::Thinking {
            self.close(out);
            self.open_block(Open::Thinking, out);
            out.put_slice(b"{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n");
        }
        self.delta(b"{\"type\":\"thinking_delta\",\"thinking\":", text, out);
    }

    /// Signs the thought that is open; what belongs to none is a block of its own.
    fn sealed(&mut self, sealed: &Sealed<'_>, out: &mut BytesMut) {
        self.begin(out);
        let wrapped = seal::given(Dialect::AnthropicMessages, &self.options.provider, sealed);
        if self.open == Open::Thinking {
            self.sign(&wrapped, out);
            // It has its signature, so that closing it gives it no other.
            self.open = Open::Signed;
        } else {
            self.close(out);
            self.open_block(Open::Signed, out);
            out.put_slice(b"{\"type\":\"redacted_thinking\",\"data\":");
            write::text(out, &wrapped);
            out.put_slice(b"}}\n\n");
        }
        self.close(out);
    }

    fn sign(&self, wrapped: &str, out: &mut BytesMut) {
        let signature = Literal::from_plain(wrapped);
        self.delta(b"{\"type\":\"signature_delta\",\"signature\":", &signature, out);
    }

    fn call(&mut self, call: usize, id: &str, name: &str, out: &mut BytesMut) {
        self.begin(out);
        self.close(out);
        self.calls += 1;
        self.open_block(Open::Call(call), out);
        out.put_slice(b"{\"type\":\"tool_use\",\"id\":");
        write::text(out, &identifier::valid(id));
        out.put_slice(b",\"name\":");
        write::text(out, name);
        out.put_slice(b",\"input\":{}}}\n\n");
    }

    fn arguments(
        &mut self,
        call: usize,
        fragment: &Literal<'_>,
        out: &mut BytesMut,
    ) -> Result<(), UpstreamError> {
        if self.open != Open::Call(call) {
            let message = "the provider mixed the arguments of several tool calls";
            return Err(UpstreamError::ours("interleaved", message));
        }
        self.delta(b"{\"type\":\"input_json_delta\",\"partial_json\":", fragment, out);
        Ok(())
    }

    fn open_block(&mut self, open: Open, out: &mut BytesMut) {
        self.open = open;
        out.put_slice(
            b"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":",
        );
        write::number(out, self.blocks);
        out.put_slice(b",\"content_block\":");
        self.blocks += 1;
    }

    fn delta(&self, opening: &[u8], text: &Literal<'_>, out: &mut BytesMut) {
        out.put_slice(
            b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":",
        );
        write::number(out, self.blocks - 1);
        out.put_slice(b",\"delta\":");
        out.put_slice(opening);
        out.put_slice(text.as_written().as_bytes());
        out.put_slice(b"}}\n\n");
    }

    fn close(&mut self, out: &mut BytesMut) {
        if self.open == Open::Thinking {
            self.sign(&seal::wrap(&self.options.provider, &[]), out);
        }
        if self.open != Open::Nothing {
            self.open = Open::Nothing;
            out.put_slice(
                b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":",
            );
            write::number(out, self.blocks - 1);
            out.put_slice(b"}\n\n");
        }
    }

    fn ping(&mut self, out: &mut BytesMut) {
        if self.started && self.unsaid_pieces.is_multiple_of(PIECES_PER_PING) {
            out.put_slice(b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
        }
        self.unsaid_pieces = self.unsaid_pieces.wrapping_add(1);
    }

    fn end(&mut self, out: &mut BytesMut) {
        if !self.started {
            self.start(None, None, out).expect("the first start never fails");
        }
        self.close(out);
        let (reason, sequence) = self.stop.take().unwrap_or((StopReason::EndTurn, None));
        let reason = stop_reason::fitting(reason, self.calls > 0, self.refused);
        let message_delta = MessageDelta {
            kind: "message_delta",
            delta: Stop {
                stop_reason: stop_reason::encode(reason),
                stop_sequence: sequence.as_deref(),
            },
            usage: usage::encode(&self.usage.unwrap_or_default()),
        };
        out.put_slice(b"event: message_delta\ndata: ");
        write::value(out, &message_delta);
        out.put_slice(b"\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }
}

fn restarted() -> UpstreamError {
    let message = "the provider began its answer again in the middle of the stream";
    UpstreamError::ours("restarted", message)
}
