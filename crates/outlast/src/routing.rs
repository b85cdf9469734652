//! What routing depends on, put together: the config and the deployed students make one table. Whichever
//! of the two changes, the other stays in force.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use gateway::{Gateway, Target, Task};
use ledger::Ledger;
use terms::{money::NanoUsd, time::Timestamp};

use crate::{
    config::{Canary, Config},
    deployments::{Deployments, Served},
};

/// The one place that gives the gateway a new table.
#[derive(Debug)]
pub(crate) struct Routing {
    gateway: Arc<Gateway>,
    ledger: Arc<Ledger>,
    pub(crate) deployments: Deployments,
    config: Mutex<Config>,
    /// When this process began to route.
    pub(crate) since: Timestamp,
}

impl Routing {
    /// Puts the deployed students into the table of a gateway that was started with this config.
    pub(crate) fn start(
        gateway: Arc<Gateway>,
        ledger: Arc<Ledger>,
        deployments: Deployments,
        config: Config,
    ) -> Arc<Self> {
        let since = ledger.now();
        let config = Mutex::new(config);
        let routing = Self { gateway, ledger, deployments, config, since };
        routing.apply();
        Arc::new(routing)
    }

    /// Another config holds from now on.
    pub(crate) fn reload(&self, config: Config) {
        self.ledger.set_prices(config.price_book());
        self.ledger.set_breaker_limits(config.breaker);
        self.gateway.chaos().allow(config.chaos_principals.clone());
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
        self.apply();
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
        self.config.lock().unwrap_or_else(PoisonError::into_inner).tasks.clone()
    }

    /// The canaries that are asked, and what they may cost on a day.
    pub(crate) fn canaries(&self) -> (Vec<Canary>, NanoUsd) {
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        (config.canaries.clone(), config.canary_day_cost)
    }

    /// Whether a name is a route here, such as that of a teacher.
    pub(crate) fn has_route(&self, name: &str) -> bool {
        self.gateway.table().knows(name)
    }

    fn apply(&self) {
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
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
