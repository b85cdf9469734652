//! What routing depends on, put together: the config and the deployed students make one table. Whichever
//! of the two changes, the other stays in force.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use decide::heirs::Successors;
use gateway::{Gateway, Target, Task};
use ledger::Ledger;
use terms::{ids::TargetName, money::NanoUsd, time::Timestamp};

use crate::{
    config::{Canary, Config},
    deployments::{Deployments, Served},
    prices::PriceVersions,
};

/// The one place that gives the gateway a new table.
#[derive(Debug)]
pub(crate) struct Routing {
    gateway: Arc<Gateway>,
    ledger: Arc<Ledger>,
    pub(crate) deployments: Deployments,
    pub(crate) prices: PriceVersions,
    config: Mutex<Arc<Config>>,
    /// When this process began to route.
    pub(crate) since: Timestamp,
}

impl Routing {
    /// Puts the deployed students into the table of a gateway that was started with this config.
    pub(crate) fn start(
        gateway: Arc<Gateway>,
        ledger: Arc<Ledger>,
        deployments: Deployments,
        prices: PriceVersions,
        config: Config,
    ) -> Arc<Self> {
        let since = ledger.now();
        let config = Mutex::new(Arc::new(config));
        let routing = Self { gateway, ledger, deployments, prices, config, since };
        routing.reprice();
        routing.apply();
        routing.know_models(&[]);
        Arc::new(routing)
    }

    /// Another config holds from now on.
    pub(crate) fn reload(&self, config: Config) {
        self.ledger.set_breaker_limits(config.breaker);
        let before = self.config();
        self.gateway.chaos().allow(config.chaos_principals.clone());
        *self.locked() = Arc::new(config);
        self.reprice();
        self.apply();
        self.know_models(&before.upkeep.held);
    }

    /// The config in force.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.locked())
    }

    fn locked(&self) -> MutexGuard<'_, Arc<Config>> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another version of the prices may be in force.
    pub(crate) fn reprice(&self) {
        self.ledger.set_prices(self.prices.book(&self.config()));
    }

    /// What the catalog and the config say of the models' lives. `held_before`: what the config held
    /// until now.
    fn know_models(&self, held_before: &[TargetName]) {
        let config = self.config();
        let upkeep = &config.upkeep;
        let (lives, table) = (self.gateway.lives(), self.gateway.table());
        lives.set_limits(upkeep.lifecycle);
        let targets = table.targets();
        let day = |date: &String| Timestamp::from_date(date);
        let days: BTreeMap<TargetName, Timestamp> = targets
            .iter()
            .filter_map(|(name, (target, _))| {
                let retires = target.known.as_ref()?.retires.as_ref().and_then(day)?;
                Some((name.clone(), retires))
            })
            .collect();
        let successors = targets.iter().filter_map(|(name, (target, _))| {
            let heir = table.heirs(target, Successors::Any).into_iter().next()?;
            Some((name.clone(), heir.name.clone()))
        });
        lives.know_catalog(&days, successors);
        for target in held_before.iter().filter(|target| !upkeep.held.contains(target)) {
            lives.release(target);
        }
        upkeep.held.iter().for_each(|target| lives.hold(target));
    }

    /// A student serves from now on. Its teacher must be a route here.
    pub(crate) async fn deploy(
        &self,
        package: &Path,
        anyway: bool,
        now: Timestamp,
    ) -> anyhow::Result<Served> {
        let served = self.deployments.deploy(package, anyway, now).await?;
        self.apply();
        Ok(served)
    }

    /// The teacher answers from now on.
    pub(crate) async fn undeploy(&self, task: &str, now: Timestamp) -> anyhow::Result<Served> {
        let served = self.deployments.undeploy(task, now).await?;
        self.apply();
        Ok(served)
    }

    /// What answered before the last change answers again.
    pub(crate) async fn roll_back(&self, task: &str, now: Timestamp) -> anyhow::Result<Served> {
        let bare = task.strip_prefix("task:").unwrap_or(task);
        let is_configured = |known: &Task| known.name.as_str().strip_prefix("task:") == Some(bare);
        let had_teacher = self.configured_tasks().iter().any(is_configured);
        let served = self.deployments.roll_back(task, had_teacher, now).await?;
        self.apply();
        Ok(served)
    }

    /// The tasks that the config names.
    pub(crate) fn configured_tasks(&self) -> Vec<Task> {
        self.config().tasks.clone()
    }

    /// The canaries that are asked, and what they may cost on a day.
    pub(crate) fn canaries(&self) -> (Vec<Canary>, NanoUsd) {
        let config = self.config();
        (config.canaries.clone(), config.canary_day_cost)
    }

    /// Whether a name is a route here, such as that of a teacher.
    pub(crate) fn has_route(&self, name: &str) -> bool {
        self.gateway.table().knows(name)
    }

    fn apply(&self) {
        // Locked to the end: of two that apply, the later one sees what the earlier one did.
        let config = self.locked();
        // A task that is deployed stands above the one of the config.
        let mut tasks = config.tasks.clone();
        tasks.extend(self.deployments.tasks());
        self.gateway.reload(config.table().with_tasks(tasks));
        self.gateway.watch_signs(config.signs);
        let table = self.gateway.table();
        let asked: Vec<_> =
            config.canaries.iter().map(|canary| (&canary.name, canary.targets(&table))).collect();
        self.gateway.retain_canaries(|target, canary| {
            let is_target = |asked: &Arc<Target>| asked.name == *target;
            asked.iter().any(|(name, targets)| **name == *canary && targets.iter().any(is_target))
        });
    }
}
