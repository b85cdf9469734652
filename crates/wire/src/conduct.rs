//! How an answer went, in what can be told without knowing what was right: whether it refuses, whether it
//! is JSON, and whether its tool calls are in order. Looked at once, when the answer is whole; what
//! follows from it is not decided here.

use bytes::Bytes;
use terms::{dialect::Dialect, usage::Usage};

use crate::{
    canonical::{
        event::StopReason,
        reply::{Reply, ReplyBlock},
    },
    dialect,
    head::Head,
    resume::{Piece, Transcript, are_whole},
};

/// Bytes of an answer's beginning in which a refusal in words is looked for.
pub(crate) const OPENING: usize = 160;

/// What a refusal in words opens with, once it has said that it is sorry. English alone; other refusals
/// are known by what the provider says of them.
const REFUSALS: &[&str] = &[
    "i can't help",
    "i cannot help",
    "i can't assist",
    "i cannot assist",
    "i can't provide",
    "i cannot provide",
    "i can't fulfill",
    "i cannot fulfill",
    "i can't comply",
    "i cannot comply",
    "i can't do that",
    "i cannot do that",
    "i'm unable to",
    "i am unable to",
    "i'm not able to",
    "i am not able to",
    "i won't be able to",
    "i must decline",
    "as an ai",
];

/// What may stand before it.
const SORRY: &[&str] =
    &["i'm sorry", "i am sorry", "sorry", "i apologize", "unfortunately", "but", ",", ".", " "];

/// How an answer went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conduct {
    /// It refuses: its provider says so, or it does in words.
    pub refuses: bool,
    /// It ended before it was done, at a limit of its caller or its model.
    is_cut: bool,
    /// Its text is one JSON value; `None` where the text is not known.
    is_json: Option<bool>,
    /// Names of the tools that it calls.
    calls: Vec<String>,
    /// One of its calls has arguments that are no JSON object.
    has_broken_call: bool,
    /// Whether the arguments of its calls were seen.
    are_calls_known: bool,
}

impl Conduct {
    /// Whether it is JSON, for an answer that should be; `None` where that cannot be told.
    pub fn is_json(&self) -> Option<bool> {
        self.is_json.filter(|_| !self.refuses && !self.is_cut && self.calls.is_empty())
    }

    /// Whether it ended by itself, and not at a limit.
    pub fn ended_by_itself(&self) -> bool {
        !self.is_cut
    }

    /// Whether its tool calls have arguments that are JSON objects, and are of tools that the request
    /// offers, where that is at hand; `None` where it calls none.
    pub fn are_calls_valid(&self, request: Option<(&Head, &Bytes)>) -> Option<bool> {
        if self.calls.is_empty() || self.is_cut || !self.are_calls_known {
            return None;
        }
        let offered = request.and_then(|(head, body)| body.get(head.spans.tools.clone()));
        let is_offered = |name: &String| {
            let written = format!("\"{name}\"");
            offered.is_none_or(|tools| {
                tools.is_empty() || memchr::memmem::find(tools, written.as_bytes()).is_some()
            })
        };
        Some(!self.has_broken_call && self.calls.iter().all(is_offered))
    }

    /// Of an answer whose provider reports a refusal as an error.
    pub fn refusal() -> Self {
        Self { refuses: true, ..Self::default() }
    }

    pub(crate) fn of_transcript(
        transcript: &Transcript,
        stop: Option<StopReason>,
        refused: bool,
        opening: &str,
    ) -> Self {
        let mut seen =
            Seen { refused, opening: Some(opening), called: transcript.called, ..Seen::default() };
        for piece in &transcript.said {
            match piece {
                Piece::Text(text) => seen.text(text),
                Piece::Refusal(_) => seen.refused = true,
                Piece::Call { name, arguments, .. } => seen.call(name, arguments),
            }
        }
        seen.conduct(stop, transcript.sealed.is_none())
    }

    pub(crate) fn of_reply(reply: &Reply<'_>) -> Self {
        let mut seen = Seen::default();
        for block in &reply.blocks {
            match block {
                ReplyBlock::Text(text) => seen.text(text),
                ReplyBlock::Refusal(_) => seen.refused = true,
                ReplyBlock::ToolUse { name, arguments, .. } => seen.call(name, arguments),
                ReplyBlock::Reasoning(_) | ReplyBlock::Sealed(_) | ReplyBlock::Aside { .. } => {}
            }
        }
        seen.conduct(reply.stop, true)
    }
}

/// What was seen of an answer.
#[derive(Default)]
struct Seen<'a> {
    refused: bool,
    /// How it begins, where that is not in `texts`.
    opening: Option<&'a str>,
    texts: Vec<&'a str>,
    /// Whether a tool was called.
    called: bool,
    calls: Vec<String>,
    has_broken_call: bool,
}

impl<'a> Seen<'a> {
    fn text(&mut self, text: &'a str) {
        self.texts.push(text);
    }

    fn call(&mut self, name: &str, arguments: &str) {
        self.called = true;
        self.calls.push(name.to_owned());
        // No arguments at all are none.
        self.has_broken_call |= !arguments.trim().is_empty() && !are_whole(arguments);
    }

    fn conduct(self, stop: Option<StopReason>, is_known: bool) -> Conduct {
        let said_so = self.refused || stop == Some(StopReason::Refusal);
        let opening = self.opening.or_else(|| self.texts.first().copied());
        let in_words = || !self.called && opening.is_some_and(opens_refusing);
        let is_json = || match self.texts.as_slice() {
            [text] => is_json(text),
            texts => is_json(&texts.concat()),
        };
        Conduct {
            refuses: said_so || in_words(),
            is_cut: matches!(stop, Some(StopReason::MaxTokens | StopReason::ContextWindow)),
            is_json: is_known.then(is_json),
            calls: self.calls,
            has_broken_call: self.has_broken_call,
            are_calls_known: is_known,
        }
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Whether a text begins like a refusal.
fn opens_refusing(text: &str) -> bool {
    let opening = &text[..text.floor_char_boundary(OPENING)];
    // Nearly every answer is done here.
    if !matches!(
        opening.trim_start().as_bytes().first(),
        Some(b'I' | b'S' | b'U' | b'A' | b'i' | b's')
    ) {
        return false;
    }
    let plain = opening.to_lowercase().replace('\u{2019}', "'");
    let mut rest = plain.trim_start();
    while let Some(left) = SORRY.iter().find_map(|word| rest.strip_prefix(word)) {
        rest = left;
    }
    REFUSALS.iter().any(|refusal| rest.starts_with(refusal))
}

/// What a whole answer says, for who asked for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SaidAnswer {
    /// All that it says in words, refusals included.
    pub text: String,
    /// Names and arguments of its tool calls.
    pub calls: Vec<(String, String)>,
    /// Token counts, where they are stated.
    pub usage: Option<Usage>,
    /// How it went.
    pub conduct: Conduct,
}

/// Reads a whole answer in a caller's dialect; `None` where it is none.
pub fn read_answer(dialect: Dialect, body: &[u8]) -> Option<SaidAnswer> {
    let text = std::str::from_utf8(body).ok()?;
    let reply = dialect::codec(dialect).decode_reply(text).ok()?;
    let mut said = SaidAnswer {
        usage: reply.usage,
        conduct: Conduct::of_reply(&reply),
        ..SaidAnswer::default()
    };
    for block in &reply.blocks {
        match block {
            ReplyBlock::Text(text) | ReplyBlock::Refusal(text) => said.text.push_str(text),
            ReplyBlock::ToolUse { name, arguments, .. } => {
                said.calls.push(((**name).to_owned(), (**arguments).to_owned()));
            }
            ReplyBlock::Reasoning(_) | ReplyBlock::Sealed(_) | ReplyBlock::Aside { .. } => {}
        }
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::opens_refusing;

    #[test]
    fn refusals_in_words_are_known_by_how_they_begin() {
        let check = |text: &str, expect| assert_eq!(opens_refusing(text), expect, "{text}");
        check("I\u{2019}m sorry, but I can\u{2019}t assist with that request.", true);
        check("Sorry, I cannot help with this.", true);
        check("Unfortunately, I'm not able to open links.", true);
        check("I can't wait to see it!", false);
        check("Sorry for the delay. The result is 4.", false);
        check("It says: \"I can't help\".", false);
        check("", false);
    }
}
