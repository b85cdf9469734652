//! Token counts. This dialect's totals include their parts: cached tokens are among the prompt
//! tokens, reasoning tokens among the completion tokens. The buckets of [`Usage`] are disjoint.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use terms::usage::Usage;

use crate::json::few::Count;

/// What is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Counts {
    prompt_tokens: Option<Count>,
    completion_tokens: Option<Count>,
    total_tokens: Option<Count>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
    /// DeepSeek's name for cached tokens.
    prompt_cache_hit_tokens: Option<Count>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Option<Count>,
    /// OpenRouter's and, for models with priced cache writes, OpenAI's.
    cache_write_tokens: Option<Count>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Option<Count>,
}

/// Reads `usage`; `None` where it states neither prompt nor completion tokens.
pub(super) fn decode(raw: &RawValue) -> Option<Usage> {
    let counts: Counts = serde_json::from_str(raw.get()).ok()?;
    if counts.prompt_tokens.is_none() && counts.completion_tokens.is_none() {
        return None;
    }
    let number = |count: Option<Count>| count.unwrap_or_default().0;
    let prompt = number(counts.prompt_tokens);
    let completion = number(counts.completion_tokens);
    let details = counts.prompt_tokens_details.unwrap_or_default();
    let cached = details.cached_tokens.or(counts.prompt_cache_hit_tokens);
    let cache_read = number(cached).min(prompt);
    let cache_write = number(details.cache_write_tokens).min(prompt - cache_read);
    let stated = counts.completion_tokens_details.unwrap_or_default().reasoning_tokens;
    let (visible_out, reasoning_out) =
        split_output(prompt, completion, number(stated), counts.total_tokens);
    Some(Usage {
        uncached_in: prompt - cache_read - cache_write,
        cache_read,
        cache_write_5m: cache_write,
        cache_write_1h: 0,
        visible_out,
        reasoning_out,
    })
}

/// Visible and reasoning tokens. By the rules of the dialect reasoning is a part of `completion`;
/// xAI and Gemini's compatible endpoint count it beside, which shows in the total.
fn split_output(prompt: u64, completion: u64, stated: u64, total: Option<Count>) -> (u64, u64) {
    let sum = prompt.saturating_add(completion);
    let beside = total.map_or(0, |Count(total)| total.saturating_sub(sum));
    if beside > 0 {
        (completion, beside)
    } else {
        let reasoning = stated.min(completion);
        (completion - reasoning, reasoning)
    }
}

/// `usage` as it is written.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: WrittenPrompt,
    completion_tokens_details: WrittenCompletion,
}

#[derive(Debug, Serialize)]
struct WrittenPrompt {
    cached_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cache_write_tokens: u64,
}

#[derive(Debug, Serialize)]
struct WrittenCompletion {
    reasoning_tokens: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The totals of this dialect for disjoint buckets.
pub(super) fn encode(usage: &Usage) -> Written {
    Written {
        prompt_tokens: usage.input(),
        completion_tokens: usage.output(),
        total_tokens: usage.input().saturating_add(usage.output()),
        prompt_tokens_details: WrittenPrompt {
            cached_tokens: usage.cache_read,
            cache_write_tokens: usage.cache_write_5m.saturating_add(usage.cache_write_1h),
        },
        completion_tokens_details: WrittenCompletion { reasoning_tokens: usage.reasoning_out },
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

    fn check(json: &str, input: [u64; 3], output: [u64; 2]) {
        let expected = Usage {
            uncached_in: input[0],
            cache_read: input[1],
            cache_write_5m: input[2],
            cache_write_1h: 0,
            visible_out: output[0],
            reasoning_out: output[1],
        };
        assert_eq!(decoded(json), Some(expected), "{json}");
    }

    #[test]
    fn parts_are_taken_out_of_totals() {
        check(r#"{"prompt_tokens":10,"completion_tokens":5}"#, [10, 0, 0], [5, 0]);
        check(
            r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,"prompt_tokens_details":{"cached_tokens":80,"cache_write_tokens":15},"completion_tokens_details":{"reasoning_tokens":20}}"#,
            [5, 80, 15],
            [30, 20],
        );
        check(
            r#"{"prompt_tokens":339,"completion_tokens":83,"prompt_cache_hit_tokens":320}"#,
            [19, 320, 0],
            [83, 0],
        );
    }

    #[test]
    fn reasoning_counted_beside_the_completion_shows_in_the_total() {
        check(
            r#"{"prompt_tokens":291,"completion_tokens":26,"total_tokens":513,"completion_tokens_details":{"reasoning_tokens":196}}"#,
            [291, 0, 0],
            [26, 196],
        );
        check(r#"{"prompt_tokens":9,"completion_tokens":3,"total_tokens":40}"#, [9, 0, 0], [3, 28]);
    }

    #[test]
    fn an_explicit_zero_is_not_a_missing_field() {
        check(r#"{"prompt_tokens":0,"completion_tokens":0}"#, [0, 0, 0], [0, 0]);
        assert_eq!(decoded("{}"), None);
        assert_eq!(decoded("[]"), None);
    }

    #[test]
    fn odd_numbers_do_not_break_it() {
        check(r#"{"prompt_tokens":12.0,"completion_tokens":-3}"#, [12, 0, 0], [0, 0]);
        check(
            r#"{"prompt_tokens":5,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":9}}"#,
            [0, 5, 0],
            [5, 0],
        );
    }

    proptest! {
        #[test]
        fn buckets_add_up_to_the_totals(
            prompt in 0..1_000_000_u64, completion in 0..1_000_000_u64, cached in 0..1_000_000_u64,
            written in 0..1_000_000_u64, reasoning in 0..1_000_000_u64, beside in 0..10_u64,
        ) {
            let json = format!(
                r#"{{"prompt_tokens":{prompt},"completion_tokens":{completion},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":{cached},"cache_write_tokens":{written}}},"completion_tokens_details":{{"reasoning_tokens":{reasoning}}}}}"#,
                prompt + completion + beside,
            );
            let usage = decoded(&json).unwrap();
            prop_assert_eq!(usage.input(), prompt);
            prop_assert_eq!(usage.output(), completion + beside);
        }
    }
}
