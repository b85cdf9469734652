//! The models that a config reaches, with what is known of each: those that the catalog lists for its
//! providers, the targets of its routes, and those that answered lately.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use console::{CheckRow, ModelRow};
use decide::lifecycle::{Check, Life, LifecycleLimits, Stage, Verdict};
use gateway::{Table, Target};
use ledger::PriceBook;
use terms::{ids::TargetName, time::Timestamp};

use crate::models::heirs::Heirs;

/// What reaches models.
#[derive(Debug)]
pub(crate) struct Reach<'a> {
    pub(crate) table: Arc<Table>,
    pub(crate) prices: &'a PriceBook,
    pub(crate) limits: &'a LifecycleLimits,
    /// Targets of configured routes, and those that answered lately.
    pub(crate) used: &'a HashSet<TargetName>,
}

impl Reach<'_> {
    /// A row for each model, those that need a look first.
    pub(crate) fn rows(&self, lives: BTreeMap<TargetName, Life>, now: Timestamp) -> Vec<ModelRow> {
        let targets = self.targets(&lives);
        let heirs = Heirs::of_table(Arc::clone(&self.table), lives);
        let mut rows: Vec<ModelRow> =
            targets.values().map(|target| self.row(target, &heirs, now)).collect();
        sort(&mut rows);
        rows
    }

    /// A model that was asked for lately needs no route: `provider/model` is one. What once answered at
    /// a provider that is configured no longer is out of reach.
    fn targets(&self, lives: &BTreeMap<TargetName, Life>) -> BTreeMap<TargetName, Arc<Target>> {
        let of_routes = self.table.targets().into_values().map(|(target, _)| target);
        let told = |life: &Life| life.held.is_some() || life.stage != Stage::Live;
        let known = lives.iter().filter(|(_, life)| told(life)).map(|(name, _)| name);
        let by_name = self.used.iter().chain(known).filter_map(|name| self.table.named(name));
        of_routes
            .chain(by_name)
            .filter(|target| !target.provider.is_in_process())
            .map(|target| (target.name.clone(), target))
            .collect()
    }

    fn row(&self, target: &Target, heirs: &Heirs, now: Timestamp) -> ModelRow {
        let nothing = Life::default();
        let life = heirs.life(&target.name).unwrap_or(&nothing);
        let known = target.known.as_ref();
        let catalog = self.table.catalog();
        let tier =
            known.and_then(|model| catalog.tier(model.provider.as_str(), model.name.as_str()));
        let quote = self.prices.quote(&target.provider.name, &target.model);
        ModelRow {
            target: target.name.clone(),
            stage: life.stage.name().to_owned(),
            since: life.since,
            reason: life.reason.clone(),
            last_day: life.last_day().map(Timestamp::date),
            successor: heirs.of_target(target),
            share: life.standing(self.limits).map_or(0, |standing| standing.share(now)),
            refusals: life.signs.refusals,
            held: life.held.is_some(),
            in_use: self.used.contains(&target.name),
            in_catalog: known.is_some(),
            tier: tier.map(|tier| tier.name.clone()),
            context_window: known.map_or(0, |model| model.context_window),
            prices: (!quote.is_assumed()).then_some(*quote.prices),
            mirrored: check(&life.mirrored),
            in_place: check(&life.in_place),
            verdict: match life.verdict() {
                Verdict::Unknown => "unknown",
                Verdict::Passed => "passed",
                Verdict::Failed => "failed",
            }
            .to_owned(),
        }
    }
}

fn check(check: &Check) -> CheckRow {
    CheckRow {
        asked: check.asked,
        good: check.good,
        cost: check.cost,
        complaint: check.complaint.clone(),
    }
}

/// What needs a look first.
fn sort(models: &mut [ModelRow]) {
    const STAGES: [Stage; 4] = [Stage::Gone, Stage::Ramping, Stage::Announced, Stage::Live];
    let rank = |row: &ModelRow| STAGES.iter().position(|stage| stage.name() == row.stage);
    models.sort_by(|a, b| {
        // Those whose end nobody knows come behind those with a date.
        let key = |row: &ModelRow| (!row.in_use, rank(row), row.last_day.is_none());
        let names = || (&a.last_day, &a.target).cmp(&(&b.last_day, &b.target));
        key(a).cmp(&key(b)).then_with(names)
    });
}
