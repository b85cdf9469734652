//! Reading a stream of message events. Every record names its `type`; the SSE event name repeats it
//! and is not needed. Kinds of blocks that only this dialect has are counted, not understood.

use serde::Deserialize;
use serde_json::value::RawValue;
use terms::dialect::Dialect;

use super::{stop_reason, usage::Counts};
use crate::{
    canonical::{
        event::Event,
        sealed::{On, Sealed},
    },
    dialect::{Reading, StreamDecoder},
    json::text::{Literal, Text},
    resume::{OpenBlock, Place},
    upstream_error,
};

/// One record of any type.
#[derive(Debug, Deserialize)]
struct Record<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(borrow, default)]
    content_block: Option<Block<'a>>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    model: Option<Text<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow, default)]
    signature: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow, default)]
    signature: Option<&'a RawValue>,
    #[serde(borrow, default)]
    partial_json: Option<&'a RawValue>,
    /// Of a compaction.
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow, default)]
    stop_sequence: Option<Text<'a>>,
    #[serde(borrow, default)]
    stop_details: Option<StopDetails<'a>>,
}

#[derive(Debug, Deserialize)]
struct StopDetails<'a> {
    #[serde(borrow, default)]
    explanation: Option<&'a RawValue>,
}

/// The state of one stream.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    counts: Counts,
    calls: usize,
    open: Open,
    /// Blocks that were begun, and the one that waits for its end.
    blocks: u64,
    unended: OpenBlock,
}

/// The block that is open. Blocks never overlap in this dialect.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Open {
    #[default]
    Said,
    /// A tool call and its number.
    Call(usize),
    /// A block that only this dialect has.
    Unsaid,
}

impl StreamDecoder for Decoder {
    fn record(&mut self, _event: &str, data: &str, emit: &mut dyn FnMut(Event<'_>)) -> Reading {
        let Ok(record) = serde_json::from_str::<Record<'_>>(data) else {
            return Reading::Unreadable;
        };
        match &*record.kind {
            "content_block_delta" => self.delta(&record, emit),
            "content_block_start" => self.block(record, emit),
            "content_block_stop" => {
                (self.open, self.unended) = (Open::Said, OpenBlock::Nothing);
            }
            "message_start" => self.start(record, emit),
            "message_delta" => self.end_of_message(record, emit),
            "message_stop" => emit(Event::End),
            "error" => emit(Event::Failed(upstream_error::read_any(data.as_bytes()))),
            // Pings, and what may come to this dialect: passed on, never judged.
            _ => {}
        }
        Reading::Read
    }

    fn settled(&self) -> bool {
        true
    }

    fn place(&self) -> Place {
        Place { blocks: self.blocks, open: Some(self.unended), ..Place::default() }
    }
}

impl Decoder {
    fn start(&mut self, record: Record<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let Some(message) = record.message else { return };
        if let Some(usage) = message.usage {
            self.counts.update(usage);
        }
        let id = message.id.filter(|id| !id.is_empty());
        let model = message.model.filter(|model| !model.is_empty());
        emit(Event::Start { id, model });
        self.emit_usage(emit);
    }

    fn block(&mut self, record: Record<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let Some(block) = record.content_block else { return };
        self.blocks += 1;
        self.unended = match &*block.kind {
            "text" | "tool_use" => OpenBlock::Said,
            "thinking" => OpenBlock::Thought,
            "redacted_thinking" => OpenBlock::Signed,
            _ => OpenBlock::Unlike,
        };
        match &*block.kind {
            "text" => {
                self.open = Open::Said;
                literal(block.text, Event::Text, emit);
            }
            "thinking" => {
                self.open = Open::Said;
                literal(block.thinking, Event::Reasoning, emit);
                sealed(block.signature, On::Thought, emit);
            }
            "tool_use" => self.call(block, emit),
            "redacted_thinking" => {
                self.open = Open::Said;
                sealed(block.data, On::Itself, emit);
            }
            "server_tool_use" => self.unsaid("server_tool_use", emit),
            "compaction" => self.unsaid("compaction", emit),
            "fallback" => self.unsaid("fallback", emit),
            kind if kind.ends_with("_tool_result") => self.unsaid("server_tool_result", emit),
            _ => self.unsaid("content_block", emit),
        }
    }

    fn unsaid(&mut self, name: &'static str, emit: &mut dyn FnMut(Event<'_>)) {
        self.open = Open::Unsaid;
        emit(Event::Unsaid(name));
    }

    fn call(&mut self, block: Block<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let call = self.calls;
        self.calls += 1;
        self.open = Open::Call(call);
        let id = block.id.unwrap_or_else(|| Text::from(format!("toolu_{call}")));
        emit(Event::ToolStart { call, id, name: block.name.unwrap_or_default() });
        // Some servers state the whole input at once instead of streaming it.
        let whole = block.input.map(RawValue::get).filter(|input| *input != "{}");
        if let Some(input) = whole.filter(|input| input.starts_with('{')) {
            let fragment = Literal::from_plain(input);
            emit(Event::ToolArguments { call, fragment });
        }
    }

    fn delta(&mut self, record: &Record<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let Some(delta) = &record.delta else { return };
        literal(delta.text, Event::Text, emit);
        literal(delta.thinking, Event::Reasoning, emit);
        if delta.signature.is_some() && self.unended == OpenBlock::Thought {
            self.unended = OpenBlock::Signed;
        }
        sealed(delta.signature, On::Thought, emit);
        if let Some(content) = delta.content {
            emit(Event::Aside { bytes: content.get().len() as u64 });
        }
        let Some(fragment) = delta.partial_json.and_then(Literal::from_raw) else { return };
        if fragment.is_empty() {
            return;
        }
        match self.open {
            Open::Call(call) => emit(Event::ToolArguments { call, fragment }),
            Open::Said | Open::Unsaid => emit(Event::Aside { bytes: fragment.bytes() }),
        }
    }

    fn end_of_message(&mut self, record: Record<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        if let Some(usage) = record.usage {
            self.counts.update(usage);
            self.emit_usage(emit);
        }
        let Some(delta) = record.delta else { return };
        let Some(reason) = delta.stop_reason else { return };
        literal(delta.stop_details.and_then(|details| details.explanation), Event::Refusal, emit);
        let reason = stop_reason::decode(&reason);
        emit(Event::Stop { reason, sequence: delta.stop_sequence });
    }

    fn emit_usage(&self, emit: &mut dyn FnMut(Event<'_>)) {
        if let Some(usage) = self.counts.usage() {
            emit(Event::Usage(usage));
        }
    }
}

fn sealed(data: Option<&RawValue>, on: On, emit: &mut dyn FnMut(Event<'_>)) {
    let data = data.and_then(|raw| serde_json::from_str::<Text<'_>>(raw.get()).ok());
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        let by = Dialect::AnthropicMessages;
        emit(Event::Sealed(Sealed { by, on, text: Text::default(), data }));
    }
}

fn literal<'a>(
    raw: Option<&'a RawValue>,
    wrap: fn(Literal<'a>) -> Event<'a>,
    emit: &mut dyn FnMut(Event<'_>),
) {
    if let Some(text) = raw.and_then(Literal::from_raw).filter(|text| !text.is_empty()) {
        emit(wrap(text));
    }
}
