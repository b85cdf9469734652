//! OpenAI Responses, as OpenAI and the compatible servers speak it. Answers are never kept by the
//! provider: requests go out with `store: false` and the whole input, and what a caller wants kept is
//! kept by the gateway. Source: the vendor's OpenAPI document, and recordings of streams and clients.

mod error;
mod item_decode;
mod item_encode;
mod items;
mod items_so_far;
pub(crate) mod kept;
pub(crate) mod listed;
mod own;
mod reasoning;
mod reply_decode;
mod reply_encode;
mod request_decode;
mod request_encode;
mod stop_reason;
mod stream_decode;
mod stream_encode;
mod usage;

use bytes::Bytes;
use terms::dialect::Dialect;

use super::{Codec, StreamDecoder, StreamEncoder, openai_chat};
use crate::{
    canonical::{reply::Reply, request::Request},
    error::{BadRequest, ErrorClass, ErrorKind, ErrorReply, Malformed, UpstreamError},
    head::Head,
    head_rules::HeadRules,
    json::write,
    kept::OwnReply,
    models::ModelRow,
    request::Upstream,
    resume::{Place, Transcript, turn_of},
    splice::Edit,
    stream::StreamOptions,
    upstream_error,
};

/// The dialect.
#[derive(Debug)]
pub(crate) struct OpenaiResponses;

impl Codec for OpenaiResponses {
    fn dialect(&self) -> Dialect {
        Dialect::OpenaiResponses
    }

    fn head_rules(&self) -> &'static HeadRules {
        &own::HEAD_RULES
    }

    fn own_fields(&self, head: &Head, body: &[u8], upstream: &Upstream<'_>) -> Vec<Edit> {
        own::edits(head, body, upstream)
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

    /// The last event carries the whole reply.
    fn gather(&self, stream: &[u8]) -> Option<Bytes> {
        kept::last_reply(stream)
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
        if !of_assistant {
            return turn_of("user", text);
        }
        let mut turn =
            b"{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":"
                .to_vec();
        write::text(&mut turn, text);
        turn.extend_from_slice(b"}]}");
        String::from_utf8(turn).expect("escaping keeps UTF-8")
    }

    /// The last event says by itself that it is the last; some compatible servers add this.
    fn terminator(&self) -> &'static [u8] {
        b"data: [DONE]\n\n"
    }

    fn error_class(&self, kind: ErrorKind) -> ErrorClass {
        error::class(kind)
    }

    fn error_body(&self, reply: &ErrorReply, _request_id: &str) -> Vec<u8> {
        error::body(reply)
    }

    fn error_event(&self, reply: &ErrorReply, request_id: &str, position: u64) -> Vec<u8> {
        error::event(reply, request_id, position)
    }

    fn read_error(&self, body: &[u8]) -> UpstreamError {
        upstream_error::read_any(body)
    }

    fn model_row(&self, row: &ModelRow) -> Vec<u8> {
        openai_chat::model::row(row)
    }

    fn models_list(&self, rows: &[ModelRow]) -> Vec<u8> {
        openai_chat::model::list(rows)
    }

    fn claim(&self, text: &str, own: &OwnReply) -> Option<String> {
        kept::claim(text, own)
    }

    fn claim_record(&self, data: &str, own: &OwnReply) -> Option<String> {
        kept::claim_record(data, own)
    }

    fn last_reply(&self, records: &[u8]) -> Option<Bytes> {
        kept::last_reply(records)
    }
}
