//! The third source: models.dev, compiled (MIT): what models can do, for vendors that the first source
//! does not list. What they cost is read by the program's own reader of its list.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use decide::price_list::{Stated, vendors};
use serde::Deserialize;

use super::{
    cross_check::{Witness, micro_usd},
    entry::{Entry, Long, Skills},
};

#[derive(Debug, Deserialize)]
struct Provider {
    models: BTreeMap<String, Model>,
}

#[derive(Debug, Deserialize)]
struct Model {
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    modalities: Modalities,
    #[serde(default)]
    tool_call: bool,
    #[serde(default)]
    structured_output: bool,
    #[serde(default)]
    reasoning: bool,
    temperature: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
struct Limit {
    context: Option<u64>,
    output: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct Modalities {
    #[serde(default)]
    input: Vec<String>,
    #[serde(default)]
    output: Vec<String>,
}

/// Models of the vendors that the first source does not list, and that have a price.
pub(super) fn entries_without_first_source(path: &Path, prices: &Witness) -> Result<Vec<Entry>> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let providers: BTreeMap<String, Provider> =
        serde_json::from_str(&text).with_context(|| format!("cannot parse {}", path.display()))?;
    let without = vendors::ALL.iter().filter(|vendor| vendor.litellm.is_empty());
    let entries = without.flat_map(|vendor| {
        let theirs = providers.get(vendor.models_dev).map(|provider| &provider.models);
        theirs.into_iter().flatten().filter_map(|(name, model)| {
            entry(vendor.name, name, model, &prices.stated(vendor.name, name)?)
        })
    });
    Ok(entries.collect())
}

fn entry(vendor: &str, name: &str, model: &Model, stated: &Stated) -> Option<Entry> {
    let outputs = &model.modalities.output;
    if outputs.iter().any(|kind| kind != "text") {
        return None;
    }
    let skills = Skills {
        images: model.modalities.input.iter().any(|kind| kind == "image"),
        tools: model.tool_call,
        json_schema: model.structured_output,
        reasoning: model.reasoning,
        sampling: model.temperature.unwrap_or(true),
        prefill: false,
    };
    Some(Entry {
        provider: vendor.to_owned(),
        name: name.to_owned(),
        context: model.limit.context.filter(|tokens| *tokens > 0),
        max_output: model.limit.output.filter(|tokens| *tokens > 0),
        input: micro_usd(stated.input),
        output: micro_usd(stated.output),
        cache_read: micro_usd(stated.cache_read),
        cache_write_5m: micro_usd(stated.cache_write_5m),
        long: stated.long_context.map(|long| Long {
            over: long.threshold,
            input: long.input.0,
            output: long.output.0,
            cache_read: micro_usd(long.cache_read),
        }),
        can: skills.words(),
        ..Entry::default()
    })
}
