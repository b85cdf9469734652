//! What a caller has been sent of an answer, in no dialect: kept while a stream flows, so that another
//! target can go on where it breaks off.

use std::borrow::Cow;

use terms::usage::Usage;

use super::arguments;
use crate::{canonical::event::Event, json::text::Literal};

/// Bytes of an answer beyond which nobody is asked to go on with it.
const BYTES: usize = 4 << 20;

const TOO_LONG: &str = "an answer of more than 4 MiB";

/// What was said so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Transcript {
    pub(crate) id: Option<String>,
    pub(crate) model: Option<String>,
    /// Without reasoning, in the order in which it began. Pieces of one kind in a row are one.
    pub(crate) said: Vec<Piece>,
    /// Whether a tool was called, also where nothing else is remembered.
    pub(crate) called: bool,
    /// Whether reasoning was shown.
    pub(crate) reasoned: bool,
    /// The thought that is open: what was reasoned while nothing was said, and was not sealed.
    pub(crate) thought: String,
    /// Whether a thought was sealed before anything was said.
    pub(crate) thought_is_sealed: bool,
    /// The counts that were stated last.
    pub(crate) usage: Option<Usage>,
    /// Why nobody can go on with it.
    pub(crate) sealed: Option<&'static str>,
    bytes: usize,
}

/// One thing that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    Refusal(String),
    Call {
        number: usize,
        id: String,
        name: String,
        /// As far as they came.
        arguments: String,
    },
}

impl Piece {
    /// Whether nothing can follow within it: a call whose arguments are a whole JSON object.
    pub(crate) fn is_whole_call(&self) -> bool {
        matches!(self, Self::Call { arguments, .. } if arguments::are_whole(arguments))
    }
}

impl Transcript {
    /// One that remembers, or not.
    pub(crate) fn new(forget: bool) -> Self {
        let sealed = forget.then_some("an answer that nobody is to go on with");
        Self { sealed, ..Self::default() }
    }

    /// Takes over what the caller is sent.
    pub(crate) fn take(&mut self, event: &Event<'_>) {
        match event {
            Event::Start { id, model } => {
                self.id = self.id.take().or_else(|| id.as_ref().map(|text| (**text).to_owned()));
                self.model =
                    self.model.take().or_else(|| model.as_ref().map(|text| (**text).to_owned()));
            }
            Event::Text(text) => self.append(text, false),
            Event::Refusal(text) => self.append(text, true),
            Event::Reasoning(text) => self.reason(text),
            Event::ThoughtAnew => self.thought.clear(),
            Event::Sealed(_) => {
                self.thought_is_sealed |= self.said.is_empty();
                self.thought = String::new();
            }
            Event::ToolStart { call, id, name } => {
                self.called = true;
                if self.sealed.is_none() {
                    self.thought = String::new();
                    self.said.push(Piece::Call {
                        number: *call,
                        id: (**id).to_owned(),
                        name: (**name).to_owned(),
                        arguments: String::new(),
                    });
                }
            }
            Event::ToolArguments { call, fragment } => self.append_arguments(*call, fragment),
            Event::Aside { .. } => self.seal("several choices, or output of another kind"),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Unsaid(_) | Event::Stop { .. } | Event::End | Event::Failed(_) => {}
        }
    }

    /// Nobody can go on with this any more.
    pub(crate) fn seal(&mut self, why: &'static str) {
        self.sealed.get_or_insert(why);
        self.said = Vec::new();
        self.thought = String::new();
    }

    /// What was said in words before a call that is not whole: all there is where nothing else was
    /// said. `None` where whole calls or refusals were said, too.
    pub(crate) fn words(&self) -> Option<&str> {
        match self.said.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            [Piece::Text(text), call @ Piece::Call { .. }] if !call.is_whole_call() => Some(text),
            [call @ Piece::Call { .. }] if !call.is_whole_call() => Some(""),
            _ => None,
        }
    }

    /// Whether it ends with a call and every call is whole.
    pub(crate) fn ends_with_whole_calls(&self) -> bool {
        let mut calls = self.said.iter().filter(|said| matches!(said, Piece::Call { .. }));
        matches!(self.said.last(), Some(Piece::Call { .. })) && calls.all(Piece::is_whole_call)
    }

    /// Whatever was begun has been ended: a call without arguments is one with none.
    pub(crate) fn close(&mut self) {
        if let Some(Piece::Call { arguments, .. }) = self.said.last_mut()
            && arguments.is_empty()
        {
            arguments.push_str("{}");
        }
    }

    /// Bytes that were said, a base for estimates.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Goes on with the thought that is open.
    fn reason(&mut self, text: &Literal<'_>) {
        self.reasoned = true;
        if self.sealed.is_some() || self.thought_is_sealed || !self.said.is_empty() {
            return;
        }
        // What is not Unicode is not told again alike.
        self.thought.push_str(text.decoded().as_deref().unwrap_or("\u{FFFD}"));
        if self.thought.len() > BYTES {
            self.seal(TOO_LONG);
        }
    }

    /// Goes on with words of a kind, or begins them.
    fn append(&mut self, literal: &Literal<'_>, refuses: bool) {
        let Some(plain) = self.plain(literal).filter(|plain| !plain.is_empty()) else { return };
        self.thought = String::new();
        match self.said.last_mut() {
            Some(Piece::Text(said)) if !refuses => said.push_str(&plain),
            Some(Piece::Refusal(said)) if refuses => said.push_str(&plain),
            _ if refuses => self.said.push(Piece::Refusal(plain.into_owned())),
            _ => self.said.push(Piece::Text(plain.into_owned())),
        }
    }

    fn append_arguments(&mut self, number: usize, fragment: &Literal<'_>) {
        let Some(plain) = self.plain(fragment) else { return };
        let call = self.said.iter_mut().rev().find_map(|said| match said {
            Piece::Call { number: known, arguments, .. } if *known == number => Some(arguments),
            _ => None,
        });
        match call {
            Some(arguments) => arguments.push_str(&plain),
            None => self.seal("arguments of a call that never began"),
        }
    }

    /// Counts a piece and gives its text, where it is to be kept.
    fn plain<'l>(&mut self, literal: &'l Literal<'_>) -> Option<Cow<'l, str>> {
        if self.sealed.is_some() {
            return None;
        }
        self.bytes += literal.between_quotes().len();
        if self.bytes > BYTES {
            self.seal(TOO_LONG);
            return None;
        }
        let plain = literal.decoded();
        if plain.is_none() {
            self.seal("text that is not Unicode");
        }
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::{Piece, Transcript};
    use crate::{
        canonical::event::Event,
        json::text::{Literal, Text},
    };

    fn told(mut transcript: Transcript) -> Transcript {
        let call = |call| Event::ToolStart { call, id: Text::from("c"), name: Text::from("look") };
        for (number, text) in ["", "a", "", "b"].into_iter().enumerate() {
            transcript.take(&Event::Text(Literal::from_plain(text)));
            transcript.take(&Event::Refusal(Literal::from_plain("")));
            if number == 2 {
                transcript.take(&call(0));
            }
        }
        transcript
    }

    #[test]
    fn one_that_forgets_keeps_that_a_tool_was_called_and_nothing_else() {
        let remembered = told(Transcript::new(false));
        assert!(remembered.called);
        let kinds = remembered.said.iter().map(|said| matches!(said, Piece::Text(_)));
        assert_eq!(kinds.collect::<Vec<bool>>(), [true, false, true], "nothing said is no piece");
        let forgotten = told(Transcript::new(true));
        assert!(forgotten.called && forgotten.said.is_empty(), "{forgotten:?}");
        assert_eq!(forgotten.said.capacity(), 0);
    }
}
