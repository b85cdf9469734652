//! Looks at the providers' own lists of models, on a schedule.

use std::sync::Arc;

use gateway::ListFailure;
use terms::ids::{ModelName, TargetName};
use tracing::{debug, info};

use crate::models::{
    ModelDesk,
    schedule::{Done, Schedule},
};

pub(crate) async fn watch(desk: Arc<ModelDesk>) {
    let mut schedule = Schedule::begin(desk.chance("models"));
    loop {
        schedule.due(|| desk.routing.config().upkeep.lists, || false).await;
        look(&desk).await;
        // A list that fails is asked for again with all others.
        schedule.done(Done::Well);
    }
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
