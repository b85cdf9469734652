//! Legacy completions for models that only chat: the request as a chat, the answer back.

use bytes::Bytes;

use crate::{
    dialect::openai_chat::completions,
    error::{BadRequest, Malformed},
};

/// The chat request that asks for the same as a request for a completion. What chat cannot mean (`n`,
/// `best_of`, `echo`, `suffix`, `logprobs`, prompts that are no one text) is refused by name.
pub fn completions_as_chat(body: &[u8]) -> Result<Bytes, BadRequest> {
    completions::as_chat(body)
}

/// A whole answer of openai-chat as a completion.
pub fn completion_from_chat(body: &[u8]) -> Result<Bytes, Malformed> {
    completions::from_chat(body)
}

/// Whole records of an openai-chat stream as records of a stream of completions.
pub fn completion_records(records: &[u8]) -> Bytes {
    completions::records_from_chat(records)
}
