//! Turning a caller's request into the bytes for one upstream: the same bytes but for the fields
//! we own when both speak one dialect, decoded and encoded again when they do not.

use bytes::Bytes;
use terms::{dialect::Dialect, model::Capabilities};

use crate::{dialect, error::BadRequest, head::Head, splice::splice};

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
    let target = dialect::codec(upstream.dialect);
    if from == upstream.dialect {
        if let Some(request) = without_sampling(from, head, body, upstream) {
            return Ok(request);
        }
        let body = splice(body, target.own_fields(head, upstream));
        return Ok(UpstreamRequest { body, dropped: Vec::new() });
    }
    let mut request = dialect::codec(from).decode_request(body, upstream.dialect)?;
    let mut dropped = std::mem::take(&mut request.unsaid);
    let body = target.encode_request(&request, upstream, &mut dropped)?;
    Ok(UpstreamRequest { body: body.into(), dropped: tidy(dropped) })
}

/// Another model than the one asked for answers, and refuses the sampling parameters that the caller
/// chose for the first: the request is written anew without them. `None` where nothing is in the way,
/// or where the request holds what only its own bytes can say; then these are kept.
fn without_sampling(
    dialect: Dialect,
    head: &Head,
    body: &Bytes,
    upstream: &Upstream<'_>,
) -> Option<UpstreamRequest> {
    const SAMPLING: [&[u8]; 3] = [b"\"temperature\"", b"\"top_p\"", b"\"top_k\""];
    let holds = |name: &&[u8]| memchr::memmem::find(body, name).is_some();
    let in_the_way = head.model != upstream.model
        && !upstream.capabilities.sampling
        && SAMPLING.iter().any(holds);
    if !in_the_way {
        return None;
    }
    let codec = dialect::codec(dialect);
    let mut request = codec.decode_request(body, dialect).ok()?;
    let mut dropped = std::mem::take(&mut request.unsaid);
    let body = codec.encode_request(&request, upstream, &mut dropped).ok()?;
    Some(UpstreamRequest { body: body.into(), dropped: tidy(dropped) })
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
