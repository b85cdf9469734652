//! Giving sealed reasoning the words that it vouches for, which its maker said just before it: they go
//! back with it, whatever the caller's dialect or its client makes of them on the way.

use bytes::BytesMut;

use crate::{
    canonical::{
        event::Event,
        reply::ReplyBlock,
        sealed::{On, Sealed},
    },
    dialect::{Said, StreamEncoder},
    error::UpstreamError,
    json::text::{Literal, Text},
};

/// Gives what was sealed in a whole answer its words.
pub(crate) fn with_words(blocks: &mut [ReplyBlock<'_>]) {
    let mut words = String::new();
    for block in blocks {
        match block {
            ReplyBlock::Reasoning(text) => words.push_str(text),
            ReplyBlock::Sealed(sealed) if sealed.on == On::Thought => {
                sealed.text = Text::owned(std::mem::take(&mut words));
            }
            _ => words.clear(),
        }
    }
}

/// Does the same in a stream, before its writer.
#[derive(Debug)]
pub(crate) struct Sealing {
    writer: Box<dyn StreamEncoder>,
    /// The thought so far, as it was written between quotes.
    words: String,
}

impl Sealing {
    pub(crate) fn before(writer: Box<dyn StreamEncoder>) -> Self {
        Self { writer, words: String::new() }
    }

    /// Before a writer that goes on within a thought.
    pub(crate) fn within(writer: Box<dyn StreamEncoder>, thought: &str) -> Self {
        let words = Literal::from_plain(thought).between_quotes().to_owned();
        Self { writer, words }
    }
}

impl StreamEncoder for Sealing {
    fn event(&mut self, event: &Event<'_>, out: &mut BytesMut) -> Result<Said, UpstreamError> {
        match event {
            Event::Reasoning(text) => self.words.push_str(text.between_quotes()),
            Event::Sealed(sealed) if sealed.on == On::Thought => {
                let words = format!("\"{}\"", self.words);
                self.words.clear();
                let text = serde_json::from_str::<String>(&words).unwrap_or_default();
                let whole = Sealed { text: text.into(), ..sealed.to_owned() };
                return self.writer.event(&Event::Sealed(whole), out);
            }
            // Counts may come at any time.
            Event::Usage(_) => {}
            _ => self.words.clear(),
        }
        self.writer.event(event, out)
    }

    fn position(&self) -> u64 {
        self.writer.position()
    }

    fn spoken_by(&mut self, provider: &str) {
        self.writer.spoken_by(provider);
    }
}
