//! Who takes the place of a model, as things are now.

use std::{collections::BTreeMap, sync::Arc};

use decide::{
    heirs::Successors,
    lifecycle::{Life, Stage},
};
use gateway::{Table, Target};
use terms::ids::TargetName;

use crate::models::ModelDesk;

/// The table and the lives of one moment.
#[derive(Debug)]
pub(crate) struct Heirs {
    table: Arc<Table>,
    targets: BTreeMap<TargetName, (Arc<Target>, bool)>,
    lives: BTreeMap<TargetName, Life>,
}

impl ModelDesk {
    pub(crate) fn heirs(&self) -> Heirs {
        let table = self.gateway.table();
        Heirs { targets: table.targets(), lives: self.gateway.lives().all(), table }
    }
}

impl Heirs {
    /// The first of a target's successors that is not gone itself.
    pub(crate) fn of(&self, target: &TargetName) -> Option<TargetName> {
        let (known, _) = self.targets.get(target)?;
        let heirs = self.table.heirs(known, Successors::Any);
        let is_there =
            |name: &&TargetName| self.lives.get(*name).is_none_or(|life| life.stage != Stage::Gone);
        heirs.iter().map(|heir| &heir.name).find(is_there).cloned()
    }
}
