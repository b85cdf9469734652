//! `outlast check`: every problem of the config with its place, or what it amounts to.

use std::process::ExitCode;

use clap::Args;

use crate::{
    commands::ConfigArguments,
    config::{Config, Environment},
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
        let spoken: Vec<_> = provider
            .endpoints
            .iter()
            .map(|endpoint| format!("{} at {}", endpoint.dialect, endpoint.uri))
            .collect();
        let key = if provider.credential.is_some() { "with a key" } else { "without a key" };
        terminal::line(&format!("provider {} ({key}): {}", provider.name, spoken.join(", ")));
    }
    for route in &config.routes {
        let targets: Vec<_> = route.targets.iter().map(|target| target.name.as_str()).collect();
        terminal::line(&format!("route    {} → {}", route.name, targets.join(" → ")));
    }
    terminal::line(
        "every catalog model of these providers is a route, too; `outlast models NAME` shows its targets",
    );
    terminal::line("ok");
}
