//! The list of models, in the caller's dialect.

use terms::dialect::Dialect;

use crate::dialect;

/// One model or route that a caller may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRow {
    /// What the caller puts in its `model` field.
    pub id: String,
    /// Who serves it.
    pub owned_by: String,
    /// Since when, in Unix seconds.
    pub created_unix_s: i64,
}

/// The JSON body of `GET /v1/models`.
pub fn models_list(dialect: Dialect, models: &[ModelRow]) -> Vec<u8> {
    dialect::codec(dialect).models_list(models)
}

/// The JSON body of `GET /v1/models/{id}`.
pub fn model_row(dialect: Dialect, model: &ModelRow) -> Vec<u8> {
    dialect::codec(dialect).model_row(model)
}
