//! Embeddings, in no dialect: texts that are to become vectors, and the vectors.

use crate::json::text::{Json, Text};

/// Texts that are to become vectors.
#[derive(Debug, Default)]
pub(crate) struct EmbeddingsRequest<'a> {
    pub(crate) texts: Vec<Text<'a>>,
    /// How long the vectors are to be; `None` leaves it to the model.
    pub(crate) dimensions: Option<u64>,
    /// Fields that this form cannot hold.
    pub(crate) unsaid: Vec<String>,
}

/// Their vectors, in their order.
#[derive(Debug, Default)]
pub(crate) struct Embeddings<'a> {
    /// Lists of numbers, as they were written wherever they were.
    pub(crate) vectors: Vec<Json<'a>>,
    /// Where the provider states it.
    pub(crate) input_tokens: Option<u64>,
}
