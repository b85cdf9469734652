//! LiteLLM's `model_prices_and_context_window.json`: an object of models. Prices are dollars per token.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use terms::{model::LongContext, money::PicoUsdPerToken};

use super::{
    Format, PriceListError, Stated,
    decimal::{PER_TOKEN, scaled},
    exact, unless_free, vendors,
};

const LIST: Format = Format::Litellm;

/// Context sizes, in thousands of tokens, above which a row may state other prices.
const STEPS: &[u64] = &[100, 128, 200, 256, 272];

/// The whole table.
#[derive(Debug)]
pub(super) struct Table(BTreeMap<String, Row>);

/// One row, its values still text, so that no digit of a price is lost.
#[derive(Debug, serde::Deserialize)]
#[serde(transparent)]
struct Row(BTreeMap<String, Box<RawValue>>);

impl Table {
    pub(super) fn of(rows: BTreeMap<String, Box<RawValue>>) -> Result<Self, PriceListError> {
        let row = |(name, row): (String, Box<RawValue>)| match serde_json::from_str(row.get()) {
            Ok(row) => Ok((name, row)),
            Err(failure) => Err(PriceListError::Damaged(LIST.name(), failure)),
        };
        rows.into_iter().map(row).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn stated(
        &self,
        vendor: &str,
        model: &str,
    ) -> Result<Option<Stated>, PriceListError> {
        let Some(known) = vendors::by_name(vendor) else { return Ok(None) };
        let mut keys = vec![model.to_owned()];
        keys.extend(known.litellm.iter().map(|theirs| format!("{theirs}/{model}")));
        keys.sort_unstable();
        let mut found: Option<Stated> = None;
        for key in keys {
            let Some(row) = self.0.get(&key).filter(|row| row.is_of(vendor, known.litellm)) else {
                continue;
            };
            let stated = row.stated(&key)?;
            // Listed twice, bare and under the vendor's prefix: the second says more, unless it says free.
            if found.is_none() || stated.input != Some(PicoUsdPerToken(0)) {
                found = Some(stated);
            }
        }
        Ok(found)
    }
}

impl Row {
    /// Whether it is the vendor's own. A row of Fireworks' that names no source is a guess from the
    /// size of the model.
    fn is_of(&self, vendor: &str, theirs: &[&str]) -> bool {
        let provider = self.raw("litellm_provider").map(|text| text.trim_matches('"'));
        provider.is_some_and(|provider| theirs.contains(&provider))
            && (vendor != "fireworks" || self.raw("source").is_some())
    }

    fn raw(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(|value| value.get()).filter(|text| *text != "null")
    }

    fn stated(&self, model: &str) -> Result<Stated, PriceListError> {
        let price = |field: &str| exact(LIST, model, field, self.raw(field), PER_TOKEN);
        let cache_read = price("cache_read_input_token_cost")?;
        Ok(Stated {
            input: price("input_cost_per_token")?,
            output: price("output_cost_per_token")?,
            cache_read: cache_read.or(price("input_cost_per_token_cache_hit")?),
            cache_write_5m: unless_free(price("cache_creation_input_token_cost")?),
            cache_write_1h: unless_free(price("cache_creation_input_token_cost_above_1hr")?),
            reasoning: price("output_cost_per_reasoning_token")?,
            long_context: self.long(model)?,
        })
    }

    fn long(&self, model: &str) -> Result<Option<LongContext>, PriceListError> {
        for step in STEPS {
            let price = |kind: &str| {
                let field = format!("{kind}_above_{step}k_tokens");
                exact(LIST, model, &field, self.raw(&field), PER_TOKEN)
            };
            let (Some(input), Some(output)) =
                (price("input_cost_per_token")?, price("output_cost_per_token")?)
            else {
                continue;
            };
            let cache_read = price("cache_read_input_token_cost")?;
            let threshold = scaled(&step.to_string(), 3).unwrap_or(u64::MAX);
            return Ok(Some(LongContext { threshold, input, output, cache_read }));
        }
        Ok(None)
    }
}
