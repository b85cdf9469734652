//! `outlast models`: what the config reaches, how long each model lasts, and who stands in for whom;
//! `hold` and `release` decide whether a model that goes keeps its place.

use std::{
    collections::{BTreeMap, HashSet},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{bail, ensure};
use clap::{Args, Subcommand};
use console::{ModelBoard, ModelRow};
use decide::{
    catalog::Catalog,
    heirs::Successors,
    lifecycle::{Life, LifecycleLimits, Sign},
};
use gateway::{Keyring, Provider, Route, RouteDefaults, Source, Table, Target, TimeLimits};
use http::Method;
use ledger::PriceBook;
use store::Store;
use terms::{
    ids::TargetName,
    model::Prices,
    money::{PicoUsdPerToken, thousands},
    time::Timestamp,
};

use crate::{
    admin_client::AdminClient,
    clock::wall,
    commands::{ConfigArguments, prices, small_runtime},
    config::{Environment, VENDORS, Vendor},
    data_folder::{DataFolder, Opened},
    models::{Reach, held_by_config, read_lives, used_lately, write_lives},
    prices::PriceVersions,
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
    /// Only models at this provider
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

/// What the config reaches, or would reach without one.
struct Known {
    table: Arc<Table>,
    prices: PriceBook,
    /// The version that they are of.
    price_version: String,
    limits: LifecycleLimits,
    /// Models that the config holds.
    held: Vec<TargetName>,
    routes: Vec<Route>,
}

/// A row for each model that is reached.
type Rows = Vec<ModelRow>;

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
    let known = known(arguments, environment)?;
    let rows = rows(&arguments.config, environment, &known).await?;
    match &arguments.name {
        Some(name) => {
            match known.routes.iter().find(|route| answers_to(route.name.as_str(), name)) {
                Some(route) => configured(route, name, &known, &rows),
                None => explain(name, &known, &rows)?,
            }
        }
        None => list(arguments, &known, &rows)?,
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
    if hold && !lives.contains_key(&TargetName::from(model)) {
        let table = config.load(environment, &config.overrides())?.table();
        let is_known = table.targets_of(model).iter().any(|target| target.name.as_str() == model);
        ensure!(
            is_known,
            "no route leads to `{model}`; write provider/model, as `outlast models` lists them"
        );
    }
    if !hold {
        let held = config.load(environment, &config.overrides())?.upkeep.held;
        ensure!(!held.contains(&TargetName::from(model)), "{}", held_by_config(model));
    }
    let life = lives.entry(TargetName::from(model)).or_default();
    ensure!(hold || life.held.is_some(), "{model} is not held");
    life.held = hold.then(wall);
    write_lives(&store, lives, &[]).await?;
    store.close().await;
    Ok(())
}

/// The models as the running process knows them, or by what was kept when it last ran; at least what
/// the catalog and the config say.
async fn rows(
    config: &ConfigArguments,
    environment: &Environment,
    known: &Known,
) -> anyhow::Result<Rows> {
    let now = wall();
    let (mut lives, mut used): (BTreeMap<TargetName, Life>, HashSet<TargetName>) =
        Default::default();
    let data = config.data_folder(environment)?;
    // A look at the models makes no data folder, and needs none that something else has.
    if data.is_dir()
        && let Ok(opened) = DataFolder::open(&data)
    {
        match opened {
            Opened::Running(instance) => {
                let client = AdminClient::new(instance.console, &data, environment)?;
                let board: ModelBoard =
                    client.ask(Method::GET, "/api/models", String::new()).await?;
                return Ok(board.models);
            }
            Opened::Ours(folder) if folder.store_path().exists() => {
                let store = Store::open(&folder.store_path()).await?;
                lives = read_lives(&store).await?;
                used = used_lately(&store, now).await?;
                store.close().await;
            }
            Opened::Ours(_) => {}
        }
    }
    let configured = known.table.targets().into_iter().filter(|(_, (_, configured))| *configured);
    used.extend(configured.map(|(name, _)| name));
    look(known, &mut lives, now);
    let table = Arc::clone(&known.table);
    let reach = Reach { table, prices: &known.prices, limits: &known.limits, used: &used };
    Ok(reach.rows(lives, now))
}

/// What the catalog and the config say of the models' lives.
fn look(known: &Known, lives: &mut BTreeMap<TargetName, Life>, now: Timestamp) {
    for (name, (target, _)) in known.table.targets() {
        let retires = target.known.as_ref().and_then(|model| model.retires.as_deref());
        if let Some(day) = retires.and_then(Timestamp::from_date) {
            lives.entry(name).or_default().heard(Sign::Catalog(Some(day)), now);
        }
    }
    for target in &known.held {
        lives.entry(target.clone()).or_default().held = Some(now);
    }
    for life in lives.values_mut() {
        life.look(&known.limits, now);
    }
}

/// The stage in words: `ramping (25 %)`, `held`; empty for a model that simply lives.
fn stage(row: &ModelRow) -> String {
    match row.stage.as_str() {
        _ if row.held => "held".to_owned(),
        "live" => String::new(),
        "ramping" => format!("ramping ({} %)", row.share),
        stage => stage.to_owned(),
    }
}

/// What is known of a model's end, in a line.
fn end(row: &ModelRow) -> Option<String> {
    let stage = stage(row);
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

fn configured(route: &Route, name: &str, known: &Known, rows: &Rows) {
    // A pattern's target is that of the name that was asked for.
    let filled = |target: &Arc<Target>| {
        let asked = TargetName::from(format!("{}/{name}", target.provider.name));
        let named = (target.model.as_str() == "*").then(|| known.table.named(&asked)).flatten();
        named.unwrap_or_else(|| Arc::clone(target))
    };
    let targets: Vec<Arc<Target>> = route.targets.iter().map(filled).collect();
    in_order(&targets, known);
    terminal::line(&format!("the route `{}` of the config", route.name));
    heirs(&targets, route.successors, known, rows);
    ends(&targets, rows);
}

/// Who answers where a model is gone, the best first, and why.
fn heirs(targets: &[Arc<Target>], allowed: Successors, known: &Known, rows: &Rows) {
    let catalog = known.table.catalog();
    for target in targets.iter().filter(|target| !target.provider.is_in_process()) {
        let of_maker = target.known.as_ref().map(|model| (model.provider.as_str(), &model.name));
        let maker = of_maker.map_or(target.provider.name.as_str(), |(maker, _)| maker);
        let made = of_maker.map_or(&target.model, |(_, model)| model);
        let mut row = catalog.successor(maker, made.as_str());
        let mut family = Vec::new();
        while let Some(next) = row.filter(|row| !family.contains(&&row.to)) {
            family.push(&next.to);
            row = catalog.successor(maker, next.to.as_str());
        }
        let tier = catalog.tier(maker, made.as_str());
        let is_gone =
            |heir: &TargetName| rows.iter().any(|row| row.target == *heir && row.stage == "gone");
        let heirs = known.table.heirs(target, allowed);
        let told: Vec<String> = heirs
            .iter()
            .map(|heir| {
                let why = match tier {
                    _ if heir.provider.name == target.provider.name
                        && family.contains(&&heir.model) =>
                    {
                        "successor".to_owned()
                    }
                    _ if target.known.as_ref().is_some_and(|known| {
                        (&known.provider, &known.name) == (&heir.provider.name, &heir.model)
                    }) =>
                    {
                        "the very model, at its maker".to_owned()
                    }
                    Some(tier) => format!("tier {}", tier.name),
                    None => "successor".to_owned(),
                };
                let gone = if is_gone(&heir.name) { ", gone itself" } else { "" };
                format!("{} ({why}{gone})", heir.name)
            })
            .collect();
        terminal::line(&if told.is_empty() {
            format!("nobody is known to answer when {} is gone", target.name)
        } else {
            format!("when {} is gone: {}", target.name, told.join(", then "))
        });
    }
}

/// Who answers, and what each costs.
fn in_order(targets: &[Arc<Target>], known: &Known) {
    for (index, target) in targets.iter().enumerate() {
        let quote = known.prices.quote(&target.provider.name, &target.model);
        let price =
            if quote.is_assumed() { "no price is known".to_owned() } else { price(quote.prices) };
        terminal::line(&format!("{}. {}  {price}", index + 1, target.name));
    }
}

/// What is known of their ends.
fn ends(targets: &[Arc<Target>], rows: &Rows) {
    let of = |target: &Arc<Target>| rows.iter().find(|row| row.target == target.name);
    targets.iter().filter_map(|target| end(of(target)?)).for_each(|line| terminal::line(&line));
}

/// What is configured. Without any config, all known vendors, to show what would be; a config with
/// problems is told, not passed over.
fn known(arguments: &Arguments, environment: &Environment) -> anyhow::Result<Known> {
    let config = match arguments.config.load(environment, &arguments.config.overrides()) {
        Ok(config) => config,
        Err(problems) if arguments.config.is_there() => return Err(problems.into()),
        Err(_) => return all_vendors(),
    };
    let versions = PriceVersions::load(&arguments.config.data_folder(environment)?)?;
    Ok(Known {
        table: Arc::new(config.table()),
        prices: versions.book(&config),
        price_version: versions.current(&config),
        limits: config.upkeep.lifecycle,
        held: config.upkeep.held,
        routes: config.routes,
    })
}

fn all_vendors() -> anyhow::Result<Known> {
    let catalog = Arc::new(Catalog::built_in()?);
    // Nobody asks them: they are here to be looked at.
    let provider = |vendor: &Vendor| Provider {
        name: vendor.name.into(),
        source: Source::Remote { endpoints: Vec::new(), keys: Keyring::new(Vec::new()) },
        limits: TimeLimits::default(),
    };
    let providers: Vec<_> = VENDORS.iter().map(|vendor| Arc::new(provider(vendor))).collect();
    let names = providers.iter().map(|provider| &provider.name);
    let prices = PriceBook::from_catalog(&catalog, names);
    let price_version = catalog.as_of().to_owned();
    Ok(Known {
        table: Arc::new(Table::new(catalog, providers, Vec::new(), RouteDefaults::default())),
        prices,
        price_version,
        limits: LifecycleLimits::default(),
        held: Vec::new(),
        routes: Vec::new(),
    })
}

fn explain(name: &str, known: &Known, rows: &Rows) -> anyhow::Result<()> {
    let catalog = known.table.catalog();
    let targets = known.table.targets_of(name);
    let Some(first) = targets.first() else {
        // A cloud serves models of others under names that somebody chose, so that it is named with them.
        let sold = known
            .table
            .providers()
            .iter()
            .filter(|provider| catalog.model(provider.name.as_str(), name).is_some());
        let sold: Vec<String> =
            sold.map(|provider| format!("`{}/DEPLOYMENT`", provider.name)).collect();
        let hint = if sold.is_empty() {
            "`outlast models` lists what can be reached".to_owned()
        } else {
            format!("where it was deployed, ask for {}", sold.join(" or "))
        };
        bail!("no configured provider has a model `{name}`; {hint}");
    };
    in_order(&targets, known);
    let made = first.known.as_ref().map(|model| (model.provider.as_str(), model.name.as_str()));
    let (provider, model) = made.unwrap_or((first.provider.name.as_str(), first.model.as_str()));
    if let Some(row) = catalog.successor(provider, model) {
        // A cloud has names of its own for it, which nobody can make up.
        let is_here =
            |heir: &Arc<Target>| heir.provider.name == first.provider.name && heir.model == row.to;
        let is_here = known.table.heirs(first, Successors::Any).iter().any(is_here);
        let place = if is_here { String::new() } else { format!("at {provider}: ") };
        terminal::line(&format!(
            "successor {place}{} ({}; table of {})",
            row.to,
            row.source,
            catalog.successors_as_of()
        ));
    }
    match catalog.tier(provider, model) {
        Some(tier) => terminal::line(&format!("tier {} ({})", tier.name, tier.source)),
        None if first.known.is_none() => terminal::line(&format!(
            "{} is not in the catalog: no tier, successor or last day of it is known",
            first.name
        )),
        None => {}
    }
    heirs(&targets, Successors::Any, known, rows);
    ends(&targets, rows);
    Ok(())
}

fn list(arguments: &Arguments, known: &Known, rows: &Rows) -> anyhow::Result<()> {
    let of = |row: &ModelRow, name: &str| {
        row.target.as_str().split_once('/').is_some_and(|(provider, _)| provider == name)
    };
    let provider = arguments.provider.as_deref();
    let providers = known.table.providers();
    if let Some(name) = provider
        && !providers.iter().any(|provider| provider.name.as_str() == name)
        && !rows.iter().any(|row| of(row, name))
    {
        let known: Vec<_> = providers.iter().map(|provider| provider.name.as_str()).collect();
        bail!("no provider `{name}` is configured; configured: {}", known.join(", "));
    }
    let mut shown: Vec<&ModelRow> = rows
        .iter()
        .filter(|row| provider.is_none_or(|name| of(row, name)))
        .filter(|row| !arguments.ending || !stage(row).is_empty())
        .collect();
    if shown.is_empty() {
        terminal::line(if arguments.ending {
            "no model that can be reached goes, is gone or is held"
        } else {
            "the catalog lists no model of these providers, and no route names one"
        });
        return Ok(());
    }
    shown.sort_by(|a, b| a.target.cmp(&b.target));
    let head = ["model", "$/M in", "$/M out", "context", "tier", "successor", "last day", "state"];
    let lines = shown.iter().map(|row| cells(row));
    terminal::line(terminal::table(&head, lines, &[1, 2, 3]).trim_end());
    let catalog = known.table.catalog();
    terminal::line(&format!(
        "list prices of {}; tiers and successors of {}; {UNKNOWN}: not known",
        known.price_version,
        catalog.successors_as_of()
    ));
    let strangers: Vec<&str> =
        shown.iter().filter(|row| !row.in_catalog).map(|row| row.target.as_str()).collect();
    if !strangers.is_empty() {
        terminal::line(&format!(
            "not in the catalog, so that no tier, successor or last day is known: {}",
            strangers.join(", ")
        ));
    }
    Ok(())
}

/// What stands where nothing is known.
const UNKNOWN: &str = "–";

fn cells(row: &ModelRow) -> Vec<String> {
    let price = |of: fn(&Prices) -> PicoUsdPerToken| {
        row.prices
            .as_ref()
            .map_or_else(unknown, |prices| format!("{:.2}", of(prices).usd_per_million()))
    };
    vec![
        row.target.to_string(),
        price(|prices| prices.input),
        price(|prices| prices.output),
        if row.context_window == 0 { unknown() } else { thousands(row.context_window) },
        row.tier.clone().unwrap_or_else(unknown),
        row.successor.as_ref().map_or_else(unknown, ToString::to_string),
        row.last_day.clone().unwrap_or_else(unknown),
        stage(row),
    ]
}

fn unknown() -> String {
    UNKNOWN.to_owned()
}

fn price(prices: &Prices) -> String {
    format!(
        "${:.2} in, ${:.2} out per million tokens",
        prices.input.usd_per_million(),
        prices.output.usd_per_million()
    )
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use decide::lifecycle::Stage;
    use terms::time::Timestamp;

    use super::{Known, look};
    use crate::config::{Config, Environment, Overrides};

    #[test]
    fn the_days_before_a_models_end_are_those_of_the_config() {
        let check = |days: u32, before: i64, expect| {
            let text = format!("[lifecycle]\nannounce_days = {days}\nramp_days = 0\n");
            let environment = Environment::of(&[("OPENAI_API_KEY", "k")]);
            let config = Config::from_text("", &text, &environment, &Overrides::default()).unwrap();
            let known = Known {
                table: Arc::new(config.table()),
                prices: config.price_book(),
                price_version: String::new(),
                limits: config.upkeep.lifecycle,
                held: Vec::new(),
                routes: Vec::new(),
            };
            let model = config.catalog.models_of("openai").into_iter().find_map(|model| {
                Some((model.name.clone(), Timestamp::from_date(model.retires.as_ref()?)?))
            });
            let (name, end) = model.unwrap();
            let mut lives = BTreeMap::new();
            look(&known, &mut lives, Timestamp::of_day(end.day() - before));
            assert_eq!(lives[format!("openai/{name}").as_str()].stage, expect, "{name}");
        };
        check(30, 45, Stage::Live);
        check(60, 45, Stage::Announced);
    }
}
