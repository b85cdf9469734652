//! `outlast models`: what the catalog knows, how long each model lasts, and who stands in for whom;
//! `hold` and `release` decide whether a model that goes keeps its place.

use std::{collections::BTreeMap, process::ExitCode, sync::Arc};

use anyhow::{bail, ensure};
use clap::{Args, Subcommand};
use console::{ModelBoard, ModelRow};
use decide::{
    catalog::Catalog,
    implicit::implicit_route,
    lifecycle::{Life, LifecycleLimits, Sign},
};
use gateway::Route;
use http::Method;
use store::Store;
use terms::{
    ids::{ProviderName, TargetName},
    model::Model,
    money::thousands,
    time::Timestamp,
};

use crate::{
    admin_client::AdminClient,
    clock::wall,
    commands::{ConfigArguments, prices, small_runtime},
    config::{Environment, VENDORS},
    data_folder::{DataFolder, Opened},
    models::{life_row, read_lives, write_lives},
    terminal,
};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    config: ConfigArguments,
    /// A model: shows who answers for it, in order, with the providers that are configured
    name: Option<String>,
    /// Only models of this provider
    #[arg(long)]
    provider: Option<String>,
    /// Only models whose end is announced or past, or that are held
    #[arg(long)]
    ending: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// The model keeps its place, whatever is said of its end.
    Hold {
        /// `provider/model`
        model: String,
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// What is said of its end counts again.
    Release {
        /// `provider/model`
        model: String,
        #[command(flatten)]
        config: ConfigArguments,
    },
}

/// What is known of the models' lives, by target.
type Lives = BTreeMap<TargetName, ModelRow>;

pub(crate) fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    small_runtime()?.block_on(act(arguments, environment))?;
    Ok(ExitCode::SUCCESS)
}

async fn act(arguments: &Arguments, environment: &Environment) -> anyhow::Result<()> {
    match &arguments.action {
        Some(Action::Hold { model, config }) => {
            decide(model, true, config, environment).await?;
            terminal::line(&format!(
                "{model} keeps its place; `outlast models release {model}` lets it go"
            ));
            return Ok(());
        }
        Some(Action::Release { model, config }) => {
            decide(model, false, config, environment).await?;
            terminal::line(&format!("what is said of the end of {model} counts again"));
            return Ok(());
        }
        None => {}
    }
    let (providers, routes, catalog) = known(arguments, environment)?;
    let lives = lives(&arguments.config, environment, &catalog).await?;
    match &arguments.name {
        Some(name) => match routes.iter().find(|route| answers_to(route.name.as_str(), name)) {
            Some(route) => configured(route, &lives),
            None => explain(name, &providers, &catalog, &lives)?,
        },
        None => list(arguments, &catalog, &lives)?,
    }
    Ok(())
}

/// Holds or releases a model: in the running process, or in the store where none runs.
async fn decide(
    model: &str,
    hold: bool,
    config: &ConfigArguments,
    environment: &Environment,
) -> anyhow::Result<()> {
    let is_target =
        model.split_once('/').is_some_and(|(at, name)| !at.is_empty() && !name.is_empty());
    ensure!(is_target, "`{model}` is no target; write provider/model, such as openai/gpt-5");
    let data = config.data_folder(environment)?;
    let folder = match DataFolder::open(&data)? {
        Opened::Running(instance) => {
            let client = AdminClient::new(instance.console, &data, environment)?;
            return prices::ask(&client, if hold { "hold" } else { "release" }, model).await;
        }
        Opened::Ours(folder) => folder,
    };
    let store = Store::open(&folder.store_path()).await?;
    let mut lives = read_lives(&store).await?;
    let life = lives.entry(TargetName::from(model)).or_default();
    ensure!(hold || life.held.is_some(), "{model} is not held");
    life.held = hold.then(wall);
    write_lives(&store, lives, &[]).await?;
    store.close().await;
    Ok(())
}

/// What the running process knows of the models' lives, or what it kept when it last ran; at least
/// what the catalog says.
async fn lives(
    config: &ConfigArguments,
    environment: &Environment,
    catalog: &Catalog,
) -> anyhow::Result<Lives> {
    let (limits, now) = (LifecycleLimits::default(), wall());
    let mut lives: BTreeMap<TargetName, Life> = BTreeMap::new();
    let data = config.data_folder(environment)?;
    // A look at the catalog makes no data folder, and needs none that something else has.
    if data.is_dir()
        && let Ok(opened) = DataFolder::open(&data)
    {
        match opened {
            Opened::Running(instance) => {
                let client = AdminClient::new(instance.console, &data, environment)?;
                let board: ModelBoard =
                    client.ask(Method::GET, "/api/models", String::new()).await?;
                let rows = board.models.into_iter().map(|row| (row.target.clone(), row));
                return Ok(rows.collect());
            }
            Opened::Ours(folder) if folder.store_path().exists() => {
                let store = Store::open(&folder.store_path()).await?;
                lives = read_lives(&store).await?;
                store.close().await;
            }
            Opened::Ours(_) => {}
        }
    }
    for model in catalog.providers().flat_map(|provider| catalog.models_of(provider.as_str())) {
        let Some(day) = model.retires.as_deref().and_then(Timestamp::from_date) else { continue };
        let target = target_of(model);
        lives.entry(target).or_default().heard(Sign::Catalog(Some(day)), now);
    }
    let rows = lives.into_iter().map(|(target, mut life)| {
        life.look(&limits, now);
        (target.clone(), life_row(target, &life, &limits, now))
    });
    Ok(rows.collect())
}

fn target_of(model: &Model) -> TargetName {
    TargetName::from(format!("{}/{}", model.provider, model.name))
}

/// The stage in words: `ramping (25 %)`, `held`; empty for a model that simply lives.
fn stage(row: Option<&ModelRow>) -> String {
    match row {
        Some(row) if row.held => "held".to_owned(),
        Some(row) if row.stage == "live" => String::new(),
        Some(row) if row.stage == "ramping" => format!("ramping ({} %)", row.share),
        Some(row) => row.stage.clone(),
        None => String::new(),
    }
}

/// What is known of a model's end, in a line.
fn end(row: &ModelRow) -> Option<String> {
    let stage = stage(Some(row));
    if stage.is_empty() && row.last_day.is_none() {
        return None;
    }
    let stage = if stage.is_empty() { "live".to_owned() } else { stage };
    let reason = if row.reason.is_empty() { String::new() } else { format!(" ({})", row.reason) };
    let day = row.last_day.as_ref().map_or_else(String::new, |day| format!(", last day {day}"));
    let checked = |asked: u32, good: u32, what: &str| {
        if asked == 0 { String::new() } else { format!(", {good} of {asked} {what} good") }
    };
    let copies = checked(row.mirrored.asked, row.mirrored.good, "copies at its successor");
    let in_place = checked(row.in_place.asked, row.in_place.good, "answers in its place");
    Some(format!("{} is {stage}{reason}{day}{copies}{in_place}", row.target))
}

/// Whether a configured route, which stands above the catalog's, is asked for by this name.
fn answers_to(route: &str, name: &str) -> bool {
    route.strip_suffix('*').map_or(route == name, |prefix| name.starts_with(prefix))
}

fn configured(route: &Route, lives: &Lives) {
    for (index, target) in route.targets.iter().enumerate() {
        let price =
            target.known.as_ref().map_or_else(String::new, |model| format!("  {}", price(model)));
        terminal::line(&format!("{}. {}{price}", index + 1, target.name));
    }
    terminal::line(&format!("the route `{}` of the config", route.name));
    let known = route.targets.iter().filter_map(|target| end(lives.get(&target.name)?));
    known.for_each(|line| terminal::line(&line));
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

fn explain(
    name: &str,
    providers: &[ProviderName],
    catalog: &Catalog,
    lives: &Lives,
) -> anyhow::Result<()> {
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
    for target in &targets {
        let name = TargetName::from(format!("{}/{}", target.provider, target.model));
        if let Some(line) = lives.get(&name).and_then(end) {
            terminal::line(&line);
        }
    }
    Ok(())
}

fn list(arguments: &Arguments, catalog: &Catalog, lives: &Lives) -> anyhow::Result<()> {
    let provider = arguments.provider.as_deref();
    if let Some(name) = provider
        && !VENDORS.iter().any(|vendor| vendor.name == name)
    {
        let known: Vec<_> = VENDORS.iter().map(|vendor| vendor.name).collect();
        bail!("the catalog knows no vendor `{name}`; known: {}", known.join(", "));
    }
    let head = [
        "provider",
        "model",
        "$/M in",
        "$/M out",
        "context",
        "tier",
        "successor",
        "retires",
        "state",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut rows = vec![head];
    for vendor in VENDORS.iter().filter(|vendor| provider.is_none_or(|name| name == vendor.name)) {
        for model in catalog.models_of(vendor.name) {
            let name = model.name.as_str();
            let life = lives.get(&target_of(model));
            if arguments.ending && stage(life).is_empty() {
                continue;
            }
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
                life.and_then(|row| row.last_day.clone())
                    .or_else(|| model.retires.clone())
                    .unwrap_or_default(),
                stage(life),
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
