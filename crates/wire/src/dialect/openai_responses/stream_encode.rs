//! Writing a stream of response events in the vendor's exact order: created and in_progress, then per
//! item added, its parts and deltas, and done, then completed or incomplete with the whole reply.
//! Every record has its number.

use bytes::{BufMut, BytesMut};
use terms::{dialect::Dialect, usage::Usage};

use super::{
    items::{Item, Name, Part, Status, part, quoted, seen, summary_part},
    items_so_far::items_so_far,
};
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
    resume::{Place, Transcript},
    seal,
    stream::StreamOptions,
};

/// The state of one stream.
#[derive(Debug)]
pub(super) struct Encoder {
    options: StreamOptions,
    name: Name,
    started: bool,
    /// Records written so far.
    sequence: u64,
    items: Vec<Item>,
    open: Open,
    stop: Option<StopReason>,
    usage: Option<Usage>,
}

/// What the last item waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    Nothing,
    /// A message, between its parts.
    Message,
    Text,
    Refusal,
    Reasoning,
    /// A thought that its provider began and did not end.
    Begun,
    /// Arguments of this call.
    Call(usize),
}

impl Encoder {
    pub(super) fn new(options: &StreamOptions) -> Self {
        Self {
            options: options.clone(),
            name: Name::default(),
            started: false,
            sequence: 0,
            items: Vec::new(),
            open: Open::Nothing,
            stop: None,
            usage: None,
        }
    }

    /// A writer that goes on where the provider's own records ended, with the names that it gave.
    pub(super) fn resumed(
        options: &StreamOptions,
        transcript: &Transcript,
        place: Place,
    ) -> Result<Self, &'static str> {
        let id = transcript.id.as_deref();
        let created = place.created_unix_s;
        // An answer that is not kept has the name that its provider gave it.
        let own = options.own.clone().filter(|own| own.kept);
        let options = StreamOptions { own, ..options.clone() };
        let mut name = Name::new(id, transcript.model.as_deref(), created, &options);
        let (items, open) = items_so_far(transcript, &place.items)?;
        name.given_ids = place.items.into_iter().map(|item| item.id).collect();
        Ok(Self {
            name,
            started: true,
            sequence: place.position,
            items,
            open,
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
            Event::Text(text) => self.said(Open::Text, text, out),
            Event::Refusal(text) => self.said(Open::Refusal, text, out),
            Event::Reasoning(text) => self.thought(text, out),
            Event::ThoughtAnew if self.open == Open::Reasoning => self.close(out),
            Event::Sealed(sealed) => self.sealed(sealed, out),
            Event::ToolStart { call, id, name } => self.call(*call, id, name, out),
            Event::ToolArguments { call, fragment } => self.arguments(*call, fragment, out)?,
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Stop { reason, .. } => self.stop = Some(*reason),
            Event::End => self.end(out),
            Event::ThoughtAnew | Event::Aside { .. } | Event::Unsaid(_) | Event::Failed(_) => {}
        }
        Ok(Said::Whole)
    }

    fn position(&self) -> u64 {
        self.sequence
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
            return if self.items.is_empty() { Ok(()) } else { Err(restarted()) };
        }
        self.started = true;
        self.name = Name::new(id.map(|id| &**id), model.map(|model| &**model), None, &self.options);
        for kind in ["response.created", "response.in_progress"] {
            self.open_record(kind, out);
            out.put_slice(b",\"response\":");
            self.name.opened(out);
            close_record(out);
        }
        Ok(())
    }

    fn begin(&mut self, out: &mut BytesMut) {
        if !self.started {
            self.start(None, None, out).expect("the first start never fails");
        }
    }

    fn open_record(&mut self, kind: &str, out: &mut BytesMut) {
        out.put_slice(b"event: ");
        out.put_slice(kind.as_bytes());
        out.put_slice(b"\ndata: {\"type\":\"");
        out.put_slice(kind.as_bytes());
        out.put_slice(b"\",\"sequence_number\":");
        write::number(out, self.sequence);
        self.sequence += 1;
    }

    /// Begins a record about the last item.
    fn open_item_record(&mut self, kind: &str, out: &mut BytesMut) {
        self.open_record(kind, out);
        let index = self.items.len() - 1;
        out.put_slice(b",\"item_id\":");
        self.name.item_id(out, &self.items[index], index);
        out.put_slice(b",\"output_index\":");
        write::number(out, index as u64);
    }

    /// The same about the last part of the last item, a message.
    fn open_part_record(&mut self, kind: &str, out: &mut BytesMut) {
        self.open_item_record(kind, out);
        let parts = match self.items.last() {
            Some(Item::Message(parts)) => parts.len(),
            _ => 1,
        };
        out.put_slice(b",\"content_index\":");
        write::number(out, parts as u64 - 1);
    }

    /// Adds an item and says so.
    fn add(&mut self, item: Item, out: &mut BytesMut) {
        self.items.push(item);
        self.item_record("response.output_item.added", Status::InProgress, out);
    }

    fn item_record(&mut self, kind: &str, status: Status, out: &mut BytesMut) {
        self.open_record(kind, out);
        let index = self.items.len() - 1;
        out.put_slice(b",\"output_index\":");
        write::number(out, index as u64);
        out.put_slice(b",\"item\":");
        self.name.item(out, &self.items[index], index, status);
        close_record(out);
    }

    fn said(&mut self, kind: Open, text: &Literal<'_>, out: &mut BytesMut) {
        if self.open != kind {
            self.begin(out);
            match self.open {
                Open::Text | Open::Refusal => self.close_part(out),
                Open::Message => {}
                _ => {
                    self.close(out);
                    self.add(Item::Message(Vec::new()), out);
                }
            }
            self.open_part(kind, out);
        }
        let record = match kind {
            Open::Refusal => "response.refusal.delta",
            _ => "response.output_text.delta",
        };
        self.open_part_record(record, out);
        out.put_slice(b",\"delta\":");
        out.put_slice(text.as_written().as_bytes());
        if kind == Open::Text {
            out.put_slice(b",\"logprobs\":[]");
        }
        close_record(out);
        if let Some(Item::Message(parts)) = self.items.last_mut()
            && let Some(Part::Text(said) | Part::Refusal(said)) = parts.last_mut()
        {
            said.push_str(text.between_quotes());
        }
    }

    fn open_part(&mut self, kind: Open, out: &mut BytesMut) {
        self.open = kind;
        let new = match kind {
            Open::Refusal => Part::Refusal(String::new()),
            _ => Part::Text(String::new()),
        };
        if let Some(Item::Message(parts)) = self.items.last_mut() {
            parts.push(new.clone());
        }
        self.open_part_record("response.content_part.added", out);
        out.put_slice(b",\"part\":");
        part(out, &new);
        close_record(out);
    }

    fn close_part(&mut self, out: &mut BytesMut) {
        let Some(Item::Message(parts)) = self.items.last() else { return };
        let Some(whole) = parts.last().cloned() else { return };
        let (record, field, text) = match &whole {
            Part::Text(text) => ("response.output_text.done", &b",\"text\":"[..], text),
            Part::Refusal(text) => ("response.refusal.done", &b",\"refusal\":"[..], text),
        };
        self.open_part_record(record, out);
        out.put_slice(field);
        quoted(out, text);
        if matches!(whole, Part::Text(_)) {
            out.put_slice(b",\"logprobs\":[]");
        }
        close_record(out);
        self.open_part_record("response.content_part.done", out);
        out.put_slice(b",\"part\":");
        part(out, &whole);
        close_record(out);
    }

    fn thought(&mut self, text: &Literal<'_>, out: &mut BytesMut) {
        const SUMMARY: &[u8] = b",\"summary_index\":0";
        if self.open != Open::Reasoning {
            self.begin(out);
            self.close(out);
            self.add(Item::Reasoning { text: String::new(), sealed: None }, out);
            self.open = Open::Reasoning;
            self.open_item_record("response.reasoning_summary_part.added", out);
            out.put_slice(SUMMARY);
            out.put_slice(b",\"part\":");
            summary_part(out, "");
            close_record(out);
        }
        self.open_item_record("response.reasoning_summary_text.delta", out);
        out.put_slice(SUMMARY);
        out.put_slice(b",\"delta\":");
        out.put_slice(text.as_written().as_bytes());
        close_record(out);
        if let Some(Item::Reasoning { text: said, .. }) = self.items.last_mut() {
            said.push_str(text.between_quotes());
        }
    }

    /// Seals the thought that is open; what belongs to none is an item of its own.
    fn sealed(&mut self, piece: &Sealed<'_>, out: &mut BytesMut) {
        let wrapped = seal::given(Dialect::OpenaiResponses, &self.options.provider, piece);
        let wrapped = Some(wrapped);
        if self.open != Open::Reasoning {
            self.begin(out);
            self.close(out);
            self.add(Item::Reasoning { text: String::new(), sealed: None }, out);
            self.open = Open::Reasoning;
        }
        if let Some(Item::Reasoning { sealed, .. }) = self.items.last_mut() {
            *sealed = wrapped;
        }
        self.close(out);
    }

    fn call(&mut self, call: usize, id: &str, name: &str, out: &mut BytesMut) {
        self.begin(out);
        self.close(out);
        let (id, name) = (id.to_owned(), name.to_owned());
        self.add(Item::Call { id, name, arguments: String::new() }, out);
        self.open = Open::Call(call);
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
        self.open_item_record("response.function_call_arguments.delta", out);
        out.put_slice(b",\"delta\":");
        out.put_slice(fragment.as_written().as_bytes());
        close_record(out);
        if let Some(Item::Call { arguments, .. }) = self.items.last_mut() {
            arguments.push_str(fragment.between_quotes());
        }
        Ok(())
    }

    /// Closes the item that is open.
    fn close(&mut self, out: &mut BytesMut) {
        match self.open {
            Open::Nothing => return,
            Open::Message | Open::Begun => {}
            Open::Text | Open::Refusal => self.close_part(out),
            Open::Reasoning => self.close_thought(out),
            Open::Call(call) => self.close_call(call, out),
        }
        self.open = Open::Nothing;
        self.item_record("response.output_item.done", Status::Completed, out);
    }

    fn close_thought(&mut self, out: &mut BytesMut) {
        let Some(Item::Reasoning { text, .. }) = self.items.last().cloned() else { return };
        if text.is_empty() {
            return;
        }
        self.open_item_record("response.reasoning_summary_text.done", out);
        out.put_slice(b",\"summary_index\":0,\"text\":");
        quoted(out, &text);
        close_record(out);
        self.open_item_record("response.reasoning_summary_part.done", out);
        out.put_slice(b",\"summary_index\":0,\"part\":");
        summary_part(out, &text);
        close_record(out);
    }

    /// A call without arguments is an empty object here, not an empty text.
    fn close_call(&mut self, call: usize, out: &mut BytesMut) {
        let empty = matches!(
            self.items.last(),
            Some(Item::Call { arguments, .. }) if arguments.is_empty()
        );
        if empty {
            let nothing = Literal::from_plain("{}");
            self.arguments(call, &nothing, out).expect("this call is open");
        }
        let Some(Item::Call { name, arguments, .. }) = self.items.last().cloned() else { return };
        self.open_item_record("response.function_call_arguments.done", out);
        out.put_slice(b",\"name\":");
        write::text(out, &name);
        out.put_slice(b",\"arguments\":");
        quoted(out, &arguments);
        close_record(out);
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.begin(out);
        self.close(out);
        let stop = self.stop.or(Some(StopReason::EndTurn));
        let cut = super::stop_reason::encode(stop, seen(&self.items)).is_some();
        let kind = if cut { "response.incomplete" } else { "response.completed" };
        self.open_record(kind, out);
        out.put_slice(b",\"response\":");
        self.name.ended(out, &self.items, stop, self.usage.as_ref());
        close_record(out);
    }
}

fn close_record(out: &mut BytesMut) {
    out.put_slice(b"}\n\n");
}

fn restarted() -> UpstreamError {
    let message = "the provider began its answer again in the middle of the stream";
    UpstreamError::ours("restarted", message)
}
