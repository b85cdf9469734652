//! Joining a second telling of an answer to the part of the first that its caller has: what is told
//! again is swallowed, what goes beyond is passed on. A second telling that differs is a mismatch, and
//! nothing of it is passed on.

use terms::usage::Usage;

use super::{
    Piece, Resumption, Transcript,
    arguments::{self, Retelling},
    unfinished::BYTES_PER_TOKEN,
};
use crate::{
    canonical::event::Event,
    json::text::{Literal, Text},
};

/// Bytes of a continuation that are looked at before any of it is passed on.
const LOOKED_AT: usize = 128;

/// Bytes at the end of the first part that a continuation must repeat to be cut there. Fewer may stand
/// there by chance.
const OVERLAP: usize = 12;

/// Bytes at the beginning of an answer by which one that was begun again is known.
pub(super) const BEGUN_AGAIN: usize = 24;

/// The second telling is not the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mismatch;

/// Joins one second telling.
#[derive(Debug)]
pub(crate) struct Aligner {
    resumption: Resumption,
    expected: Vec<Piece>,
    /// The thing that is being told again, and the bytes of its text that were met.
    at: usize,
    met: usize,
    calls: Vec<RetoldCall>,
    /// A number for the next call that is new.
    next_call: usize,
    joining: Option<Joining>,
    /// Reasoning is not shown again before something is said.
    swallow_reasoning: bool,
    /// What was counted of the first part: its input, and an estimate of what was said.
    first_usage: Option<Usage>,
    said_tokens: u64,
}

/// A call of the second telling.
#[derive(Debug)]
struct RetoldCall {
    number: usize,
    becomes: Becomes,
}

#[derive(Debug)]
enum Becomes {
    /// The call at this place of what is expected; told until it goes beyond it.
    Known { place: usize, retelling: Retelling, told: String },
    /// A call of its own, under this number.
    New(usize),
}

/// A continuation whose beginning is looked at.
#[derive(Debug, Default)]
struct Joining {
    before: String,
    heard: String,
    /// Whether it was reasoned instead.
    reasoned: bool,
}

type Pass<'p> = &'p mut dyn FnMut(&Event<'_>);

impl Aligner {
    pub(crate) fn new(transcript: &Transcript, resumption: Resumption) -> Self {
        let next_call = transcript.said.iter().filter_map(|said| match said {
            Piece::Call { number, .. } => Some(number + 1),
            _ => None,
        });
        let before = transcript.words().unwrap_or_default().to_owned();
        let words = resumption != Resumption::Restart;
        Self {
            resumption,
            expected: transcript.said.clone(),
            at: 0,
            met: 0,
            calls: Vec::new(),
            next_call: next_call.max().unwrap_or(0),
            joining: words.then(|| Joining { before, ..Joining::default() }),
            swallow_reasoning: transcript.reasoned || !transcript.said.is_empty(),
            first_usage: transcript.usage.filter(|_| words),
            said_tokens: if words { transcript.bytes() as u64 / BYTES_PER_TOKEN } else { 0 },
        }
    }

    /// Whether nothing has gone beyond the first part yet.
    pub(crate) fn is_silent(&self) -> bool {
        self.joining.is_some() || self.at < self.expected.len()
    }

    /// Takes an event of the second telling; what its caller lacks is passed on.
    pub(crate) fn event(&mut self, event: &Event<'_>, pass: Pass<'_>) -> Result<(), Mismatch> {
        match event {
            Event::Start { .. } => {}
            Event::Reasoning(_) if self.swallow_reasoning => {
                self.joining.iter_mut().for_each(|joining| joining.reasoned = true);
            }
            // A turn of two makers is sealed by neither.
            Event::Sealed(sealed) => pass(&Event::Unsaid(sealed.field())),
            Event::Text(text) => self.text(&text.decoded().ok_or(Mismatch)?, pass)?,
            Event::Refusal(text) => self.refusal(&text.decoded().ok_or(Mismatch)?, pass)?,
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
                self.all_told()?;
                pass(event);
            }
            Event::Aside { .. } if self.is_silent() && self.all_told().is_err() => {
                return Err(Mismatch);
            }
            Event::Reasoning(_)
            | Event::Aside { .. }
            | Event::Unsaid(_)
            | Event::End
            | Event::Failed(_) => pass(event),
        }
        Ok(())
    }

    fn text(&mut self, text: &str, pass: Pass<'_>) -> Result<(), Mismatch> {
        if let Some(joining) = &mut self.joining {
            joining.heard.push_str(text);
            return if joining.heard.len() >= LOOKED_AT { self.joined(pass) } else { Ok(()) };
        }
        let beyond = self.told(text, |said| match said {
            Piece::Text(text) => Some(text),
            _ => None,
        })?;
        if !beyond.is_empty() {
            self.beyond(&Event::Text(Literal::from_plain(beyond)), pass);
        }
        Ok(())
    }

    fn refusal(&mut self, text: &str, pass: Pass<'_>) -> Result<(), Mismatch> {
        self.joined(pass)?;
        let beyond = self.told(text, |said| match said {
            Piece::Refusal(text) => Some(text),
            _ => None,
        })?;
        if !beyond.is_empty() {
            self.beyond(&Event::Refusal(Literal::from_plain(beyond)), pass);
        }
        Ok(())
    }

    /// Meets a text with what is expected; gives what goes beyond it.
    fn told<'t>(
        &mut self,
        text: &'t str,
        of: fn(&Piece) -> Option<&String>,
    ) -> Result<&'t str, Mismatch> {
        let Some(expected) = self.expected.get(self.at) else { return Ok(text) };
        let Some(expected) = of(expected) else {
            // After a call that was told to its end, words are new.
            let is_last = self.at + 1 == self.expected.len();
            if !is_last || self.calls.is_empty() {
                return Err(Mismatch);
            }
            self.all_told()?;
            self.at = self.expected.len();
            return Ok(text);
        };
        let rest = &expected[self.met..];
        if let Some(beyond) = text.strip_prefix(rest) {
            if self.at + 1 < self.expected.len() && !beyond.is_empty() {
                return Err(Mismatch);
            }
            self.met += rest.len();
            if self.at + 1 == self.expected.len() {
                self.at += 1;
            }
            return Ok(beyond);
        }
        if !rest.starts_with(text) {
            return Err(Mismatch);
        }
        self.met += text.len();
        Ok("")
    }

    fn call(
        &mut self,
        number: usize,
        id: &Text<'_>,
        name: &Text<'_>,
        pass: Pass<'_>,
    ) -> Result<(), Mismatch> {
        if let Some(Piece::Text(text) | Piece::Refusal(text)) = self.expected.get(self.at) {
            if self.met < text.len() {
                return Err(Mismatch);
            }
            (self.at, self.met) = (self.at + 1, 0);
        }
        self.whole_calls_agree()?;
        // The call before this one was met already, be it told to its end or not.
        let begun = self.calls.iter().filter_map(|call| match &call.becomes {
            Becomes::Known { place, .. } => Some(place + 1),
            Becomes::New(_) => None,
        });
        let place = begun.max().unwrap_or(self.at).max(self.at);
        let becomes = match self.expected.get(place) {
            Some(Piece::Call { name: known, .. }) if **name == **known => {
                self.at = place;
                Becomes::Known { place, retelling: Retelling::default(), told: String::new() }
            }
            Some(_) => return Err(Mismatch),
            None => {
                self.at = place;
                self.all_told()?;
                let new = self.next_call;
                self.next_call += 1;
                let start = Event::ToolStart { call: new, id: id.clone(), name: name.clone() };
                self.beyond(&start, pass);
                Becomes::New(new)
            }
        };
        self.calls.push(RetoldCall { number, becomes });
        Ok(())
    }

    fn arguments(&mut self, number: usize, piece: &str, pass: Pass<'_>) -> Result<(), Mismatch> {
        let call = self.calls.iter_mut().find(|call| call.number == number).ok_or(Mismatch)?;
        let (number, beyond) = match &mut call.becomes {
            Becomes::New(number) => (*number, piece),
            Becomes::Known { place, retelling, told } => {
                let Piece::Call { number, arguments, .. } = &self.expected[*place] else {
                    return Err(Mismatch);
                };
                told.push_str(piece);
                if self.expected[*place].is_whole_call() {
                    return Ok(());
                }
                let beyond = retelling.compare(arguments, piece).map_err(|()| Mismatch)?;
                (*number, beyond)
            }
        };
        if !beyond.is_empty() {
            self.at = self.expected.len();
            let fragment = Literal::from_plain(beyond);
            self.beyond(&Event::ToolArguments { call: number, fragment }, pass);
        }
        Ok(())
    }

    /// Whether the calls that were whole were told again as they are.
    fn whole_calls_agree(&self) -> Result<(), Mismatch> {
        let agrees = |call: &RetoldCall| match &call.becomes {
            Becomes::New(_) => true,
            Becomes::Known { place, told, .. } => match &self.expected[*place] {
                said @ Piece::Call { arguments, .. } if said.is_whole_call() => {
                    arguments::are_same(arguments, told)
                }
                _ => true,
            },
        };
        if self.calls.iter().all(agrees) { Ok(()) } else { Err(Mismatch) }
    }

    /// Whether everything that was said has been told again.
    fn all_told(&self) -> Result<(), Mismatch> {
        self.whole_calls_agree()?;
        let told = self.calls.iter().all(|call| match &call.becomes {
            Becomes::New(_) => true,
            Becomes::Known { place, retelling, .. } => match &self.expected[*place] {
                said @ Piece::Call { arguments, .. } => {
                    said.is_whole_call() || retelling.is_done(arguments)
                }
                _ => false,
            },
        });
        let to_the_end = match self.expected.get(self.at) {
            None => true,
            Some(Piece::Text(text) | Piece::Refusal(text)) => {
                self.at + 1 == self.expected.len() && self.met == text.len()
            }
            Some(Piece::Call { .. }) => {
                let met = |call: &RetoldCall| matches!(&call.becomes, Becomes::Known { place, .. } if *place == self.at);
                self.at + 1 == self.expected.len() && self.calls.iter().any(met)
            }
        };
        if told && to_the_end { Ok(()) } else { Err(Mismatch) }
    }

    /// Something that the caller does not have yet.
    fn beyond(&mut self, event: &Event<'_>, pass: Pass<'_>) {
        self.swallow_reasoning = false;
        pass(event);
    }

    /// The beginning of a continuation was heard: it is cut where it repeats, and passed on.
    fn joined(&mut self, pass: Pass<'_>) -> Result<(), Mismatch> {
        let Some(Joining { before, heard, reasoned }) = self.joining.take() else { return Ok(()) };
        let beginning = before.as_bytes().get(..BEGUN_AGAIN);
        let begun_again =
            beginning.is_some_and(|beginning| heard.as_bytes().starts_with(beginning));
        if begun_again {
            (self.first_usage, self.said_tokens) = (None, 0);
            return self.text(&heard, pass);
        }
        // What was taken for reasoning is the rest, which its caller would never see.
        if self.resumption == Resumption::Prefill && reasoned && heard.is_empty() {
            return Err(Mismatch);
        }
        // From here on only a call that is not whole is expected to be told again.
        let words = matches!(self.expected.first(), Some(Piece::Text(_)));
        (self.at, self.met) = (usize::from(words), 0);
        let rest = &heard[repeated(&before, &heard, self.resumption)..];
        if self.at < self.expected.len() {
            return if rest.trim().is_empty() { Ok(()) } else { Err(Mismatch) };
        }
        if !rest.is_empty() {
            self.beyond(&Event::Text(Literal::from_plain(rest)), pass);
        }
        Ok(())
    }

    /// The caller's counts are those of one answer, whoever told which part of it.
    fn of_one_answer(&self, usage: &Usage) -> Usage {
        let mut one = *usage;
        one.visible_out += self.said_tokens;
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

/// Bytes at the beginning of a continuation that repeat the end of what is there.
fn repeated(before: &str, heard: &str, resumption: Resumption) -> usize {
    if resumption == Resumption::Prefill {
        // It was asked to go on without the spaces at the end, which its caller has.
        let spaces = &before[before.trim_end().len()..];
        let common = spaces.chars().zip(heard.chars()).take_while(|(one, other)| one == other);
        return common.map(|(space, _)| space.len_utf8()).sum();
    }
    let longest = before.len().min(heard.len());
    let fits =
        |length: &usize| heard.is_char_boundary(*length) && before.ends_with(&heard[..*length]);
    let least = OVERLAP.min(before.len().max(1));
    (least..=longest).rev().find(fits).unwrap_or(0)
}
