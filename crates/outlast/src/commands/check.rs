//! `outlast check`: every problem of the config with its place, or what it amounts to.

use std::{path::Path, process::ExitCode, sync::Arc};

use clap::Args;
use decide::spray::Spray;
use gateway::{Provider, Route, Source};

use crate::{
    commands::ConfigArguments,
    config::{Config, Environment, is_web},
    terminal,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
}

pub(crate) fn run(arguments: &Arguments, environment: &Environment) -> ExitCode {
    match arguments.config.load(environment, &arguments.config.overrides()) {
        Ok(config) => {
            show(&config);
            ExitCode::SUCCESS
        }
        Err(problems) => {
            terminal::line(&problems.to_string());
            let count = problems.list.len();
            terminal::line(&format!("{count} problem{}", if count == 1 { "" } else { "s" }));
            ExitCode::FAILURE
        }
    }
}

fn show(config: &Config) {
    terminal::line(&format!(
        "gateway  {}\nconsole  {}\ndata     {}",
        config.listen,
        config.console,
        config.data.display()
    ));
    for provider in &config.providers {
        terminal::line(&format!("provider {} {}", provider.name, described(&provider.source)));
    }
    for route in &config.routes {
        terminal::line(&format!("route    {} → {}", route.name, led_to(route)));
    }
    let is_listed =
        |provider: &Arc<Provider>| !config.catalog.models_of(provider.name.as_str()).is_empty();
    let (listed, others): (Vec<_>, Vec<_>) = config.providers.iter().cloned().partition(is_listed);
    let names = |providers: &[Arc<Provider>]| {
        let names: Vec<&str> = providers.iter().map(|provider| provider.name.as_str()).collect();
        names.join(", ")
    };
    if !listed.is_empty() {
        terminal::line(&format!(
            "every catalog model of {} is a route, too; `outlast models NAME` shows its targets",
            names(&listed)
        ));
    }
    if !others.is_empty() {
        terminal::line(&format!(
            "models of {} are asked for as PROVIDER/MODEL, or by routes of yours: the catalog lists none there",
            names(&others)
        ));
    }
    if let Some(list) = &config.upkeep.price_list
        && !is_web(&list.from)
        && !Path::new(&list.from).is_file()
    {
        terminal::line(&format!(
            "warning: there is no file {}, the `source` of [prices], so that prices stay as they are",
            list.from
        ));
    }
    terminal::line("ok");
}

/// The targets in their order, or with their shares.
fn led_to(route: &Route) -> String {
    let names = route.targets.iter().map(|target| target.name.to_string());
    let how = match route.spray {
        Spray::Order => return names.collect::<Vec<_>>().join(" → "),
        Spray::Weights => "by weight",
        Spray::Adaptive => "adaptive",
    };
    let weights = route.weights.iter().copied().chain(std::iter::repeat(Some(1.0)));
    let shares: Vec<String> = names
        .zip(weights)
        .map(|(name, weight)| format!("{name} ({})", weight.unwrap_or_default()))
        .collect();
    format!("{how}: {}", shares.join(", "))
}

fn described(source: &Source) -> String {
    match source {
        Source::InProcess(_) => "(recorded answers): every dialect, within this process".to_owned(),
        Source::Remote { endpoints, keys } => {
            let key = match keys.len() {
                0 => "without a key".to_owned(),
                1 => "with a key".to_owned(),
                several => format!("with {several} keys"),
            };
            let spoken: Vec<_> = endpoints
                .iter()
                .map(|endpoint| format!("{} at {}", endpoint.dialect, endpoint.address.shown()))
                .collect();
            format!("({key}): {}", spoken.join(", "))
        }
    }
}
