//! The commands, one file each. This list is the only place that names them all.

mod breaker;
mod chaos;
mod check;
mod demo;
mod distill;
mod explain;
mod incidents;
mod key;
mod models;
mod pipeline;
mod prices;
mod serve;
mod sessions;
mod step;
mod task;
mod usage;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, ensure};
use clap::{Args, Parser, Subcommand};
use store::Store;

use crate::{
    config::{Config, Environment, Overrides, Problems},
    data_folder::STORE_FILE,
};

/// The AI stack that outlasts its models.
#[derive(Debug, Parser)]
#[command(name = "outlast", version, about, disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch it work: simulated vendors, live traffic, an outage. Needs no key and no config.
    Demo(demo::Arguments),
    /// Run the gateway and the console.
    Serve(serve::Arguments),
    /// Check the config and show what it amounts to.
    Check(check::Arguments),
    /// Make a small model of a narrow task, measured, with a verdict.
    Distill(distill::Arguments),
    /// Run pipelines, and show, list and cancel their runs.
    Pipeline(pipeline::Arguments),
    /// Run one step of a distillation over files.
    Step(step::Arguments),
    /// Make, list and disable the keys that callers use.
    Key(key::Arguments),
    /// Show who spent what, on which models, when.
    Usage(usage::Arguments),
    /// Show the way of one request: the plan, every attempt, wait and skip, and why.
    Explain(explain::Arguments),
    /// Inject faults on purpose, for game days.
    Chaos(chaos::Arguments),
    /// Put a distilled student into service: `task:NAME` is answered by it from then on.
    Deploy(task::DeployArguments),
    /// Take a task's student away: its teacher answers, callers change nothing.
    Undeploy(task::TaskArguments),
    /// Bring back what answered a task before the last change.
    Rollback(task::TaskArguments),
    /// List the tasks and who answers them.
    Tasks(task::ListArguments),
    /// Show the sessions that run, and for how long and how much on their own.
    Sessions(sessions::Arguments),
    /// Answer a session that ran on its own past its limit: go on, or stop.
    Breaker(breaker::Arguments),
    /// Show targets that answer otherwise than they did, and close such an incident.
    Incidents(incidents::Arguments),
    /// Show models, their prices, how long they last and who stands in for them; hold one in its place.
    Models(models::Arguments),
    /// Show the prices in force, read a published price list, decide about prices that wait.
    Prices(prices::Arguments),
}

/// Where the config is and what stands above it; every command takes these.
#[derive(Debug, Args)]
struct ConfigArguments {
    /// The config file [default: outlast.toml, or the environment alone where there is none]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder, above the config's
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

impl ConfigArguments {
    fn path(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| PathBuf::from("outlast.toml"))
    }

    /// Whether there is a config file, or one was asked for.
    fn is_there(&self) -> bool {
        self.config.is_some() || self.path().exists()
    }

    fn overrides(&self) -> Overrides {
        Overrides { data: self.data.clone(), ..Overrides::default() }
    }

    fn load(&self, environment: &Environment, overrides: &Overrides) -> Result<Config, Problems> {
        Config::load(&self.path(), self.config.is_some(), environment, overrides)
    }

    /// The books, where a process has begun them.
    async fn books(&self, environment: &Environment) -> anyhow::Result<Store> {
        let path = self.data_folder(environment)?.join(STORE_FILE);
        ensure!(
            path.exists(),
            "there are no books at {} yet; `outlast serve` begins them",
            path.display()
        );
        Store::open(&path).await.context("the store cannot be opened")
    }

    /// The data folder, for commands that need nothing else: a config with problems, or none, is no
    /// reason to refuse them.
    fn data_folder(&self, environment: &Environment) -> anyhow::Result<PathBuf> {
        if let Some(data) = &self.data {
            return Ok(data.clone());
        }
        match Config::data_folder(&self.path(), self.config.is_some(), environment) {
            Ok(data) => Ok(data),
            Err(problems) => Err(problems.into()),
        }
    }
}

/// Reads the command line and runs what it asks for.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let environment = Environment::of_this_process();
    match CommandLine::parse().command {
        Command::Demo(arguments) => demo::run(&arguments, &environment),
        Command::Serve(arguments) => serve::run(&arguments, environment),
        Command::Check(arguments) => Ok(check::run(&arguments, &environment)),
        Command::Distill(arguments) => distill::run(&arguments, &environment),
        Command::Pipeline(arguments) => pipeline::run(&arguments, &environment),
        Command::Step(arguments) => step::run(&arguments, &environment),
        Command::Key(arguments) => key::run(&arguments, &environment),
        Command::Usage(arguments) => usage::run(&arguments, &environment),
        Command::Explain(arguments) => explain::run(&arguments, &environment),
        Command::Chaos(arguments) => chaos::run(&arguments, &environment),
        Command::Deploy(arguments) => task::deploy(&arguments, &environment),
        Command::Undeploy(arguments) => task::undeploy(&arguments, &environment),
        Command::Rollback(arguments) => task::roll_back(&arguments, &environment),
        Command::Tasks(arguments) => task::list(&arguments, &environment),
        Command::Sessions(arguments) => sessions::run(&arguments, &environment),
        Command::Breaker(arguments) => breaker::run(&arguments, &environment),
        Command::Incidents(arguments) => incidents::run(&arguments, &environment),
        Command::Models(arguments) => models::run(&arguments, &environment),
        Command::Prices(arguments) => prices::run(&arguments, &environment),
    }
}

/// A runtime for commands that do one thing.
fn small_runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
