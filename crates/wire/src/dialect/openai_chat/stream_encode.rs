//! Writing a stream of `chat.completion.chunk` records: a first one with the role, one id for all,
//! exactly one finish reason, then the usage if it was asked for, then `[DONE]`.

use bytes::{BufMut, BytesMut};
use terms::{dialect::Dialect, usage::Usage};

use super::{stop_reason, usage};
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
    resume::{Piece, Place, Transcript},
    seal,
    stream::StreamOptions,
};

/// The state of one stream.
#[derive(Debug)]
pub(super) struct Encoder {
    options: StreamOptions,
    /// What every record begins with, up to its choices; empty before the start.
    opening: Vec<u8>,
    content: bool,
    /// Tool calls that have no arguments yet. Those of several calls may come mixed.
    bare_calls: Vec<usize>,
    /// Sealed reasoning that waits for the call which it may stand before.
    waiting: Vec<Sealed<'static>>,
    details: u64,
    stopped: bool,
    usage: Option<Usage>,
}

impl Encoder {
    pub(super) fn new(options: &StreamOptions) -> Self {
        Self {
            options: options.clone(),
            opening: Vec::new(),
            content: false,
            bare_calls: Vec::new(),
            waiting: Vec::new(),
            details: 0,
            stopped: false,
            usage: None,
        }
    }

    /// A writer that goes on where the provider's own records ended.
    pub(super) fn resumed(options: &StreamOptions, transcript: &Transcript, place: Place) -> Self {
        let mut encoder = Self::new(options);
        encoder.options.created_unix_s = place.created_unix_s.unwrap_or(options.created_unix_s);
        encoder.write_opening(transcript.id.as_deref(), transcript.model.as_deref());
        encoder.content = true;
        let bare = transcript.said.iter().filter_map(|said| match said {
            Piece::Call { number, arguments, .. } if arguments.is_empty() => Some(*number),
            _ => None,
        });
        encoder.bare_calls = bare.collect();
        encoder
    }
}

impl StreamEncoder for Encoder {
    fn spoken_by(&mut self, provider: &str) {
        // A turn of two makers is sealed by neither.
        if provider != self.options.provider {
            self.waiting.clear();
        }
        provider.clone_into(&mut self.options.provider);
    }

    fn event(&mut self, event: &Event<'_>, out: &mut BytesMut) -> Result<Said, UpstreamError> {
        match event {
            Event::Start { id, model } => self.start(id.as_ref(), model.as_ref(), out)?,
            Event::Text(text) => self.piece("content", text, out),
            Event::Refusal(text) => self.piece("refusal", text, out),
            // Not OpenAI's own, but what DeepSeek, vLLM and their clients use.
            Event::Reasoning(text) => self.piece("reasoning_content", text, out),
            Event::ThoughtAnew => {
                self.piece("reasoning_content", &Literal::from_plain("\n\n"), out);
            }
            // It was said where its reader looks for it.
            Event::Sealed(sealed) if sealed.is_in_the_clear() => {}
            Event::Sealed(sealed) => self.waiting.push(sealed.to_owned()),
            Event::ToolStart { call, id, name } => self.call(*call, id, name, out),
            Event::ToolArguments { call, fragment } => self.arguments(*call, fragment, out),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Stop { reason, .. } => self.stop(*reason, out),
            Event::End => self.end(out),
            Event::Aside { .. } | Event::Unsaid(_) | Event::Failed(_) => {}
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
        if !self.opening.is_empty() {
            return if self.content { Err(restarted()) } else { Ok(()) };
        }
        self.write_opening(id.map(|id| &**id), model.map(|model| &**model));
        self.open(out);
        out.put_slice(b"\"role\":\"assistant\",\"content\":\"\"");
        self.close(None, out);
        Ok(())
    }

    fn write_opening(&mut self, id: Option<&str>, model: Option<&str>) {
        let opening = &mut self.opening;
        opening.put_slice(b"data: {\"id\":");
        write::text(opening, id.unwrap_or(&self.options.fallback_id));
        opening.put_slice(b",\"object\":\"chat.completion.chunk\",\"created\":");
        write::value(opening, &self.options.created_unix_s);
        opening.put_slice(b",\"model\":");
        write::text(opening, model.unwrap_or(&self.options.model));
        opening.put_slice(b",\"choices\":[");
    }

    /// Begins a record, up to the inside of `delta`.
    fn open(&mut self, out: &mut BytesMut) {
        if self.opening.is_empty() {
            self.start(None, None, out).expect("the first start never fails");
        }
        out.put_slice(&self.opening);
        out.put_slice(b"{\"index\":0,\"delta\":{");
    }

    /// Ends a record from the inside of `delta`.
    fn close(&self, finish_reason: Option<&str>, out: &mut BytesMut) {
        out.put_slice(b"},\"logprobs\":null,\"finish_reason\":");
        match finish_reason {
            Some(reason) => write::text(out, reason),
            None => out.put_slice(b"null"),
        }
        out.put_slice(b"}]");
        if self.options.include_usage {
            out.put_slice(b",\"usage\":null");
        }
        out.put_slice(b"}\n\n");
    }

    /// Not OpenAI's own, but what OpenRouter's clients send back as they got it.
    fn details(&mut self, call: Option<&str>, out: &mut BytesMut) {
        for sealed in std::mem::take(&mut self.waiting) {
            self.open(out);
            if sealed.by == Dialect::OpenaiChat {
                out.put_slice(b"\"reasoning_details\":");
                out.put_slice(sealed.data.as_bytes());
                self.close(None, out);
                continue;
            }
            out.put_slice(b"\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":");
            write::text(out, &seal::wrap(&self.options.provider, &[sealed]));
            out.put_slice(b",\"id\":");
            match call {
                Some(id) => write::text(out, id),
                None => out.put_slice(b"null"),
            }
            out.put_slice(b",\"format\":\"unknown\",\"index\":");
            write::number(out, self.details);
            out.put_slice(b"}]");
            self.close(None, out);
            self.details += 1;
        }
    }

    fn piece(&mut self, field: &str, text: &Literal<'_>, out: &mut BytesMut) {
        self.details(None, out);
        self.content = true;
        self.open(out);
        out.put_u8(b'"');
        out.put_slice(field.as_bytes());
        out.put_slice(b"\":");
        out.put_slice(text.as_written().as_bytes());
        self.close(None, out);
    }

    fn call(&mut self, call: usize, id: &str, name: &str, out: &mut BytesMut) {
        self.details(Some(id), out);
        self.content = true;
        self.bare_calls.push(call);
        self.open(out);
        out.put_slice(b"\"tool_calls\":[{\"index\":");
        write::number(out, call as u64);
        out.put_slice(b",\"id\":");
        write::text(out, id);
        out.put_slice(b",\"type\":\"function\",\"function\":{\"name\":");
        write::text(out, name);
        out.put_slice(b",\"arguments\":\"\"}}]");
        self.close(None, out);
    }

    fn arguments(&mut self, call: usize, fragment: &Literal<'_>, out: &mut BytesMut) {
        self.bare_calls.retain(|bare| *bare != call);
        self.open(out);
        out.put_slice(b"\"tool_calls\":[{\"index\":");
        write::number(out, call as u64);
        out.put_slice(b",\"function\":{\"arguments\":");
        out.put_slice(fragment.as_written().as_bytes());
        out.put_slice(b"}}]");
        self.close(None, out);
    }

    /// A call without arguments is an empty object here, not an empty text.
    fn finish_calls(&mut self, out: &mut BytesMut) {
        for call in std::mem::take(&mut self.bare_calls) {
            self.arguments(call, &Literal::from_plain("{}"), out);
        }
    }

    fn stop(&mut self, reason: StopReason, out: &mut BytesMut) {
        if self.stopped {
            return;
        }
        self.finish_calls(out);
        self.details(None, out);
        self.stopped = true;
        self.open(out);
        self.close(Some(stop_reason::encode(reason)), out);
    }

    fn end(&mut self, out: &mut BytesMut) {
        if let (true, Some(usage)) = (self.options.include_usage, &self.usage) {
            out.put_slice(&self.opening);
            out.put_slice(b"],\"usage\":");
            write::value(out, &usage::encode(usage));
            out.put_slice(b"}\n\n");
        }
        out.put_slice(b"data: [DONE]\n\n");
    }
}

fn restarted() -> UpstreamError {
    let message = "the provider began its answer again in the middle of the stream";
    UpstreamError::ours("restarted", message)
}
