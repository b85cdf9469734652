//! JSON as this crate needs it: a scanner that validates a body in one pass without recursion,
//! borrowed texts and values, and structs that remember which fields they did not know.
//! Parsing of typed values is serde's; nothing here knows a dialect.

pub(crate) mod few;
pub(crate) mod object;
pub(crate) mod path;
pub(crate) mod read;
pub(crate) mod scan;
pub(crate) mod text;
pub(crate) mod write;
