//! Writing a stream of answers. A call is one part here, so it is held back until its arguments are
//! whole; stop reason and usage stand in the last record.

use bytes::{BufMut, BytesMut};
use terms::{dialect::Dialect, usage::Usage};

use super::{stop_reason, usage};
use crate::{
    canonical::{
        event::{Event, StopReason},
        sealed::{On, Sealed},
    },
    dialect::{Said, StreamEncoder, anthropic_messages::tool_input},
    error::UpstreamError,
    json::{
        text::{Literal, Text},
        write,
    },
    resume::Transcript,
    seal,
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
    /// What seals the next part that is no thought: many clients send no thoughts back.
    sealed: Vec<Sealed<'static>>,
    stop: Option<StopReason>,
    usage: Option<Usage>,
}

#[derive(Debug)]
struct Call {
    number: usize,
    id: String,
    name: String,
    arguments: String,
    signature: Option<String>,
}

impl Encoder {
    pub(super) fn new(options: &StreamOptions) -> Self {
        Self {
            options: options.clone(),
            id: None,
            model: None,
            content: false,
            open: Vec::new(),
            sealed: Vec::new(),
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
    fn spoken_by(&mut self, provider: &str) {
        // A turn of two makers is sealed by neither.
        if provider != self.options.provider {
            self.sealed.clear();
        }
        provider.clone_into(&mut self.options.provider);
    }

    fn event(&mut self, event: &Event<'_>, out: &mut BytesMut) -> Result<Said, UpstreamError> {
        match event {
            Event::Start { id, model } => self.start(id.as_ref(), model.as_ref())?,
            Event::Text(text) | Event::Refusal(text) => {
                let signature = self.signature();
                self.text(text, false, signature.as_deref(), out);
            }
            Event::Reasoning(text) => self.text(text, true, None, out),
            Event::ThoughtAnew => self.text(&Literal::from_plain("\n\n"), true, None, out),
            Event::Sealed(sealed) if sealed.by == Dialect::Gemini && sealed.on != On::Call => {
                self.text(&Literal::from_plain(""), false, Some(&sealed.data), out);
            }
            Event::Sealed(sealed) => self.sealed.push(sealed.to_owned()),
            Event::ToolStart { call, id, name } => {
                let signature = self.signature();
                self.open.push(Call {
                    number: *call,
                    id: id.to_string(),
                    name: name.to_string(),
                    arguments: String::new(),
                    signature,
                });
            }
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

    fn signature(&mut self) -> Option<String> {
        let sealed = std::mem::take(&mut self.sealed);
        match sealed.as_slice() {
            [] => None,
            [one] => Some(seal::given(Dialect::Gemini, &self.options.provider, one)),
            several => Some(seal::wrap(&self.options.provider, several)),
        }
    }

    fn text(
        &mut self,
        text: &Literal<'_>,
        is_thought: bool,
        signature: Option<&str>,
        out: &mut BytesMut,
    ) {
        self.content = true;
        Self::open(out);
        out.put_slice(b"{\"text\":");
        out.put_slice(text.as_written().as_bytes());
        if is_thought {
            out.put_slice(b",\"thought\":true");
        }
        sign(signature, out);
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
        let last = self.signature();
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
            out.put_u8(b'}');
            sign(call.signature.as_deref(), out);
            out.put_u8(b'}');
        }
        if last.is_some() {
            let separator: &[u8] = if self.open.is_empty() { b"" } else { b"," };
            out.put_slice(separator);
            out.put_slice(b"{\"text\":\"\"");
            sign(last.as_deref(), out);
            out.put_u8(b'}');
        }
        self.close(true, out);
        if dropped.is_empty() { Said::Whole } else { Said::Without("functionCall.args") }
    }
}

fn sign(signature: Option<&str>, out: &mut BytesMut) {
    if let Some(signature) = signature {
        out.put_slice(b",\"thoughtSignature\":");
        write::text(out, signature);
    }
}
