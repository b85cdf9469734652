//! The closed list of dialects. Each is a folder that decodes into and encodes from the canonical
//! form; nothing outside its folder knows its wire names. To add one: a folder, and a line in `ALL`.

pub(crate) mod anthropic_messages;
pub(crate) mod gemini;
pub(crate) mod openai_chat;
pub(crate) mod openai_responses;
#[cfg(test)]
mod tests;

use std::fmt;

use bytes::{Bytes, BytesMut};
use terms::dialect::Dialect;

use crate::{
    canonical::{event::Event, reply::Reply, request::Request},
    error::{BadRequest, ErrorClass, ErrorKind, ErrorReply, Malformed, UpstreamError},
    head::Head,
    head_rules::HeadRules,
    json::text::Json,
    kept::OwnReply,
    models::ModelRow,
    request::Upstream,
    resume::{Place, Transcript},
    splice::Edit,
    stream::StreamOptions,
};

/// What every dialect can do.
pub(crate) trait Codec: fmt::Debug + Sync {
    /// Which dialect this is.
    fn dialect(&self) -> Dialect;

    /// What the first look at a request is after.
    fn head_rules(&self) -> &'static HeadRules;

    /// The changes to a request of a caller of the same dialect.
    fn own_fields(&self, head: &Head, body: &[u8], upstream: &Upstream<'_>) -> Vec<Edit>;

    /// The change that puts an instruction before a request that has none.
    fn instruct(&self, head: &Head, body: &[u8], instruction: &str) -> Option<Edit>;

    /// Reads a request whose head was valid. `to` is named in refusals.
    fn decode_request<'a>(&self, body: &'a [u8], to: Dialect) -> Result<Request<'a>, BadRequest>;

    /// Writes a request. Fields that this dialect or the model cannot take go to `dropped`.
    fn encode_request(
        &self,
        request: &Request<'_>,
        upstream: &Upstream<'_>,
        dropped: &mut Vec<String>,
    ) -> Result<Vec<u8>, BadRequest>;

    /// Reads a whole reply, `text` being neither empty nor a web page.
    fn decode_reply<'a>(&self, text: &'a str) -> Result<Reply<'a>, Malformed>;

    /// Writes a whole reply. Fields that this dialect cannot say go to `dropped`.
    fn encode_reply(
        &self,
        reply: &Reply<'_>,
        options: &StreamOptions,
        dropped: &mut Vec<String>,
    ) -> Vec<u8>;

    /// A reader of streams.
    fn stream_decoder(&self) -> Box<dyn StreamDecoder>;

    /// A writer of streams.
    fn stream_encoder(&self, options: &StreamOptions) -> Box<dyn StreamEncoder>;

    /// A writer that goes on with a stream whose records were passed on as they came, from this place.
    /// An error says why none can.
    fn resumed_encoder(
        &self,
        options: &StreamOptions,
        transcript: &Transcript,
        place: Place,
    ) -> Result<Box<dyn StreamEncoder>, &'static str>;

    /// The whole reply that a complete stream amounts to.
    fn gather(&self, stream: &[u8]) -> Option<Bytes>;

    /// A turn of the user, or of the assistant, that says this.
    fn turn(&self, of_assistant: bool, text: &str) -> String;

    /// Bytes that tell a waiting caller that its stream lives; none where its clients would not skip
    /// them.
    fn keep_alive(&self) -> &'static [u8] {
        b": waiting\n\n"
    }

    /// The bytes that end a complete stream.
    fn terminator(&self) -> &'static [u8];

    /// Status and `type` of an error.
    fn error_class(&self, kind: ErrorKind) -> ErrorClass;

    /// The JSON body of an error.
    fn error_body(&self, reply: &ErrorReply, request_id: &str) -> Vec<u8>;

    /// The record that ends a failed stream, after so many records.
    fn error_event(&self, reply: &ErrorReply, request_id: &str, position: u64) -> Vec<u8>;

    /// Reads the body of a provider's error, whatever it is.
    fn read_error(&self, body: &[u8]) -> UpstreamError;

    /// One entry of the list of models.
    fn model_row(&self, row: &ModelRow) -> Vec<u8>;

    /// The list of models.
    fn models_list(&self, rows: &[ModelRow]) -> Vec<u8>;

    /// Puts our name for a kept reply in place of the provider's, in a whole reply. `None` where nothing
    /// has to change, as in every dialect that keeps no replies.
    fn claim(&self, _text: &str, _own: &OwnReply) -> Option<String> {
        None
    }

    /// The same in the data of a record, which then stands in one line.
    fn claim_record(&self, _data: &str, _own: &OwnReply) -> Option<String> {
        None
    }

    /// The whole reply that the last of these records carries, in a dialect that keeps replies.
    fn last_reply(&self, _records: &[u8]) -> Option<Bytes> {
        None
    }
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// It was understood.
    Read,
    /// It was understood and carries nothing but usage.
    UsageOnly,
    /// It is not a record of this dialect.
    Unreadable,
}

/// Reads the records of one stream.
pub(crate) trait StreamDecoder: fmt::Debug + Send + Sync {
    /// Reads one record and hands over what it says.
    fn record(&mut self, event: &str, data: &str, emit: &mut dyn FnMut(Event<'_>)) -> Reading;

    /// Whether every choice that began has its stop reason.
    fn settled(&self) -> bool;

    /// Records so far, in a dialect that numbers them.
    fn position(&self) -> u64 {
        0
    }

    /// Where the stream stands, for a writer that goes on with it.
    fn place(&self) -> Place {
        Place::default()
    }
}

/// How much of an event a dialect could say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// All of it.
    Whole,
    /// All but this field.
    Without(&'static str),
}

/// Writes the records of one stream.
pub(crate) trait StreamEncoder: fmt::Debug + Send + Sync {
    /// Appends what an event becomes. An error means that the stream cannot go on in this dialect.
    fn event(&mut self, event: &Event<'_>, out: &mut BytesMut) -> Result<Said, UpstreamError>;

    /// Records so far, in a dialect that numbers them.
    fn position(&self) -> u64 {
        0
    }

    /// Another provider speaks from now on, by the name of the config: what is sealed is its own.
    fn spoken_by(&mut self, provider: &str);
}

/// Every dialect.
const ALL: &[&dyn Codec] = &[
    &openai_chat::OpenaiChat,
    &openai_responses::OpenaiResponses,
    &anthropic_messages::AnthropicMessages,
    &gemini::Gemini,
];

/// The code of a dialect.
pub(crate) fn codec(dialect: Dialect) -> &'static dyn Codec {
    let found = ALL.iter().find(|codec| codec.dialect() == dialect);
    *found.expect("the conformance test finds every dialect in the list")
}

/// What asks for an answer of a schema where a model cannot be held to it.
pub(crate) fn schema_instruction(schema: &Json<'_>) -> String {
    let schema = schema.as_written();
    format!(
        "Answer with one JSON value that conforms to the following JSON Schema, and with nothing \
         else, no code fence around it.\n{schema}"
    )
}

/// What asks for a JSON object where a dialect has no field for it.
pub(crate) const OBJECT_INSTRUCTION: &str =
    "Answer with one valid JSON object and with nothing else, no code fence around it.";
