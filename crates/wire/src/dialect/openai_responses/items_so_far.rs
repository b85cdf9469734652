//! The output items of a stream that was passed on as it came, so that a writer can go on with them
//! and say them whole at its end.

use super::{
    items::{Item, Part},
    stream_encode::Open,
};
use crate::{
    json::text::Literal,
    resume::{Piece, PlacedItem, Transcript},
};

const UNLIKE: &str = "output of a kind that only its own dialect has";

/// The items, and what the last one waits for; otherwise why nobody can go on with them.
pub(super) fn items_so_far(
    transcript: &Transcript,
    placed: &[PlacedItem],
) -> Result<(Vec<Item>, Open), &'static str> {
    let mut said = Said { pieces: transcript.said.iter(), rest: "" };
    let mut items = Vec::with_capacity(placed.len());
    let mut open = Open::Nothing;
    for item in placed {
        let (whole, waits) = match (item.kind.as_str(), &item.whole) {
            ("reasoning", Some(whole)) => (Item::AsWritten(whole.clone()), Open::Nothing),
            ("reasoning", None) => begun_thought(&transcript.thought),
            ("message", _) => said.message(item)?,
            ("function_call", _) => said.call()?,
            _ => return Err(UNLIKE),
        };
        open = match waits {
            _ if item.done => Open::Nothing,
            Open::Text | Open::Refusal if item.between_parts => Open::Message,
            waits => waits,
        };
        items.push(whole);
    }
    said.ended().map(|()| (items, open))
}

/// What was said, as far as no item has taken it.
struct Said<'t> {
    pieces: std::slice::Iter<'t, Piece>,
    /// Of a text: two messages in a row are one piece.
    rest: &'t str,
}

impl Said<'_> {
    fn message(&mut self, item: &PlacedItem) -> Result<(Item, Open), &'static str> {
        if item.said == 0 {
            let begun = (!item.between_parts).then(|| Part::Text(String::new()));
            return Ok((Item::Message(begun.into_iter().collect()), Open::Text));
        }
        if self.rest.is_empty() {
            match self.pieces.next() {
                Some(Piece::Text(text)) => self.rest = text,
                Some(Piece::Refusal(text)) => {
                    let part = Part::Refusal(written(text));
                    return Ok((Item::Message(vec![part]), Open::Refusal));
                }
                _ => return Err(UNLIKE),
            }
        }
        let (own, rest) = self.rest.split_at_checked(item.said).ok_or(UNLIKE)?;
        self.rest = rest;
        Ok((Item::Message(vec![Part::Text(written(own))]), Open::Text))
    }

    fn call(&mut self) -> Result<(Item, Open), &'static str> {
        let Some(Piece::Call { number, id, name, arguments }) = self.pieces.next() else {
            return Err(UNLIKE);
        };
        let (id, name, arguments) = (id.clone(), name.clone(), written(arguments));
        Ok((Item::Call { id, name, arguments }, Open::Call(*number)))
    }

    fn ended(mut self) -> Result<(), &'static str> {
        let all_taken = self.rest.is_empty() && self.pieces.next().is_none();
        if all_taken { Ok(()) } else { Err(UNLIKE) }
    }
}

/// A thought that broke off, which goes on where it is one part.
fn begun_thought(thought: &str) -> (Item, Open) {
    let goes_on = !thought.is_empty() && !thought.contains("\n\n");
    let open = if goes_on { Open::Reasoning } else { Open::Begun };
    (Item::Reasoning { text: written(thought), sealed: None }, open)
}

/// A text as it stands between quotes.
fn written(text: &str) -> String {
    Literal::from_plain(text).between_quotes().to_owned()
}
