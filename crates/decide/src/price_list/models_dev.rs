//! models.dev's `api.json`: an object of providers with their models. Prices are dollars per million
//! tokens.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use terms::model::LongContext;

use super::{Format, PriceListError, Stated, decimal::PER_MILLION, exact, unless_free, vendors};

const LIST: Format = Format::ModelsDev;

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
}

#[derive(Debug, Deserialize)]
struct Cost {
    input: Option<Box<RawValue>>,
    output: Option<Box<RawValue>>,
    cache_read: Option<Box<RawValue>>,
    cache_write: Option<Box<RawValue>>,
    #[serde(default)]
    tiers: Vec<Tier>,
}

#[derive(Debug, Deserialize)]
struct Tier {
    #[serde(rename = "tier")]
    above: Size,
    input: Option<Box<RawValue>>,
    output: Option<Box<RawValue>>,
    cache_read: Option<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
struct Size {
    size: u64,
}

impl Book {
    pub(super) fn read(text: &str) -> Result<Self, PriceListError> {
        serde_json::from_str(text).map_err(|failure| PriceListError::Damaged(LIST.name(), failure))
    }

    pub(super) fn stated(
        &self,
        vendor: &str,
        model: &str,
    ) -> Result<Option<Stated>, PriceListError> {
        let Some(theirs) = vendors::by_name(vendor).map(|vendor| vendor.models_dev) else {
            return Ok(None);
        };
        let cost =
            self.0.get(theirs).and_then(|provider| provider.models.get(model)?.cost.as_ref());
        let Some(cost) = cost else { return Ok(None) };
        let price = |field: &str, text: &Option<Box<RawValue>>| {
            exact(LIST, model, field, text.as_ref().map(|text| text.get()), PER_MILLION)
        };
        let long_context = match cost.tiers.first() {
            None => None,
            Some(tier) => {
                let (input, output) =
                    (price("tier input", &tier.input)?, price("tier output", &tier.output)?);
                let cache_read = price("tier cache_read", &tier.cache_read)?;
                input.zip(output).map(|(input, output)| LongContext {
                    threshold: tier.above.size,
                    input,
                    output,
                    cache_read,
                })
            }
        };
        Ok(Some(Stated {
            input: price("input", &cost.input)?,
            output: price("output", &cost.output)?,
            cache_read: price("cache_read", &cost.cache_read)?,
            cache_write_5m: unless_free(price("cache_write", &cost.cache_write)?),
            long_context,
            ..Stated::default()
        }))
    }
}
