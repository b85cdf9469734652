//! Amazon Bedrock's Converse, as providers speak it: one form for the models of many vendors. Nobody
//! calls the gateway in it, so it is written where a request goes out and read where a reply comes in.
//! Source: the Amazon Bedrock API reference, and recordings of real streams.

mod message_encode;
mod reply_decode;
mod request_encode;
mod stop_reason;
mod stream_decode;
mod usage;

use terms::dialect::Dialect;

use super::ProviderCodec;
use crate::{
    canonical::{reply::Reply, request::Request},
    dialect::StreamDecoder,
    error::{BadRequest, Malformed, UpstreamError},
    request::Upstream,
    upstream_error,
};

/// The dialect.
#[derive(Debug)]
pub(crate) struct BedrockConverse;

impl ProviderCodec for BedrockConverse {
    fn dialect(&self) -> Dialect {
        Dialect::BedrockConverse
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

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream_decode::Decoder::default())
    }

    fn read_error(&self, body: &[u8]) -> UpstreamError {
        upstream_error::read_any(body)
    }
}
