//! Turning a caller's request into the bytes for one upstream: the same bytes but for the fields
//! we own when both speak one dialect, decoded and encoded again when they do not.

use bytes::Bytes;
use terms::{dialect::Dialect, model::Capabilities};

use crate::{
    canonical::request::{Block, Speaker, Turn},
    dialect::{self, Codec},
    error::BadRequest,
    head::Head,
    provider_dialect,
    splice::{Edit, splice, without},
};

/// Where a request goes, as far as its bytes depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upstream<'a> {
    /// What it speaks.
    pub dialect: Dialect,
    /// What it calls the model.
    pub model: &'a str,
    /// Output tokens at most; 0 where unknown.
    pub max_output: u64,
    /// What the model can do.
    pub capabilities: Capabilities,
    /// What the model is told first where the caller gave it no instruction of its own.
    pub instruction: Option<&'a str>,
}

/// A request ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamRequest {
    /// The body.
    pub body: Bytes,
    /// Fields of the caller that are not in it, as paths: at most 64, in visible ASCII.
    pub dropped: Vec<String>,
}

/// Encodes a request for an upstream. A parameter whose loss would change what the answer means
/// is a refusal that names it; any other that cannot be said is listed in `dropped`.
pub fn encode_request(
    from: Dialect,
    head: &Head,
    body: &Bytes,
    upstream: &Upstream<'_>,
) -> Result<UpstreamRequest, BadRequest> {
    if from == upstream.dialect {
        let target = dialect::codec(from);
        let (mut edits, dropped) = without_sampling(head, body, upstream);
        edits.extend(target.own_fields(head, body, upstream));
        if let Some(instruction) = upstream.instruction
            && !is_instructed(target, body)
        {
            edits.extend(target.instruct(head, body, instruction));
        }
        let dropped = dropped.into_iter().map(str::to_owned).collect();
        return Ok(UpstreamRequest { body: splice(body, edits), dropped: tidy(dropped) });
    }
    let mut request = dialect::codec(from).decode_request(body, upstream.dialect)?;
    if let Some(instruction) = upstream.instruction
        && !request.is_instructed()
    {
        let blocks = vec![Block::Text(instruction.into())];
        request.turns.insert(0, Turn { speaker: Speaker::System, blocks });
    }
    let mut dropped = std::mem::take(&mut request.unsaid);
    let target = provider_dialect::provider_codec(upstream.dialect);
    let body = target.encode_request(&request, upstream, &mut dropped)?;
    Ok(UpstreamRequest { body: body.into(), dropped: tidy(dropped) })
}

/// Whether the caller tells the model what to do. A request that the canonical form cannot hold goes out
/// all the same; whether it is instructed then shows in its words.
fn is_instructed(dialect: &dyn Codec, body: &[u8]) -> bool {
    let words: [&[u8]; 3] = [b"\"system\"", b"\"developer\"", b"\"instructions\""];
    match dialect.decode_request(body, dialect.dialect()) {
        Ok(request) => request.is_instructed(),
        Err(_) => words.iter().any(|word| memchr::memmem::find(body, word).is_some()),
    }
}

/// What a model that refuses sampling parameters is not sent.
const SAMPLING: &[&str] = &["temperature", "top_p", "top_k"];

/// Another model than the one asked for answers, and refuses the sampling parameters that the caller
/// chose for the first: they are taken out, everything else keeps its bytes.
fn without_sampling<'a>(
    head: &Head,
    body: &'a [u8],
    upstream: &Upstream<'_>,
) -> (Vec<Edit>, Vec<&'a str>) {
    if head.model == upstream.model || upstream.capabilities.sampling {
        return (Vec::new(), Vec::new());
    }
    let text = std::str::from_utf8(body).unwrap_or_default();
    without(text, SAMPLING).unwrap_or_default()
}

/// Sorts a list of fields and bounds it: the names may be the caller's own.
pub(crate) fn tidy(mut dropped: Vec<String>) -> Vec<String> {
    const FIELDS: usize = 64;
    const CHARACTERS: usize = 100;
    for field in &mut dropped {
        let visible = field.chars().map(|c| if c.is_ascii_graphic() { c } else { '?' });
        *field = visible.take(CHARACTERS).collect();
    }
    dropped.sort();
    dropped.dedup();
    dropped.truncate(FIELDS);
    dropped
}
