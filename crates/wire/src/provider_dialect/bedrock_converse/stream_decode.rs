//! Reading a stream of Converse events. What an event is, its frame says; its payload does not repeat
//! it. The counts come last, behind the stop reason, and there is no terminator: the answer has its end
//! when both were seen, or when the stream closes after the stop reason.

use serde::Deserialize;
use serde_json::value::RawValue;
use terms::dialect::Dialect;

use super::{stop_reason, usage};
use crate::{
    canonical::{
        event::Event,
        sealed::{On, Sealed},
    },
    dialect::{Reading, StreamDecoder},
    json::text::{Literal, Text},
    upstream_error,
};

/// The payload of any event.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    #[serde(default)]
    content_block_index: u64,
    #[serde(borrow, default)]
    start: Option<Start<'a>>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Start<'a> {
    #[serde(borrow, default)]
    tool_use: Option<ToolStart<'a>>,
}

#[derive(Debug, Deserialize)]
struct ToolStart<'a> {
    #[serde(borrow, rename = "toolUseId")]
    id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delta<'a> {
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_use: Option<ToolPiece<'a>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Reasoning<'a>>,
}

#[derive(Debug, Deserialize)]
struct ToolPiece<'a> {
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Reasoning<'a> {
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    signature: Option<Text<'a>>,
    #[serde(borrow, default)]
    redacted_content: Option<Text<'a>>,
}

/// The state of one stream.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    started: bool,
    stopped: bool,
    counted: bool,
    /// Blocks that are tool calls, in the order in which they began.
    calls: Vec<u64>,
}

impl StreamDecoder for Decoder {
    fn record(&mut self, event: &str, data: &str, emit: &mut dyn FnMut(Event<'_>)) -> Reading {
        if event == "error" {
            emit(Event::Failed(upstream_error::read_any(data.as_bytes())));
            return Reading::Read;
        }
        let Ok(payload) = serde_json::from_str::<Payload<'_>>(data) else {
            return Reading::Unreadable;
        };
        match event {
            "messageStart" => self.start(emit),
            "contentBlockStart" => {
                self.start(emit);
                self.block(&payload, emit);
            }
            "contentBlockDelta" => {
                self.start(emit);
                self.delta(&payload, emit);
            }
            "contentBlockStop" => {}
            "messageStop" => {
                let reason = payload.stop_reason.as_deref().unwrap_or_default();
                emit(Event::Stop { reason: stop_reason::decode(reason), sequence: None });
                self.stopped = true;
                self.end(emit);
            }
            "metadata" => {
                if let Some(usage) = payload.usage.and_then(usage::decode) {
                    emit(Event::Usage(usage));
                }
                self.counted = true;
                self.end(emit);
            }
            _ => return Reading::Unreadable,
        }
        Reading::Read
    }

    fn settled(&self) -> bool {
        self.stopped
    }
}

impl Decoder {
    fn start(&mut self, emit: &mut dyn FnMut(Event<'_>)) {
        if !self.started {
            self.started = true;
            emit(Event::Start { id: None, model: None });
        }
    }

    fn end(&self, emit: &mut dyn FnMut(Event<'_>)) {
        if self.stopped && self.counted {
            emit(Event::End);
        }
    }

    fn block(&mut self, payload: &Payload<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let Some(tool) = payload.start.as_ref().and_then(|start| start.tool_use.as_ref()) else {
            return;
        };
        let call = self.calls.len();
        self.calls.push(payload.content_block_index);
        emit(Event::ToolStart { call, id: tool.id.clone(), name: tool.name.clone() });
    }

    fn delta(&self, payload: &Payload<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let Some(delta) = &payload.delta else { return };
        literal(delta.text, emit, Event::Text);
        if let Some(reasoning) = &delta.reasoning_content {
            literal(reasoning.text, emit, Event::Reasoning);
            sealed(reasoning.signature.clone(), On::Thought, emit);
            sealed(reasoning.redacted_content.clone(), On::Itself, emit);
        }
        let index = payload.content_block_index;
        let call = self.calls.iter().rposition(|began| *began == index);
        let input = delta.tool_use.as_ref().and_then(|tool| tool.input);
        if let (Some(call), Some(input)) = (call, input) {
            literal(Some(input), emit, |fragment| Event::ToolArguments { call, fragment });
        }
    }
}

fn sealed(data: Option<Text<'_>>, on: On, emit: &mut dyn FnMut(Event<'_>)) {
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        let by = Dialect::BedrockConverse;
        emit(Event::Sealed(Sealed { by, on, text: Text::default(), data }));
    }
}

fn literal<'a>(
    raw: Option<&'a RawValue>,
    emit: &mut dyn FnMut(Event<'_>),
    wrap: impl FnOnce(Literal<'a>) -> Event<'a>,
) {
    if let Some(text) = raw.and_then(Literal::from_raw).filter(|text| !text.is_empty()) {
        emit(wrap(text));
    }
}
