//! Token counts. Totals include their parts, as in the vendor's other dialect; only the names differ.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use terms::usage::Usage;

use crate::json::few::Count;

/// What is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Counts {
    input_tokens: Option<Count>,
    output_tokens: Option<Count>,
    input_tokens_details: Option<InputDetails>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Option<Count>,
    cache_write_tokens: Option<Count>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Option<Count>,
}

/// Reads `usage`; `None` where it states neither input nor output tokens.
pub(super) fn decode(raw: &RawValue) -> Option<Usage> {
    let counts: Counts = serde_json::from_str(raw.get()).ok()?;
    if counts.input_tokens.is_none() && counts.output_tokens.is_none() {
        return None;
    }
    let number = |count: Option<Count>| count.unwrap_or_default().0;
    let input = number(counts.input_tokens);
    let output = number(counts.output_tokens);
    let details = counts.input_tokens_details.unwrap_or_default();
    let cache_read = number(details.cached_tokens).min(input);
    let cache_write = number(details.cache_write_tokens).min(input - cache_read);
    let stated = counts.output_tokens_details.unwrap_or_default().reasoning_tokens;
    let reasoning_out = number(stated).min(output);
    Some(Usage {
        uncached_in: input - cache_read - cache_write,
        cache_read,
        cache_write_5m: cache_write,
        cache_write_1h: 0,
        visible_out: output - reasoning_out,
        reasoning_out,
    })
}

/// `usage` as it is written.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    input_tokens: u64,
    input_tokens_details: WrittenInput,
    output_tokens: u64,
    output_tokens_details: WrittenOutput,
    total_tokens: u64,
}

#[derive(Debug, Serialize)]
struct WrittenInput {
    cached_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cache_write_tokens: u64,
}

#[derive(Debug, Serialize)]
struct WrittenOutput {
    reasoning_tokens: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The totals of this dialect for disjoint buckets.
pub(super) fn encode(usage: &Usage) -> Written {
    Written {
        input_tokens: usage.input(),
        input_tokens_details: WrittenInput {
            cached_tokens: usage.cache_read,
            cache_write_tokens: usage.cache_write_5m.saturating_add(usage.cache_write_1h),
        },
        output_tokens: usage.output(),
        output_tokens_details: WrittenOutput { reasoning_tokens: usage.reasoning_out },
        total_tokens: usage.input().saturating_add(usage.output()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};
    use serde_json::value::RawValue;
    use terms::usage::Usage;

    fn decoded(json: &str) -> Option<Usage> {
        super::decode(&RawValue::from_string(json.to_owned()).unwrap())
    }

    #[test]
    fn parts_are_taken_out_of_totals() {
        let json = r#"{"input_tokens":100,"input_tokens_details":{"cached_tokens":80,"cache_write_tokens":15},"output_tokens":50,"output_tokens_details":{"reasoning_tokens":20},"total_tokens":150}"#;
        let expected = Usage {
            uncached_in: 5,
            cache_read: 80,
            cache_write_5m: 15,
            cache_write_1h: 0,
            visible_out: 30,
            reasoning_out: 20,
        };
        assert_eq!(decoded(json), Some(expected));
        assert_eq!(decoded(r#"{"output_tokens":0}"#), Some(Usage::default()));
        assert_eq!(decoded("{}"), None);
        assert_eq!(decoded("[]"), None);
    }

    proptest! {
        #[test]
        fn buckets_add_up_to_the_totals(
            input in 0..1_000_000_u64, output in 0..1_000_000_u64, cached in 0..1_000_000_u64,
            reasoning in 0..1_000_000_u64,
        ) {
            let json = format!(
                r#"{{"input_tokens":{input},"output_tokens":{output},"input_tokens_details":{{"cached_tokens":{cached}}},"output_tokens_details":{{"reasoning_tokens":{reasoning}}}}}"#,
            );
            let usage = decoded(&json).unwrap();
            prop_assert_eq!((usage.input(), usage.output()), (input, output));
            let written = serde_json::to_string(&super::encode(&usage)).unwrap();
            prop_assert_eq!(decoded(&written), Some(usage));
        }
    }
}
