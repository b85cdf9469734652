//! Relaying a stream: provider's bytes in, caller's bytes out, usage and stop reason tapped as
//! they pass. Whole records only; an answer without a stop reason is never presented as complete.

use bytes::{Bytes, BytesMut};
use terms::{dialect::Dialect, usage::Usage};

use crate::{
    canonical::event::{Event, StopReason},
    conduct::{Conduct, OPENING},
    dialect::{self, Codec, Reading, Said, StreamDecoder, StreamEncoder},
    error::{ErrorReply, UpstreamError},
    frames::{Frames, Framing},
    held_call::HeldCall,
    kept::OwnReply,
    provider_dialect,
    resume::{Aligner, OpenBlock, Resumption, Transcript, Unfinished},
    sealing::Sealing,
    sse::{Content, Record},
};

/// What the caller's side of a stream needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamOptions {
    /// Whether an openai-chat caller asked for the usage record.
    pub include_usage: bool,
    /// The id of the answer where the provider gives none.
    pub fallback_id: String,
    /// The name of the model where the provider gives none.
    pub model: String,
    /// When the answer began, in Unix seconds.
    pub created_unix_s: i64,
    /// Who answers, by the name of the config: what it sealed goes back to nobody else.
    pub provider: String,
    /// Whether the caller asked to be shown reasoning, in a dialect that shows it on demand.
    pub show_reasoning: bool,
    /// What the gateway calls the answer, in a dialect whose answers can be kept.
    pub own: Option<OwnReply>,
    /// Whether a tool call is held back until its arguments are whole. Every record is then written
    /// anew, also where both sides speak the same dialect.
    pub hold_calls: bool,
    /// Whether nobody is to go on with the answer, so that nothing of it need be remembered.
    pub forget: bool,
}

/// What one push brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// The provider said something that counts: text, a tool call, reasoning. It may be held back.
    pub output: bool,
    /// The stream failed. The record that says so was not appended, and nothing will be any more.
    pub error: Option<UpstreamError>,
    /// The answer is whole, its terminator was appended.
    pub complete: bool,
    /// The stream failed because it tells another answer than the one that it was to go on with.
    pub mismatch: bool,
}

/// How a stream ended that its provider closed cleanly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// Stop reason and terminator were seen.
    Complete,
    /// The stop reason was seen, the terminator was missing and has been appended.
    CompleteWithoutTerminator,
    /// No stop reason was seen: never present this as complete.
    Cut,
}

/// Carries one stream from a provider's dialect to its caller's.
#[derive(Debug)]
pub struct StreamRelay {
    frames: Frames,
    decoder: Box<dyn StreamDecoder>,
    /// `None` when both speak the same dialect: records keep their bytes.
    encoder: Option<Box<dyn StreamEncoder>>,
    caller: &'static dyn Codec,
    options: StreamOptions,
    /// What the caller has been sent, where another stream may have to go on from there.
    transcript: Transcript,
    /// Joins this stream to what was sent before it.
    aligner: Option<Box<Aligner>>,
    /// The call that is held back.
    held: Option<Box<HeldCall>>,
    /// The whole answer, once it is there and where it is kept.
    whole: Option<Bytes>,
    tally: Tally,
}

/// What has been seen so far.
#[derive(Debug, Default)]
struct Tally {
    usage: Option<Usage>,
    stop: Option<StopReason>,
    output_bytes: u64,
    noise: u32,
    started: bool,
    refused: bool,
    /// The first words, in which a refusal is looked for.
    opening: String,
    complete: bool,
    dropped: Vec<&'static str>,
    /// Of the current push.
    output: bool,
    error: Option<UpstreamError>,
    failed: bool,
    mismatch: bool,
}

impl StreamRelay {
    /// A relay from a provider's dialect to its caller's.
    pub fn new(from: Dialect, to: Dialect, options: StreamOptions) -> Self {
        Self::framed(Framing::of(from), from, to, options)
    }

    /// The same, where the provider's records come in a frame that is not their dialect's own.
    pub fn framed(
        framing: Framing,
        from: Dialect,
        to: Dialect,
        mut options: StreamOptions,
    ) -> Self {
        let caller = dialect::codec(to);
        // What the caller's own dialect says of reasoning was asked for in it.
        options.show_reasoning |= from == to;
        Self {
            frames: Frames::new(framing),
            decoder: provider_dialect::provider_codec(from).stream_decoder(),
            encoder: (from != to || options.hold_calls)
                .then(|| Box::new(Sealing::before(caller.stream_encoder(&options))) as _),
            caller,
            transcript: Transcript::new(options.forget),
            options,
            aligner: None,
            held: None,
            whole: None,
            tally: Tally::default(),
        }
    }

    /// A relay that goes on with an answer.
    pub(crate) fn resumed(
        unfinished: Unfinished,
        resumption: Resumption,
        framing: Framing,
        (from, provider): (Dialect, &str),
    ) -> Self {
        let Unfinished { to, options, mut encoder, transcript } = unfinished;
        encoder.spoken_by(provider);
        Self {
            frames: Frames::new(framing),
            decoder: provider_dialect::provider_codec(from).stream_decoder(),
            encoder: Some(encoder),
            caller: dialect::codec(to),
            options,
            aligner: Some(Box::new(Aligner::new(&transcript, resumption))),
            transcript,
            held: None,
            whole: None,
            tally: Tally::default(),
        }
    }

    /// What another stream can go on with, once this one broke off. Otherwise the relay again, whose
    /// caller can only be told of an error, and why.
    pub fn into_unfinished(mut self) -> Result<Unfinished, (Box<Self>, &'static str)> {
        if let Some(why) = self.transcript.sealed {
            return Err((Box::new(self), why));
        }
        if self.tally.stop.is_some() && self.aligner.is_none() && self.encoder.is_none() {
            return Err((Box::new(self), "an answer whose stop reason was sent"));
        }
        let encoder = match self.encoder.take() {
            Some(encoder) => encoder,
            None => {
                let place = self.decoder.place();
                if place.open == Some(OpenBlock::Nothing) {
                    self.transcript.close();
                }
                match self.caller.resumed_encoder(&self.options, &self.transcript, place) {
                    Ok(encoder) => Box::new(Sealing::within(encoder, &self.transcript.thought)),
                    Err(why) => return Err((Box::new(self), why)),
                }
            }
        };
        let to = self.caller.dialect();
        Ok(Unfinished { to, options: self.options, encoder, transcript: self.transcript })
    }

    /// Whether the caller has been sent nothing yet of this stream, which goes on with another.
    pub fn is_silent(&self) -> bool {
        self.aligner.as_ref().is_some_and(|aligner| aligner.is_silent())
    }

    /// Takes bytes of the provider; bytes for the caller are appended to `out`.
    pub fn push(&mut self, chunk: &[u8], out: &mut BytesMut) -> Progress {
        let mut frames = std::mem::take(&mut self.frames);
        frames.push(chunk, |record| self.record(&record, out));
        self.frames = frames;
        self.progress()
    }

    /// The provider closed its stream cleanly.
    pub fn finish(&mut self, out: &mut BytesMut) -> Finish {
        let mut frames = std::mem::take(&mut self.frames);
        frames.finish(|record| {
            let before = out.len();
            self.record(&record, out);
            // A last record without its blank line gets one, so that it counts for the caller.
            if out.len() > before && !out.ends_with(b"\n\n") && !out.ends_with(b"\n\r\n") {
                out.extend_from_slice(b"\n");
            }
        });
        if self.tally.complete {
            return Finish::Complete;
        }
        if self.tally.failed || !self.stopped() {
            return Finish::Cut;
        }
        let before = out.len();
        match &mut self.encoder {
            None => out.extend_from_slice(self.caller.terminator()),
            Some(encoder) => {
                if encoder.event(&Event::End, out).is_err() {
                    return Finish::Cut;
                }
            }
        }
        self.keep(&out[before..]);
        self.tally.complete = true;
        Finish::CompleteWithoutTerminator
    }

    /// Token counts as the provider stated them last.
    pub fn usage(&self) -> Option<Usage> {
        self.tally.usage
    }

    /// Why the answer ended.
    pub fn stop(&self) -> Option<StopReason> {
        self.tally.stop
    }

    /// How the answer went, once it is complete; `None` where another began it.
    pub fn conduct(&self) -> Option<Conduct> {
        let Tally { stop, refused, opening, .. } = &self.tally;
        let seen = || Conduct::of_transcript(&self.transcript, *stop, *refused, opening);
        self.aligner.is_none().then(seen)
    }

    /// Bytes of text, reasoning and tool arguments that passed: a base for estimates.
    pub fn output_bytes(&self) -> u64 {
        self.tally.output_bytes
    }

    /// Records without content that were not understood and left out.
    pub fn noise(&self) -> u32 {
        self.tally.noise
    }

    /// The whole answer in the caller's dialect, where it is complete and to be kept.
    pub fn kept(&self) -> Option<&Bytes> {
        self.whole.as_ref()
    }

    /// The bytes that end this stream with an error, in the caller's dialect. No terminator follows.
    pub fn error_event(&self, reply: &ErrorReply, request_id: &str) -> Vec<u8> {
        let position = match &self.encoder {
            Some(encoder) => encoder.position(),
            None => self.decoder.position(),
        };
        self.caller.error_event(reply, request_id, position)
    }

    /// Bytes that tell the caller to wait, if its dialect has any.
    pub fn keep_alive(&self) -> &'static [u8] {
        self.caller.keep_alive()
    }

    /// What the caller's dialect could not say, by field name.
    pub fn dropped(&self) -> &[&'static str] {
        &self.tally.dropped
    }

    fn stopped(&self) -> bool {
        self.tally.stop.is_some() && self.decoder.settled()
    }

    fn progress(&mut self) -> Progress {
        Progress {
            output: std::mem::take(&mut self.tally.output),
            error: self.tally.error.take(),
            complete: self.tally.complete,
            mismatch: self.tally.mismatch,
        }
    }

    fn record(&mut self, record: &Record<'_>, out: &mut BytesMut) {
        if self.tally.failed || self.tally.complete {
            return;
        }
        match &record.content {
            Content::Blank => {}
            Content::Comment => out.extend_from_slice(record.raw),
            // Endless, or garbled in its frame.
            Content::Stray if record.raw.is_empty() => self.tally.lost(),
            Content::Stray => self.stray("", record.raw),
            Content::Data { event, data } => self.data(event, data, record.raw, out),
        }
    }

    fn data(&mut self, event: &str, data: &str, raw: &[u8], out: &mut BytesMut) {
        let Self { tally, encoder, transcript, aligner, held, .. } = self;
        let holds = self.options.hold_calls;
        let mut ended = false;
        let reading = self.decoder.record(event, data, &mut |event| {
            if tally.failed {
                return;
            }
            tally.take(&event);
            let mut deliver = |event: &Event<'_>| match event {
                Event::End => ended = true,
                _ if tally.failed => {}
                _ => {
                    transcript.take(event);
                    if let Some(encoder) = encoder.as_mut() {
                        tally.said(encoder.event(event, out));
                    }
                }
            };
            let mut hold = |event: &Event<'_>| {
                if holds {
                    HeldCall::pass(held, event, &mut deliver);
                } else {
                    deliver(event);
                }
            };
            match aligner {
                None => hold(&event),
                Some(aligner) => {
                    if aligner.event(&event, &mut hold).is_err() {
                        tally.mismatch();
                    }
                }
            }
        });
        let claimed = self.claimed(event, data);
        let raw = claimed.as_deref().map_or(raw, str::as_bytes);
        if ended {
            return self.end(raw, out);
        }
        match reading {
            _ if self.tally.failed => {}
            Reading::Unreadable => self.stray(event, raw),
            Reading::UsageOnly if !self.options.include_usage => {}
            Reading::Read | Reading::UsageOnly => {
                if self.encoder.is_none() {
                    out.extend_from_slice(raw);
                }
            }
        }
    }

    /// The record with our name for the answer, where it names the answer and the answer is kept.
    fn claimed(&self, event: &str, data: &str) -> Option<String> {
        let own = self.own().filter(|_| self.encoder.is_none())?;
        let data = self.caller.claim_record(data, own)?;
        let event = if event.is_empty() { String::new() } else { format!("event: {event}\n") };
        Some(format!("{event}data: {data}\n\n"))
    }

    /// Our name for the answer, where it is kept.
    fn own(&self) -> Option<&OwnReply> {
        self.options.own.as_ref().filter(|own| own.kept)
    }

    fn keep(&mut self, records: &[u8]) {
        if self.own().is_some() {
            self.whole = self.caller.last_reply(records);
        }
    }

    /// The terminator came. Without a stop reason before it the answer is not whole.
    fn end(&mut self, raw: &[u8], out: &mut BytesMut) {
        if self.tally.failed {
            return;
        }
        if !self.stopped() {
            let message = "the provider ended the stream without a stop reason";
            return self.tally.fail(UpstreamError::ours("unfinished", message));
        }
        let before = out.len();
        match &mut self.encoder {
            None => out.extend_from_slice(raw),
            Some(encoder) => {
                if let Err(error) = encoder.event(&Event::End, out) {
                    return self.tally.fail(error);
                }
            }
        }
        self.keep(&out[before..]);
        self.tally.complete = true;
    }

    /// A record that cannot be read: noise, unless it seems to carry a part of the answer.
    fn stray(&mut self, event: &str, raw: &[u8]) {
        let within = |bytes: &[u8], word: &[u8]| memchr::memmem::find(bytes, word).is_some();
        let carries = |word: &[u8]| within(raw, word) || within(event.as_bytes(), word);
        if self.tally.started && (carries(b"delta") || carries(b"content")) {
            self.tally.lost();
        } else {
            self.tally.noise += 1;
        }
    }
}

impl Tally {
    fn take(&mut self, event: &Event<'_>) {
        if let Some(bytes) = event.output() {
            self.output = true;
            self.started = true;
            self.output_bytes += bytes;
        }
        match event {
            Event::Start { .. } => self.started = true,
            Event::Refusal(_) => self.refused = true,
            Event::Text(text) if self.opening.len() < OPENING => {
                self.opening.push_str(&text.decoded().unwrap_or_default());
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Stop { reason, .. } => self.stop = Some(*reason),
            Event::Unsaid(name) => self.drop_field(name),
            Event::Failed(error) => self.fail(error.clone()),
            _ => {}
        }
    }

    fn said(&mut self, said: Result<Said, UpstreamError>) {
        match said {
            Ok(Said::Whole) => {}
            Ok(Said::Without(field)) => self.drop_field(field),
            Err(error) => self.fail(error),
        }
    }

    fn drop_field(&mut self, field: &'static str) {
        if !self.dropped.contains(&field) {
            self.dropped.push(field);
        }
    }

    fn lost(&mut self) {
        let message = "the provider sent a record that cannot be read in the middle of a stream";
        self.fail(UpstreamError::ours("unparsable", message));
    }

    fn mismatch(&mut self) {
        self.mismatch = true;
        let message = "another target told another answer than the one that broke off";
        self.fail(UpstreamError::ours("mismatch", message));
    }

    fn fail(&mut self, error: UpstreamError) {
        self.failed = true;
        self.error = Some(error);
    }
}
