//! The field of a request that we own when caller and provider both speak this dialect: the
//! model's name. Streams state their usage unasked. Everything else keeps its bytes.

use crate::{
    head::{Head, HeadRules},
    request::Upstream,
    splice::{self, Edit},
};

pub(super) const HEAD_RULES: HeadRules = HeadRules {
    max_tokens: &["max_tokens"],
    required: Some("max_tokens"),
    texts: &["system"],
    wholes: &["output_config", "output_format"],
    formats: &["output_config", "output_format"],
    stream_options: false,
};

pub(super) fn edits(head: &Head, upstream: &Upstream<'_>) -> Vec<Edit> {
    splice::rename(head, upstream).into_iter().collect()
}
