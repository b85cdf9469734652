//! Token counts. Cached tokens are among the prompt's; thoughts stand beside the visible output, and
//! what a tool of the vendor's fed in stands beside the prompt.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use terms::usage::Usage;

use crate::json::few::Count;

/// What is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Counts {
    #[serde(rename = "promptTokenCount")]
    prompt: Option<Count>,
    #[serde(rename = "cachedContentTokenCount")]
    cached: Option<Count>,
    #[serde(rename = "toolUsePromptTokenCount")]
    tool_use: Option<Count>,
    #[serde(rename = "candidatesTokenCount")]
    candidates: Option<Count>,
    #[serde(rename = "thoughtsTokenCount")]
    thoughts: Option<Count>,
}

/// Reads `usageMetadata`; `None` where it states no prompt and no output.
pub(super) fn decode(raw: &RawValue) -> Option<Usage> {
    let counts: Counts = serde_json::from_str(raw.get()).ok()?;
    if counts.prompt.is_none() && counts.candidates.is_none() {
        return None;
    }
    let number = |count: Option<Count>| count.unwrap_or_default().0;
    let prompt = number(counts.prompt);
    let cache_read = number(counts.cached).min(prompt);
    Some(Usage {
        uncached_in: (prompt - cache_read).saturating_add(number(counts.tool_use)),
        cache_read,
        visible_out: number(counts.candidates),
        reasoning_out: number(counts.thoughts),
        ..Usage::default()
    })
}

/// `usageMetadata` as it is written.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    #[serde(rename = "promptTokenCount")]
    prompt: u64,
    #[serde(rename = "cachedContentTokenCount")]
    cached: u64,
    #[serde(rename = "candidatesTokenCount")]
    candidates: u64,
    #[serde(rename = "thoughtsTokenCount")]
    thoughts: u64,
    #[serde(rename = "totalTokenCount")]
    total: u64,
}

/// The totals of this dialect for disjoint buckets.
pub(super) fn encode(usage: &Usage) -> Written {
    Written {
        prompt: usage.input(),
        cached: usage.cache_read,
        candidates: usage.visible_out,
        thoughts: usage.reasoning_out,
        total: usage.input().saturating_add(usage.output()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;
    use terms::usage::Usage;

    fn decoded(json: &str) -> Option<Usage> {
        super::decode(&RawValue::from_string(json.to_owned()).unwrap())
    }

    #[test]
    fn thoughts_and_tools_stand_beside() {
        let json = r#"{"promptTokenCount":100,"cachedContentTokenCount":80,"toolUsePromptTokenCount":7,"candidatesTokenCount":10,"thoughtsTokenCount":30,"totalTokenCount":147}"#;
        let usage = decoded(json).unwrap();
        assert_eq!((usage.input(), usage.output()), (107, 40));
        assert_eq!((usage.uncached_in, usage.cache_read), (27, 80));
        assert_eq!((usage.visible_out, usage.reasoning_out), (10, 30));
        assert_eq!(decoded(r#"{"trafficType":"ON_DEMAND"}"#), None);
        assert_eq!(decoded(r#"{"promptTokenCount":0}"#), Some(Usage::default()));
    }
}
