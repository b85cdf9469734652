//! Looks at the providers' own lists of models, on a schedule: soon after the start, then every few
//! hours, each at its own time so that no two ask at once.

use std::{sync::Arc, time::Duration};

use decide::spray;
use gateway::ListFailure;
use terms::ids::{ModelName, TargetName};
use tokio::time::sleep;
use tracing::{debug, info};

use crate::models::ModelDesk;

/// Within this time of the start the first look is taken.
const SOON_MS: u64 = 4_000;

/// How often it is looked whether the config wants looks after all.
const IDLE: Duration = Duration::from_mins(10);

/// A look is taken up to so many percent earlier or later.
const JITTER: u64 = 10;

pub(crate) async fn watch(desk: Arc<ModelDesk>) {
    let mut turn = 0_u64;
    sleep(Duration::from_millis(chance(&desk, turn) % SOON_MS)).await;
    loop {
        let Some(period) = desk.routing.config().upkeep.lists else {
            sleep(IDLE).await;
            continue;
        };
        look(&desk).await;
        turn += 1;
        let ms = u64::try_from(period.as_millis()).unwrap_or(u64::MAX);
        let percent = 100 - JITTER + chance(&desk, turn) % (2 * JITTER + 1);
        sleep(Duration::from_millis(ms / 100 * percent)).await;
    }
}

/// Differs from process to process and from turn to turn; nothing depends on nobody knowing it.
fn chance(desk: &ModelDesk, turn: u64) -> u64 {
    let seed = [desk.ledger.now().0.unsigned_abs(), u64::from(std::process::id()), turn];
    spray::hash(&seed.map(u64::to_le_bytes).concat())
}

async fn look(desk: &ModelDesk) {
    let table = desk.gateway.table();
    let targets = table.targets();
    for provider in table.providers() {
        let listed = match desk.gateway.list_models(provider).await {
            Ok(listed) => listed,
            Err(ListFailure::NoList) => continue,
            // A list that fails says nothing of any model; that the provider is down is seen elsewhere.
            Err(failure) => {
                info!(provider = %provider.name, "its list of models is not known: {failure}");
                continue;
            }
        };
        let theirs =
            targets.iter().filter(|(_, (target, _))| target.provider.name == provider.name);
        let matter: Vec<(TargetName, ModelName)> =
            theirs.map(|(name, (target, _))| (name.clone(), target.model.clone())).collect();
        desk.gateway.lives().listed(&provider.name, &listed, &matter);
        debug!(provider = %provider.name, models = listed.len(), "its list of models");
    }
}
