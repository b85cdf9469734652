//! Token counts. Input excludes what a cache served or took, as the recorded totals show; reasoning is
//! a part of the output that is not told apart.

use serde::Deserialize;
use serde_json::value::RawValue;
use terms::usage::Usage;

use crate::json::few::Count;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Counts {
    input_tokens: Option<Count>,
    output_tokens: Option<Count>,
    cache_read_input_tokens: Option<Count>,
    cache_write_input_tokens: Option<Count>,
    cache_details: Option<Vec<CacheDetail>>,
}

/// What was written to a cache, by how long it is kept.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct CacheDetail {
    ttl: Option<String>,
    input_tokens: Option<Count>,
}

/// The counts as disjoint buckets; `None` while neither input nor output is stated.
pub(super) fn decode(raw: &RawValue) -> Option<Usage> {
    let counts: Counts = serde_json::from_str(raw.get()).ok()?;
    if counts.input_tokens.is_none() && counts.output_tokens.is_none() {
        return None;
    }
    let number = |count: Option<Count>| count.unwrap_or_default().0;
    let written = number(counts.cache_write_input_tokens);
    let long = counts.cache_details.iter().flatten().filter(|d| d.ttl.as_deref() == Some("1h"));
    let one_hour = long.map(|detail| number(detail.input_tokens)).sum::<u64>().min(written);
    Some(Usage {
        uncached_in: number(counts.input_tokens),
        cache_read: number(counts.cache_read_input_tokens),
        cache_write_5m: written - one_hour,
        cache_write_1h: one_hour,
        visible_out: number(counts.output_tokens),
        reasoning_out: 0,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;
    use terms::usage::Usage;

    #[test]
    fn cache_buckets_are_disjoint() {
        let raw = r#"{"inputTokens":2,"outputTokens":5,"totalTokens":1329,"cacheReadInputTokens":20,"cacheWriteInputTokens":1322,"cacheDetails":[{"ttl":"1h","inputTokens":1000},{"ttl":"5m","inputTokens":322}]}"#;
        let usage = super::decode(&RawValue::from_string(raw.to_owned()).unwrap()).unwrap();
        let expected = Usage {
            uncached_in: 2,
            cache_read: 20,
            cache_write_5m: 322,
            cache_write_1h: 1000,
            visible_out: 5,
            reasoning_out: 0,
        };
        assert_eq!(usage, expected);
        assert!(super::decode(&RawValue::from_string("{}".to_owned()).unwrap()).is_none());
    }
}
