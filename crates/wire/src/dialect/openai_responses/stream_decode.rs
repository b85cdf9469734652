//! Reading a stream of response events. Every record names its `type`; the SSE event name repeats it
//! and is not needed. Compatible servers leave out deltas or whole events, so what was not seen on the
//! way is taken from where it is said whole. Items that only this dialect has are counted, not
//! understood.

use serde::Deserialize;
use serde_json::value::RawValue;
use terms::dialect::Dialect;

use super::{
    reply_decode::Response,
    stop_reason::{self, Seen},
    usage,
};
use crate::{
    canonical::{
        event::Event,
        sealed::{On, Sealed},
    },
    dialect::{Reading, StreamDecoder},
    json::text::{Literal, Text},
    resume::{Place, PlacedItem},
    upstream_error,
};

/// One record of any type.
#[derive(Debug, Deserialize)]
struct Record<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(default)]
    sequence_number: Option<u64>,
    #[serde(default)]
    output_index: Option<u64>,
    #[serde(default)]
    summary_index: Option<u64>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow, default)]
    item: Option<&'a RawValue>,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Item<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    call_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow, default)]
    encrypted_content: Option<Text<'a>>,
}

/// The state of one stream.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    position: u64,
    calls: Vec<Call>,
    /// Whether the part that is being said had deltas.
    heard: bool,
    refused: bool,
    created_unix_s: Option<i64>,
    items: Vec<PlacedItem>,
}

/// A tool call that began.
#[derive(Debug)]
struct Call {
    index: Option<u64>,
    /// Whether any of its arguments came.
    filled: bool,
}

impl StreamDecoder for Decoder {
    fn record(&mut self, _event: &str, data: &str, emit: &mut dyn FnMut(Event<'_>)) -> Reading {
        if data.trim_ascii() == "[DONE]" {
            emit(Event::End);
            return Reading::Read;
        }
        let Ok(record) = serde_json::from_str::<Record<'_>>(data) else {
            return Reading::Unreadable;
        };
        self.position = record.sequence_number.map_or(self.position, |number| number) + 1;
        match &*record.kind {
            "response.output_text.delta" => self.piece(record.delta, Event::Text, emit),
            "response.function_call_arguments.delta" => self.arguments(&record, emit),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                self.piece(record.delta, Event::Reasoning, emit);
            }
            "response.refusal.delta" => {
                self.refused = true;
                self.piece(record.delta, Event::Refusal, emit);
            }
            "response.output_item.added" => self.added(&record, emit),
            "response.content_part.added" => {
                self.heard = false;
                self.between_parts(false);
            }
            "response.content_part.done" => self.between_parts(true),
            "response.reasoning_summary_part.added" => {
                self.heard = false;
                if record.summary_index.is_some_and(|index| index > 0) {
                    emit(Event::Reasoning(Literal::from_plain("\n\n")));
                }
            }
            "response.output_text.done" => self.rest(record.text, Event::Text, emit),
            "response.reasoning_summary_text.done" | "response.reasoning_text.done" => {
                self.rest(record.text, Event::Reasoning, emit);
            }
            "response.refusal.done" => {
                self.refused = true;
                self.rest(record.refusal, Event::Refusal, emit);
            }
            "response.function_call_arguments.done" => {
                self.whole_arguments(record.output_index, record.arguments, emit);
            }
            "response.output_item.done" => self.done(&record, emit),
            "response.output_text.annotation.added" => emit(Event::Unsaid("annotations")),
            "response.created" => self.start(record.response, emit),
            "response.completed" | "response.incomplete" => self.end(record.response, emit),
            "response.failed" | "response.cancelled" => emit(Event::Failed(failure(&record, data))),
            "error" => emit(Event::Failed(upstream_error::read_any(data.as_bytes()))),
            kind if kind.rsplit('.').next() == Some("delta") => aside(record.delta, emit),
            // Signs of life of the vendor's own tools, and what may come to this dialect.
            _ => {}
        }
        Reading::Read
    }

    fn settled(&self) -> bool {
        true
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn place(&self) -> Place {
        Place {
            position: self.position,
            created_unix_s: self.created_unix_s,
            items: self.items.clone(),
            ..Place::default()
        }
    }
}

impl Decoder {
    fn start(&mut self, raw: Option<&RawValue>, emit: &mut dyn FnMut(Event<'_>)) {
        let response = raw.and_then(|raw| serde_json::from_str::<Response<'_>>(raw.get()).ok());
        let (id, model) = match response {
            None => (None, None),
            Some(response) => {
                self.created_unix_s = response.created_at.and_then(|at| at.get().parse().ok());
                (response.id, response.model)
            }
        };
        let id = id.filter(|id| !id.is_empty());
        let model = model.filter(|model| !model.is_empty());
        emit(Event::Start { id, model });
    }

    fn between_parts(&mut self, between: bool) {
        if let Some(item) = self.items.last_mut() {
            item.between_parts = between;
        }
    }

    fn piece<'a>(
        &mut self,
        raw: Option<&'a RawValue>,
        wrap: fn(Literal<'a>) -> Event<'a>,
        emit: &mut dyn FnMut(Event<'_>),
    ) {
        if let Some(text) = raw.and_then(Literal::from_raw).filter(|text| !text.is_empty()) {
            self.heard = true;
            if let Some(item) = self.items.last_mut() {
                item.said += text.decoded().map_or(0, |text| text.len());
                item.between_parts = false;
            }
            emit(wrap(text));
        }
    }

    /// A text that is said whole at its end, where nothing of it came before.
    fn rest<'a>(
        &mut self,
        raw: Option<&'a RawValue>,
        wrap: fn(Literal<'a>) -> Event<'a>,
        emit: &mut dyn FnMut(Event<'_>),
    ) {
        if !self.heard {
            self.piece(raw, wrap, emit);
        }
        self.heard = false;
    }

    fn added(&mut self, record: &Record<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        self.heard = false;
        let Some(item) = record.item.and_then(item) else { return };
        self.items.push(PlacedItem {
            id: item.id.as_deref().unwrap_or_default().to_owned(),
            kind: item.kind.as_deref().unwrap_or_default().to_owned(),
            between_parts: true,
            ..PlacedItem::default()
        });
        match item.kind.as_deref() {
            Some("message" | "reasoning") | None => {}
            Some("function_call") => self.call(record.output_index, &item, emit),
            Some(kind) => emit(Event::Unsaid(unsaid(kind))),
        }
    }

    fn call(&mut self, index: Option<u64>, item: &Item<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let call = self.calls.len();
        let id = item.call_id.clone().filter(|id| !id.is_empty());
        let id = id.unwrap_or_else(|| Text::from(format!("call_{call}")));
        emit(Event::ToolStart { call, id, name: item.name.clone().unwrap_or_default() });
        self.calls.push(Call { index, filled: false });
    }

    /// The call at an output index; servers that give none mean the last one.
    fn open_call(&self, index: Option<u64>) -> Option<usize> {
        match index {
            Some(_) => self.calls.iter().rposition(|call| call.index == index),
            None => self.calls.len().checked_sub(1),
        }
    }

    fn arguments(&mut self, record: &Record<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let Some(fragment) = record.delta.and_then(Literal::from_raw) else { return };
        if fragment.is_empty() {
            return;
        }
        match self.open_call(record.output_index) {
            Some(call) => {
                self.calls[call].filled = true;
                emit(Event::ToolArguments { call, fragment });
            }
            None => emit(Event::Aside { bytes: fragment.bytes() }),
        }
    }

    fn whole_arguments(
        &mut self,
        index: Option<u64>,
        raw: Option<&RawValue>,
        emit: &mut dyn FnMut(Event<'_>),
    ) {
        let Some(call) = self.open_call(index).filter(|call| !self.calls[*call].filled) else {
            return;
        };
        let Some(raw) = raw else { return };
        // Some servers send the object itself instead of its text.
        let fragment = Literal::from_raw(raw).unwrap_or_else(|| Literal::from_plain(raw.get()));
        if !fragment.is_empty() {
            self.calls[call].filled = true;
            emit(Event::ToolArguments { call, fragment });
        }
    }

    fn done(&mut self, record: &Record<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let Some(raw) = record.item else { return };
        let Some(item) = item(raw) else { return };
        let kind = item.kind.as_deref();
        if let Some(placed) = self.items.last_mut() {
            placed.done = true;
            placed.whole = (kind == Some("reasoning")).then(|| raw.get().to_owned());
        }
        let sealed = item.encrypted_content.clone().filter(|data| !data.is_empty());
        if let (Some("reasoning"), Some(data)) = (kind, sealed) {
            let (by, on, text) = (Dialect::OpenaiResponses, On::Itself, Text::default());
            emit(Event::Sealed(Sealed { by, on, text, data }));
        }
        if kind != Some("function_call") {
            return;
        }
        if self.open_call(record.output_index).is_none() {
            self.call(record.output_index, &item, emit);
        }
        self.whole_arguments(record.output_index, item.arguments, emit);
    }

    fn end(&mut self, raw: Option<&RawValue>, emit: &mut dyn FnMut(Event<'_>)) {
        let response = raw.and_then(|raw| serde_json::from_str::<Tail<'_>>(raw.get()).ok());
        let Some(response) = response else { return };
        if let Some(usage) = response.usage.and_then(usage::decode) {
            emit(Event::Usage(usage));
        }
        let why = response.incomplete_details.and_then(|details| details.reason);
        let reason = match response.status.as_deref() {
            Some("incomplete") => stop_reason::incomplete(why.as_deref()),
            _ => stop_reason::completed(Seen {
                calls: !self.calls.is_empty(),
                refused: self.refused,
            }),
        };
        emit(Event::Stop { reason, sequence: None });
        emit(Event::End);
    }
}

/// What of the last record is not known yet; its output was said before.
#[derive(Debug, Deserialize)]
struct Tail<'a> {
    #[serde(borrow, default)]
    status: Option<Text<'a>>,
    #[serde(borrow, default)]
    incomplete_details: Option<super::reply_decode::Incomplete<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

fn item(raw: &RawValue) -> Option<Item<'_>> {
    serde_json::from_str(raw.get()).ok()
}

/// The words of a failure stand in the response, or, from some servers, beside it.
fn failure(record: &Record<'_>, data: &str) -> crate::error::UpstreamError {
    let response = record
        .response
        .and_then(|raw| serde_json::from_str::<Response<'_>>(raw.get()).ok())
        .and_then(|response| response.error);
    match response {
        Some(error) => upstream_error::read_any(error.get().as_bytes()),
        None => upstream_error::read_any(data.as_bytes()),
    }
}

fn aside(raw: Option<&RawValue>, emit: &mut dyn FnMut(Event<'_>)) {
    let bytes = raw.and_then(Literal::from_raw).map_or(0, |text| text.bytes());
    if bytes > 0 {
        emit(Event::Aside { bytes });
    }
}

/// The names under which the items are listed that only this dialect has.
fn unsaid(kind: &str) -> &'static str {
    const KINDS: &[&str] = &[
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "image_generation_call",
        "custom_tool_call",
        "mcp_call",
        "mcp_list_tools",
        "mcp_approval_request",
        "local_shell_call",
        "shell_call",
        "apply_patch_call",
        "computer_call",
        "compaction",
    ];
    KINDS.iter().copied().find(|known| *known == kind).unwrap_or("output_item")
}
