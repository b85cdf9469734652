//! Turning a caller's request into the bytes for one upstream: the same bytes but for the fields
//! we own when both speak one dialect, decoded and encoded again when they do not.

use bytes::Bytes;
use terms::{dialect::Dialect, model::Capabilities};

use crate::{
    canonical::{
        request::{Block, Reasoning, Request, Speaker, Turn},
        sealed::Sealed,
    },
    dialect::{self, Codec},
    error::BadRequest,
    head::{Head, read_head},
    provider_dialect,
    splice::{Edit, splice, without},
    unseal::without_seals,
};

/// Where a request goes, as far as its bytes depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upstream<'a> {
    /// What it speaks.
    pub dialect: Dialect,
    /// Who it is, by the name of the config: reasoning that it sealed comes back to it alone.
    pub provider: &'a str,
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
    /// Whether the caller asked for reasoning, where its request was translated.
    pub asks_reasoning: bool,
    /// Whether it was translated from another dialect.
    pub is_translated: bool,
    /// Whether the last turn is the model's own and to be gone on with, rather than answered.
    pub continues: bool,
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
        let (bare, mut dropped) = without_seals(from, body, upstream.model);
        if dropped.is_empty() {
            return Ok(encode_native(head, body, upstream));
        }
        let mut sent = encode_native(&read_head(from, &bare)?, &bare, upstream);
        sent.dropped.append(&mut dropped);
        return Ok(UpstreamRequest { dropped: tidy(sent.dropped), ..sent });
    }
    let mut request = dialect::codec(from).decode_request(body, upstream.dialect)?;
    if let Some(instruction) = upstream.instruction
        && !request.is_instructed()
    {
        let blocks = vec![Block::Text(instruction.into())];
        request.turns.insert(0, Turn { speaker: Speaker::System, blocks });
    }
    let mut dropped = std::mem::take(&mut request.unsaid);
    keep_own_seals(&mut request, upstream, &mut dropped);
    let target = provider_dialect::provider_codec(upstream.dialect);
    let body = target.encode_request(&request, upstream, &mut dropped)?;
    let asks_reasoning = !matches!(request.reasoning, None | Some(Reasoning::Off));
    let continues = request.turns.last().is_some_and(is_begun);
    let (body, dropped) = (body.into(), tidy(dropped));
    Ok(UpstreamRequest { body, dropped, asks_reasoning, is_translated: true, continues })
}

/// Whether a turn is the model's own and may be gone on with: words, and no call that waits for its result.
fn is_begun(turn: &Turn<'_>) -> bool {
    let has_words =
        turn.blocks.iter().any(|block| matches!(block, Block::Text(text) if !text.is_empty()));
    let calls = turn.blocks.iter().any(|block| matches!(block, Block::ToolUse { .. }));
    turn.speaker == Speaker::Assistant && has_words && !calls
}

/// The caller's bytes but for the fields that are ours.
fn encode_native(head: &Head, body: &Bytes, upstream: &Upstream<'_>) -> UpstreamRequest {
    let target = dialect::codec(upstream.dialect);
    let (mut edits, dropped) = without_sampling(head, body, upstream);
    edits.extend(target.own_fields(head, body, upstream));
    if let Some(instruction) = upstream.instruction
        && !is_instructed(target, body)
    {
        edits.extend(target.instruct(head, body, instruction));
    }
    let dropped = dropped.into_iter().map(str::to_owned).collect();
    let body = splice(body, edits);
    let dropped = tidy(dropped);
    UpstreamRequest { body, dropped, asks_reasoning: false, is_translated: false, continues: false }
}

/// Sealed reasoning goes to its maker alone, and there to models that reason.
fn keep_own_seals(request: &mut Request<'_>, upstream: &Upstream<'_>, dropped: &mut Vec<String>) {
    request.turns.retain_mut(|turn| {
        let said_nothing = turn.blocks.is_empty();
        turn.blocks.retain_mut(|block| {
            let Block::Sealed(seal) = block else { return true };
            let all_goes_back = seal.keep_of(upstream.provider, upstream.dialect);
            // What is in the clear does no harm to a model that does not reason.
            let may = |part: &Sealed<'_>| upstream.capabilities.reasoning || part.is_in_the_clear();
            let goes_back = !seal.parts.is_empty() && seal.parts.iter().all(may);
            if !all_goes_back || !goes_back {
                dropped.push(seal.field.to_owned());
            }
            goes_back
        });
        said_nothing || !turn.blocks.is_empty()
    });
}

/// Fields without which nothing is asked.
const ESSENTIAL: &[&str] = &["model", "messages", "input", "contents", "system", "instructions"];

/// Fields that a request may lose this way at most.
const LOSSES: usize = 16;

/// The same for callers who would rather have an answer than their parameter: a field whose loss would be
/// refused is taken out and listed in `dropped`, where the request still asks something without it.
pub fn encode_lossy(
    from: Dialect,
    head: &Head,
    body: &Bytes,
    upstream: &Upstream<'_>,
) -> Result<UpstreamRequest, BadRequest> {
    let mut body = body.clone();
    let mut lost: Vec<String> = Vec::new();
    loop {
        let refusal = match encode_request(from, head, &body, upstream) {
            Ok(mut sent) => {
                sent.dropped.append(&mut lost);
                return Ok(UpstreamRequest { dropped: tidy(sent.dropped), ..sent });
            }
            Err(refusal) => refusal,
        };
        let param = refusal.param.as_deref().unwrap_or_default();
        let field = param.split(['.', '[']).next().unwrap_or_default().to_owned();
        let may_go = refusal.code == "unsupported_across_dialects"
            && lost.len() < LOSSES
            && !ESSENTIAL.contains(&field.as_str());
        let text = std::str::from_utf8(&body).unwrap_or_default();
        let cut = may_go.then(|| without(text, &[&field]).unwrap_or_default());
        match cut {
            Some((edits, found)) if !found.is_empty() => body = splice(&body, edits),
            _ => return Err(refusal),
        }
        lost.push(field);
    }
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
