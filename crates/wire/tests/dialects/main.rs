//! The crate through its public face: heads, bytes kept and bytes translated, streams in every
//! split, errors, and everything that was recorded of real providers and clients.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clients;
mod conduct;
#[allow(clippy::disallowed_methods, clippy::print_stdout, reason = "tests read recordings")]
mod converse;
mod embeddings;
mod errors;
mod gather;
mod gemini;
mod head;
mod hostile;
mod human;
mod opening;
mod own_words;
mod recorded;
mod responses;
#[allow(clippy::print_stdout, reason = "what was skipped is said")]
mod resume;
mod retold;
mod same_dialect;
mod sealed;
#[allow(clippy::disallowed_methods, clippy::print_stdout, reason = "tests read recordings")]
mod shared;
mod splits;
mod stream_rules;
#[allow(clippy::disallowed_methods, reason = "a test reads the guide and the recordings")]
mod table;
mod thoughts;
mod translated;
