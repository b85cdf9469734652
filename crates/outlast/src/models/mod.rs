//! The lives of models in a running program: what is known at the start and kept over restarts, the
//! looks at the providers' lists, and telling people. What a sign means is decided in
//! `decide::lifecycle`; what requests do about it in `gateway`.

mod desk;
mod heirs;
mod kept;
pub(crate) mod lists;
pub(crate) mod price_list;
mod reach;
mod schedule;
mod told;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gateway::Gateway;
use ledger::Ledger;
use store::Store;
use terms::{ids::TargetName, time::Timestamp};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval_at, sleep},
};

use crate::{
    notify::{Notice, Notifier},
    prices::{Traffic, target_name},
    routing::Routing,
};

pub(crate) use desk::held_by_config;
pub(crate) use kept::{read_lives, write_lives};
pub(crate) use price_list::LastRead;
pub(crate) use reach::Reach;

/// How often dates are compared with the day.
const LOOK: Duration = Duration::from_mins(1);

/// How often the books are asked which models are in use.
const USE: Duration = Duration::from_hours(1);

/// News are gathered for so long before they are kept.
const GATHER: Duration = Duration::from_millis(200);

/// The models of a running program.
#[derive(Debug)]
pub(crate) struct ModelDesk {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) store: Store,
    pub(crate) routing: Arc<Routing>,
    pub(crate) notifier: Arc<Notifier>,
    pub(crate) notice: Option<String>,
    /// Targets that answered lately, by the books.
    pub(crate) used: Mutex<HashSet<TargetName>>,
    /// Models whose successors people were told to have failed.
    pub(crate) failed: Mutex<HashSet<TargetName>>,
    /// How the price list of the config was read last.
    pub(crate) price_list: Mutex<LastRead>,
}

impl ModelDesk {
    /// Watches until told to stop.
    pub(crate) fn watch(self: Arc<Self>, stopped: watch::Receiver<bool>) -> JoinHandle<()> {
        tokio::spawn(self.run(stopped))
    }

    async fn run(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        self.read_use().await;
        let lives = self.gateway.lives();
        let mut looks = every(LOOK);
        let mut uses = every(USE);
        loop {
            tokio::select! {
                () = lives.news() => {
                    sleep(GATHER).await;
                    self.tell();
                    self.keep().await;
                }
                _ = looks.tick() => {
                    lives.look();
                    if self.tell() {
                        self.keep().await;
                    }
                }
                _ = uses.tick() => self.read_use().await,
                () = told(&mut stopped) => break,
            }
        }
        self.keep().await;
    }

    /// Tells people, also by the webhook that the config names now.
    pub(crate) fn announce(&self, notice: Notice) {
        self.notifier.tell(notice, self.routing.config().upkeep.webhook.clone());
    }

    async fn keep(&self) {
        let lives = self.gateway.lives().all();
        let config = self.routing.config();
        if let Err(failure) = write_lives(&self.store, lives, &config.upkeep.held).await {
            tracing::error!("what is known of the models' lives is not kept: {failure:#}");
        }
    }

    /// Which models answered lately.
    async fn read_use(&self) {
        match used_lately(&self.store, self.ledger.now()).await {
            Ok(used) => *self.used() = used,
            Err(failure) => tracing::error!("which models are in use is not known: {failure:#}"),
        }
    }

    /// Targets of configured routes, and those that answered lately.
    pub(crate) fn in_use(&self) -> HashSet<TargetName> {
        let table = self.gateway.table();
        let configured = table.targets().into_iter().filter(|(_, (_, configured))| *configured);
        let mut used: HashSet<TargetName> = configured.map(|(name, _)| name).collect();
        used.extend(self.used().iter().cloned());
        let now = self.ledger.activity().snapshot().targets;
        used.extend(
            now.into_iter().filter(|(_, at)| at.attempts > at.failures).map(|(name, _)| name),
        );
        used
    }

    fn used(&self) -> MutexGuard<'_, HashSet<TargetName>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The targets that answered in the last 30 days, by the books.
pub(crate) async fn used_lately(
    store: &Store,
    now: Timestamp,
) -> anyhow::Result<HashSet<TargetName>> {
    let traffic = Traffic::of_last_month(store, now).await?;
    let answered = traffic.0.into_iter().filter(|(_, row)| row.attempts > row.failed_attempts);
    Ok(answered.map(|((provider, model), _)| target_name(&provider, &model)).collect())
}

/// Resolves when the program stops.
async fn told(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
