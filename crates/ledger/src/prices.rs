//! The price book: what a model costs at a provider, with the version that is recorded beside every
//! cost. A model that nobody knows is never free.

use std::collections::HashMap;

use decide::{catalog::Catalog, price, resale::Reseller};
use terms::{
    event::ASSUMED_PRICES,
    ids::{ModelName, ProviderName},
    model::Prices,
    money::{NanoUsd, PicoUsdPerToken},
    usage::Usage,
};

/// Assumed for a model without a known price: $5 in and $25 out per million tokens, the list price
/// of a large model, so that a forgotten price shows as too dear rather than as nothing.
const ASSUMED: Prices = Prices {
    input: PicoUsdPerToken(5_000_000),
    output: PicoUsdPerToken(25_000_000),
    cache_read: None,
    cache_write_5m: None,
    cache_write_1h: None,
    reasoning: None,
    long_context: None,
};

/// Prices by provider and model.
#[derive(Debug, Clone, Default)]
pub struct PriceBook {
    version: String,
    prices: HashMap<ProviderName, HashMap<ModelName, Prices>>,
    own: HashMap<ProviderName, HashMap<ModelName, Prices>>,
    /// Providers whose models are listed under their makers' names, if at all.
    resellers: HashMap<ProviderName, Reseller>,
    makers: HashMap<ProviderName, HashMap<ModelName, Prices>>,
}

/// A price and the version it comes from.
#[derive(Debug, Clone, Copy)]
pub struct Quote<'a> {
    /// Per token and bucket.
    pub prices: &'a Prices,
    /// `2026-11-20`, `config`, or `assumed`.
    pub version: &'a str,
}

impl Quote<'_> {
    /// Whether nobody knows the price.
    pub fn is_assumed(&self) -> bool {
        self.version == ASSUMED_PRICES
    }
}

impl PriceBook {
    /// List prices of these providers from the catalog.
    pub fn from_catalog<'a>(
        catalog: &Catalog,
        providers: impl Iterator<Item = &'a ProviderName>,
    ) -> Self {
        let listed = |provider: &ProviderName| {
            let models = catalog.models_of(provider.as_str());
            models.into_iter().map(|model| (model.name.clone(), model.prices)).collect()
        };
        let mut book = Self { version: catalog.as_of().to_owned(), ..Self::default() };
        for provider in providers {
            book.prices.insert(provider.clone(), listed(provider));
            if let Some(reseller) = catalog.reseller(provider.as_str()) {
                book.resellers.insert(provider.clone(), reseller.clone());
                for maker in catalog.providers() {
                    book.makers.entry(maker.clone()).or_insert_with(|| listed(maker));
                }
            }
        }
        book
    }

    /// The same list of prices as another version: with these in the place of the catalog's.
    #[must_use]
    pub fn with_version<'a>(
        mut self,
        version: &str,
        prices: impl IntoIterator<Item = (&'a ProviderName, &'a ModelName, &'a Prices)>,
    ) -> Self {
        version.clone_into(&mut self.version);
        for (provider, model, prices) in prices {
            for listed in [&mut self.prices, &mut self.makers] {
                if let Some(models) = listed.get_mut(provider) {
                    models.insert(model.clone(), *prices);
                }
            }
        }
        self
    }

    /// Sets a price by hand; stands above the catalog.
    pub fn set(&mut self, provider: ProviderName, model: ModelName, prices: Prices) {
        self.own.entry(provider).or_default().insert(model, prices);
    }

    /// The price of a model. A name of `*` set by hand holds for all models of a provider.
    pub fn quote(&self, provider: &ProviderName, model: &ModelName) -> Quote<'_> {
        let own =
            self.own.get(provider).and_then(|models| models.get(model).or_else(|| models.get("*")));
        if let Some(prices) = own {
            return Quote { prices, version: "config" };
        }
        let listed = self.prices.get(provider).and_then(|models| models.get(model));
        match listed.or_else(|| self.maker_price(provider, model)) {
            Some(prices) => Quote { prices, version: &self.version },
            None => Quote { prices: &ASSUMED, version: ASSUMED_PRICES },
        }
    }

    /// The list price of the maker whose model a provider serves.
    fn maker_price(&self, provider: &ProviderName, model: &ModelName) -> Option<&Prices> {
        let named = self.resellers.get(provider)?.listed(model.as_str());
        named.iter().find_map(|at| self.makers.get(&at.provider)?.get(&at.model))
    }
}

impl Quote<'_> {
    /// What this usage costs.
    pub fn cost(&self, usage: &Usage) -> NanoUsd {
        price::cost(usage, self.prices)
    }
}

#[cfg(test)]
mod tests {
    use decide::{catalog::Catalog, resale::Reseller};
    use terms::{
        model::Prices,
        money::{NanoUsd, PicoUsdPerToken},
        usage::Usage,
    };

    use super::PriceBook;

    #[test]
    fn an_unknown_model_is_never_free_and_a_price_set_by_hand_stands_above_all() {
        let mut book = PriceBook::default();
        let usage = Usage { uncached_in: 1_000_000, ..Usage::default() };
        let quote = book.quote(&"vendor".into(), &"new".into());
        assert_eq!((quote.version, quote.cost(&usage)), ("assumed", NanoUsd(5_000_000_000)));
        book.set("vendor".into(), "*".into(), Prices::default());
        let quote = book.quote(&"vendor".into(), &"new".into());
        assert_eq!((quote.version, quote.cost(&usage)), ("config", NanoUsd::ZERO));
    }

    #[test]
    fn a_new_version_holds_for_its_models_and_for_who_serves_them() {
        let (cloud, maker) = ("cloud".into(), "anthropic".into());
        let catalog = Catalog::built_in().unwrap().with_reseller("cloud".into(), Reseller::Bedrock);
        let book = PriceBook::from_catalog(&catalog, [&cloud, &maker].into_iter());
        let listed = catalog.model("anthropic", "claude-opus-4-6").unwrap().prices;
        let dearer = Prices { input: PicoUsdPerToken(listed.input.0 + 1), ..listed };
        let model = "claude-opus-4-6".into();
        let new = book.clone().with_version("2026-11-21.1", [(&maker, &model, &dearer)]);
        for (provider, name) in
            [(&maker, "claude-opus-4-6"), (&cloud, "eu.anthropic.claude-opus-4-6-v1:0")]
        {
            let quote = new.quote(provider, &name.into());
            assert_eq!((quote.version, *quote.prices), ("2026-11-21.1", dearer));
            assert_eq!(*book.quote(provider, &name.into()).prices, listed);
        }
        let other = new.quote(&maker, &"claude-opus-4-8".into());
        assert_eq!(other.prices, book.quote(&maker, &"claude-opus-4-8".into()).prices);
    }

    #[test]
    fn what_a_cloud_serves_costs_what_its_maker_lists() {
        let cloud = "cloud".into();
        let catalog = Catalog::built_in().unwrap().with_reseller("cloud".into(), Reseller::Bedrock);
        let book = PriceBook::from_catalog(&catalog, [&cloud].into_iter());
        let quote = book.quote(&cloud, &"eu.anthropic.claude-opus-4-6-v1:0".into());
        let listed = catalog.model("anthropic", "claude-opus-4-6").unwrap();
        assert_eq!((quote.version, *quote.prices), (catalog.as_of(), listed.prices));
        assert_eq!(book.quote(&cloud, &"amazon.nova-pro-v1:0".into()).version, "assumed");
    }
}
