//! `outlast prices`: the version of the prices in force and what waits for a person; `refresh` reads a
//! published list and shows what it changes, `confirm` and `reject` decide about what waits. Asks the
//! running process, or does it itself where none runs.

use std::{path::Path, process::ExitCode};

use anyhow::Context;
use clap::{Args, Subcommand};
use console::{ModelBoard, PriceChangeRow, PriceRefresh, WaitingPrice};
use http::Method;
use serde::{Serialize, de::IgnoredAny};
use store::Store;
use terms::{
    ids::TargetName,
    model::Prices,
    money::{NanoUsd, PicoUsdPerToken},
};

use crate::{
    admin_client::AdminClient,
    clock::wall,
    commands::{ConfigArguments, small_runtime},
    config::{Config, Environment, is_web},
    data_folder::{DataFolder, Opened},
    prices::{PriceVersions, read_source},
    terminal,
};

/// LiteLLM's list, which names the most models and is the newest.
const LITELLM: &str =
    "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json";

/// Changes that are shown, unless all are asked for.
const SHOWN: usize = 40;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    config: ConfigArguments,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Read a price list and show what it changes, with what that means for the last 30 days' traffic.
    Refresh {
        /// LiteLLM's, models.dev's or genai-prices' list: a file or an address [default: the config's
        /// `source`, else LiteLLM's]
        #[arg(long, value_name = "FILE|URL")]
        from: Option<String>,
        /// Take it over; what moved more than 5 times, or became free, waits for a person
        #[arg(long)]
        apply: bool,
        /// Show every change
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// A price that waits, or that was rejected, is right: it holds from now on.
    Confirm {
        /// `provider/model`
        model: String,
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// A price that waits is wrong: it is not asked about again.
    Reject {
        /// `provider/model`
        model: String,
        #[command(flatten)]
        config: ConfigArguments,
    },
}

/// What the admin API takes.
#[derive(Debug, Serialize)]
struct RefreshOrder<'a> {
    from: &'a str,
    apply: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct DecisionOrder<'a> {
    pub(super) decision: &'static str,
    pub(super) target: &'a str,
}

pub(crate) fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    small_runtime()?.block_on(act(arguments, environment))?;
    Ok(ExitCode::SUCCESS)
}

async fn act(arguments: &Arguments, environment: &Environment) -> anyhow::Result<()> {
    match &arguments.action {
        None => show(&arguments.config, environment).await,
        Some(Action::Refresh { from, apply, all, config }) => {
            // Where there is a config, it names the usual list and says whose it must be.
            let loaded = match config.load(environment, &config.overrides()) {
                Err(problems) if config.is_there() => return Err(problems.into()),
                loaded => loaded.ok(),
            };
            let list = loaded.and_then(|config| config.upkeep.price_list);
            let usual = list.as_ref().map_or(LITELLM, |list| list.from.as_str());
            let from = place(from.as_deref().unwrap_or(usual))?;
            let format = list.filter(|list| list.is_at(&from)).and_then(|list| list.format);
            let refreshed = match open(config, environment)? {
                Desk::Running(client) => {
                    let body = serde_json::to_string(&RefreshOrder { from: &from, apply: *apply })?;
                    client.ask(Method::POST, "/api/prices", body).await?
                }
                Desk::Ours(ours) => {
                    let source = read_source(&from).await?;
                    let store = ours.store().await?;
                    let Ours { prices, config, .. } = &*ours;
                    prices.refresh(&source, format, config, &store, *apply, wall()).await?
                }
            };
            tell(&refreshed, *apply, *all);
            Ok(())
        }
        Some(Action::Confirm { model, config }) => {
            match open(config, environment)? {
                Desk::Running(client) => ask(&client, "confirm", model).await?,
                Desk::Ours(ours) => {
                    let store = ours.store().await?;
                    let Ours { prices, config, .. } = &*ours;
                    let target = model.as_str().into();
                    prices.confirm(&target, "admin (command)", config, &store, wall()).await?;
                }
            }
            terminal::line(&format!("{model} costs what it was said to from now on"));
            Ok(())
        }
        Some(Action::Reject { model, config }) => {
            match open(config, environment)? {
                Desk::Running(client) => ask(&client, "reject", model).await?,
                Desk::Ours(ours) => ours.prices.reject(&model.as_str().into())?,
            }
            terminal::line(&format!(
                "{model} costs what it did; the same price is not asked about again"
            ));
            Ok(())
        }
    }
}

/// A file's whole path: the running process may stand elsewhere.
fn place(from: &str) -> anyhow::Result<String> {
    if is_web(from) {
        return Ok(from.to_owned());
    }
    let path = Path::new(from).canonicalize().with_context(|| format!("{from} cannot be read"))?;
    Ok(path.to_string_lossy().into_owned())
}

/// Who has the data folder.
enum Desk {
    Running(AdminClient),
    Ours(Box<Ours>),
}

struct Ours {
    folder: DataFolder,
    prices: PriceVersions,
    config: Config,
}

impl Ours {
    async fn store(&self) -> anyhow::Result<Store> {
        Store::open(&self.folder.store_path()).await.context("the store cannot be opened")
    }
}

fn open(arguments: &ConfigArguments, environment: &Environment) -> anyhow::Result<Desk> {
    let data = arguments.data_folder(environment)?;
    Ok(match DataFolder::open(&data)? {
        Opened::Running(instance) => {
            Desk::Running(AdminClient::new(instance.console, &data, environment)?)
        }
        Opened::Ours(folder) => {
            let config = arguments.load(environment, &arguments.overrides())?;
            let prices = PriceVersions::load(&data)?;
            Desk::Ours(Box::new(Ours { folder, prices, config }))
        }
    })
}

pub(super) async fn ask(
    client: &AdminClient,
    decision: &'static str,
    target: &str,
) -> anyhow::Result<()> {
    let body = serde_json::to_string(&DecisionOrder { decision, target })?;
    let _: IgnoredAny = client.ask(Method::POST, "/api/models", body).await?;
    Ok(())
}

async fn show(arguments: &ConfigArguments, environment: &Environment) -> anyhow::Result<()> {
    let data = arguments.data_folder(environment)?;
    // A look makes no data folder.
    let desk = if data.is_dir() { Some(open(arguments, environment)?) } else { None };
    let (current, waiting, rejected, rows, list, damage) = match desk {
        None => {
            let config = arguments.load(environment, &arguments.overrides())?;
            let current = PriceVersions::load(&data)?.current(&config);
            (current, Vec::new(), Vec::new(), Vec::new(), None, Vec::new())
        }
        Some(Desk::Running(client)) => {
            let board: ModelBoard = client.ask(Method::GET, "/api/models", String::new()).await?;
            let ModelBoard { price_version, waiting, rejected, price_versions, .. } = board;
            (price_version, waiting, rejected, price_versions, board.price_list, board.price_damage)
        }
        Some(Desk::Ours(ours)) => {
            let Ours { prices, config, .. } = &*ours;
            let (waiting, rejected) = (prices.waiting(), prices.rejected());
            (prices.current(config), waiting, rejected, prices.rows(), None, prices.damage())
        }
    };
    terminal::line(&format!("prices of {current}"));
    for damaged in &damage {
        terminal::line(damaged);
    }
    if let Some(list) = list {
        terminal::line(&list.sentence(wall()));
        if let Some(failure) = &list.failure {
            terminal::line(&format!("it could not be read, so that prices stay: {failure}"));
        }
    }
    if !rows.is_empty() {
        let head = ["version", "taken over", "from", "models", "month before", "month after"];
        let lines = rows.iter().map(|row| {
            vec![
                row.version.clone(),
                row.at.date(),
                row.from.clone(),
                row.changes.to_string(),
                row.month_before.to_string(),
                row.month_after.to_string(),
            ]
        });
        terminal::line(terminal::table(&head, lines, &[3, 4, 5]).trim_end());
    }
    if !waiting.is_empty() {
        terminal::line(&format!(
            "\n{} for `outlast prices confirm MODEL` or `reject MODEL`:",
            if waiting.len() == 1 {
                "one waits".to_owned()
            } else {
                format!("{} wait", waiting.len())
            }
        ));
        let head = ["model", "costs", "is said to cost", "why", "from"];
        let lines = waiting.iter().map(waiting_row);
        terminal::line(terminal::table(&head, lines, &[]).trim_end());
    }
    if !rejected.is_empty() {
        terminal::line("\nrejected; `outlast prices confirm MODEL` takes that back:");
        let lines = rejected
            .iter()
            .map(|row| vec![row.target.to_string(), price(&row.after), row.from.clone()]);
        terminal::line(
            terminal::table(&["model", "was said to cost", "from"], lines, &[]).trim_end(),
        );
    }
    Ok(())
}

fn waiting_row(row: &WaitingPrice) -> Vec<String> {
    vec![
        row.target.to_string(),
        row.before.as_ref().map_or_else(|| "unknown".to_owned(), price),
        price(&row.after),
        row.why.clone(),
        row.from.clone(),
    ]
}

fn tell(refreshed: &PriceRefresh, applied: bool, all: bool) {
    let PriceRefresh { format, known, changes, month_before, month_after, .. } = refreshed;
    let rejected = &refreshed.rejected;
    if !rejected.is_empty() {
        let names: Vec<&str> = rejected.iter().map(TargetName::as_str).collect();
        terminal::line(&format!(
            "{format} states other prices of {}, which were rejected; `outlast prices confirm MODEL` takes that back",
            names.join(", ")
        ));
    }
    if changes.is_empty() {
        let others = if rejected.is_empty() { "" } else { "other " };
        terminal::line(&format!(
            "{format}: the prices of the {} {others}models that are known here are as they were",
            known.saturating_sub(rejected.len() as u64)
        ));
        return;
    }
    let head = ["model", "in", "out", "cached", "month before", "month after", ""];
    let shown = if all { changes.len() } else { SHOWN };
    let lines = changes.iter().take(shown).map(change_row);
    terminal::line(terminal::table(&head, lines, &[4, 5]).trim_end());
    if changes.len() > shown {
        terminal::line(&format!("and {} more; --all shows them", changes.len() - shown));
    }
    let waiting = changes.iter().filter(|row| row.waits.is_some()).count();
    let moved = NanoUsd(month_after.0.saturating_sub(month_before.0));
    let sign = if moved.0 > 0 { "+" } else { "" };
    terminal::line(&format!(
        "\n{format}: {} of {known} known models change; the last 30 days' traffic of these models cost {month_before} and would cost {month_after} ({sign}{moved} a month){}",
        changes.len() - waiting,
        if refreshed.alert { ": above the limits of [prices]" } else { "" },
    ));
    if waiting > 0 {
        terminal::line(&format!(
            "{waiting} {} for a person: `outlast prices confirm MODEL` or `outlast prices reject MODEL`{}",
            if waiting == 1 { "waits" } else { "wait" },
            if applied { "" } else { ", once this was taken over" }
        ));
    }
    terminal::line(&match &refreshed.version {
        Some(version) => format!("taken over as version {version}; past costs stay"),
        None if applied => "nothing was taken over".to_owned(),
        None => format!("the prices of {} stay; --apply takes these over", refreshed.before),
    });
}

fn change_row(row: &PriceChangeRow) -> Vec<String> {
    let bucket = |of: fn(&Prices) -> Option<f64>| {
        let usd =
            |price: Option<f64>| price.map_or_else(|| "–".to_owned(), |usd| format!("${usd}"));
        let (before, after) = (row.before.as_ref().and_then(of), of(&row.after));
        if before == after { usd(after) } else { format!("{} → {}", usd(before), usd(after)) }
    };
    vec![
        format!("{}/{}", row.provider, row.model),
        bucket(|prices| Some(prices.input.usd_per_million())),
        bucket(|prices| Some(prices.output.usd_per_million())),
        bucket(|prices| prices.cache_read.map(PicoUsdPerToken::usd_per_million)),
        row.month_before.to_string(),
        row.month_after.to_string(),
        row.waits.as_ref().map_or_else(String::new, |why| format!("waits: {why}")),
    ]
}

fn price(prices: &Prices) -> String {
    let (input, output) = (prices.input.usd_per_million(), prices.output.usd_per_million());
    format!("${input} in, ${output} out")
}
