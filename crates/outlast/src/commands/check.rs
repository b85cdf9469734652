//! `outlast check`: every problem of the config with its place, or what it amounts to.

use std::process::ExitCode;

use clap::Args;
use gateway::Source;

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
        terminal::line(&format!("provider {} {}", provider.name, described(&provider.source)));
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

fn described(source: &Source) -> String {
    match source {
        Source::InProcess(_) => "(recorded answers): every dialect, within this process".to_owned(),
        Source::Remote { endpoints, credential } => {
            let key = if credential.is_some() { "with a key" } else { "without a key" };
            let spoken: Vec<_> = endpoints
                .iter()
                .map(|endpoint| format!("{} at {}", endpoint.dialect, endpoint.address.shown()))
                .collect();
            format!("({key}): {}", spoken.join(", "))
        }
    }
}
