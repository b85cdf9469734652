//! The model catalog: facts and list prices, made by `cargo xtask catalog`, and the hand-kept table
//! of tiers and successors. Parsed from text; knows nothing of which providers are configured.

use std::collections::HashMap;

use serde::Deserialize;
use terms::{
    ids::{ModelName, ProviderName},
    model::{Capabilities, LongContext, Model, Prices},
    money::PicoUsdPerToken,
};
use thiserror::Error;

use crate::resale::Reseller;

/// Why a catalog cannot be used.
#[derive(Debug, Error)]
pub enum CatalogError {
    /// A line of the model list does not parse.
    #[error("models.jsonl, line {line}: {source}")]
    Models {
        /// 1-based line.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The model list has no header line.
    #[error("models.jsonl has no header line")]
    NoHeader,
    /// The table of tiers and successors does not parse.
    #[error("successors.toml: {0}")]
    Successors(#[from] toml::de::Error),
}

/// A model as its provider names it, by value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub struct ModelRef {
    /// Who serves it.
    pub provider: ProviderName,
    /// Its name there.
    pub model: ModelName,
}

/// Models that a caller of one would accept from another, across vendors.
#[derive(Debug, Clone, Deserialize)]
pub struct Tier {
    /// `frontier`, `standard`, `fast`.
    pub name: String,
    /// Where the judgement comes from.
    pub source: String,
    /// Per vendor, in order of preference, the model that answers for callers of another vendor.
    pub stand_in: Vec<ModelRef>,
    members: Vec<Members>,
}

#[derive(Debug, Clone, Deserialize)]
struct Members {
    provider: ProviderName,
    models: Vec<ModelName>,
}

/// Who answers at the same vendor when a model is gone.
#[derive(Debug, Clone, Deserialize)]
pub struct Successor {
    /// The vendor.
    pub provider: ProviderName,
    /// The model that is gone.
    pub from: ModelName,
    /// The model that answers instead.
    pub to: ModelName,
    /// Where the row comes from.
    pub source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SuccessorFile {
    as_of: String,
    tier: Vec<Tier>,
    successor: Vec<Successor>,
}

#[derive(Debug, Deserialize)]
struct Header {
    as_of: String,
}

/// One line of `models.jsonl`; prices are micro-USD per million tokens.
#[derive(Debug, Deserialize)]
struct Line {
    provider: ProviderName,
    name: ModelName,
    #[serde(default)]
    context: u64,
    #[serde(default)]
    max_output: u64,
    #[serde(default)]
    input: PicoUsdPerToken,
    #[serde(default)]
    output: PicoUsdPerToken,
    cache_read: Option<PicoUsdPerToken>,
    cache_write_5m: Option<PicoUsdPerToken>,
    cache_write_1h: Option<PicoUsdPerToken>,
    reasoning: Option<PicoUsdPerToken>,
    long: Option<LongLine>,
    #[serde(default)]
    can: Vec<String>,
    retires: Option<String>,
}

#[derive(Debug, Deserialize)]
struct LongLine {
    over: u64,
    input: PicoUsdPerToken,
    output: PicoUsdPerToken,
    cache_read: Option<PicoUsdPerToken>,
}

/// The catalog in memory.
#[derive(Debug, Clone)]
pub struct Catalog {
    as_of: String,
    successors_as_of: String,
    models: HashMap<ProviderName, HashMap<ModelName, Model>>,
    resellers: HashMap<ProviderName, Reseller>,
    tiers: Vec<Tier>,
    successors: Vec<Successor>,
}

impl Catalog {
    /// The catalog that this build carries.
    pub fn built_in() -> Result<Self, CatalogError> {
        Self::parse(
            include_str!("../catalog/models.jsonl"),
            include_str!("../catalog/successors.toml"),
        )
    }

    /// Reads both files.
    pub fn parse(models_jsonl: &str, successors_toml: &str) -> Result<Self, CatalogError> {
        let mut lines = models_jsonl.lines().enumerate().filter(|(_, line)| !line.is_empty());
        let (_, header) = lines.next().ok_or(CatalogError::NoHeader)?;
        let header: Header = serde_json::from_str(header)
            .map_err(|source| CatalogError::Models { line: 1, source })?;
        let mut models: HashMap<ProviderName, HashMap<ModelName, Model>> = HashMap::new();
        for (index, line) in lines {
            let line: Line = serde_json::from_str(line)
                .map_err(|source| CatalogError::Models { line: index + 1, source })?;
            let model = model_of(line);
            models.entry(model.provider.clone()).or_default().insert(model.name.clone(), model);
        }
        let table: SuccessorFile = toml::from_str(successors_toml)?;
        Ok(Self {
            as_of: header.as_of,
            successors_as_of: table.as_of,
            models,
            resellers: HashMap::new(),
            tiers: table.tier,
            successors: table.successor,
        })
    }

    /// The date of the price list; also its version.
    pub fn as_of(&self) -> &str {
        &self.as_of
    }

    /// The date of the table of tiers and successors.
    pub fn successors_as_of(&self) -> &str {
        &self.successors_as_of
    }

    /// The same catalog, where a provider serves the models of others.
    #[must_use]
    pub fn with_reseller(mut self, provider: ProviderName, reseller: Reseller) -> Self {
        self.resellers.insert(provider, reseller);
        self
    }

    /// How a provider serves the models of others, if it does.
    pub fn reseller(&self, provider: &str) -> Option<&Reseller> {
        self.resellers.get(provider)
    }

    /// What is known of a model at a provider, also under the name that its maker gave it.
    pub fn model(&self, provider: &str, name: &str) -> Option<&Model> {
        self.listed(provider, name).or_else(|| {
            let named = self.resellers.get(provider)?.listed(name);
            named.iter().find_map(|at| self.listed(at.provider.as_str(), at.model.as_str()))
        })
    }

    /// A model that the catalog lists at this very provider.
    pub fn listed(&self, provider: &str, name: &str) -> Option<&Model> {
        self.models.get(provider)?.get(name)
    }

    /// Every provider that the catalog lists models of.
    pub fn providers(&self) -> impl Iterator<Item = &ProviderName> {
        self.models.keys()
    }

    /// Every model of a provider, by name.
    pub fn models_of(&self, provider: &str) -> Vec<&Model> {
        let mut models: Vec<&Model> =
            self.models.get(provider).map(|models| models.values().collect()).unwrap_or_default();
        models.sort_by(|a, b| a.name.cmp(&b.name));
        models
    }

    /// Who answers at the same vendor when `model` is gone; a dated name counts as the one without its
    /// date where it has no row of its own.
    pub fn successor(&self, provider: &str, model: &str) -> Option<&Successor> {
        let row_of = |name: &str| {
            let mut rows = self.successors.iter();
            rows.find(|row| row.provider.as_str() == provider && row.from.as_str() == name)
        };
        row_of(model).or_else(|| row_of(undated(model)?))
    }

    /// The tier that a model belongs to; dated names as in [`Catalog::successor`].
    pub fn tier(&self, provider: &str, model: &str) -> Option<&Tier> {
        let tier_of = |name: &str| {
            self.tiers.iter().find(|tier| {
                tier.members.iter().any(|members| {
                    members.provider.as_str() == provider
                        && members.models.iter().any(|member| member.as_str() == name)
                })
            })
        };
        tier_of(model).or_else(|| tier_of(undated(model)?))
    }

    /// Every tier.
    pub fn tiers(&self) -> &[Tier] {
        &self.tiers
    }

    /// Every row of the successor table.
    pub fn successors(&self) -> &[Successor] {
        &self.successors
    }
}

/// `claude-sonnet-4-5` of `claude-sonnet-4-5-20250929`, `gpt-5` of `gpt-5-2025-08-07`.
fn undated(model: &str) -> Option<&str> {
    let is_date = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(byte, like)| match like {
                b'0' => byte.is_ascii_digit(),
                like => byte == like,
            })
    };
    ["-00000000", "-0000-00-00"].into_iter().find_map(|shape| {
        let at = model.len().checked_sub(shape.len())?;
        let (name, date) = (model.get(..at)?, model.get(at..)?);
        is_date(date, shape).then_some(name)
    })
}

fn model_of(line: Line) -> Model {
    let can = |word: &str| line.can.iter().any(|capability| capability == word);
    Model {
        capabilities: Capabilities {
            images: can("images"),
            tools: can("tools"),
            json_schema: can("json_schema"),
            reasoning: can("reasoning"),
            sampling: can("sampling"),
            prefill: can("prefill"),
        },
        provider: line.provider,
        name: line.name,
        context_window: line.context,
        max_output: line.max_output,
        prices: Prices {
            input: line.input,
            output: line.output,
            cache_read: line.cache_read,
            cache_write_5m: line.cache_write_5m,
            cache_write_1h: line.cache_write_1h,
            reasoning: line.reasoning,
            long_context: line.long.map(|long| LongContext {
                threshold: long.over,
                input: long.input,
                output: long.output,
                cache_read: long.cache_read,
            }),
        },
        retires: line.retires,
    }
}

#[cfg(test)]
mod tests {
    use super::Catalog;

    #[test]
    fn the_built_in_catalog_parses_and_every_successor_is_a_known_model() {
        let catalog = Catalog::built_in().unwrap();
        for row in catalog.successors() {
            for name in [&row.from, &row.to] {
                assert!(
                    catalog.model(row.provider.as_str(), name.as_str()).is_some(),
                    "{}/{name} of the successor table is not in the catalog",
                    row.provider
                );
            }
        }
        for tier in catalog.tiers() {
            for stand_in in &tier.stand_in {
                assert!(
                    catalog.model(stand_in.provider.as_str(), stand_in.model.as_str()).is_some(),
                    "stand-in {}/{} of tier {} is not in the catalog",
                    stand_in.provider,
                    stand_in.model,
                    tier.name
                );
            }
        }
    }
}
