//! What a dialect must be able to do so that a provider may speak it. Every dialect of callers can do
//! more; the ones that only providers speak can do just this.

use std::fmt;

use terms::dialect::Dialect;

use super::{
    Codec, StreamDecoder, anthropic_messages, bedrock_converse, openai_chat, openai_responses,
};
use crate::{
    canonical::{reply::Reply, request::Request},
    error::{BadRequest, Malformed, UpstreamError},
    request::Upstream,
};

/// The provider's side of a dialect.
pub(crate) trait ProviderCodec: fmt::Debug + Sync {
    /// Which dialect this is.
    fn dialect(&self) -> Dialect;

    /// Writes a request. Fields that this dialect or the model cannot take go to `dropped`.
    fn encode_request(
        &self,
        request: &Request<'_>,
        upstream: &Upstream<'_>,
        dropped: &mut Vec<String>,
    ) -> Result<Vec<u8>, BadRequest>;

    /// Reads a whole reply, `text` being neither empty nor a web page.
    fn decode_reply<'a>(&self, text: &'a str) -> Result<Reply<'a>, Malformed>;

    /// A reader of streams.
    fn stream_decoder(&self) -> Box<dyn StreamDecoder>;

    /// Reads the body of a provider's error, whatever it is.
    fn read_error(&self, body: &[u8]) -> UpstreamError;
}

impl<T: Codec> ProviderCodec for T {
    fn dialect(&self) -> Dialect {
        Codec::dialect(self)
    }

    fn encode_request(
        &self,
        request: &Request<'_>,
        upstream: &Upstream<'_>,
        dropped: &mut Vec<String>,
    ) -> Result<Vec<u8>, BadRequest> {
        Codec::encode_request(self, request, upstream, dropped)
    }

    fn decode_reply<'a>(&self, text: &'a str) -> Result<Reply<'a>, Malformed> {
        Codec::decode_reply(self, text)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Codec::stream_decoder(self)
    }

    fn read_error(&self, body: &[u8]) -> UpstreamError {
        Codec::read_error(self, body)
    }
}

/// Every dialect that a provider may speak.
pub(super) const OF_PROVIDERS: &[&dyn ProviderCodec] = &[
    &openai_chat::OpenaiChat,
    &openai_responses::OpenaiResponses,
    &anthropic_messages::AnthropicMessages,
    &bedrock_converse::BedrockConverse,
];

/// The provider's side of a dialect.
pub(crate) fn provider_codec(dialect: Dialect) -> &'static dyn ProviderCodec {
    let found = OF_PROVIDERS.iter().find(|codec| codec.dialect() == dialect);
    *found.expect("the conformance test finds every dialect in the list")
}
