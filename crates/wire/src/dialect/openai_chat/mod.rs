//! OpenAI chat completions, as OpenAI and the many compatible servers speak it.
//! Source: the vendor's OpenAPI document, and recordings of what other servers really send.

pub(crate) mod completions;
mod details;
pub(crate) mod embeddings;
mod error;
mod gather;
pub(in crate::dialect) mod message_decode;
mod message_encode;
pub(in crate::dialect) mod model;
mod own;
pub(in crate::dialect) mod reasoning;
mod reply_decode;
mod reply_encode;
mod request_decode;
mod request_encode;
mod stop_reason;
mod stream_decode;
mod stream_encode;
pub(in crate::dialect) mod strict;
mod usage;

use bytes::Bytes;
use terms::dialect::Dialect;

use super::{Codec, StreamDecoder, StreamEncoder};
use crate::{
    canonical::{reply::Reply, request::Request},
    error::{BadRequest, ErrorClass, ErrorKind, ErrorReply, Malformed, UpstreamError},
    head::Head,
    head_rules::HeadRules,
    models::ModelRow,
    request::Upstream,
    resume::{Place, Transcript, turn_of},
    splice::Edit,
    stream::StreamOptions,
    upstream_error,
};

/// The dialect.
#[derive(Debug)]
pub(crate) struct OpenaiChat;

impl Codec for OpenaiChat {
    fn dialect(&self) -> Dialect {
        Dialect::OpenaiChat
    }

    fn head_rules(&self) -> &'static HeadRules {
        &own::HEAD_RULES
    }

    fn own_fields(&self, head: &Head, _body: &[u8], upstream: &Upstream<'_>) -> Vec<Edit> {
        own::edits(head, upstream)
    }

    fn instruct(&self, _head: &Head, body: &[u8], instruction: &str) -> Option<Edit> {
        own::instruct(body, instruction)
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
        _dropped: &mut Vec<String>,
    ) -> Vec<u8> {
        reply_encode::encode(reply, options)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream_decode::Decoder::default())
    }

    fn stream_encoder(&self, options: &StreamOptions) -> Box<dyn StreamEncoder> {
        Box::new(stream_encode::Encoder::new(options))
    }

    fn gather(&self, stream: &[u8]) -> Option<Bytes> {
        gather::gather(stream).map(|whole| whole.to_string().into())
    }

    fn resumed_encoder(
        &self,
        options: &StreamOptions,
        transcript: &Transcript,
        place: Place,
    ) -> Result<Box<dyn StreamEncoder>, &'static str> {
        Ok(Box::new(stream_encode::Encoder::resumed(options, transcript, place)))
    }

    fn turn(&self, of_assistant: bool, text: &str) -> String {
        turn_of(if of_assistant { "assistant" } else { "user" }, text)
    }

    fn terminator(&self) -> &'static [u8] {
        b"data: [DONE]\n\n"
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
