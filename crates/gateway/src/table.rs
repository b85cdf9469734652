//! The routing table: targets and routes as the checked config gives them, the implicit routes of the
//! catalog, and the tasks. Immutable; a reload swaps the whole table.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use decide::{
    attempt::AttemptLimits,
    catalog::{Catalog, ModelRef},
    heirs::{Successors, heirs},
    implicit::implicit_route,
    spray::Spray,
    upstream_stream::UpstreamStream,
};
use terms::{
    ids::{ModelName, ProviderName, RouteName, TargetName},
    model::{Capabilities, Model},
};

use wire::Prefill;

use crate::{
    hedge::Hedge,
    provider::{Endpoint, Provider},
    task::Task,
};

/// One place a request can be sent.
#[derive(Debug, Clone)]
pub struct Target {
    /// `provider/model`.
    pub name: TargetName,
    /// Who answers.
    pub provider: Arc<Provider>,
    /// The model's name there.
    pub model: ModelName,
    /// What the catalog knows of it.
    pub known: Option<Model>,
}

impl Target {
    /// A target, with what the catalog knows of its model.
    pub fn new(provider: Arc<Provider>, model: ModelName, catalog: &Catalog) -> Self {
        let known = catalog.model(provider.name.as_str(), model.as_str()).cloned();
        Self::with(provider, model, known)
    }

    pub(crate) fn with(provider: Arc<Provider>, model: ModelName, known: Option<Model>) -> Self {
        let name = TargetName::from(format!("{}/{model}", provider.name));
        Self { name, provider, model, known }
    }

    /// What the model can do; a model that nobody knows is taken to be able to.
    pub(crate) fn capabilities(&self) -> Capabilities {
        self.known.as_ref().map_or(
            Capabilities {
                images: true,
                tools: true,
                json_schema: true,
                reasoning: false,
                sampling: true,
                prefill: true,
            },
            |model| model.capabilities,
        )
    }

    /// The same, with what the provider does for all its models.
    pub(crate) fn capabilities_at(&self, endpoint: &Endpoint) -> Capabilities {
        let known = self.capabilities();
        let prefill = match endpoint.habits.prefill {
            Prefill::Unknown => known.prefill,
            // Its callers would read their own words twice.
            Prefill::Prefix => false,
            // Where the model reasons, the rest might be taken for reasoning.
            Prefill::ContinueFinalMessage => !known.reasoning,
        };
        Capabilities { prefill, ..known }
    }
}

/// The name that callers ask for, and its targets in order.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its name; a trailing `*` makes it a pattern.
    pub name: RouteName,
    /// In order of preference. The model `*` stands for the name that the caller asked for.
    pub targets: Vec<Arc<Target>>,
    /// Bounds of one request.
    pub limits: AttemptLimits,
    /// Whether a parameter that a target's dialect cannot say is left out and listed, where it would
    /// otherwise be refused.
    pub lossy: bool,
    /// How requests are spread over the targets.
    pub spray: Spray,
    /// Shares of the targets, in their order; empty where all have the same. A target of a task's own
    /// student has none and keeps its place.
    pub weights: Vec<Option<f64>>,
    /// Whether the requests of a session, or of one conversation, go to one target and show one key.
    pub sticky: bool,
    /// Whether only the providers' first keys are shown, because what is asked about lies in their
    /// accounts.
    pub first_key_only: bool,
    /// Whether the cheapest target goes first, where they have no shares.
    pub prefers_cost: bool,
    /// Who may answer for a target whose model is gone.
    pub successors: Successors,
    /// Whether a second attempt goes out beside one that is slow.
    pub hedge: Option<Hedge>,
    /// What becomes of streams.
    pub streaming: Streaming,
    /// What becomes of a target that answers worse than it did.
    pub on_degraded: OnDegraded,
    /// What is known of the job, where the route is a task.
    pub task: Option<Arc<Task>>,
}

impl Route {
    /// A route that is no task.
    pub fn new(name: RouteName, targets: Vec<Arc<Target>>, limits: AttemptLimits) -> Self {
        Self {
            name,
            targets,
            limits,
            lossy: false,
            spray: Spray::Order,
            weights: Vec::new(),
            sticky: true,
            first_key_only: false,
            prefers_cost: false,
            successors: Successors::Any,
            hedge: None,
            streaming: Streaming::default(),
            on_degraded: OnDegraded::default(),
            task: None,
        }
    }

    /// Whether a request has a choice here that is not the order of the targets.
    pub(crate) fn is_spread(&self) -> bool {
        let has_several = |target: &Arc<Target>| target.provider.key_ids().len() > 1;
        self.spray != Spray::Order || self.targets.iter().any(has_several)
    }

    /// The share of a target; `None` where it keeps its place.
    pub(crate) fn weight(&self, index: usize) -> Option<f64> {
        if self.weights.is_empty() { Some(1.0) } else { self.weights.get(index).copied().flatten() }
    }
}

/// What becomes of a route's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Streaming {
    /// What becomes of one that breaks off after a part of it was sent.
    pub broken: BrokenStream,
    /// Whether a tool call is sent only once its arguments are whole, so that a call that broke off
    /// can be told anew.
    pub hold_arguments: bool,
    /// How answers that are wanted whole are got.
    pub upstream: UpstreamStream,
}

/// What becomes of a stream that breaks off after a part of it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BrokenStream {
    /// Another target goes on with it.
    #[default]
    Continue,
    /// It ends with an error.
    Strict,
    /// Nothing is sent before the answer is whole, so that another target can begin anew.
    Buffer,
}

/// What becomes of a target that answers worse than it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnDegraded {
    /// It is told.
    #[default]
    Tell,
    /// It goes behind those that do not, but for a small share.
    Shift,
}

/// The routing table.
#[derive(Debug)]
pub struct Table {
    catalog: Arc<Catalog>,
    providers: Vec<Arc<Provider>>,
    provider_names: Vec<ProviderName>,
    routes: HashMap<RouteName, Arc<Route>>,
    patterns: Vec<Arc<Route>>,
    /// Names of the routes that somebody configured.
    configured: HashSet<RouteName>,
    defaults: RouteDefaults,
}

/// What holds for routes that nobody configured.
#[derive(Debug, Clone, Copy, Default)]
pub struct RouteDefaults {
    /// Bounds of one request.
    pub limits: AttemptLimits,
    /// What becomes of streams.
    pub streaming: Streaming,
    /// What becomes of a target that answers worse than it did.
    pub on_degraded: OnDegraded,
}

impl From<AttemptLimits> for RouteDefaults {
    fn from(limits: AttemptLimits) -> Self {
        Self { limits, ..Self::default() }
    }
}

impl Table {
    /// A table of these providers and routes. Every catalog model of a provider is an implicit route.
    pub fn new(
        catalog: Arc<Catalog>,
        providers: Vec<Arc<Provider>>,
        routes: Vec<Route>,
        defaults: impl Into<RouteDefaults>,
    ) -> Self {
        let provider_names = providers.iter().map(|provider| provider.name.clone()).collect();
        let mut table = Self {
            catalog,
            providers,
            provider_names,
            routes: HashMap::new(),
            patterns: Vec::new(),
            configured: routes.iter().map(|route| route.name.clone()).collect(),
            defaults: defaults.into(),
        };
        // Implicit routes first: a configured route of the same name replaces them.
        for provider in &table.providers {
            for model in table.catalog.models_of(provider.name.as_str()) {
                let name = RouteName::from(model.name.as_str());
                if let Some(route) = table.implicit(&name) {
                    table.routes.insert(name, Arc::new(route));
                }
            }
        }
        for route in routes {
            if route.name.as_str().ends_with('*') {
                table.patterns.push(Arc::new(route));
            } else {
                table.routes.insert(route.name.clone(), Arc::new(route));
            }
        }
        // The longest pattern that fits wins.
        table.patterns.sort_by_key(|route| std::cmp::Reverse(route.name.as_str().len()));
        table
    }

    /// The table with these tasks, whose teachers are routes of it. A task whose teacher is no route
    /// here is answered by its student alone; one that nobody could answer is left out.
    #[must_use]
    pub fn with_tasks(mut self, tasks: Vec<Task>) -> Self {
        for task in tasks {
            let teacher = self.route(task.teacher.as_str());
            let Some(route) = task.route(teacher.as_deref(), self.defaults.limits) else {
                continue;
            };
            self.configured.insert(route.name.clone());
            self.routes.insert(route.name.clone(), Arc::new(route));
        }
        self
    }

    /// The route for the name that a caller asked for.
    pub(crate) fn route(&self, asked: &str) -> Option<Arc<Route>> {
        if let Some(route) = self.routes.get(asked) {
            return Some(Arc::clone(route));
        }
        if let Some(pattern) = self.patterns.iter().find(|route| fits(route.name.as_str(), asked)) {
            return Some(Arc::new(self.filled(pattern, asked)));
        }
        self.implicit(&RouteName::from(asked)).map(Arc::new)
    }

    /// Whether a caller can ask for this name.
    pub fn knows(&self, asked: &str) -> bool {
        self.route(asked).is_some()
    }

    /// The targets that can be asked for under this name at providers; students within this process are
    /// none.
    pub fn targets_of(&self, asked: &str) -> Vec<Arc<Target>> {
        let targets = self.route(asked).map(|route| route.targets.clone()).unwrap_or_default();
        targets.into_iter().filter(|target| !target.provider.is_in_process()).collect()
    }

    /// The target of this name, `provider/model`, whether or not a route leads to it: any model of a
    /// provider here can be asked for. `None` where there is no such provider.
    pub fn named(&self, target: &TargetName) -> Option<Arc<Target>> {
        let (provider, model) = target.as_str().split_once('/')?;
        let model = (!model.is_empty()).then(|| ModelName::from(model))?;
        self.target(&ModelRef { provider: provider.into(), model })
    }

    /// Every name that can be asked for, with the provider of its first target.
    pub(crate) fn names(&self) -> BTreeMap<&str, &str> {
        self.routes
            .iter()
            .map(|(name, route)| {
                let owner =
                    route.targets.first().map_or("outlast", |target| target.provider.name.as_str());
                (name.as_str(), owner)
            })
            .collect()
    }

    /// Every target of every route by name, and whether a configured route leads to it rather than
    /// only an implicit one. A pattern's target without a model of its own is none.
    pub fn targets(&self) -> BTreeMap<TargetName, (Arc<Target>, bool)> {
        let mut targets: BTreeMap<TargetName, (Arc<Target>, bool)> = BTreeMap::new();
        for route in self.routes.values().chain(&self.patterns) {
            let configured = self.configured.contains(&route.name);
            for target in route.targets.iter().filter(|target| target.model.as_str() != "*") {
                let name = target.name.clone();
                let seen = targets.entry(name).or_insert_with(|| (Arc::clone(target), false));
                seen.1 |= configured;
            }
        }
        targets
    }

    /// Who answers for a target whose model is gone, the best first.
    pub fn heirs(&self, target: &Target, allowed: Successors) -> Vec<Arc<Target>> {
        let Target { provider, model, .. } = target;
        heirs(&provider.name, model, &self.provider_names, &self.catalog, allowed)
            .iter()
            .filter_map(|heir| self.target(heir))
            .collect()
    }

    /// The catalog behind it.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The configured providers.
    pub fn providers(&self) -> &[Arc<Provider>] {
        &self.providers
    }

    fn implicit(&self, name: &RouteName) -> Option<Route> {
        let models = implicit_route(name.as_str(), &self.provider_names, &self.catalog);
        let targets: Vec<_> = models.iter().filter_map(|model| self.target(model)).collect();
        let RouteDefaults { limits, streaming, on_degraded } = self.defaults;
        let route =
            |targets| Route { streaming, on_degraded, ..Route::new(name.clone(), targets, limits) };
        (!targets.is_empty()).then(|| route(targets))
    }

    fn target(&self, model: &ModelRef) -> Option<Arc<Target>> {
        let provider = self.providers.iter().find(|provider| provider.name == model.provider)?;
        Some(Arc::new(Target::new(Arc::clone(provider), model.model.clone(), &self.catalog)))
    }

    /// A pattern route with `*` models replaced by the name that was asked for.
    fn filled(&self, pattern: &Route, asked: &str) -> Route {
        let targets = pattern
            .targets
            .iter()
            .map(|target| match target.model.as_str() {
                "*" => {
                    Arc::new(Target::new(Arc::clone(&target.provider), asked.into(), &self.catalog))
                }
                _ => Arc::clone(target),
            })
            .collect();
        Route { targets, ..pattern.clone() }
    }
}

fn fits(pattern: &str, asked: &str) -> bool {
    pattern.strip_suffix('*').is_some_and(|prefix| asked.starts_with(prefix))
}
