//! Relaying a whole reply: checked to be one, its usage tapped, its bytes kept when both sides
//! speak one dialect.

use bytes::Bytes;
use terms::{dialect::Dialect, usage::Usage};

use crate::{
    canonical::event::StopReason, conduct::Conduct, dialect, error::Malformed, provider_dialect,
    request::tidy, sealing, stream::StreamOptions,
};

/// A reply ready for its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayedReply {
    /// The body in the caller's dialect.
    pub body: Bytes,
    /// Token counts, where the provider stated them.
    pub usage: Option<Usage>,
    /// Why the answer ended.
    pub stop: Option<StopReason>,
    /// The model that answered, as the provider names it.
    pub model: Option<String>,
    /// Bytes of text, reasoning and tool arguments: a base for estimates.
    pub output_bytes: u64,
    /// What the caller's dialect could not say, as field paths.
    pub dropped: Vec<String>,
    /// How the answer went.
    pub conduct: Conduct,
}

/// Reads a provider's whole reply and puts it in the caller's dialect. What is no reply of the
/// provider's dialect is never passed on.
pub fn relay_reply(from: Dialect, to: Dialect, body: &Bytes) -> Result<RelayedReply, Malformed> {
    relay_reply_with(from, to, body, &StreamOptions::default())
}

/// The same, with what a translated reply needs and the provider may not state: an id, the model's
/// name and the time.
pub fn relay_reply_with(
    from: Dialect,
    to: Dialect,
    body: &Bytes,
    options: &StreamOptions,
) -> Result<RelayedReply, Malformed> {
    let text = readable(body)?;
    let mut reply = provider_dialect::provider_codec(from).decode_reply(text)?;
    let conduct = Conduct::of_reply(&reply);
    let mut dropped = Vec::new();
    let own = options.own.as_ref().filter(|own| own.kept);
    let relayed = if from == to {
        let claimed = own.and_then(|own| dialect::codec(to).claim(text, own));
        claimed.map_or_else(|| body.clone(), Bytes::from)
    } else {
        dropped.clone_from(&reply.unsaid);
        sealing::with_words(&mut reply.blocks);
        dialect::codec(to).encode_reply(&reply, options, &mut dropped).into()
    };
    Ok(RelayedReply {
        body: relayed,
        usage: reply.usage,
        stop: reply.stop,
        model: reply.model.as_ref().map(|model| model.to_string()),
        output_bytes: reply.output_bytes(),
        dropped: tidy(dropped),
        conduct,
    })
}

fn readable(body: &[u8]) -> Result<&str, Malformed> {
    let text = std::str::from_utf8(body).map_err(|_| Malformed::NotJson)?;
    match text.trim_start().as_bytes().first() {
        None => Err(Malformed::Empty),
        Some(b'<') => Err(Malformed::Html),
        Some(_) => Ok(text),
    }
}
