//! Reading a stream of answers, each with what is new. It has no terminator: after the record with the
//! stop reason, or one behind it with the usage, it just ends.

use super::{
    reply_decode::{Answer, Candidate, Part, sealed},
    stop_reason, usage,
};
use crate::{
    canonical::event::{Event, StopReason},
    dialect::{Reading, StreamDecoder},
    json::text::{Literal, Text},
    upstream_error,
};

/// The state of one stream.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    started: bool,
    calls: usize,
}

impl StreamDecoder for Decoder {
    fn record(&mut self, _event: &str, data: &str, emit: &mut dyn FnMut(Event<'_>)) -> Reading {
        let Ok(answer) = serde_json::from_str::<Answer<'_>>(data) else {
            return Reading::Unreadable;
        };
        if answer.error.is_some() {
            emit(Event::Failed(upstream_error::read_any(data.as_bytes())));
            return Reading::Read;
        }
        let said = answer.candidates.is_some() || answer.prompt_feedback.is_some();
        if !said && answer.usage_metadata.is_none() {
            return Reading::Unreadable;
        }
        if !self.started {
            self.started = true;
            let id = answer.response_id.filter(|id| !id.is_empty());
            let model = answer.model_version.filter(|model| !model.is_empty());
            emit(Event::Start { id, model });
        }
        if let Some(usage) = answer.usage_metadata.and_then(usage::decode) {
            emit(Event::Usage(usage));
        }
        for candidate in answer.candidates.into_iter().flatten() {
            self.candidate(candidate, emit);
        }
        if answer.prompt_feedback.is_some_and(|feedback| feedback.block_reason.is_some()) {
            emit(Event::Stop { reason: StopReason::Refusal, sequence: None });
        }
        Reading::Read
    }

    fn settled(&self) -> bool {
        true
    }
}

impl Decoder {
    fn candidate(&mut self, candidate: Candidate<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let parts = candidate.content.and_then(|content| content.parts).unwrap_or_default();
        if candidate.index.is_some_and(|index| index > 0) {
            let bytes = |part: &Part<'_>| part.text.map_or(0, |text| text.get().len() as u64);
            let bytes: u64 = parts.iter().map(bytes).sum();
            if bytes > 0 {
                emit(Event::Aside { bytes });
            }
            return;
        }
        for part in parts {
            self.part(part, emit);
        }
        if candidate.citation_metadata.is_some() || candidate.grounding_metadata.is_some() {
            emit(Event::Unsaid("citations"));
        }
        if let Some(reason) = candidate.finish_reason.filter(|reason| !reason.is_empty()) {
            match stop_reason::decode(&reason, self.calls > 0) {
                Ok(reason) => emit(Event::Stop { reason, sequence: None }),
                Err(error) => emit(Event::Failed(error)),
            }
        }
    }

    fn part(&mut self, part: Part<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        if let Some(text) = part.text.and_then(Literal::from_raw).filter(|text| !text.is_empty()) {
            emit(if part.thought == Some(true) {
                Event::Reasoning(text)
            } else {
                Event::Text(text)
            });
        }
        let is_call = part.function_call.is_some();
        if let Some(sealed) = part.thought_signature.and_then(|data| sealed(data, is_call)) {
            emit(Event::Sealed(sealed));
        }
        if let Some(called) = part.function_call {
            // Pieces of arguments come only where a caller of this dialect asked for them.
            if let Some(name) = called.name {
                let call = self.calls;
                self.calls += 1;
                let id = called.id.filter(|id| !id.is_empty());
                let id = id.unwrap_or_else(|| Text::from(format!("call_{call}")));
                emit(Event::ToolStart { call, id, name });
                let args = called.args.map_or("{}", |args| args.get());
                emit(Event::ToolArguments { call, fragment: Literal::from_plain(args) });
            }
        }
        let others = [part.inline_data, part.executable_code, part.code_execution_result];
        for raw in others.into_iter().flatten() {
            emit(Event::Unsaid("parts"));
            emit(Event::Aside { bytes: raw.get().len() as u64 });
        }
    }
}
