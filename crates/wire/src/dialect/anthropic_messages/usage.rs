//! Token counts. Here input excludes what a cache served or took; output includes reasoning. A
//! stream states them at its start and again, cumulative, at its end: later fields replace earlier
//! ones, nothing is added up. Absent is not zero.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use terms::usage::Usage;

use crate::json::few::Count;

/// The counts stated so far.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Counts {
    input_tokens: Option<Count>,
    cache_creation_input_tokens: Option<Count>,
    cache_read_input_tokens: Option<Count>,
    cache_creation: Option<CacheCreation>,
    output_tokens: Option<Count>,
    output_tokens_details: Option<OutputDetails>,
    iterations: Option<Vec<Iteration>>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct CacheCreation {
    ephemeral_5m_input_tokens: Option<Count>,
    ephemeral_1h_input_tokens: Option<Count>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    thinking_tokens: Option<Count>,
}

/// One pass of a model inside one request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Iteration {
    #[serde(rename = "type")]
    kind: Option<String>,
    input_tokens: Option<Count>,
    cache_creation_input_tokens: Option<Count>,
    cache_read_input_tokens: Option<Count>,
    output_tokens: Option<Count>,
}

impl Counts {
    /// Takes over what a later statement says.
    pub(super) fn update(&mut self, raw: &RawValue) {
        let Ok(later) = serde_json::from_str::<Counts>(raw.get()) else { return };
        *self = Self {
            input_tokens: later.input_tokens.or(self.input_tokens),
            cache_creation_input_tokens: later
                .cache_creation_input_tokens
                .or(self.cache_creation_input_tokens),
            cache_read_input_tokens: later.cache_read_input_tokens.or(self.cache_read_input_tokens),
            cache_creation: later.cache_creation.or(self.cache_creation),
            output_tokens: later.output_tokens.or(self.output_tokens),
            output_tokens_details: later.output_tokens_details.or(self.output_tokens_details),
            iterations: later.iterations.or_else(|| self.iterations.take()),
        };
    }

    /// The counts as disjoint buckets; `None` while neither input nor output was stated.
    pub(super) fn usage(&self) -> Option<Usage> {
        if self.input_tokens.is_none() && self.output_tokens.is_none() {
            return None;
        }
        let number = |count: Option<Count>| count.unwrap_or_default().0;
        let creation = self.cache_creation.unwrap_or_default();
        let one_hour = number(creation.ephemeral_1h_input_tokens);
        let written = self.cache_creation_input_tokens.map_or_else(
            || number(creation.ephemeral_5m_input_tokens).saturating_add(one_hour),
            |count| count.0,
        );
        let one_hour = one_hour.min(written);
        let output = number(self.output_tokens);
        let details = self.output_tokens_details.unwrap_or_default();
        let reasoning_out = number(details.thinking_tokens).min(output);
        let mut usage = Usage {
            uncached_in: number(self.input_tokens),
            cache_read: number(self.cache_read_input_tokens),
            cache_write_5m: written - one_hour,
            cache_write_1h: one_hour,
            visible_out: output - reasoning_out,
            reasoning_out,
        };
        self.add_compaction(&mut usage);
        Some(usage)
    }

    /// A compaction is billed beside the totals, which leave it out (the vendor's page on
    /// compaction: what is billed is the sum of all iterations).
    fn add_compaction(&self, usage: &mut Usage) {
        let number = |count: Option<Count>| count.unwrap_or_default().0;
        for pass in self.iterations.iter().flatten() {
            if pass.kind.as_deref() == Some("compaction") {
                usage.uncached_in += number(pass.input_tokens);
                usage.cache_read += number(pass.cache_read_input_tokens);
                usage.cache_write_5m += number(pass.cache_creation_input_tokens);
                usage.visible_out += number(pass.output_tokens);
            }
        }
    }
}

/// Reads a whole reply's `usage`.
pub(super) fn decode(raw: &RawValue) -> Option<Usage> {
    let mut counts = Counts::default();
    counts.update(raw);
    counts.usage()
}

/// `usage` as it is written.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation: Option<WrittenCreation>,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<WrittenOutput>,
}

#[derive(Debug, Serialize)]
struct WrittenCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Debug, Serialize)]
struct WrittenOutput {
    thinking_tokens: u64,
}

/// The counts of this dialect for disjoint buckets.
pub(super) fn encode(usage: &Usage) -> Written {
    Written {
        input_tokens: usage.uncached_in,
        cache_creation_input_tokens: usage.cache_write_5m.saturating_add(usage.cache_write_1h),
        cache_read_input_tokens: usage.cache_read,
        cache_creation: (usage.cache_write_1h > 0).then_some(WrittenCreation {
            ephemeral_5m_input_tokens: usage.cache_write_5m,
            ephemeral_1h_input_tokens: usage.cache_write_1h,
        }),
        output_tokens: usage.output(),
        output_tokens_details: (usage.reasoning_out > 0)
            .then_some(WrittenOutput { thinking_tokens: usage.reasoning_out }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};
    use serde_json::value::RawValue;
    use terms::usage::Usage;

    use super::Counts;

    fn after(statements: &[&str]) -> Option<Usage> {
        let mut counts = Counts::default();
        for json in statements {
            counts.update(&RawValue::from_string((*json).to_owned()).unwrap());
        }
        counts.usage()
    }

    #[test]
    fn later_statements_replace_and_never_add() {
        let usage = after(&[
            r#"{"input_tokens":43,"cache_creation_input_tokens":30,"cache_read_input_tokens":7,"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},"output_tokens":1}"#,
            r#"{"input_tokens":61,"output_tokens":9,"output_tokens_details":{"thinking_tokens":4}}"#,
        ]);
        let expected = Usage {
            uncached_in: 61,
            cache_read: 7,
            cache_write_5m: 10,
            cache_write_1h: 20,
            visible_out: 5,
            reasoning_out: 4,
        };
        assert_eq!(usage, Some(expected));
    }

    #[test]
    fn an_explicit_zero_replaces_and_a_missing_field_does_not() {
        let usage = after(&[
            r#"{"input_tokens":18,"output_tokens":5,"cache_read_input_tokens":3}"#,
            r#"{"output_tokens":0,"cache_read_input_tokens":null}"#,
        ]);
        let expected = Usage { uncached_in: 18, cache_read: 3, ..Usage::default() };
        assert_eq!(usage, Some(expected));
        assert_eq!(after(&["{}", "7"]), None);
    }

    #[test]
    fn a_compaction_is_billed_too() {
        let usage = after(&[
            r#"{"input_tokens":612,"output_tokens":2819,"iterations":[{"type":"compaction","input_tokens":60385,"output_tokens":522},{"type":"message","input_tokens":612,"output_tokens":2819}]}"#,
        ]);
        let usage = usage.unwrap();
        assert_eq!((usage.input(), usage.output()), (60_997, 3_341));
    }

    proptest! {
        #[test]
        fn buckets_survive_writing_and_reading(counts in any::<[u32; 6]>()) {
            let [uncached_in, cache_read, cache_write_5m, cache_write_1h, visible_out, reasoning_out] =
                counts.map(u64::from);
            let usage = Usage {
                uncached_in, cache_read, cache_write_5m, cache_write_1h, visible_out, reasoning_out,
            };
            let json = serde_json::to_string(&super::encode(&usage)).unwrap();
            prop_assert_eq!(after(&[&json]), Some(usage));
        }
    }
}
