//! The third source: models.dev, compiled (MIT). Prices are dollars per million tokens. It checks the
//! first source, and is the source for vendors that the first does not list.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    decimal::{PER_MILLION, scaled},
    entry::{Entry, Long, Quote, Skills},
    vendors,
};

/// The whole list.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Book(BTreeMap<String, Provider>);

#[derive(Debug, Deserialize)]
struct Provider {
    models: BTreeMap<String, Model>,
}

#[derive(Debug, Deserialize)]
struct Model {
    cost: Option<Cost>,
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

#[derive(Debug, Deserialize)]
struct Cost {
    input: Price,
    output: Price,
    cache_read: Option<Price>,
    cache_write: Option<Price>,
    #[serde(default)]
    tiers: Vec<Tier>,
}

#[derive(Debug, Deserialize)]
struct Tier {
    #[serde(rename = "tier")]
    above: Size,
    input: Option<Price>,
    output: Option<Price>,
    cache_read: Option<Price>,
}

#[derive(Debug, Deserialize)]
struct Size {
    size: u64,
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

/// A price whose text is kept, so that no digit is lost.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Price(Box<RawValue>);

impl Price {
    fn exact(&self) -> Option<u64> {
        scaled(self.0.get(), PER_MILLION).ok()
    }
}

impl Book {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("cannot parse {}", path.display()))
    }

    /// What this source says that a model costs.
    pub(super) fn quote(&self, vendor: &str, name: &str) -> Option<Quote> {
        let cost = self.models(vendor)?.get(name)?.cost.as_ref()?;
        Some(Quote {
            input: cost.input.exact(),
            output: cost.output.exact(),
            cache_read: cost.cache_read.as_ref().and_then(Price::exact),
            cache_write_5m: cost.cache_write.as_ref().and_then(Price::exact),
        })
    }

    /// Models of the vendors that the first source does not list.
    pub(super) fn entries_of_vendors_without_first_source(&self) -> Vec<Entry> {
        let without = vendors::ALL.iter().filter(|vendor| vendor.litellm.is_empty());
        let models = without.flat_map(|vendor| {
            let models = self.models(vendor.name).into_iter().flatten();
            models.filter_map(|(name, model)| entry(vendor.name, name, model))
        });
        models.collect()
    }

    fn models(&self, vendor: &str) -> Option<&BTreeMap<String, Model>> {
        let theirs = vendors::by_name(vendor)?.models_dev?;
        self.0.get(theirs).map(|provider| &provider.models)
    }
}

fn entry(vendor: &str, name: &str, model: &Model) -> Option<Entry> {
    let cost = model.cost.as_ref()?;
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
        input: cost.input.exact(),
        output: cost.output.exact(),
        cache_read: cost.cache_read.as_ref().and_then(Price::exact),
        cache_write_5m: cost.cache_write.as_ref().and_then(Price::exact).filter(|price| *price > 0),
        long: cost.tiers.first().and_then(long),
        can: skills.words(),
        ..Entry::default()
    })
}

fn long(tier: &Tier) -> Option<Long> {
    Some(Long {
        over: tier.above.size,
        input: tier.input.as_ref()?.exact()?,
        output: tier.output.as_ref()?.exact()?,
        cache_read: tier.cache_read.as_ref().and_then(Price::exact),
    })
}
