//! Reading a stream of `chat.completion.chunk` records. Compatible servers differ in small ways
//! that are all met here: no `index` on tool calls, one index for all of them, content in parts,
//! reasoning under two names, usage on any record.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{details::Details, stop_reason, usage};
use crate::{
    canonical::{event::Event, sealed::Sealed},
    dialect::{Reading, StreamDecoder},
    json::{
        few::Few,
        text::{Literal, Text},
    },
    resume::Place,
    upstream_error,
};

/// One record.
#[derive(Debug, Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    model: Option<Text<'a>>,
    #[serde(borrow, default)]
    created: Option<&'a RawValue>,
    #[serde(borrow, default)]
    choices: Option<Few<Choice<'a>>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<Few<CallPiece<'a>>>,
    #[serde(borrow, default)]
    function_call: Option<&'a RawValue>,
    #[serde(borrow, default)]
    audio: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct CallPiece<'a> {
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    function: Option<FunctionPiece<'a>>,
}

#[derive(Debug, Deserialize)]
struct FunctionPiece<'a> {
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

/// A part of content where content is a list (Mistral's reasoning models).
#[derive(Debug, Deserialize)]
struct Part<'a> {
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    thinking: Option<Vec<Part<'a>>>,
}

/// The state of one stream.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    started: bool,
    created_unix_s: Option<i64>,
    calls: Vec<Call>,
    details: Details,
    /// Whether it was reasoned in the clear since something else was said.
    reasons: bool,
    /// One bit per choice.
    opened: u128,
    finished: u128,
}

/// A tool call that began.
#[derive(Debug)]
struct Call {
    index: Option<u64>,
    id: String,
}

impl StreamDecoder for Decoder {
    fn record(&mut self, event: &str, data: &str, emit: &mut dyn FnMut(Event<'_>)) -> Reading {
        if data.trim_ascii() == "[DONE]" {
            emit(Event::End);
            return Reading::Read;
        }
        let Ok(chunk) = serde_json::from_str::<Chunk<'_>>(data) else { return Reading::Unreadable };
        if chunk.error.is_some() || event == "error" {
            emit(Event::Failed(failure(data)));
            return Reading::Read;
        }
        let usage = chunk.usage.and_then(usage::decode);
        let reading = match &chunk.choices {
            None if usage.is_none() => return Reading::Unreadable,
            Some(choices) if usage.is_none() || !choices.is_empty() => Reading::Read,
            _ => Reading::UsageOnly,
        };
        for choice in chunk.choices.iter().flat_map(Few::iter) {
            self.start(&chunk, emit);
            self.choice(choice, emit);
        }
        if let Some(usage) = usage {
            emit(Event::Usage(usage));
        }
        reading
    }

    fn settled(&self) -> bool {
        self.opened & !self.finished == 0
    }

    fn place(&self) -> Place {
        Place { created_unix_s: self.created_unix_s, ..Place::default() }
    }
}

impl Decoder {
    fn start(&mut self, chunk: &Chunk<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        if !self.started {
            self.started = true;
            self.created_unix_s = chunk.created.and_then(|at| at.get().parse().ok());
            let id = chunk.id.clone().filter(|id| !id.is_empty());
            let model = chunk.model.clone().filter(|model| !model.is_empty());
            emit(Event::Start { id, model });
        }
    }

    fn choice(&mut self, choice: &Choice<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let index = choice.index.unwrap_or(0);
        let bit = 1_u128.checked_shl(u32::try_from(index).unwrap_or(u32::MAX)).unwrap_or(0);
        self.opened |= bit;
        if let Some(delta) = &choice.delta {
            if index == 0 {
                self.thought(delta, emit);
                self.delta(delta, emit);
            } else {
                let mut bytes = 0;
                let mut count = |event: Event<'_>| bytes += event.output().unwrap_or(0);
                reasoning(delta, &mut count);
                self.delta(delta, &mut count);
                if bytes > 0 {
                    emit(Event::Aside { bytes });
                }
            }
        }
        let reason = choice.finish_reason.as_deref().filter(|reason| !reason.is_empty());
        if let Some(reason) = reason {
            self.finished |= bit;
            if index == 0 {
                self.seal(emit);
            }
            match stop_reason::decode(reason) {
                Ok(reason) => emit(Event::Stop { reason, sequence: None }),
                Err(error) => emit(Event::Failed(error)),
            }
        }
    }

    /// Reasoning, and what seals it, before what it led to.
    fn thought(&mut self, delta: &Delta<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        reasoning(delta, &mut |event| {
            self.reasons = true;
            emit(event);
        });
        if let Some(list) = delta.reasoning_details {
            self.details.take(list.get());
        }
        let says =
            |raw: Option<&RawValue>| raw.is_some_and(|raw| !matches!(raw.get(), "\"\"" | "[]"));
        let calls = delta.tool_calls.iter().flat_map(Few::iter).next().is_some();
        if calls || says(delta.content) || says(delta.refusal) {
            self.seal(emit);
        }
    }

    fn seal(&mut self, emit: &mut dyn FnMut(Event<'_>)) {
        let reasoned = std::mem::take(&mut self.reasons);
        let unsealed = || reasoned.then(Sealed::in_the_clear);
        if let Some(sealed) = self.details.seal().or_else(unsealed) {
            emit(Event::Sealed(sealed));
        }
    }

    fn delta(&mut self, delta: &Delta<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        if let Some(raw) = delta.content {
            if raw.get().starts_with('[') {
                parts(raw, emit);
            } else {
                literal(raw, Event::Text, emit);
            }
        }
        if let Some(raw) = delta.refusal {
            literal(raw, Event::Refusal, emit);
        }
        for piece in delta.tool_calls.iter().flat_map(Few::iter) {
            self.call(piece, emit);
        }
        // Never asked for across dialects, so counting them is enough.
        for raw in [delta.function_call, delta.audio].into_iter().flatten() {
            emit(Event::Aside { bytes: raw.get().len() as u64 });
        }
    }

    /// A piece of a tool call. It begins a new call when it has a name and either an index not
    /// seen or, as some servers number all calls alike, an id not seen at this index.
    fn call(&mut self, piece: &CallPiece<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let function = piece.function.as_ref();
        let name = function.and_then(|function| function.name.as_ref());
        let id = piece.id.as_deref().filter(|id| !id.is_empty());
        let open = match piece.index {
            Some(_) => self.calls.iter().rposition(|call| call.index == piece.index),
            None => self.calls.len().checked_sub(1),
        };
        let continues = open.filter(|call| id.is_none_or(|id| self.calls[*call].id == id));
        let call = match (continues, name.filter(|name| !name.is_empty())) {
            (None, Some(name)) => {
                let call = self.calls.len();
                let id = id.map_or_else(|| format!("call_{call}"), str::to_owned);
                emit(Event::ToolStart { call, id: id.clone().into(), name: name.clone() });
                self.calls.push(Call { index: piece.index, id });
                call
            }
            (Some(call), _) => call,
            // A fragment whose id changed on the way still belongs to its index.
            (None, None) => match open {
                Some(call) => call,
                None => return,
            },
        };
        let Some(arguments) = function.and_then(|function| function.arguments) else { return };
        let fragment =
            Literal::from_raw(arguments).unwrap_or_else(|| Literal::from_plain(arguments.get()));
        if !fragment.is_empty() {
            emit(Event::ToolArguments { call, fragment });
        }
    }
}

fn literal<'a>(
    raw: &'a RawValue,
    wrap: fn(Literal<'a>) -> Event<'a>,
    emit: &mut dyn FnMut(Event<'_>),
) {
    if let Some(text) = Literal::from_raw(raw).filter(|text| !text.is_empty()) {
        emit(wrap(text));
    }
}

fn reasoning(delta: &Delta<'_>, emit: &mut dyn FnMut(Event<'_>)) {
    if let Some(raw) = delta.reasoning_content.or(delta.reasoning) {
        literal(raw, Event::Reasoning, emit);
    }
}

fn parts(raw: &RawValue, emit: &mut dyn FnMut(Event<'_>)) {
    let parts: Vec<Part<'_>> = serde_json::from_str(raw.get()).unwrap_or_default();
    for part in &parts {
        if let Some(text) = part.text {
            literal(text, Event::Text, emit);
        }
        for thought in part.thinking.iter().flatten().filter_map(|thought| thought.text) {
            literal(thought, Event::Reasoning, emit);
        }
    }
}

fn failure(data: &str) -> crate::error::UpstreamError {
    upstream_error::read_any(data.as_bytes())
}
