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
    lives: BTreeMap<TargetName, Life>,
}

impl ModelDesk {
    pub(crate) fn heirs(&self) -> Heirs {
        Heirs::of_table(self.gateway.table(), self.gateway.lives().all())
    }
}

impl Heirs {
    pub(crate) fn of_table(table: Arc<Table>, lives: BTreeMap<TargetName, Life>) -> Self {
        Self { table, lives }
    }

    /// What is known of a target's life.
    pub(crate) fn life(&self, target: &TargetName) -> Option<&Life> {
        self.lives.get(target)
    }

    /// The first of a target's successors that is not gone itself. No route need lead to the target.
    pub(crate) fn of(&self, target: &TargetName) -> Option<TargetName> {
        self.of_target(&*self.table.named(target)?)
    }

    /// The same of a target that is at hand.
    pub(crate) fn of_target(&self, target: &Target) -> Option<TargetName> {
        let heirs = self.table.heirs(target, Successors::Any);
        let is_there =
            |name: &&TargetName| self.lives.get(*name).is_none_or(|life| life.stage != Stage::Gone);
        heirs.iter().map(|heir| &heir.name).find(is_there).cloned()
    }
}
