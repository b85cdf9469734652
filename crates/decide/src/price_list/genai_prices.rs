//! genai-prices' `data.json`: a list of providers whose models are found by the list's own rules, with
//! prices that may hold from a day on. Prices are dollars per million tokens.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Format, PriceListError, Stated, decimal::PER_MILLION, exact, unless_free, vendors};

const LIST: Format = Format::GenaiPrices;

/// The whole list.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Book(Vec<Provider>);

#[derive(Debug, Deserialize)]
struct Provider {
    id: String,
    models: Vec<Model>,
}

#[derive(Debug, Deserialize)]
struct Model {
    #[serde(rename = "match")]
    rule: Rule,
    /// Either one set of prices or a list of sets, each with a constraint.
    prices: Box<RawValue>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Rule {
    Equals(String),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    /// Not followed: a few rules only, and a miss merely leaves a model as it was.
    Regex(#[allow(dead_code, reason = "parsed so that the list is, never followed")] String),
    Or(Vec<Rule>),
    And(Vec<Rule>),
}

impl Rule {
    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Equals(text) => name == text,
            Self::StartsWith(text) => name.starts_with(text),
            Self::EndsWith(text) => name.ends_with(text),
            Self::Contains(text) => name.contains(text),
            Self::Regex(_) => false,
            Self::Or(rules) => rules.iter().any(|rule| rule.matches(name)),
            Self::And(rules) => rules.iter().all(|rule| rule.matches(name)),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Dated {
    constraint: Option<Constraint>,
    prices: Prices,
}

#[derive(Debug, Deserialize)]
struct Constraint {
    start_date: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Prices {
    #[serde(rename = "input_mtok")]
    input: Option<Box<RawValue>>,
    #[serde(rename = "output_mtok")]
    output: Option<Box<RawValue>>,
    #[serde(rename = "cache_read_mtok")]
    cache_read: Option<Box<RawValue>>,
    #[serde(rename = "cache_write_mtok")]
    cache_write: Option<Box<RawValue>>,
}

/// A price by steps, of which the first is taken.
#[derive(Debug, Deserialize)]
struct Stepped<'a> {
    #[serde(borrow)]
    base: &'a RawValue,
}

impl Book {
    pub(super) fn read(text: &str) -> Result<Self, PriceListError> {
        let book: Self =
            serde_json::from_str(text).map_err(|failure| match failure.classify() {
                serde_json::error::Category::Data => PriceListError::Damaged(LIST.name(), failure),
                _ => PriceListError::NotJson(failure),
            })?;
        if book.0.is_empty() { Err(PriceListError::UnknownShape) } else { Ok(book) }
    }

    pub(super) fn stated(
        &self,
        vendor: &str,
        model: &str,
        day: &str,
    ) -> Result<Option<Stated>, PriceListError> {
        let theirs = vendors::by_name(vendor).map(|vendor| vendor.genai);
        let provider = self.0.iter().find(|provider| Some(provider.id.as_str()) == theirs);
        let found = provider
            .and_then(|provider| provider.models.iter().find(|listed| listed.rule.matches(model)));
        let Some(prices) = found.and_then(|listed| prices_of(listed, day)) else { return Ok(None) };
        let price = |field: &str, text: &Option<Box<RawValue>>| {
            let text = text.as_ref().map(|text| {
                let stepped = serde_json::from_str::<Stepped<'_>>(text.get());
                stepped.map_or(text.get(), |stepped| stepped.base.get())
            });
            exact(LIST, model, field, text, PER_MILLION)
        };
        Ok(Some(Stated {
            input: price("input_mtok", &prices.input)?,
            output: price("output_mtok", &prices.output)?,
            cache_read: price("cache_read_mtok", &prices.cache_read)?,
            cache_write_5m: unless_free(price("cache_write_mtok", &prices.cache_write)?),
            ..Stated::default()
        }))
    }
}

/// The last set that holds on the day; sets for hours of the day are left out.
fn prices_of(listed: &Model, day: &str) -> Option<Prices> {
    let Ok(sets) = serde_json::from_str::<Vec<Dated>>(listed.prices.get()) else {
        return serde_json::from_str(listed.prices.get()).ok();
    };
    let holds = |set: &Dated| match &set.constraint {
        None => true,
        Some(constraint) => {
            constraint.start_date.as_ref().is_some_and(|start| start.as_str() <= day)
        }
    };
    sets.into_iter().rfind(holds).map(|set| set.prices)
}
