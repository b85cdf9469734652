//! Who takes the place of a model that is gone or about to be, in the order of one request. The stage
//! of each model is decided in `decide::lifecycle`, who may answer for it in `decide::heirs`.

use std::sync::Arc;

use decide::{
    heirs::Successors,
    lifecycle::{Placement, Stage},
    route::SkipReason,
};
use terms::{ids::TargetName, outcome::Failure, time::Moment};

use crate::{
    gateway::Gateway,
    health::{Health, Look},
    table::{Route, Table, Target},
};

/// The targets of a request where at least one of them is replaced.
#[derive(Debug)]
pub(crate) struct Succession {
    /// In order.
    pub(crate) targets: Vec<Arc<Target>>,
    /// Those that stand behind their successors, and why.
    pub(crate) replaced: Vec<(TargetName, SkipReason)>,
    /// Successors, and for whom each stands in.
    pub(crate) stand_ins: Vec<(TargetName, TargetName)>,
}

impl Succession {
    /// `None` where every target keeps its place.
    pub(crate) fn of(
        gateway: &Gateway,
        chosen: &Route,
        targets: &[&Arc<Target>],
        looks: &[Look],
        draw: u64,
    ) -> Option<Self> {
        if chosen.successors == Successors::None {
            return None;
        }
        let lives = &gateway.health.lives;
        let is_shut_as_gone = |look: &Look| {
            let (admission, failure) = look.admission;
            failure == Some(Failure::ModelGone) && !admission.is_open()
        };
        let is_moved = |(target, look): (&&Arc<Target>, &Look)| {
            is_shut_as_gone(look) || lives.gives_way(&target.name)
        };
        if !targets.iter().zip(looks).any(is_moved) {
            return None;
        }
        let table = gateway.table();
        let alone = targets.len() == 1;
        let mut succession =
            Self { targets: Vec::new(), replaced: Vec::new(), stand_ins: Vec::new() };
        let (mut last, mut behind) = (Vec::new(), Vec::new());
        for (target, look) in targets.iter().zip(looks) {
            let placement = lives.placement(&target.name, draw);
            let is_gone = is_shut_as_gone(look);
            let heirs = if placement == Placement::Own && !is_gone {
                Vec::new()
            } else {
                heirs(&gateway.health, &table, target, chosen.successors)
            };
            let (Some(heir), reason) = (heirs.first(), placement) else {
                succession.push(target);
                continue;
            };
            succession.stand_ins.push((heir.name.clone(), target.name.clone()));
            if let Placement::Behind(reason) = reason {
                succession.push(heir);
                succession.replaced.push((target.name.clone(), reason));
                behind.push(Arc::clone(target));
            } else {
                // Its gate puts it behind the others, and lets it be tried now and then.
                succession.push(target);
                succession.push(heir);
            }
            if alone {
                last.extend(heirs.into_iter().skip(1));
            }
        }
        if succession.stand_ins.is_empty() {
            return None;
        }
        last.iter().chain(&behind).for_each(|target| succession.push(target));
        Some(succession)
    }

    fn push(&mut self, target: &Arc<Target>) {
        if !self.targets.iter().any(|other| other.name == target.name) {
            self.targets.push(Arc::clone(target));
        }
    }

    /// The target that is replaced, where that is the one which would be asked first.
    pub(crate) fn preferred(&self, first: &Target) -> Option<(&TargetName, SkipReason)> {
        let of_first = |(name, _): &&(TargetName, SkipReason)| *name == first.name;
        self.replaced.iter().find(of_first).map(|(name, reason)| (name, *reason))
    }
}

/// Who answers for a target, the best first: those that are not gone themselves.
pub(crate) fn heirs(
    health: &Health,
    table: &Table,
    target: &Target,
    allowed: Successors,
) -> Vec<Arc<Target>> {
    let mut heirs = table.heirs(target, allowed);
    heirs.retain(|heir| health.lives.stage(&heir.name) != Stage::Gone);
    heirs
}

/// Who of those who may stand in for a target of a request is no step of it yet and lets requests pass: one
/// at most where it has several steps.
pub(crate) fn new_heirs(
    gateway: &Gateway,
    steps: &[Arc<Target>],
    target: &Target,
    allowed: Successors,
    now: Moment,
) -> Vec<Arc<Target>> {
    let table = gateway.table();
    let mut heirs = heirs(&gateway.health, &table, target, allowed);
    heirs.retain(|heir| {
        let (admission, _) = gateway.health.admission(heir, now);
        !steps.iter().any(|step| step.name == heir.name) && admission.is_open()
    });
    if steps.len() > 1 {
        heirs.truncate(1);
    }
    heirs
}
