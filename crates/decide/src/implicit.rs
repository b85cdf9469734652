//! The implicit route of a catalog model: who answers to `claude-fable-5` when no config says so.
//! The model itself, then its successor at the same vendor, then the tier's stand-ins elsewhere.

use terms::ids::{ModelName, ProviderName};

use crate::catalog::{Catalog, ModelRef};

/// The targets of `asked`, in order; empty when no configured provider knows the model.
///
/// `asked` is a model's name, or `provider/model` to choose among several that serve it; a model
/// named with its provider needs no catalog entry. `providers` are the configured ones, in order of
/// preference.
pub fn implicit_route(asked: &str, providers: &[ProviderName], catalog: &Catalog) -> Vec<ModelRef> {
    let mut targets = own(asked, providers, catalog);
    let Some(first) = targets.first().cloned() else { return targets };
    if let Some(successor) = catalog.successor(first.provider.as_str(), first.model.as_str()) {
        push_new(&mut targets, &first.provider, &successor.to);
    }
    if let Some(tier) = catalog.tier(first.provider.as_str(), first.model.as_str()) {
        for stand_in in &tier.stand_in {
            if stand_in.provider != first.provider && providers.contains(&stand_in.provider) {
                push_new(&mut targets, &stand_in.provider, &stand_in.model);
            }
        }
    }
    targets
}

/// The configured providers that serve the very model.
///
/// Some providers' own names look like `provider/model`: `anthropic/claude-haiku-4.5` is `OpenRouter`'s.
/// Such a name is theirs unless the provider before the slash is known to have what stands behind it.
fn own(asked: &str, providers: &[ProviderName], catalog: &Catalog) -> Vec<ModelRef> {
    let named = asked.split_once('/').and_then(|(prefix, model)| {
        let provider = providers.iter().find(|provider| provider.as_str() == prefix)?;
        Some(ModelRef { provider: provider.clone(), model: model.into() })
    });
    if let Some(named) = &named
        && catalog.model(named.provider.as_str(), named.model.as_str()).is_some()
    {
        return vec![named.clone()];
    }
    let serves = |provider: &&ProviderName| catalog.listed(provider.as_str(), asked).is_some();
    let whole: Vec<ModelRef> = providers
        .iter()
        .filter(serves)
        .map(|provider| ModelRef { provider: provider.clone(), model: asked.into() })
        .collect();
    if whole.is_empty() { named.into_iter().collect() } else { whole }
}

fn push_new(targets: &mut Vec<ModelRef>, provider: &ProviderName, model: &ModelName) {
    let target = ModelRef { provider: provider.clone(), model: model.clone() };
    if !targets.contains(&target) {
        targets.push(target);
    }
}

#[cfg(test)]
mod tests {
    use super::implicit_route;
    use crate::catalog::Catalog;

    fn check(asked: &str, providers: &[&str], expect: &[&str]) {
        let providers: Vec<_> = providers.iter().map(|name| (*name).into()).collect();
        let targets = implicit_route(asked, &providers, &Catalog::built_in().unwrap());
        let names: Vec<_> =
            targets.iter().map(|target| format!("{}/{}", target.provider, target.model)).collect();
        assert_eq!(names, expect, "{asked}");
    }

    #[test]
    fn the_headline_case() {
        check(
            "claude-fable-5",
            &["anthropic", "openai"],
            &["anthropic/claude-fable-5", "anthropic/claude-opus-4-8", "openai/gpt-5.5"],
        );
        check(
            "claude-fable-5",
            &["anthropic"],
            &["anthropic/claude-fable-5", "anthropic/claude-opus-4-8"],
        );
    }

    #[test]
    fn other_vendors_stand_in_the_other_way_too() {
        check(
            "gpt-5.5",
            &["anthropic", "openai"],
            &["openai/gpt-5.5", "openai/gpt-5.6", "anthropic/claude-opus-4-8"],
        );
    }

    #[test]
    fn a_named_provider_needs_no_catalog_entry() {
        check("openai/gpt-99-preview", &["openai"], &["openai/gpt-99-preview"]);
        check("gpt-99-preview", &["openai"], &[]);
        check("claude-fable-5", &["openai"], &[]);
    }

    #[test]
    fn a_name_that_a_provider_has_whole_goes_there() {
        let both = ["anthropic", "openrouter"];
        let name = "anthropic/claude-haiku-4.5";
        check(name, &both, &["openrouter/anthropic/claude-haiku-4.5"]);
        check(name, &["anthropic"], &["anthropic/claude-haiku-4.5"]);
        let maker = ["anthropic/claude-haiku-4-5", "anthropic/claude-haiku-5-5"];
        check("anthropic/claude-haiku-4-5", &both, &maker);
    }
}
