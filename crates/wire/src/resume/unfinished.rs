//! An answer that broke off: how another target is asked for the rest of it, and the relay that joins
//! the rest to what its caller has.

use bytes::{Bytes, BytesMut};
use terms::{dialect::Dialect, model::Capabilities};

use super::{Transcript, joining::BEGUN_AGAIN};
use crate::{
    canonical::{
        event::{Event, StopReason},
        request::{Reasoning, Request, ToolChoice},
    },
    dialect::{self, Codec, StreamEncoder},
    error::{BadRequest, ErrorReply},
    frames::Framing,
    head::{Head, read_head},
    json::write,
    request::{Upstream, UpstreamRequest, encode_lossy, encode_request},
    splice::{Edit, splice},
    stream::{StreamOptions, StreamRelay},
};

/// Bytes of text per token, for estimates.
pub(super) const BYTES_PER_TOKEN: u64 = 4;

/// Output tokens below which vendors refuse a limit.
const LEAST_OUTPUT: u64 = 16;

/// What a target is told that cannot simply go on.
pub const GO_ON: &str = "Your answer was cut off while it was being sent. Continue it from exactly the \
    character at which it stops, in the same language, style and format. Do not repeat any of it, do \
    not begin again, and add no remark about the interruption.";

/// How a target is asked for the rest of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumption {
    /// What was said stands as the last turn; the target goes on from it.
    Prefill,
    /// The same request again: the new answer is met with what was said.
    Restart,
    /// The target is told what was said and asked to go on.
    Instruct,
}

impl Resumption {
    /// The word used in traces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prefill => "prefill",
            Self::Restart => "restart",
            Self::Instruct => "continuation",
        }
    }
}

/// Whether a target goes on from a last turn of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefills {
    /// Nobody knows it to.
    No,
    /// Its dialect says so of such a turn.
    Natively,
    /// It is told to by a habit of its vendor's ([`crate::Prefill`]). Some of these tell that turn again,
    /// and some take the rest for reasoning where the model reasons.
    ByHabit,
}

/// An answer that broke off after a part of it was sent.
#[derive(Debug)]
pub struct Unfinished {
    pub(crate) to: Dialect,
    pub(crate) options: StreamOptions,
    pub(crate) encoder: Box<dyn StreamEncoder>,
    pub(crate) transcript: Transcript,
}

impl Unfinished {
    /// How the rest can be asked for in this request, best first.
    pub fn resumptions(&self, body: &[u8], prefills: Prefills) -> Vec<Resumption> {
        let codec = dialect::codec(self.to);
        let request = codec.decode_request(body, self.to).ok();
        let words = self.transcript.words().zip(request.filter(may_be_continued));
        let (has_words, reasons) = match &words {
            Some((words, request)) => (!words.trim().is_empty(), reasons(request)),
            None => (false, false),
        };
        let mut resumptions = Vec::new();
        let open_call = self.transcript.said.len() > 1;
        let prefilled = match (prefills, &words) {
            (Prefills::ByHabit, Some((words, _))) => {
                !self.transcript.reasoned && words.trim().len() >= BEGUN_AGAIN
            }
            (prefills, _) => prefills == Prefills::Natively,
        };
        if prefilled && has_words && !reasons && !open_call {
            resumptions.push(Resumption::Prefill);
        }
        resumptions.push(Resumption::Restart);
        if has_words {
            resumptions.push(Resumption::Instruct);
        }
        resumptions
    }

    /// The request for the rest.
    pub fn request(
        &self,
        resumption: Resumption,
        head: &Head,
        body: &Bytes,
        upstream: &Upstream<'_>,
        lossy: bool,
    ) -> Result<UpstreamRequest, BadRequest> {
        let encode = if lossy { encode_lossy } else { encode_request };
        let words = self.transcript.words().unwrap_or_default();
        let codec = dialect::codec(self.to);
        let continues = resumption == Resumption::Prefill;
        let prefill = upstream.capabilities.prefill || continues;
        let capabilities = Capabilities { prefill, ..upstream.capabilities };
        let upstream = &Upstream { capabilities, ..*upstream };
        let turns = match resumption {
            Resumption::Restart => return encode(self.to, head, body, upstream),
            Resumption::Prefill => vec![codec.turn(true, words.trim_end())],
            // A turn of a model that reasons may lack the reasoning that its vendor wants with it.
            Resumption::Instruct if self.was_reasoned(body) => {
                let told =
                    format!("{GO_ON}\n\nThe answer so far, between the lines:\n---\n{words}\n---");
                vec![codec.turn(false, &told)]
            }
            Resumption::Instruct => vec![codec.turn(true, words), codec.turn(false, GO_ON)],
        };
        let mut edits = vec![with_turns(codec, head, body, &turns)];
        edits.extend(self.rest_of_limit(head));
        let body = splice(body, edits);
        let head = read_head(self.to, &body)?;
        Ok(UpstreamRequest { continues, ..encode(self.to, &head, &body, upstream)? })
    }

    /// The relay that joins the rest to what was sent. `provider` says it, by the name of the config.
    pub fn relay(
        self,
        resumption: Resumption,
        framing: Framing,
        from: Dialect,
        provider: &str,
    ) -> StreamRelay {
        StreamRelay::resumed(self, resumption, framing, (from, provider))
    }

    /// Ends the answer where it ends with whole tool calls: its caller can go on with them, and every
    /// part of it is whole. `None` where it does not.
    pub fn end_with_calls(&mut self, out: &mut BytesMut) -> Option<Option<Bytes>> {
        if !self.transcript.ends_with_whole_calls() {
            return None;
        }
        let before = out.len();
        let stop = Event::Stop { reason: StopReason::ToolUse, sequence: None };
        let usage = self.transcript.usage.map(Event::Usage);
        for event in usage.iter().chain([&stop, &Event::End]) {
            self.encoder.event(event, out).ok()?;
        }
        let kept = self.options.own.as_ref().is_some_and(|own| own.kept);
        Some(kept.then(|| dialect::codec(self.to).last_reply(&out[before..])).flatten())
    }

    /// The bytes that end this answer with an error, in the caller's dialect. No terminator follows.
    pub fn error_event(&self, reply: &ErrorReply, request_id: &str) -> Vec<u8> {
        dialect::codec(self.to).error_event(reply, request_id, self.encoder.position())
    }

    /// The caller's limit of output tokens, less what was said.
    fn rest_of_limit(&self, head: &Head) -> impl Iterator<Item = Edit> {
        let said = self.transcript.bytes() as u64 / BYTES_PER_TOKEN;
        let limit = head.max_output_tokens.unwrap_or_default();
        let left = limit.saturating_sub(said).max(LEAST_OUTPUT.min(limit));
        let spans = head.spans.max_tokens.clone().into_iter();
        spans.map(move |span| Edit { span, text: left.to_string() })
    }

    /// Bytes that tell its caller to wait, if its dialect has any.
    pub fn keep_alive(&self) -> &'static [u8] {
        dialect::codec(self.to).keep_alive()
    }

    fn was_reasoned(&self, body: &[u8]) -> bool {
        let request = dialect::codec(self.to).decode_request(body, self.to);
        self.transcript.reasoned || request.is_ok_and(|request| reasons(&request))
    }
}

/// Whether words may be continued in words: an answer that is held to a shape would begin a shape anew.
fn may_be_continued(request: &Request<'_>) -> bool {
    let forced = matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
    request.output_format.is_none() && !forced
}

fn reasons(request: &Request<'_>) -> bool {
    request.reasoning.is_some_and(|reasoning| reasoning != Reasoning::Off)
}

/// Puts turns behind the last one.
fn with_turns(codec: &dyn Codec, head: &Head, body: &Bytes, turns: &[String]) -> Edit {
    let span = head.spans.turns.clone();
    let turns = turns.join(",");
    let asked = &body[span.clone()];
    if asked.first() == Some(&b'[') {
        let is_empty = asked[1..asked.len() - 1].trim_ascii().is_empty();
        let comma = if is_empty { "" } else { "," };
        Edit { span: span.end - 1..span.end - 1, text: format!("{comma}{turns}") }
    } else {
        let asked = serde_json::from_slice::<String>(asked).unwrap_or_default();
        Edit { span, text: format!("[{},{turns}]", codec.turn(false, &asked)) }
    }
}

/// A turn of a role and a content, as two dialects write it.
pub(crate) fn turn_of(role: &str, text: &str) -> String {
    let mut turn = format!("{{\"role\":\"{role}\",\"content\":").into_bytes();
    write::text(&mut turn, text);
    turn.push(b'}');
    String::from_utf8(turn).expect("escaping keeps UTF-8")
}
