//! The checked config: what the gateway, the books and the console run on. Built from a file or,
//! where there is none, from the usual environment variables.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use decide::{breaker::BreakerLimits, catalog::Catalog, signs::SignLimits};
use gateway::{Credential, Provider, Route, RouteDefaults, Source, Streaming, Table, Target, Task};
use ledger::PriceBook;
use terms::{
    ids::{ModelName, PrincipalName, ProviderName},
    model::Prices,
    money::NanoUsd,
};
use toml::{Spanned, de::DeTable};

use crate::{
    config::{
        canaries::{self, Asks, Canary, CanarySection},
        clouds::{self, Cloud, Sources},
        environment::Environment,
        problem::{Problem, Problems},
        provider::{self, Answers, ProviderSection, Remote, vendor_endpoints},
        reader::{Findings, Section, nearest},
        sections::{self, Durations, PriceSection, Replies, RouteSection},
        signs, streams, tasks, upkeep,
        upkeep::Upkeep,
        vendors::VENDORS,
    },
    students::STUDENTS,
};

const DEFAULT_LISTEN: &str = "127.0.0.1:4100";
const DEFAULT_CONSOLE: &str = "127.0.0.1:4101";
const DEFAULT_DATA: &str = "outlast-data";

/// What the command line says above the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) console: Option<SocketAddr>,
    pub(crate) data: Option<PathBuf>,
}

/// Everything that a running Outlast needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The gateway's address.
    pub(crate) listen: SocketAddr,
    /// The console's address.
    pub(crate) console: SocketAddr,
    /// Names under which the console may be addressed, beside this machine's own.
    pub(crate) console_hosts: Vec<String>,
    /// Folder of the store, the journal and the admin secret.
    pub(crate) data: PathBuf,
    /// A sentence for the console's banner, for example that all vendors are simulated.
    pub(crate) notice: Option<String>,
    /// Threads that serve requests.
    pub(crate) workers: usize,
    pub(crate) limits: Durations,
    /// What a session may do on its own before somebody is asked.
    pub(crate) breaker: BreakerLimits,
    /// Who may inject a fault into a request of their own.
    pub(crate) chaos_principals: Vec<PrincipalName>,
    /// How long replies are kept that callers want to follow.
    pub(crate) replies: Replies,
    /// How live answers are watched; `None`: not at all.
    pub(crate) signs: Option<SignLimits>,
    /// Prompts that are asked on a schedule.
    pub(crate) canaries: Vec<Canary>,
    /// What they may cost on a day.
    pub(crate) canary_day_cost: NanoUsd,
    /// What is done about models and prices that change.
    pub(crate) upkeep: Upkeep,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) providers: Vec<Arc<Provider>>,
    pub(crate) routes: Vec<Route>,
    /// Tasks that can be asked for without a student.
    pub(crate) tasks: Vec<Task>,
    free: Vec<ProviderName>,
    prices: Vec<(ProviderName, ModelName, Prices)>,
}

impl Config {
    /// The config of this file, or of the environment alone where the file does not exist and was
    /// not asked for by name.
    pub(crate) fn load(
        path: &Path,
        asked_for: bool,
        environment: &Environment,
        overrides: &Overrides,
    ) -> Result<Self, Problems> {
        let shown = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let mut config = Self::from_text(&shown, &text, environment, overrides)?;
                let folder = path.parent().unwrap_or(Path::new(""));
                let upkeep = &mut config.upkeep;
                upkeep.price_list = upkeep.price_list.take().map(|list| list.at(folder));
                Ok(config)
            }
            Err(failure) if failure.kind() == std::io::ErrorKind::NotFound && !asked_for => {
                Self::from_text("environment", "", environment, overrides)
            }
            Err(failure) => {
                let mut problems = Problems::new(&shown);
                problems.list.push(Problem {
                    line: 0,
                    column: 0,
                    message: format!("cannot be read: {failure}"),
                    advice: "give the path of a config file with --config".to_owned(),
                });
                Err(problems)
            }
        }
    }

    /// The config of this text. An empty text means: everything from the environment.
    pub(crate) fn from_text(
        file: &str,
        text: &str,
        environment: &Environment,
        overrides: &Overrides,
    ) -> Result<Self, Problems> {
        let findings = Findings::new(text);
        let catalog =
            Arc::new(Catalog::built_in().expect("the built-in catalog is tested to parse"));
        let config = match DeTable::parse(text) {
            Ok(table) => {
                let span = table.span();
                let root = Section::new("the config", table.get_ref(), span, &findings);
                Some(read(root, catalog, environment, overrides, &findings))
            }
            Err(failure) => {
                let at = failure.span().unwrap_or(0..0);
                findings.report(at, failure.message().to_owned(), "the file must be TOML");
                None
            }
        };
        let mut problems = Problems { list: findings.take(), ..Problems::new(file) };
        problems.sort();
        match config {
            Some(config) if problems.list.is_empty() => Ok(config),
            _ => Err(problems),
        }
    }

    /// The data folder that a config names, whatever else is wrong with it.
    pub(crate) fn data_folder(
        path: &Path,
        asked_for: bool,
        environment: &Environment,
    ) -> Result<PathBuf, Problems> {
        let named = |text: &str| {
            let table = DeTable::parse(text).ok()?;
            let data = table.get_ref().get("data")?.get_ref().as_str()?;
            Some(PathBuf::from(data))
        };
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(named(&text).unwrap_or_else(|| PathBuf::from(DEFAULT_DATA))),
            Err(_) if asked_for => {
                Self::load(path, true, environment, &Overrides::default()).map(|config| config.data)
            }
            Err(_) => Ok(PathBuf::from(DEFAULT_DATA)),
        }
    }

    /// The routing table.
    pub(crate) fn table(&self) -> Table {
        Table::new(
            Arc::clone(&self.catalog),
            self.providers.clone(),
            self.routes.clone(),
            RouteDefaults {
                limits: self.limits.attempts,
                streaming: self.limits.streaming,
                on_degraded: self.limits.on_degraded,
            },
        )
    }

    /// The price book: the catalog's list prices, free providers, prices set by hand.
    pub(crate) fn price_book(&self) -> PriceBook {
        let names = self.providers.iter().map(|provider| &provider.name);
        let mut book = PriceBook::from_catalog(&self.catalog, names);
        // A student runs on this machine: what it costs is not per token.
        book.set(STUDENTS.into(), ModelName::from("*"), Prices::default());
        for provider in &self.free {
            book.set(provider.clone(), ModelName::from("*"), Prices::default());
        }
        for (provider, model, prices) in &self.prices {
            book.set(provider.clone(), model.clone(), *prices);
        }
        book
    }
}

fn read(
    mut root: Section<'_, '_>,
    catalog: Arc<Catalog>,
    environment: &Environment,
    overrides: &Overrides,
    findings: &Findings,
) -> Config {
    let listen = sections::address(&mut root, "listen", findings);
    let console = sections::address(&mut root, "console", findings);
    let data = root.string("data").map(|data| PathBuf::from(data.into_inner()));
    let notice = root.string("notice").map(Spanned::into_inner);
    let workers = root.number("workers", 1..1025).and_then(|count| usize::try_from(count).ok());
    let mut limits = root.section("limits").map(sections::limits).unwrap_or_default();
    if let Some(mut section) = root.section("streams") {
        limits.streaming = streams::streaming(&mut section, Streaming::default(), findings);
        section.finish();
    }
    let watched =
        root.section("signs").map(|section| signs::signs(section, findings)).unwrap_or_default();
    limits.on_degraded = watched.on_degraded;
    let breaker = root
        .section("breaker")
        .map(|section| sections::breaker(section, findings))
        .unwrap_or_default();
    let mut chaos_principals = Vec::new();
    if let Some(mut section) = root.section("chaos") {
        let named = section.strings("principals").unwrap_or_default();
        chaos_principals = named.into_iter().map(|name| name.into_inner().into()).collect();
        section.finish();
    }
    let replies = root.section("responses").map(sections::replies).unwrap_or_default();
    let (mut upkeep, held) = upkeep::upkeep(&mut root, findings);
    let provider_sections = root.sections("provider");
    let from_environment = provider_sections.is_empty();
    let mut providers: Vec<ProviderSection> = provider_sections
        .into_iter()
        .filter_map(|section| provider::provider(section, &limits, environment, findings))
        .collect();
    let routes: Vec<RouteSection> = root
        .sections("route")
        .into_iter()
        .filter_map(|section| sections::route(section, &limits, findings))
        .collect();
    let prices: Vec<PriceSection> = root
        .sections("price")
        .into_iter()
        .filter_map(|section| sections::price(section, findings))
        .collect();
    let canary_day_cost = root
        .section("canaries")
        .map_or_else(canaries::default_day_cost, |section| canaries::day_cost(section, findings));
    let canaries: Vec<CanarySection> = root
        .sections("canary")
        .into_iter()
        .filter_map(|section| canaries::canary(section, findings))
        .collect();
    let console_hosts = root.strings("console_hosts").unwrap_or_default();
    let task_files = root.strings("tasks").unwrap_or_default();
    root.finish();
    if from_environment {
        providers = environment_providers(environment, &limits, findings);
    }
    report_repeats(&providers, &routes, findings);
    let free = providers
        .iter()
        .filter(|provider| provider.free)
        .map(|provider| provider.name.as_str().into())
        .collect();
    let catalog = with_resellers(catalog, &providers);
    let providers: Vec<Arc<Provider>> = providers.into_iter().map(finished).collect();
    let routes =
        routes.into_iter().map(|route| resolved(route, &providers, &catalog, findings)).collect();
    let prices =
        prices.into_iter().filter_map(|price| placed(price, &providers, findings)).collect();
    upkeep.held = held
        .iter()
        .filter(|target| {
            split_target(target, findings).is_some_and(|(provider, _)| {
                known_provider(provider, target, &providers, findings).is_some()
            })
        })
        .map(|target| target.get_ref().as_str().into())
        .collect();
    if let (Some(gateway), Some(admin)) = (listen, console)
        && gateway == admin
        && gateway.port() != 0
    {
        findings.report(
            0..0,
            "`listen` and `console` are the same address",
            "give the console another port",
        );
    }
    let default = |address: &str| address.parse().expect("the default addresses are valid");
    let mut config = Config {
        listen: overrides.listen.or(listen).unwrap_or_else(|| default(DEFAULT_LISTEN)),
        console: overrides.console.or(console).unwrap_or_else(|| default(DEFAULT_CONSOLE)),
        console_hosts: console_hosts.into_iter().map(Spanned::into_inner).collect(),
        data: overrides.data.clone().or(data).unwrap_or_else(|| PathBuf::from(DEFAULT_DATA)),
        notice,
        workers: workers.unwrap_or_else(cores),
        limits,
        breaker,
        chaos_principals,
        replies,
        signs: watched.limits,
        canaries: Vec::new(),
        canary_day_cost,
        upkeep,
        catalog,
        providers,
        routes,
        tasks: Vec::new(),
        free,
        prices,
    };
    config.tasks = tasks::tasks(&task_files, &config.table(), findings);
    config.canaries = asked(canaries, &config, findings);
    config
}

/// The canaries with their targets.
fn asked(sections: Vec<CanarySection>, config: &Config, findings: &Findings) -> Vec<Canary> {
    let table = config.table();
    let mut canaries: Vec<Canary> = Vec::new();
    for section in sections {
        let name = section.name.get_ref();
        if canaries.iter().any(|earlier| earlier.name.as_str() == name) {
            let message = format!("canary `{name}` stands here twice");
            findings.report(section.name.span(), message, "give each its own name");
        }
        let targets = section.targets.iter().filter_map(|target| {
            let (provider, model) = split_target(target, findings)?;
            let provider = known_provider(provider, target, &config.providers, findings)?;
            report_unlikely_model(provider, model, target, &config.catalog, findings);
            let model = ModelName::from(model);
            Some(Arc::new(Target::new(Arc::clone(provider), model, &config.catalog)))
        });
        let asks = match &section.route {
            None => Asks::Targets(targets.collect()),
            Some(route) => {
                if table.targets_of(route.get_ref()).is_empty() {
                    let message = format!(
                        "canary `{name}` leads nowhere: there is no route `{}`",
                        route.get_ref()
                    );
                    let advice = "name a [[route]], or a model that a provider here has";
                    findings.report(route.span(), message, advice);
                }
                Asks::Route(route.get_ref().as_str().into())
            }
        };
        canaries.push(section.resolved(asks));
    }
    canaries
}

/// The catalog that also knows what these providers serve under names of their own.
fn with_resellers(catalog: Arc<Catalog>, providers: &[ProviderSection]) -> Arc<Catalog> {
    let sold = |section: &ProviderSection| {
        Some((ProviderName::from(section.name.as_str()), section.reseller.clone()?))
    };
    let mut resellers = providers.iter().filter_map(sold).peekable();
    if resellers.peek().is_none() {
        return catalog;
    }
    let known = Catalog::clone(&catalog);
    Arc::new(resellers.fold(known, |known, (name, reseller)| known.with_reseller(name, reseller)))
}

/// One worker per core.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// Every known vendor whose key is in the environment, and every local server whose address is.
fn environment_providers(
    environment: &Environment,
    limits: &Durations,
    findings: &Findings,
) -> Vec<ProviderSection> {
    let mut providers = Vec::new();
    let mut add = |name: &str, remote, free, reseller| {
        let (name, answers) = (name.to_owned(), Answers::Remote(remote));
        let limits = limits.times;
        providers.push(ProviderSection { name, span: 0..0, answers, limits, free, reseller });
    };
    for vendor in VENDORS {
        let moved = environment.get(vendor.address_variable);
        let secret = vendor.key_variables.iter().find_map(|variable| environment.get(variable));
        let is_meant = if vendor.is_local { moved.is_some() } else { secret.is_some() };
        if !is_meant {
            continue;
        }
        let base = moved.unwrap_or(vendor.base_url);
        let spoken = vendor.dialects_at(base);
        let endpoints = vendor_endpoints(base, spoken, Some(vendor), &(0..0), findings);
        let name = Spanned::new(0..0, vendor.name.to_owned());
        let credential =
            secret.and_then(|secret| provider::usable(Credential::new(secret), &name, findings));
        let remote = Remote { endpoints, keys: credential.into() };
        add(vendor.name, remote, vendor.is_local, None);
    }
    for cloud in Cloud::ALL.iter().filter(|cloud| cloud.is_in(environment)) {
        let name = Spanned::new(0..0, cloud.name().to_owned());
        let sources = Sources {
            name: &name,
            base_url: None,
            api_keys: None,
            dialects: None,
            environment,
            findings,
        };
        let remote = cloud.connect(&clouds::Keys::default(), &sources);
        add(cloud.name(), remote, false, Some(cloud.reseller()));
    }
    if providers.is_empty() {
        let variables: Vec<_> =
            VENDORS.iter().take(3).map(|vendor| vendor.key_variables[0]).collect();
        findings.report(
            0..0,
            "no provider is configured",
            format!("set {} or another vendor's key, or write an outlast.toml with a [[provider]]; `outlast demo` needs neither", variables.join(", ")),
        );
    }
    providers
}

fn report_repeats(providers: &[ProviderSection], routes: &[RouteSection], findings: &Findings) {
    for (index, provider) in providers.iter().enumerate() {
        if providers[..index].iter().any(|earlier| earlier.name == provider.name) {
            findings.report(
                provider.span.clone(),
                format!("provider `{}` stands here twice", provider.name),
                "give each its own name",
            );
        }
    }
    for (index, route) in routes.iter().enumerate() {
        if routes[..index].iter().any(|earlier| earlier.name.get_ref() == route.name.get_ref()) {
            findings.report(
                route.name.span(),
                format!("route `{}` stands here twice", route.name.get_ref()),
                "give each its own name",
            );
        }
    }
}

fn finished(section: ProviderSection) -> Arc<Provider> {
    let source = match section.answers {
        Answers::Recorded(recording) => Source::InProcess(recording),
        Answers::Remote(Remote { endpoints, keys }) => Source::Remote { endpoints, keys },
    };
    Arc::new(Provider { name: ProviderName::from(section.name), source, limits: section.limits })
}

fn resolved(
    route: RouteSection,
    providers: &[Arc<Provider>],
    catalog: &Catalog,
    findings: &Findings,
) -> Route {
    let targets = route
        .targets
        .iter()
        .filter_map(|target| {
            let (provider, model) = split_target(target, findings)?;
            let provider = known_provider(provider, target, providers, findings)?;
            if model == "*" && !route.name.get_ref().ends_with('*') {
                let advice = "name a model, or end the route's name with `*`";
                let message = format!(
                    "route `{}` is no pattern, so `*` stands for no model",
                    route.name.get_ref()
                );
                findings.report(target.span(), message, advice);
                return None;
            }
            report_unlikely_model(provider, model, target, catalog, findings);
            Some(Arc::new(Target::new(Arc::clone(provider), ModelName::from(model), catalog)))
        })
        .collect();
    let RouteSection { lossy, streaming, spray, weights, sticky, .. } = route;
    let RouteSection { prefers_cost, successors, hedge, on_degraded, .. } = route;
    let weights = weights.into_iter().map(|weight| Some(weight as f64)).collect();
    Route {
        lossy,
        streaming,
        spray,
        weights,
        sticky,
        prefers_cost,
        successors,
        hedge,
        on_degraded,
        ..Route::new(route.name.into_inner().into(), targets, route.limits)
    }
}

fn split_target<'t>(
    target: &'t Spanned<String>,
    findings: &Findings,
) -> Option<(&'t str, &'t str)> {
    let split = target
        .get_ref()
        .split_once('/')
        .filter(|(provider, model)| !provider.is_empty() && !model.is_empty());
    if split.is_none() {
        findings.report(
            target.span(),
            format!("`{}` is no target", target.get_ref()),
            "write provider/model, such as \"openai/gpt-5.5\"",
        );
    }
    split
}

fn known_provider<'p>(
    name: &str,
    target: &Spanned<String>,
    providers: &'p [Arc<Provider>],
    findings: &Findings,
) -> Option<&'p Arc<Provider>> {
    let found = providers.iter().find(|provider| provider.name.as_str() == name);
    if found.is_none() {
        let near = nearest(name, providers.iter().map(|provider| provider.name.as_str()));
        let advice = near.map_or_else(
            || format!("add a [[provider]] with name = \"{name}\""),
            |near| format!("did you mean `{near}/…`?"),
        );
        findings.report(
            target.span(),
            format!("target `{}` leads nowhere: there is no provider `{name}`", target.get_ref()),
            advice,
        );
    }
    found
}

/// A model that the catalog does not know is allowed (it may be newer than the catalog), but a slip
/// of the pen is not: a name that is very like a known one of that vendor is reported.
fn report_unlikely_model(
    provider: &Provider,
    model: &str,
    target: &Spanned<String>,
    catalog: &Catalog,
    findings: &Findings,
) {
    let known = catalog.models_of(provider.name.as_str());
    if model == "*" || known.is_empty() || known.iter().any(|known| known.name.as_str() == model) {
        return;
    }
    let slip = known
        .iter()
        .map(|known| known.name.as_str())
        .find(|known| strsim::osa_distance(known, model) == 1 && !differs_by_version(known, model));
    if let Some(slip) = slip {
        findings.report(
            target.span(),
            format!("the catalog knows no `{model}` at {}", provider.name),
            format!("did you mean `{}/{slip}`?", provider.name),
        );
    }
}

/// `gpt-5.5` and `gpt-5.6` are two models, not a slip.
fn differs_by_version(a: &str, b: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    letters(a) == letters(b)
}

fn placed(
    price: PriceSection,
    providers: &[Arc<Provider>],
    findings: &Findings,
) -> Option<(ProviderName, ModelName, Prices)> {
    let (provider, model) = split_target(&price.model, findings)?;
    let provider = known_provider(provider, &price.model, providers, findings)?;
    Some((provider.name.clone(), ModelName::from(model), price.prices))
}
