//! `outlast models`: what the catalog knows, and who stands in for whom.

use std::{process::ExitCode, sync::Arc};

use anyhow::bail;
use clap::Args;
use decide::{catalog::Catalog, implicit::implicit_route};
use gateway::Route;
use terms::{ids::ProviderName, model::Model, money::thousands};

use crate::{
    commands::ConfigArguments,
    config::{Environment, VENDORS},
    terminal,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// A model: shows who answers for it, in order, with the providers that are configured
    name: Option<String>,
    /// Only models of this provider
    #[arg(long)]
    provider: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let (providers, routes, catalog) = known(arguments, environment)?;
    match &arguments.name {
        Some(name) => match routes.iter().find(|route| answers_to(route.name.as_str(), name)) {
            Some(route) => configured(route),
            None => explain(name, &providers, &catalog)?,
        },
        None => list(arguments.provider.as_deref(), &catalog)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether a configured route, which stands above the catalog's, is asked for by this name.
fn answers_to(route: &str, name: &str) -> bool {
    route.strip_suffix('*').map_or(route == name, |prefix| name.starts_with(prefix))
}

fn configured(route: &Route) {
    for (index, target) in route.targets.iter().enumerate() {
        let price =
            target.known.as_ref().map_or_else(String::new, |model| format!("  {}", price(model)));
        terminal::line(&format!("{}. {}{price}", index + 1, target.name));
    }
    terminal::line(&format!("the route `{}` of the config", route.name));
}

/// What is configured, and what is known of the models. Without any config, all known vendors, to show
/// what would be; a config with problems is told, not passed over.
fn known(arguments: &Arguments, environment: &Environment) -> anyhow::Result<Known> {
    match arguments.config.load(environment, &arguments.config.overrides()) {
        Ok(config) => {
            let names = config.providers.iter().map(|provider| provider.name.clone());
            Ok((names.collect(), config.routes.clone(), config.catalog))
        }
        Err(problems) if arguments.config.is_there() => Err(problems.into()),
        Err(_) => {
            let names = VENDORS.iter().map(|vendor| vendor.name.into());
            Ok((names.collect(), Vec::new(), Arc::new(Catalog::built_in()?)))
        }
    }
}

type Known = (Vec<ProviderName>, Vec<Route>, Arc<Catalog>);

fn explain(name: &str, providers: &[ProviderName], catalog: &Catalog) -> anyhow::Result<()> {
    let targets = implicit_route(name, providers, catalog);
    let Some(first) = targets.first() else {
        bail!(
            "no configured provider has a model `{name}`; `outlast models` lists what the catalog knows"
        );
    };
    for (index, target) in targets.iter().enumerate() {
        let price = catalog
            .model(target.provider.as_str(), target.model.as_str())
            .map_or_else(String::new, |model| format!("  {}", price(model)));
        terminal::line(&format!("{}. {}/{}{price}", index + 1, target.provider, target.model));
    }
    if let Some(row) = catalog.successor(first.provider.as_str(), first.model.as_str()) {
        terminal::line(&format!(
            "successor {} ({}; table of {})",
            row.to,
            row.source,
            catalog.successors_as_of()
        ));
    }
    if let Some(tier) = catalog.tier(first.provider.as_str(), first.model.as_str()) {
        terminal::line(&format!("tier {} ({})", tier.name, tier.source));
    }
    Ok(())
}

fn list(provider: Option<&str>, catalog: &Catalog) -> anyhow::Result<()> {
    if let Some(name) = provider
        && !VENDORS.iter().any(|vendor| vendor.name == name)
    {
        let known: Vec<_> = VENDORS.iter().map(|vendor| vendor.name).collect();
        bail!("the catalog knows no vendor `{name}`; known: {}", known.join(", "));
    }
    let head =
        ["provider", "model", "$/M in", "$/M out", "context", "tier", "successor", "retires"]
            .map(str::to_owned)
            .to_vec();
    let mut rows = vec![head];
    for vendor in VENDORS.iter().filter(|vendor| provider.is_none_or(|name| name == vendor.name)) {
        for model in catalog.models_of(vendor.name) {
            let name = model.name.as_str();
            rows.push(vec![
                vendor.name.to_owned(),
                name.to_owned(),
                format!("{:.2}", model.prices.input.usd_per_million()),
                format!("{:.2}", model.prices.output.usd_per_million()),
                thousands(model.context_window),
                catalog.tier(vendor.name, name).map_or_else(String::new, |tier| tier.name.clone()),
                catalog
                    .successor(vendor.name, name)
                    .map_or_else(String::new, |row| row.to.to_string()),
                model.retires.clone().unwrap_or_default(),
            ]);
        }
    }
    terminal::line(terminal::table(&rows, &[2, 3, 4]).trim_end());
    terminal::line(&format!(
        "list prices of {}; tiers and successors of {}",
        catalog.as_of(),
        catalog.successors_as_of()
    ));
    Ok(())
}

fn price(model: &Model) -> String {
    format!(
        "${:.2} in, ${:.2} out per million tokens",
        model.prices.input.usd_per_million(),
        model.prices.output.usd_per_million()
    )
}
