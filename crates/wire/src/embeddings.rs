//! Embeddings of a provider that speaks another dialect than its caller: the request for it, and its
//! answer for the caller. Who is asked, and at which address, is not decided here.

use bytes::Bytes;
use terms::{dialect::Dialect, usage::Usage};

use crate::{
    dialect::{gemini, openai_chat},
    error::{BadRequest, Malformed},
    request::tidy,
};

/// A request for embeddings in a provider's dialect, which knows what its caller is to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedEmbeddings {
    /// The body for the provider.
    pub body: Bytes,
    /// Fields of the caller that are not in it, as paths.
    pub dropped: Vec<String>,
    /// Texts that were asked for.
    count: usize,
    answer: Form,
}

/// How the caller's answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Openai { in_base64: bool },
    Gemini { is_batch: bool },
}

/// An answer for the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredEmbeddings {
    /// The body in the caller's dialect.
    pub body: Bytes,
    /// Token counts, where the provider stated them.
    pub usage: Option<Usage>,
}

/// A request of `/v1/embeddings` as one of `:batchEmbedContents`, for this model of a provider. Tokens
/// instead of texts are refused, as are more texts than such a batch takes.
pub fn embeddings_for_gemini(body: &[u8], model: &str) -> Result<AskedEmbeddings, BadRequest> {
    let (request, in_base64) = openai_chat::embeddings::decode_request(body, Dialect::Gemini)?;
    let encoded = gemini::embeddings::encode_request(&request, model, "input")?;
    Ok(AskedEmbeddings {
        body: encoded.into(),
        count: request.texts.len(),
        dropped: tidy(request.unsaid),
        answer: Form::Openai { in_base64 },
    })
}

/// A request of `:embedContent`, or of `:batchEmbedContents` where `is_batch` says so, as one of
/// `/v1/embeddings`. What is no text is refused, as are several lengths of vectors in one batch.
pub fn embeddings_for_openai(
    body: &[u8],
    is_batch: bool,
    model: &str,
) -> Result<AskedEmbeddings, BadRequest> {
    let request = gemini::embeddings::decode_request(body, is_batch, Dialect::OpenaiChat)?;
    Ok(AskedEmbeddings {
        body: openai_chat::embeddings::encode_request(&request, model).into(),
        count: request.texts.len(),
        dropped: tidy(request.unsaid),
        answer: Form::Gemini { is_batch },
    })
}

impl AskedEmbeddings {
    /// The provider's answer for the caller; `model` is what it is told answered. One that has not a
    /// vector for every text is none.
    pub fn answered(&self, reply: &[u8], model: &str) -> Result<AnsweredEmbeddings, Malformed> {
        let (by, embeddings) = match self.answer {
            Form::Openai { .. } => (Dialect::Gemini, gemini::embeddings::decode_reply(reply)?),
            Form::Gemini { .. } => {
                (Dialect::OpenaiChat, openai_chat::embeddings::decode_reply(reply)?)
            }
        };
        if embeddings.vectors.len() != self.count {
            let what = "it has not one vector for every text";
            return Err(Malformed::Shape { dialect: by, what });
        }
        let body = match self.answer {
            Form::Openai { in_base64 } => {
                openai_chat::embeddings::encode_reply(&embeddings, in_base64, model)?
            }
            Form::Gemini { is_batch } => gemini::embeddings::encode_reply(&embeddings, is_batch),
        };
        let tokens = embeddings.input_tokens;
        let usage = tokens.map(|uncached_in| Usage { uncached_in, ..Usage::default() });
        Ok(AnsweredEmbeddings { body: body.into(), usage })
    }
}
