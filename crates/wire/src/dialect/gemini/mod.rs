//! Gemini's generateContent, as Google AI Studio speaks it. Its requests name the model and whether they
//! ask for a stream in their address; here both stand in the body, as in every other dialect, until a
//! request goes out (`address`). Source: the vendor's API reference, and recordings.

pub(crate) mod address;
mod content_decode;
mod content_encode;
pub(crate) mod embeddings;
mod error;
mod gather;
mod model;
mod own;
mod reply_decode;
mod reply_encode;
mod request_decode;
mod request_encode;
mod schema;
mod stop_reason;
mod stream_decode;
mod stream_encode;
mod usage;

pub(crate) use content_encode::NO_SIGNATURE;
pub(crate) use request_encode::wants_signatures;

use bytes::Bytes;
use terms::dialect::Dialect;

use super::{Codec, StreamDecoder, StreamEncoder};
use crate::{
    canonical::{reply::Reply, request::Request},
    error::{BadRequest, ErrorClass, ErrorKind, ErrorReply, Malformed, UpstreamError},
    head::Head,
    head_rules::HeadRules,
    json::write,
    models::ModelRow,
    request::Upstream,
    resume::{Place, Transcript},
    splice::{self, Edit},
    stream::StreamOptions,
    upstream_error,
};

/// The dialect.
#[derive(Debug)]
pub(crate) struct Gemini;

impl Codec for Gemini {
    fn dialect(&self) -> Dialect {
        Dialect::Gemini
    }

    fn head_rules(&self) -> &'static HeadRules {
        &own::HEAD_RULES
    }

    fn own_fields(&self, head: &Head, _body: &[u8], upstream: &Upstream<'_>) -> Vec<Edit> {
        splice::rename(head, upstream).into_iter().collect()
    }

    fn instruct(&self, head: &Head, body: &[u8], instruction: &str) -> Option<Edit> {
        own::instruct(head, body, instruction)
    }

    fn decode_request<'a>(&self, body: &'a [u8], to: Dialect) -> Result<Request<'a>, BadRequest> {
        request_decode::decode(body, to)
    }

    fn encode_request(
        &self,
        request: &Request<'_>,
        upstream: &Upstream<'_>,
        dropped: &mut Vec<String>,
    ) -> Result<Vec<u8>, BadRequest> {
        request_encode::encode(request, upstream, dropped)
    }

    fn decode_reply<'a>(&self, text: &'a str) -> Result<Reply<'a>, Malformed> {
        reply_decode::decode(text)
    }

    fn encode_reply(
        &self,
        reply: &Reply<'_>,
        options: &StreamOptions,
        dropped: &mut Vec<String>,
    ) -> Vec<u8> {
        reply_encode::encode(reply, options, dropped)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream_decode::Decoder::default())
    }

    fn stream_encoder(&self, options: &StreamOptions) -> Box<dyn StreamEncoder> {
        Box::new(stream_encode::Encoder::new(options))
    }

    /// Streams of this dialect just end, after a record with their stop reason.
    fn gather(&self, stream: &[u8]) -> Option<Bytes> {
        gather::gather(stream).map(|whole| whole.to_string().into())
    }

    fn resumed_encoder(
        &self,
        options: &StreamOptions,
        transcript: &Transcript,
        _place: Place,
    ) -> Result<Box<dyn StreamEncoder>, &'static str> {
        Ok(Box::new(stream_encode::Encoder::resumed(options, transcript)))
    }

    fn turn(&self, of_assistant: bool, text: &str) -> String {
        let role = if of_assistant { "model" } else { "user" };
        let mut turn = format!("{{\"role\":\"{role}\",\"parts\":[{{\"text\":").into_bytes();
        write::text(&mut turn, text);
        turn.extend_from_slice(b"}]}");
        String::from_utf8(turn).expect("escaping keeps UTF-8")
    }

    /// Google's clients read every line as a record.
    fn keep_alive(&self) -> &'static [u8] {
        b""
    }

    fn terminator(&self) -> &'static [u8] {
        b""
    }

    fn error_class(&self, kind: ErrorKind) -> ErrorClass {
        error::class(kind)
    }

    fn error_body(&self, reply: &ErrorReply, _request_id: &str) -> Vec<u8> {
        error::body(reply)
    }

    fn error_event(&self, reply: &ErrorReply, _request_id: &str, _position: u64) -> Vec<u8> {
        error::event(reply)
    }

    fn read_error(&self, body: &[u8]) -> UpstreamError {
        upstream_error::read_any(body)
    }

    fn model_row(&self, row: &ModelRow) -> Vec<u8> {
        model::row(row)
    }

    fn models_list(&self, rows: &[ModelRow]) -> Vec<u8> {
        model::list(rows)
    }
}
