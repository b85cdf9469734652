//! Anthropic messages, as Anthropic and a few compatible servers speak it.
//! Source: the vendor's API reference, and recordings of real streams and clients.

mod block_decode;
mod error;
mod gather;
pub(crate) mod identifier;
mod message_encode;
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
pub(crate) mod thinking;
pub(crate) mod tool_input;
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
pub(crate) struct AnthropicMessages;

impl Codec for AnthropicMessages {
    fn dialect(&self) -> Dialect {
        Dialect::AnthropicMessages
    }

    fn head_rules(&self) -> &'static HeadRules {
        &own::HEAD_RULES
    }

    fn own_fields(&self, head: &Head, _body: &[u8], upstream: &Upstream<'_>) -> Vec<Edit> {
        own::edits(head, upstream)
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
        Ok(request_encode::encode(request, upstream, dropped))
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

    fn gather(&self, stream: &[u8]) -> Option<Bytes> {
        gather::gather(stream).map(|whole| whole.to_string().into())
    }

    fn resumed_encoder(
        &self,
        options: &StreamOptions,
        transcript: &Transcript,
        place: Place,
    ) -> Result<Box<dyn StreamEncoder>, &'static str> {
        Ok(Box::new(stream_encode::Encoder::resumed(options, transcript, place)?))
    }

    fn turn(&self, of_assistant: bool, text: &str) -> String {
        turn_of(if of_assistant { "assistant" } else { "user" }, text)
    }

    fn keep_alive(&self) -> &'static [u8] {
        b"event: ping\ndata: {\"type\":\"ping\"}\n\n"
    }

    fn terminator(&self) -> &'static [u8] {
        b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
    }

    fn error_class(&self, kind: ErrorKind) -> ErrorClass {
        error::class(kind)
    }

    fn error_body(&self, reply: &ErrorReply, request_id: &str) -> Vec<u8> {
        error::body(reply, request_id)
    }

    fn error_event(&self, reply: &ErrorReply, request_id: &str, _position: u64) -> Vec<u8> {
        error::event(reply, request_id)
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
