//! Writing a stream of answers. A call is one part here, so it is held back until its arguments are
//! whole; stop reason and usage stand in the last record.

use bytes::{BufMut, BytesMut};
use terms::usage::Usage;

use super::{stop_reason, usage};
use crate::{
    canonical::event::{Event, StopReason},
    dialect::{Said, StreamEncoder, anthropic_messages::tool_input},
    error::UpstreamError,
    json::{
        text::{Literal, Text},
        write,
    },
    resume::Transcript,
    stream::StreamOptions,
};

/// The state of one stream.
#[derive(Debug)]
pub(super) struct Encoder {
    options: StreamOptions,
    id: Option<String>,
    model: Option<String>,
    content: bool,
    /// Calls whose arguments are not known to be whole yet.
    open: Vec<Call>,
    stop: Option<StopReason>,
    usage: Option<Usage>,
}

#[derive(Debug)]
struct Call {
    number: usize,
    id: String,
    name: String,
    arguments: String,
}

impl Encoder {
    pub(super) fn new(options: &StreamOptions) -> Self {
        Self {
            options: options.clone(),
            id: None,
            model: None,
            content: false,
            open: Vec::new(),
            stop: None,
            usage: None,
        }
    }

    /// A writer that goes on where the provider's own records ended: its calls were sent whole.
    pub(super) fn resumed(options: &StreamOptions, transcript: &Transcript) -> Self {
        Self {
            id: transcript.id.clone(),
            model: transcript.model.clone(),
            content: true,
            ..Self::new(options)
        }
    }
}

impl StreamEncoder for Encoder {
    fn event(&mut self, event: &Event<'_>, out: &mut BytesMut) -> Result<Said, UpstreamError> {
        match event {
            Event::Start { id, model } => self.start(id.as_ref(), model.as_ref())?,
            Event::Text(text) | Event::Refusal(text) => self.text(text, b"", out),
            Event::Reasoning(text) => self.text(text, b",\"thought\":true", out),
            Event::ToolStart { call, id, name } => self.open.push(Call {
                number: *call,
                id: id.to_string(),
                name: name.to_string(),
                arguments: String::new(),
            }),
            Event::ToolArguments { call, fragment } => self.arguments(*call, fragment),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Stop { reason, .. } => self.stop = Some(*reason),
            Event::End => return Ok(self.end(out)),
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
    ) -> Result<(), UpstreamError> {
        if self.content || !self.open.is_empty() {
            let message = "the provider began its answer again in the middle of the stream";
            return Err(UpstreamError::ours("restarted", message));
        }
        self.id = id.map(|id| id.to_string());
        self.model = model.map(|model| model.to_string());
        Ok(())
    }

    /// Begins a record, up to the inside of `parts`.
    fn open(out: &mut BytesMut) {
        out.put_slice(b"data: {\"candidates\":[{\"content\":{\"parts\":[");
    }

    /// Ends a record from the inside of `parts`.
    fn close(&self, last: bool, out: &mut BytesMut) {
        out.put_slice(b"],\"role\":\"model\"}");
        if last {
            let stop = self.stop.unwrap_or(StopReason::EndTurn);
            out.put_slice(b",\"finishReason\":");
            write::text(out, stop_reason::encode(stop));
        }
        out.put_slice(b",\"index\":0}]");
        if let (true, Some(stated)) = (last, &self.usage) {
            out.put_slice(b",\"usageMetadata\":");
            write::value(out, &usage::encode(stated));
        }
        out.put_slice(b",\"modelVersion\":");
        write::text(out, self.model.as_deref().unwrap_or(&self.options.model));
        out.put_slice(b",\"responseId\":");
        write::text(out, self.id.as_deref().unwrap_or(&self.options.fallback_id));
        out.put_slice(b"}\n\n");
    }

    fn text(&mut self, text: &Literal<'_>, tail: &[u8], out: &mut BytesMut) {
        self.content = true;
        Self::open(out);
        out.put_slice(b"{\"text\":");
        out.put_slice(text.as_written().as_bytes());
        out.put_slice(tail);
        out.put_u8(b'}');
        self.close(false, out);
    }

    fn arguments(&mut self, number: usize, fragment: &Literal<'_>) {
        let Ok(plain) = serde_json::from_str::<String>(fragment.as_written()) else { return };
        if let Some(call) = self.open.iter_mut().find(|call| call.number == number) {
            call.arguments.push_str(&plain);
        }
    }

    /// The last record, with the calls. Arguments of several calls may have come mixed until now.
    fn end(&mut self, out: &mut BytesMut) -> Said {
        let mut dropped = Vec::new();
        Self::open(out);
        for (index, call) in self.open.iter().enumerate() {
            if index > 0 {
                out.put_u8(b',');
            }
            out.put_slice(b"{\"functionCall\":{\"id\":");
            write::text(out, &call.id);
            out.put_slice(b",\"name\":");
            write::text(out, &call.name);
            out.put_slice(b",\"args\":");
            let given = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
            out.put_slice(tool_input::object(given, &mut dropped).as_written().as_bytes());
            out.put_slice(b"}}");
        }
        self.close(true, out);
        if dropped.is_empty() { Said::Whole } else { Said::Without("functionCall.args") }
    }
}
