//! Public price lists, read as they are published: LiteLLM's table, models.dev's providers,
//! genai-prices' rules. Which it is, is seen from its shape. What a list says of a model is what it
//! states and nothing more: what it leaves out stays as it was.

pub mod decimal;
mod genai_prices;
mod litellm;
mod models_dev;
pub mod vendors;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use terms::{
    model::{LongContext, Prices},
    money::PicoUsdPerToken,
};
use thiserror::Error;

/// Why a price list cannot be used. Nothing of it is.
#[derive(Debug, Error)]
pub enum PriceListError {
    /// It is no JSON.
    #[error("the price list is no JSON: {0}")]
    NotJson(serde_json::Error),
    /// It is JSON of another shape.
    #[error(
        "this is no price list that is known here; known are LiteLLM's model_prices_and_context_window.json, models.dev's api.json and genai-prices' data.json"
    )]
    UnknownShape,
    /// It has the outer shape of a list and another inner one.
    #[error("the {0} price list does not have the shape that it should: {1}")]
    Damaged(&'static str, serde_json::Error),
    /// One of its prices is none.
    #[error("the {list} price list says that {field} of {model} is {text}, which is no price")]
    NoPrice {
        /// Which list.
        list: &'static str,
        /// The model as the list names it.
        model: String,
        /// The field as the list names it.
        field: String,
        /// What stands there.
        text: String,
    },
}

/// Whose list it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// LiteLLM (MIT).
    Litellm,
    /// models.dev (MIT).
    ModelsDev,
    /// genai-prices (MIT).
    GenaiPrices,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Litellm, Self::ModelsDev, Self::GenaiPrices];

    /// The format of this word.
    pub fn from_name(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.word() == word)
    }

    /// Its word in a config.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Litellm => "litellm",
            Self::ModelsDev => "models-dev",
            Self::GenaiPrices => "genai-prices",
        }
    }

    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Litellm => "LiteLLM",
            Self::ModelsDev => "models.dev",
            Self::GenaiPrices => "genai-prices",
        }
    }
}

/// What a list states of a model; absent is not stated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stated {
    /// As in [`Prices`], here and below.
    pub input: Option<PicoUsdPerToken>,
    /// Visible output.
    pub output: Option<PicoUsdPerToken>,
    /// Cache reads.
    pub cache_read: Option<PicoUsdPerToken>,
    /// Cache writes kept five minutes.
    pub cache_write_5m: Option<PicoUsdPerToken>,
    /// Cache writes kept one hour.
    pub cache_write_1h: Option<PicoUsdPerToken>,
    /// Reasoning output.
    pub reasoning: Option<PicoUsdPerToken>,
    /// Dearer prices of long inputs.
    pub long_context: Option<LongContext>,
}

impl Stated {
    /// The prices with what is stated in the place of what was; `None` where nothing was known and the
    /// list does not state both input and output.
    pub fn over(&self, before: Option<&Prices>) -> Option<Prices> {
        if before.is_none() && (self.input.is_none() || self.output.is_none()) {
            return None;
        }
        let old = before.copied().unwrap_or_default();
        Some(Prices {
            input: self.input.unwrap_or(old.input),
            output: self.output.unwrap_or(old.output),
            cache_read: self.cache_read.or(old.cache_read),
            cache_write_5m: self.cache_write_5m.or(old.cache_write_5m),
            cache_write_1h: self.cache_write_1h.or(old.cache_write_1h),
            reasoning: self.reasoning.or(old.reasoning),
            long_context: self.long_context.or(old.long_context),
        })
    }
}

/// A price list.
#[derive(Debug)]
pub struct PriceList(List);

#[derive(Debug)]
enum List {
    Litellm(litellm::Table),
    ModelsDev(models_dev::Book),
    GenaiPrices(genai_prices::Book),
}

impl PriceList {
    /// Reads a list.
    ///
    /// # Errors
    /// When it is none, or none that is known.
    pub fn read(text: &str) -> Result<Self, PriceListError> {
        if text.trim_start().starts_with('[') {
            return Ok(Self(List::GenaiPrices(genai_prices::Book::read(text)?)));
        }
        let rows: BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(text).map_err(|failure| match failure.classify() {
                serde_json::error::Category::Data => PriceListError::UnknownShape,
                _ => PriceListError::NotJson(failure),
            })?;
        let some_have = |field: &str| {
            let has = |row: &RawValue| {
                let fields = serde_json::from_str::<BTreeMap<&str, &RawValue>>(row.get());
                fields.is_ok_and(|fields| fields.contains_key(field))
            };
            rows.values().any(|row| has(row))
        };
        if some_have("litellm_provider") {
            return Ok(Self(List::Litellm(litellm::Table::of(rows)?)));
        }
        if some_have("models") {
            return Ok(Self(List::ModelsDev(models_dev::Book::read(text)?)));
        }
        Err(PriceListError::UnknownShape)
    }

    /// Whose it is.
    pub const fn format(&self) -> Format {
        match &self.0 {
            List::Litellm(_) => Format::Litellm,
            List::ModelsDev(_) => Format::ModelsDev,
            List::GenaiPrices(_) => Format::GenaiPrices,
        }
    }

    /// What it states of a vendor's model on a day, `YYYY-MM-DD`.
    ///
    /// # Errors
    /// When what it states is no price.
    pub fn stated(
        &self,
        vendor: &str,
        model: &str,
        day: &str,
    ) -> Result<Option<Stated>, PriceListError> {
        match &self.0 {
            List::Litellm(table) => table.stated(vendor, model),
            List::ModelsDev(book) => book.stated(vendor, model),
            List::GenaiPrices(book) => book.stated(vendor, model, day),
        }
    }
}

/// A price that is stated; what is no number of at least 0 is refused.
fn exact(
    list: Format,
    model: &str,
    field: &str,
    text: Option<&str>,
    shift: i32,
) -> Result<Option<PicoUsdPerToken>, PriceListError> {
    let Some(text) = text.filter(|text| *text != "null") else { return Ok(None) };
    match decimal::scaled(text, shift) {
        Some(price) => Ok(Some(PicoUsdPerToken(price))),
        None => Err(PriceListError::NoPrice {
            list: list.name(),
            model: model.to_owned(),
            field: field.to_owned(),
            text: text.chars().take(60).collect(),
        }),
    }
}

/// A cache that is written for nothing is billed as plain input: no price of its own.
fn unless_free(price: Option<PicoUsdPerToken>) -> Option<PicoUsdPerToken> {
    price.filter(|price| price.0 > 0)
}

#[cfg(test)]
mod tests;
