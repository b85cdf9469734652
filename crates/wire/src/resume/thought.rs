//! Meeting a second telling with a thought that broke off: one that is told again alike goes on where it
//! broke off; any other is shown from its beginning, as a thought of its own.

use super::Transcript;
use crate::{canonical::event::Event, json::text::Literal};

/// What becomes of the reasoning of a second telling.
#[derive(Debug)]
pub(crate) enum RetoldThought {
    /// Its caller has a thought already that is whole, or what was said after it.
    Swallowed,
    /// It is met with the thought that broke off, as far as it was.
    Met { thought: String, met: usize },
    /// It is the caller's to see.
    Shown,
}

impl RetoldThought {
    pub(crate) fn new(transcript: &Transcript) -> Self {
        if !transcript.said.is_empty() || transcript.thought_is_sealed {
            Self::Swallowed
        } else if transcript.thought.is_empty() {
            Self::Shown
        } else {
            Self::Met { thought: transcript.thought.clone(), met: 0 }
        }
    }

    /// Takes a piece of a thought that is met; what its caller lacks is passed on.
    pub(crate) fn take(&mut self, piece: &str, pass: &mut dyn FnMut(&Event<'_>)) {
        let Self::Met { thought, met } = self else { return };
        let rest = &thought[*met..];
        if rest.starts_with(piece) {
            *met += piece.len();
            return;
        }
        match piece.strip_prefix(rest) {
            Some(beyond) => pass(&Event::Reasoning(Literal::from_plain(beyond))),
            None => {
                let anew = format!("{}{piece}", &thought[..*met]);
                pass(&Event::ThoughtAnew);
                pass(&Event::Reasoning(Literal::from_plain(&anew)));
            }
        }
        *self = Self::Shown;
    }

    /// The second telling thinks no further. A shorter thought is another one; of none, only a seal must
    /// be kept from the first.
    pub(crate) fn end(&mut self, is_sealed: bool, pass: &mut dyn FnMut(&Event<'_>)) {
        let Self::Met { thought, met } = self else { return };
        if *met < thought.len() && (*met > 0 || is_sealed) {
            pass(&Event::ThoughtAnew);
            if *met > 0 {
                pass(&Event::Reasoning(Literal::from_plain(&thought[..*met])));
            }
        }
        *self = Self::Shown;
    }
}
