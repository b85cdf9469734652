//! The closed list of what providers speak: the dialects of callers, seen from the provider's side, and
//! those that nobody calls in. To add one of the latter: a folder here, and a line in `ALL`.

mod bedrock_converse;

use std::fmt;

use terms::dialect::Dialect;

use crate::{
    canonical::{reply::Reply, request::Request},
    dialect::{Codec, StreamDecoder, anthropic_messages, gemini, openai_chat, openai_responses},
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
const ALL: &[&dyn ProviderCodec] = &[
    &openai_chat::OpenaiChat,
    &openai_responses::OpenaiResponses,
    &anthropic_messages::AnthropicMessages,
    &gemini::Gemini,
    &bedrock_converse::BedrockConverse,
];

/// The provider's side of a dialect.
pub(crate) fn provider_codec(dialect: Dialect) -> &'static dyn ProviderCodec {
    let found = ALL.iter().find(|codec| codec.dialect() == dialect);
    *found.expect("the conformance test finds every dialect in the list")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use terms::dialect::Dialect;

    use super::ALL;

    #[test]
    fn every_dialect_is_in_the_list_once() {
        let listed = ALL.iter().map(|codec| codec.dialect());
        let all = Dialect::ALL.iter().chain(Dialect::OF_PROVIDERS);
        assert_eq!(listed.clone().collect::<BTreeSet<_>>(), all.clone().copied().collect());
        assert_eq!(listed.count(), all.count());
    }
}
