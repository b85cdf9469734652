//! Joining a second telling of an answer to the part of the first that its caller has: what is told
//! again is swallowed, what goes beyond is passed on. A second telling that differs is a mismatch, and
//! nothing of it is passed on.

use std::borrow::Cow;

use terms::usage::Usage;

use super::{
    Piece, Resumption, Transcript, arguments::RetoldArguments, joining::Joining,
    thought::RetoldThought, unfinished::BYTES_PER_TOKEN,
};
use crate::{
    canonical::event::Event,
    json::text::{Literal, Text},
};

/// Bytes that may go beyond one call while another has not been told to where it broke off.
const WAITING_BYTES: u64 = 1 << 20;

/// The second telling is not the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mismatch;

/// Joins one second telling.
#[derive(Debug)]
pub(crate) struct Aligner {
    expected: Vec<Piece>,
    /// The piece that is being told again, and the bytes of its text that were met.
    at: usize,
    met: usize,
    calls: Vec<RetoldCall>,
    /// A number for the next call that is new.
    next_call: usize,
    joining: Option<Joining>,
    /// What goes beyond a piece while others have not been met to their ends.
    waiting: Vec<Event<'static>>,
    waiting_bytes: u64,
    /// Whether everything that was said has been told again.
    is_all_told: bool,
    /// Whether anything was passed on that its caller did not have.
    passed: bool,
    /// What was counted of the first part: its input, and an estimate of what was said.
    first_usage: Option<Usage>,
    said_tokens: u64,
    /// What becomes of its reasoning.
    thought: RetoldThought,
    /// Whether all that is said and thought is of one maker, who seals it.
    is_of_one_maker: bool,
}

/// A call of the second telling.
#[derive(Debug)]
struct RetoldCall {
    number: usize,
    becomes: Becomes,
}

#[derive(Debug)]
enum Becomes {
    /// The call at this place of what is expected.
    Known { place: usize, arguments: RetoldArguments },
    /// A call of its own, under this number.
    New(usize),
}

/// What kind of piece goes on or begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Refusal,
    Call,
}

impl Kind {
    fn of(piece: &Piece) -> Self {
        match piece {
            Piece::Text(_) => Self::Text,
            Piece::Refusal(_) => Self::Refusal,
            Piece::Call { .. } => Self::Call,
        }
    }
}

type Pass<'p> = &'p mut dyn FnMut(&Event<'_>);

impl Aligner {
    pub(crate) fn new(transcript: &Transcript, resumption: Resumption) -> Self {
        let next_call = transcript.said.iter().filter_map(|said| match said {
            Piece::Call { number, .. } => Some(number + 1),
            _ => None,
        });
        let words = resumption != Resumption::Restart;
        let thought = RetoldThought::new(transcript);
        Self {
            expected: transcript.said.clone(),
            at: 0,
            met: 0,
            calls: Vec::new(),
            next_call: next_call.max().unwrap_or(0),
            joining: words.then(|| Joining::new(transcript, resumption)),
            waiting: Vec::new(),
            waiting_bytes: 0,
            is_all_told: false,
            passed: false,
            first_usage: transcript.usage.filter(|_| words),
            said_tokens: if words { transcript.bytes() as u64 / BYTES_PER_TOKEN } else { 0 },
            is_of_one_maker: !matches!(thought, RetoldThought::Swallowed),
            thought,
        }
    }

    /// Whether nothing has gone beyond the first part yet.
    pub(crate) fn is_silent(&self) -> bool {
        !self.passed
    }

    /// Takes an event of the second telling; what its caller lacks is passed on.
    pub(crate) fn event(&mut self, event: &Event<'_>, pass: Pass<'_>) -> Result<(), Mismatch> {
        if !matches!(event, Event::Start { .. } | Event::Reasoning(_) | Event::Usage(_)) {
            self.end_thought(matches!(event, Event::Sealed(_)), pass);
        }
        match event {
            Event::Start { .. } => {}
            Event::Reasoning(text) => self.reasoning(text, pass)?,
            Event::Sealed(_) if self.is_of_one_maker => pass(event),
            // A turn of two makers is sealed by neither.
            Event::Sealed(sealed) => pass(&Event::Unsaid(sealed.field())),
            Event::Text(text) => self.text(&text.decoded().ok_or(Mismatch)?, pass)?,
            Event::Refusal(text) => {
                self.joined(pass)?;
                self.words(Kind::Refusal, &text.decoded().ok_or(Mismatch)?, pass)?;
            }
            Event::ToolStart { call, id, name } => {
                self.joined(pass)?;
                self.call(*call, id, name, pass)?;
            }
            Event::ToolArguments { call, fragment } => {
                self.arguments(*call, &fragment.decoded().ok_or(Mismatch)?, pass)?;
            }
            Event::Usage(usage) => pass(&Event::Usage(self.of_one_answer(usage))),
            Event::Stop { .. } => {
                self.joined(pass)?;
                if !self.all_told() {
                    return Err(Mismatch);
                }
                self.release(pass);
                self.passed = true;
                pass(event);
            }
            Event::Aside { .. } if self.joining.is_some() || !self.all_told() => {
                return Err(Mismatch);
            }
            Event::Aside { .. } => {
                self.passed = true;
                pass(event);
            }
            Event::ThoughtAnew | Event::Unsaid(_) | Event::End | Event::Failed(_) => pass(event),
        }
        if !self.waiting.is_empty() && self.all_told() {
            self.release(pass);
        }
        Ok(())
    }

    fn end_thought(&mut self, is_sealed: bool, pass: Pass<'_>) {
        self.thought.end(is_sealed, &mut |event| {
            self.passed = true;
            pass(event);
        });
    }

    fn reasoning(&mut self, text: &Literal<'_>, pass: Pass<'_>) -> Result<(), Mismatch> {
        if !self.waiting.is_empty() {
            return self.beyond(Event::Reasoning(text.to_owned()), pass);
        }
        match (&mut self.thought, text.decoded()) {
            (RetoldThought::Swallowed, _) => {
                self.joining.iter_mut().for_each(Joining::reasons);
            }
            (met @ RetoldThought::Met { .. }, Some(piece)) => met.take(&piece, &mut |event| {
                self.passed = true;
                pass(event);
            }),
            // What is not Unicode is not told again alike.
            (RetoldThought::Shown | RetoldThought::Met { .. }, _) => {
                self.end_thought(true, pass);
                self.passed = true;
                pass(&Event::Reasoning(text.clone()));
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &str, pass: Pass<'_>) -> Result<(), Mismatch> {
        if let Some(joining) = &mut self.joining {
            return if joining.hear(text) { self.joined(pass) } else { Ok(()) };
        }
        self.words(Kind::Text, text, pass)
    }

    /// The one way in which the place advances: from a piece that was met to the next, where another
    /// kind is told. Words go on with words of their kind; every call is a piece of its own.
    /// True where a piece of this kind is expected, false where all of them were met.
    fn advance(&mut self, kind: Kind) -> Result<bool, Mismatch> {
        while let Some(piece) = self.expected.get(self.at) {
            if kind != Kind::Call && Kind::of(piece) == kind {
                return Ok(true);
            }
            if !self.is_met() {
                return if Kind::of(piece) == kind { Ok(true) } else { Err(Mismatch) };
            }
            (self.at, self.met) = (self.at + 1, 0);
        }
        Ok(false)
    }

    /// Whether the piece at the place was met, as far as it can be before others are: its whole text,
    /// or that it is called. The arguments of several calls may come mixed.
    fn is_met(&self) -> bool {
        match &self.expected[self.at] {
            Piece::Text(text) | Piece::Refusal(text) => self.met == text.len(),
            Piece::Call { .. } => self.calls.iter().any(
                |call| matches!(&call.becomes, Becomes::Known { place, .. } if *place == self.at),
            ),
        }
    }

    /// Meets words with what is expected; what goes beyond is passed on.
    fn words(&mut self, kind: Kind, words: &str, pass: Pass<'_>) -> Result<(), Mismatch> {
        if words.is_empty() {
            return Ok(());
        }
        let mut beyond = words;
        if self.advance(kind)?
            && let Piece::Text(expected) | Piece::Refusal(expected) = &self.expected[self.at]
        {
            let rest = &expected[self.met..];
            let common = rest.len().min(words.len());
            if rest.as_bytes()[..common] != words.as_bytes()[..common] {
                return Err(Mismatch);
            }
            self.met += common;
            beyond = &words[common..];
            if !beyond.is_empty() && self.at + 1 < self.expected.len() {
                return Err(Mismatch);
            }
        }
        if beyond.is_empty() {
            return Ok(());
        }
        let beyond = Literal::from_plain(beyond);
        let is_refusal = kind == Kind::Refusal;
        self.beyond(if is_refusal { Event::Refusal(beyond) } else { Event::Text(beyond) }, pass)
    }

    fn call(
        &mut self,
        number: usize,
        id: &Text<'_>,
        name: &Text<'_>,
        pass: Pass<'_>,
    ) -> Result<(), Mismatch> {
        if !self.advance(Kind::Call)? {
            let call = self.next_call;
            self.next_call += 1;
            self.calls.push(RetoldCall { number, becomes: Becomes::New(call) });
            let (id, name) = (Text::owned(&**id), Text::owned(&**name));
            return self.beyond(Event::ToolStart { call, id, name }, pass);
        }
        let is_last = self.at + 1 == self.expected.len();
        let arguments = match &self.expected[self.at] {
            Piece::Call { name: known, arguments, .. } if **known == **name => {
                RetoldArguments::of(arguments, is_last)
            }
            _ => return Err(Mismatch),
        };
        let becomes = Becomes::Known { place: self.at, arguments };
        self.calls.push(RetoldCall { number, becomes });
        Ok(())
    }

    fn arguments(&mut self, number: usize, piece: &str, pass: Pass<'_>) -> Result<(), Mismatch> {
        let Self { calls, expected, .. } = self;
        let call = calls.iter_mut().find(|call| call.number == number).ok_or(Mismatch)?;
        let (call, beyond) = match &mut call.becomes {
            Becomes::New(call) => (*call, Cow::Borrowed(piece)),
            Becomes::Known { place, arguments } => {
                let Piece::Call { number, arguments: first, .. } = &expected[*place] else {
                    return Err(Mismatch);
                };
                (*number, arguments.tell(first, piece).map_err(|()| Mismatch)?)
            }
        };
        if beyond.is_empty() {
            return Ok(());
        }
        self.beyond(Event::ToolArguments { call, fragment: Literal::from_plain(&beyond) }, pass)
    }

    /// Whether everything that was said has been told again.
    fn all_told(&mut self) -> bool {
        let is_at_the_end = match self.expected.len() - self.at {
            0 => true,
            1 => self.is_met(),
            _ => false,
        };
        let is_told = |call: &RetoldCall| match &call.becomes {
            Becomes::New(_) => true,
            Becomes::Known { place, arguments } => match &self.expected[*place] {
                Piece::Call { arguments: first, .. } => arguments.are_told(first),
                _ => false,
            },
        };
        self.is_all_told = is_at_the_end && self.calls.iter().all(is_told);
        self.is_all_told
    }

    /// Something that the caller does not have yet: passed on once nothing can differ any more.
    fn beyond(&mut self, event: Event<'static>, pass: Pass<'_>) -> Result<(), Mismatch> {
        if self.is_all_told || self.all_told() {
            self.release(pass);
            (self.thought, self.passed) = (RetoldThought::Shown, true);
            pass(&event);
            return Ok(());
        }
        self.waiting_bytes += event.output().unwrap_or(0);
        self.waiting.push(event);
        if self.waiting_bytes > WAITING_BYTES { Err(Mismatch) } else { Ok(()) }
    }

    /// Passes on what waited until everything was told.
    fn release(&mut self, pass: Pass<'_>) {
        for event in std::mem::take(&mut self.waiting) {
            (self.thought, self.passed) = (RetoldThought::Shown, true);
            pass(&event);
        }
    }

    /// The beginning of a continuation was heard: it is cut where it repeats, and passed on.
    fn joined(&mut self, pass: Pass<'_>) -> Result<(), Mismatch> {
        let Some(joining) = self.joining.take() else { return Ok(()) };
        if joining.begins_again() {
            (self.first_usage, self.said_tokens) = (None, 0);
            return self.text(&joining.heard, pass);
        }
        if joining.is_all_reasoning() {
            return Err(Mismatch);
        }
        // From here on only a call that is not whole is expected to be told again.
        let words = matches!(self.expected.first(), Some(Piece::Text(_)));
        (self.at, self.met) = (usize::from(words), 0);
        let rest = joining.rest();
        if self.at < self.expected.len() {
            return if rest.trim().is_empty() { Ok(()) } else { Err(Mismatch) };
        }
        if !rest.is_empty() {
            return self.beyond(Event::Text(Literal::from_plain(rest)), pass);
        }
        Ok(())
    }

    /// The caller's counts are those of one answer, whoever told which part of it.
    fn of_one_answer(&self, usage: &Usage) -> Usage {
        let mut one = *usage;
        one.visible_out = one.visible_out.saturating_add(self.said_tokens);
        match &self.first_usage {
            Some(first) => {
                one.uncached_in = first.uncached_in;
                one.cache_read = first.cache_read;
                one.cache_write_5m = first.cache_write_5m;
                one.cache_write_1h = first.cache_write_1h;
            }
            None => one.uncached_in = one.uncached_in.saturating_sub(self.said_tokens),
        }
        one
    }
}
