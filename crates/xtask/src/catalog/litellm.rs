//! The first source: litellm's table of prices and context windows (MIT). Prices are dollars per
//! token. Only chat models of the vendors themselves are taken.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use decide::price_list::{
    decimal::{PER_TOKEN, scaled},
    vendors,
};
use serde_json::value::RawValue;

use super::entry::{Entry, Long, Skills};

/// Name parts of chat-mode rows that are no text models: they speak, sing, draw or move.
const NOT_TEXT: &[&str] = &["audio", "-tts", "lyria", "robotics", "prompt-guard", "llama-guard"];

/// Micro-dollars per million tokens above which the price of an embedding is a slip of its source: the
/// dearest that a vendor names is $0.20.
const DEAREST_EMBEDDING: u64 = 10_000_000;

/// Context sizes, in thousands of tokens, above which a source may state other prices.
const STEPS: &[u64] = &[100, 128, 200, 256, 272];

/// Reads the table.
pub(super) fn entries(path: &Path, remarks: &mut Vec<String>) -> Result<Vec<Entry>> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let rows: BTreeMap<String, Row> =
        serde_json::from_str(&text).with_context(|| format!("cannot parse {}", path.display()))?;
    let mut entries: BTreeMap<(&str, String), Entry> = BTreeMap::new();
    for (key, row) in &rows {
        let Some((vendor, name)) = named(key, row) else { continue };
        let entry = entry(vendor, &name, row).with_context(|| format!("litellm, {key}"))?;
        let price = entry.input.unwrap_or(0);
        if row.text("mode").as_deref() == Some("embedding") && price > DEAREST_EMBEDDING {
            remarks.push(format!("litellm says that {vendor}/{name} costs {price}: left out"));
            continue;
        }
        // Listed twice, bare and under the vendor's prefix: the second says more, unless it says free.
        if let Some(other) = entries.get(&(vendor, name.clone())) {
            let (old, new) = ((other.input, other.output), (entry.input, entry.output));
            if old != new {
                remarks.push(format!("litellm lists {vendor}/{name} twice, {old:?} and {new:?}"));
            }
            if entry.input == Some(0) || *other == entry {
                continue;
            }
        }
        entries.insert((vendor, name), entry);
    }
    Ok(entries.into_values().collect())
}

/// One row, its values still text, so that no digit of a price is lost.
#[derive(Debug, serde::Deserialize)]
#[serde(transparent)]
struct Row(BTreeMap<String, Box<RawValue>>);

impl Row {
    fn raw(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(|value| value.get()).filter(|text| *text != "null")
    }

    fn text(&self, field: &str) -> Option<String> {
        serde_json::from_str(self.raw(field)?).ok()
    }

    fn flag(&self, field: &str) -> Option<bool> {
        self.raw(field)?.parse().ok()
    }

    fn count(&self, field: &str) -> Option<u64> {
        scaled(self.raw(field)?, 0).filter(|count| *count > 0)
    }

    fn price(&self, field: &str) -> Result<Option<u64>> {
        let Some(text) = self.raw(field) else { return Ok(None) };
        scaled(text, PER_TOKEN).map(Some).with_context(|| format!("{field} is `{text}`"))
    }
}

/// Our name of the vendor and the vendor's own name of the model, for rows that belong here.
fn named(key: &str, row: &Row) -> Option<(&'static str, String)> {
    let mode = row.text("mode")?;
    if mode != "chat" && mode != "embedding" {
        return None;
    }
    let theirs = row.text("litellm_provider")?;
    let vendor = vendors::ALL.iter().find(|vendor| vendor.litellm.contains(&theirs.as_str()))?;
    let name = key.strip_prefix(&format!("{theirs}/")).unwrap_or(key);
    let writes_text =
        row.raw("supported_output_modalities").is_none_or(|list| list.contains("text"));
    let belongs = writes_text
        && !NOT_TEXT.iter().any(|part| name.contains(part))
        && !is_variant(vendor.name, name, row);
    belongs.then(|| (vendor.name, name.to_owned()))
}

/// Fine-tunes, size classes, regional and spot twins, and aliases that only litellm understands.
fn is_variant(vendor: &str, name: &str, row: &Row) -> bool {
    match vendor {
        "openai" => name.starts_with("ft:") || name.starts_with("openai/"),
        "together" => name.starts_with("together-ai-"),
        // A row without a source is a guess from the size of the model.
        "fireworks" => {
            let Some(short) = name.strip_prefix("accounts/fireworks/models/") else { return true };
            let twin = short.ends_with("-us") || short.contains("spot");
            twin || row.raw("source").is_none()
        }
        _ => false,
    }
}

fn entry(vendor: &str, name: &str, row: &Row) -> Result<Entry> {
    let cache_read = match row.price("cache_read_input_token_cost")? {
        Some(price) => Some(price),
        None => row.price("input_cost_per_token_cache_hit")?,
    };
    // A cache that is written for nothing is billed as plain input: no price of its own.
    let written = |field| Ok::<_, anyhow::Error>(row.price(field)?.filter(|price| *price > 0));
    let reasoning = row.flag("supports_reasoning").unwrap_or(false);
    let skills = Skills {
        images: row.flag("supports_vision").unwrap_or(false),
        tools: row.flag("supports_function_calling").unwrap_or(false),
        json_schema: row.flag("supports_response_schema").unwrap_or(false),
        reasoning,
        sampling: row
            .flag("supports_sampling_params")
            .unwrap_or(!(vendor == "openai" && refuses_sampling(name, reasoning))),
        prefill: row.flag("supports_assistant_prefill").unwrap_or(false),
    };
    Ok(Entry {
        provider: vendor.to_owned(),
        name: name.to_owned(),
        context: row.count("max_input_tokens"),
        max_output: row.count("max_output_tokens"),
        input: row.price("input_cost_per_token")?,
        output: row.price("output_cost_per_token")?,
        cache_read,
        cache_write_5m: written("cache_creation_input_token_cost")?,
        cache_write_1h: written("cache_creation_input_token_cost_above_1hr")?,
        reasoning: row.price("output_cost_per_reasoning_token")?,
        long: long(row)?,
        can: skills.words(),
        retires: row.text("deprecation_date"),
    })
}

fn long(row: &Row) -> Result<Option<Long>> {
    for step in STEPS {
        let price = |kind: &str| row.price(&format!("{kind}_above_{step}k_tokens"));
        let (Some(input), Some(output)) =
            (price("input_cost_per_token")?, price("output_cost_per_token")?)
        else {
            continue;
        };
        let cache_read = price("cache_read_input_token_cost")?;
        return Ok(Some(Long { over: step * 1000, input, output, cache_read }));
    }
    Ok(None)
}

/// OpenAI's reasoning models refuse `temperature` and its kin: the o-series and, from 5 on, the gpt
/// series where it reasons (OpenAI, "Reasoning models", parameters not supported).
fn refuses_sampling(name: &str, reasoning: bool) -> bool {
    let digits_after = |prefix: &str| {
        let rest = name.strip_prefix(prefix)?;
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse::<u32>().ok()
    };
    digits_after("o").is_some()
        || (reasoning && digits_after("gpt-").is_none_or(|generation| generation >= 5))
}

#[cfg(test)]
mod tests {
    use super::{Row, entry, refuses_sampling};

    #[test]
    fn a_row_becomes_an_entry_with_exact_prices() {
        let row: Row = serde_json::from_str(
            r#"{"input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05,
                "input_cost_per_token_above_200k_tokens": 2.5e-06,
                "output_cost_per_token_above_200k_tokens": 1.5e-05, "max_input_tokens": 1048576,
                "supports_vision": true, "deprecation_date": "2026-10-16"}"#,
        )
        .unwrap();
        let line = serde_json::to_string(&entry("google", "g", &row).unwrap()).unwrap();
        let expected = r#"{"provider":"google","name":"g","context":1048576,"input":1250000,"output":10000000,"long":{"over":200000,"input":2500000,"output":15000000},"can":["images","sampling"],"retires":"2026-10-16"}"#;
        assert_eq!(line, expected);
    }

    #[test]
    fn the_models_of_openai_that_refuse_sampling() {
        for name in ["o1", "o4-mini", "gpt-5", "gpt-6.1-sol", "chat-latest"] {
            assert!(refuses_sampling(name, true), "{name}");
        }
        assert!(!refuses_sampling("gpt-4.1", true));
        assert!(!refuses_sampling("gpt-5-search-api", false));
    }
}
