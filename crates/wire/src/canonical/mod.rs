//! The one form between dialects: what every dialect decodes to and encodes from. N decoders and
//! N encoders meet here instead of N × N translations. No wire names, no bytes.

pub(crate) mod embeddings;
pub(crate) mod event;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod sealed;
