//! The second source: genai-prices (MIT), used only to check the first. Prices are dollars per
//! million tokens; a model is found by the source's own matching rules.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    decimal::{PER_MILLION, scaled},
    entry::Quote,
    vendors,
};

/// The whole list, and the day whose prices are wanted.
#[derive(Debug)]
pub(super) struct Book {
    providers: Vec<Provider>,
    as_of: String,
}

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
    /// Not followed: a few rules only, and a miss merely leaves a model unchecked.
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
    input: Option<Price>,
    #[serde(rename = "output_mtok")]
    output: Option<Price>,
    #[serde(rename = "cache_read_mtok")]
    cache_read: Option<Price>,
    #[serde(rename = "cache_write_mtok")]
    cache_write: Option<Price>,
}

/// A number, or an object whose `base` is the price below the first step.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Price(Box<RawValue>);

#[derive(Debug, Deserialize)]
struct Stepped {
    base: Box<RawValue>,
}

impl Price {
    fn exact(&self) -> Option<u64> {
        match serde_json::from_str::<Stepped>(self.0.get()) {
            Ok(stepped) => scaled(stepped.base.get(), PER_MILLION).ok(),
            Err(_) => scaled(self.0.get(), PER_MILLION).ok(),
        }
    }
}

impl Book {
    pub(super) fn read(path: &Path, as_of: &str) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let providers = serde_json::from_str(&text)
            .with_context(|| format!("cannot parse {}", path.display()))?;
        Ok(Self { providers, as_of: as_of.to_owned() })
    }

    /// What this source says that a model costs on the day.
    pub(super) fn quote(&self, vendor: &str, name: &str) -> Option<Quote> {
        let theirs = vendors::by_name(vendor)?.genai?;
        let provider = self.providers.iter().find(|provider| provider.id == theirs)?;
        let model = provider.models.iter().find(|model| model.rule.matches(name))?;
        let prices = self.prices_of_the_day(model)?;
        let exact = |price: &Option<Price>| price.as_ref().and_then(Price::exact);
        Some(Quote {
            input: exact(&prices.input),
            output: exact(&prices.output),
            cache_read: exact(&prices.cache_read),
            cache_write_5m: exact(&prices.cache_write),
        })
    }

    /// The last set that holds for the day; sets for hours of the day are left out.
    fn prices_of_the_day(&self, model: &Model) -> Option<Prices> {
        let Ok(sets) = serde_json::from_str::<Vec<Dated>>(model.prices.get()) else {
            return serde_json::from_str(model.prices.get()).ok();
        };
        let holds = |set: &Dated| match &set.constraint {
            None => true,
            Some(constraint) => {
                constraint.start_date.as_ref().is_some_and(|start| *start <= self.as_of)
            }
        };
        sets.into_iter().rfind(holds).map(|set| set.prices)
    }
}

#[cfg(test)]
mod tests {
    use super::{Book, Provider};

    #[test]
    fn the_price_of_the_day_is_found_by_the_rules_of_the_source() {
        let providers: Vec<Provider> = serde_json::from_str(
            r#"[{"id": "openai", "models": [{"match": {"or": [{"equals": "m"}, {"starts_with": "m-"}]},
                "prices": [{"prices": {"input_mtok": {"base": 0.5, "tiers": []}}},
                    {"constraint": {"start_date": "2026-09-01"}, "prices": {"input_mtok": 0.7}},
                    {"constraint": {"start_date": "2027-01-01"}, "prices": {"input_mtok": 0.9}}]}]}]"#,
        )
        .unwrap();
        let mut book = Book { providers, as_of: "2026-11-20".into() };
        assert_eq!(book.quote("openai", "m-1").unwrap().input, Some(700_000));
        book.as_of = "2026-01-01".into();
        assert_eq!(book.quote("openai", "m").unwrap().input, Some(500_000));
        assert_eq!(book.quote("openai", "n"), None);
    }
}
