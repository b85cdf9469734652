//! Who answers for a model that is gone: its successors at the same vendor, each with its own in turn,
//! then the very model at its maker, then what stands for its tier, there and elsewhere.

use terms::ids::{ModelName, ProviderName};

use crate::{
    catalog::{Catalog, ModelRef},
    resale::Reseller,
};

/// Successors of successors that are followed at most.
const GENERATIONS: usize = 4;

/// Who may answer for a model that is gone, as a route says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Successors {
    /// Its successor, else the best of its tier, whoever makes that.
    #[default]
    Any,
    /// Its successors at the same vendor.
    Family,
    /// Nobody.
    None,
}

/// The models that answer for `model` of `provider`, the best first. `providers` are the configured
/// ones, in order of preference.
pub fn heirs(
    provider: &ProviderName,
    model: &ModelName,
    providers: &[ProviderName],
    catalog: &Catalog,
    allowed: Successors,
) -> Vec<ModelRef> {
    let mut heirs = Vec::new();
    if allowed == Successors::None {
        return heirs;
    }
    // A second account has its vendor's names; a cloud has others, which cannot be made up.
    let vendor = match catalog.reseller(provider.as_str()) {
        None => Some(provider.as_str()),
        Some(Reseller::Of(vendor)) => Some(*vendor),
        Some(Reseller::Bedrock | Reseller::Vertex) => None,
    };
    // The same model elsewhere is an heir: it is gone at this provider only.
    let mut push = |at: &ProviderName, name: &ModelName| {
        let heir = ModelRef { provider: at.clone(), model: name.clone() };
        if (at, name) != (provider, model) && !heirs.contains(&heir) {
            heirs.push(heir);
        }
    };
    let made = makers(provider, model, vendor, catalog);
    if let Some(vendor) = vendor {
        let mut from = model.clone();
        for _ in 0..GENERATIONS {
            let Some(row) = catalog.successor(vendor, from.as_str()) else { break };
            push(provider, &row.to);
            from = row.to.clone();
        }
    }
    if allowed == Successors::Any
        && let Some(same) = made.iter().find(|at| {
            let is_listed = || catalog.listed(at.provider.as_str(), at.model.as_str()).is_some();
            providers.contains(&at.provider) && is_listed()
        })
    {
        push(&same.provider, &same.model);
    }
    if allowed == Successors::Any
        && let Some(tier) =
            made.iter().find_map(|at| catalog.tier(at.provider.as_str(), at.model.as_str()))
    {
        let here = tier.stand_in.iter().filter(|at| Some(at.provider.as_str()) == vendor);
        here.for_each(|at| push(provider, &at.model));
        let elsewhere =
            |at: &&ModelRef| at.provider != *provider && providers.contains(&at.provider);
        tier.stand_in.iter().filter(elsewhere).for_each(|at| push(&at.provider, &at.model));
    }
    heirs
}

/// The names under which the catalog may know the model.
fn makers(
    provider: &ProviderName,
    model: &ModelName,
    vendor: Option<&str>,
    catalog: &Catalog,
) -> Vec<ModelRef> {
    match vendor {
        Some(vendor) => vec![ModelRef { provider: vendor.into(), model: model.clone() }],
        None => catalog
            .reseller(provider.as_str())
            .map_or_else(Vec::new, |reseller| reseller.listed(model.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Successors, heirs};
    use crate::{catalog::Catalog, resale::Reseller};

    fn check(model: &str, providers: &[&str], allowed: Successors, expect: &[&str]) {
        let catalog = Catalog::built_in()
            .unwrap()
            .with_reseller("second".into(), Reseller::Of("anthropic"))
            .with_reseller("azure".into(), Reseller::Of("openai"))
            .with_reseller("cloud".into(), Reseller::Bedrock);
        let (provider, model) = model.split_once('/').unwrap();
        let providers: Vec<_> = providers.iter().map(|name| (*name).into()).collect();
        let heirs = heirs(&provider.into(), &model.into(), &providers, &catalog, allowed);
        let names: Vec<_> =
            heirs.iter().map(|heir| format!("{}/{}", heir.provider, heir.model)).collect();
        assert_eq!(names, expect, "{provider}/{model}");
    }

    #[test]
    fn the_family_first_then_the_tier() {
        let both = ["anthropic", "openai"];
        check(
            "anthropic/claude-sonnet-4-5-20250929",
            &both,
            Successors::Any,
            &["anthropic/claude-sonnet-4-6", "anthropic/claude-sonnet-5", "openai/gpt-5.4"],
        );
        check(
            "anthropic/claude-sonnet-4-5",
            &both,
            Successors::Family,
            &["anthropic/claude-sonnet-4-6", "anthropic/claude-sonnet-5"],
        );
        check("anthropic/claude-sonnet-4-5", &both, Successors::None, &[]);
    }

    #[test]
    fn without_a_successor_the_tier_answers_and_without_a_tier_nobody() {
        check(
            "openai/gpt-4.1-nano",
            &["anthropic", "openai"],
            Successors::Any,
            &["openai/gpt-5.4-mini", "anthropic/claude-haiku-4-5"],
        );
        check("openai/gpt-99", &["anthropic", "openai"], Successors::Any, &[]);
        check("openai/gpt-4.1-nano", &["openai"], Successors::Family, &[]);
    }

    #[test]
    fn a_second_account_keeps_its_vendors_names_and_a_cloud_goes_to_others() {
        check(
            "second/claude-haiku-4-5",
            &["second"],
            Successors::Any,
            &["second/claude-haiku-5-5"],
        );
        check(
            "cloud/eu.anthropic.claude-haiku-4-5-20251001-v1:0",
            &["cloud", "openai"],
            Successors::Any,
            &["openai/gpt-5.4-mini"],
        );
    }

    #[test]
    fn the_same_model_answers_where_another_account_has_it() {
        check(
            "azure/gpt-5.5",
            &["azure", "openai"],
            Successors::Any,
            &["azure/gpt-5.6", "openai/gpt-5.5"],
        );
        check("azure/gpt-4-turbo", &["azure", "openai"], Successors::Any, &["openai/gpt-4-turbo"]);
        check("azure/gpt-4-turbo", &["azure"], Successors::Any, &[]);
        check(
            "cloud/eu.anthropic.claude-haiku-4-5-20251001-v1:0",
            &["cloud", "anthropic"],
            Successors::Any,
            &["anthropic/claude-haiku-4-5-20251001", "anthropic/claude-haiku-4-5"],
        );
        check(
            "second/claude-haiku-4-5",
            &["second", "anthropic"],
            Successors::Any,
            &["second/claude-haiku-5-5", "anthropic/claude-haiku-4-5"],
        );
    }
}
