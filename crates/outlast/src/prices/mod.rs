//! What models cost, by version: price lists that were taken over, in the data folder, and prices that
//! wait for a person. The newest version holds above the built-in catalog; past costs keep theirs.

mod folder;
mod refresh;
mod traffic;

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, bail, ensure};

use console::{PriceChangeRow, PriceVersionRow, RejectedPrice, WaitingPrice};
use ledger::PriceBook;
use store::Store;
use terms::{
    ids::{ModelName, ProviderName, TargetName},
    money::NanoUsd,
    time::Timestamp,
};

use crate::config::Config;
use folder::{Folder, Listed, Pending, Version};

use refresh::Compared;

pub(crate) use refresh::read_source;
pub(crate) use traffic::Traffic;

/// Versions that are shown.
const SHOWN: usize = 20;

/// The versions of a data folder.
#[derive(Debug)]
pub(crate) struct PriceVersions {
    folder: Folder,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Oldest first.
    versions: Vec<Version>,
    pending: Pending,
    /// Files that could not be read at the start, in sentences.
    damage: Vec<String>,
}

impl PriceVersions {
    /// Reads what was taken over. A file that cannot be read is reported and left out.
    pub(crate) fn load(data: &Path) -> anyhow::Result<Self> {
        let (folder, mut damage) = (Folder::of(data), Vec::new());
        let (versions, pending) = (folder.versions(&mut damage)?, folder.pending(&mut damage));
        for damaged in &damage {
            tracing::error!("{damaged}");
        }
        Ok(Self { folder, state: Mutex::new(State { versions, pending, damage }) })
    }

    /// Files that could not be read at the start, in sentences.
    pub(crate) fn damage(&self) -> Vec<String> {
        self.lock().damage.clone()
    }

    /// The price book of a config with the newest version in it.
    pub(crate) fn book(&self, config: &Config) -> PriceBook {
        match self.lock().in_force(config.catalog.as_of()) {
            None => config.price_book(),
            Some(version) => version.over(config.price_book()),
        }
    }

    /// The name of the version in force.
    pub(crate) fn current(&self, config: &Config) -> String {
        let as_of = config.catalog.as_of();
        self.lock().in_force(as_of).map_or_else(|| as_of.to_owned(), |version| version.name.clone())
    }

    pub(crate) fn waiting(&self) -> Vec<WaitingPrice> {
        self.lock().pending.waiting.clone()
    }

    /// Prices that somebody refused, and that lists may state still.
    pub(crate) fn rejected(&self) -> Vec<RejectedPrice> {
        self.lock().pending.rejected.clone()
    }

    /// The latest versions, newest first.
    pub(crate) fn rows(&self) -> Vec<PriceVersionRow> {
        let state = self.lock();
        state.versions.iter().rev().take(SHOWN).map(Version::row).collect()
    }

    /// A price that waits, or that was rejected, is right: a version with it holds from now on.
    pub(crate) async fn confirm(
        &self,
        target: &TargetName,
        by: &str,
        config: &Config,
        store: &Store,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let row = self.lock().to_confirm(target)?;
        let (provider, model) = parts(target)?;
        // What it means is told of the traffic of today, not of the day since which it waits.
        let traffic = Traffic::of_last_month(store, now).await?;
        let mut change = [PriceChangeRow {
            provider: provider.clone(),
            model: model.clone(),
            before: None,
            after: row.after,
            month_before: NanoUsd::ZERO,
            month_after: NanoUsd::ZERO,
            waits: None,
        }];
        self.weigh(&mut change, config, &traffic);
        let [PriceChangeRow { month_before, month_after, .. }] = change;
        let listed = Listed { provider, model, prices: row.after };
        let from = format!("{}, confirmed by {by}", row.from);
        let mut state = self.lock();
        ensure!(
            state.to_confirm(target)? == row,
            "another price of {target} waits by now; look at it before you confirm it"
        );
        let next = state.next(config, now, from, vec![listed]);
        let version = Version { month_before, month_after, ..next };
        let mut pending = state.pending.clone();
        pending.waiting.retain(|other| other.target != *target);
        pending.rejected.retain(|other| other.target != *target);
        self.folder.keep(&version)?;
        self.folder.keep_pending(&pending)?;
        state.versions.push(version);
        state.pending = pending;
        Ok(())
    }

    /// A price that waits is wrong: the same is not asked about again for as long as it would wait.
    pub(crate) fn reject(&self, target: &TargetName) -> anyhow::Result<()> {
        let mut state = self.lock();
        let row = state.waits(target)?;
        let mut pending = state.pending.clone();
        pending.waiting.retain(|other| other.target != *target);
        pending.rejected.retain(|other| other.target != *target);
        pending.rejected.push(RejectedPrice {
            target: target.clone(),
            after: row.after,
            from: row.from,
        });
        self.folder.keep_pending(&pending)?;
        state.pending = pending;
        Ok(())
    }

    /// Takes changes over: those that need nobody make a version, the others wait. Gives the version, and
    /// how many wait that did not before.
    fn take_over(
        &self,
        Compared { changes, named, .. }: &Compared,
        from: &str,
        config: &Config,
        now: Timestamp,
    ) -> anyhow::Result<(Option<String>, u64)> {
        let mut state = self.lock();
        let mut pending = state.pending.clone();
        // What this list says of a model is the latest word on it, also where it says what already holds.
        // What the list that said it says no longer waits for nobody.
        let (gone, stays): (Vec<_>, Vec<_>) = std::mem::take(&mut pending.waiting)
            .into_iter()
            .partition(|row| named.contains(&row.target) || row.from == from);
        pending.waiting = stays;
        let mut new = 0;
        for row in changes {
            let Some(why) = &row.waits else { continue };
            let target = target_name(&row.provider, &row.model);
            let asked = gone.iter().find(|old| old.target == target && old.after == row.after);
            new += u64::from(asked.is_none());
            pending.waiting.push(WaitingPrice {
                target,
                before: row.before,
                after: row.after,
                why: why.clone(),
                from: from.to_owned(),
                since: asked.map_or(now, |asked| asked.since),
            });
        }
        let taken: Vec<&PriceChangeRow> =
            changes.iter().filter(|row| row.waits.is_none()).collect();
        // What holds by now was not wrong.
        pending.rejected.retain(|old| !taken.iter().any(|row| is_of(old, row)));
        let listed = taken.iter().map(|row| Listed {
            provider: row.provider.clone(),
            model: row.model.clone(),
            prices: row.after,
        });
        let version = (!taken.is_empty()).then(|| Version {
            month_before: taken.iter().map(|row| row.month_before).sum(),
            month_after: taken.iter().map(|row| row.month_after).sum(),
            ..state.next(config, now, from.to_owned(), listed.collect())
        });
        if let Some(version) = &version {
            self.folder.keep(version)?;
        }
        self.folder.keep_pending(&pending)?;
        state.pending = pending;
        let name = version.as_ref().map(|version| version.name.clone());
        state.versions.extend(version);
        Ok((name, new))
    }

    fn is_rejected(&self, row: &PriceChangeRow) -> bool {
        self.lock().pending.rejected.iter().any(|old| is_of(old, row))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a change is to the very price that was rejected.
fn is_of(rejected: &RejectedPrice, row: &PriceChangeRow) -> bool {
    rejected.target == target_name(&row.provider, &row.model) && rejected.after == row.after
}

impl State {
    /// The price that a person may say is right: one that waits, else one that was rejected.
    fn to_confirm(&self, target: &TargetName) -> anyhow::Result<RejectedPrice> {
        let mut rejected = self.pending.rejected.iter();
        match (self.waits(target), rejected.find(|row| row.target == *target)) {
            (Ok(row), _) => {
                Ok(RejectedPrice { target: row.target, after: row.after, from: row.from })
            }
            (Err(_), Some(row)) => Ok(row.clone()),
            (Err(none), None) => Err(none),
        }
    }

    fn waits(&self, target: &TargetName) -> anyhow::Result<WaitingPrice> {
        let waiting = &self.pending.waiting;
        match waiting.iter().find(|row| row.target == *target) {
            Some(row) => Ok(row.clone()),
            None if waiting.is_empty() => bail!(
                "no price waits for anybody; one does when a list that is taken over says that it moved far, or that it is free"
            ),
            None => {
                let names: Vec<&str> = waiting.iter().map(|row| row.target.as_str()).collect();
                bail!("no price of {target} waits; these do: {}", names.join(", "))
            }
        }
    }

    /// The newest version, unless the program has come with a catalog that is newer.
    fn in_force(&self, as_of: &str) -> Option<&Version> {
        self.versions.last().filter(|version| version.is_as_new_as(as_of))
    }

    /// The version in force with these prices in it, under the next name. Versions follow each other also
    /// where the clock was put back.
    fn next(&self, config: &Config, now: Timestamp, from: String, changed: Vec<Listed>) -> Version {
        let now = self.versions.last().map_or(now, |last| now.max(Timestamp(last.at.0 + 1)));
        let in_force = self.in_force(config.catalog.as_of());
        let mut prices = in_force.map_or_else(Vec::new, |version| version.prices.clone());
        let changes = changed.len() as u64;
        for new in changed {
            prices.retain(|old| old.provider != new.provider || old.model != new.model);
            prices.push(new);
        }
        prices.sort_by(|a, b| (&a.provider, &a.model).cmp(&(&b.provider, &b.model)));
        let day = now.date();
        let today = self.versions.iter().filter(|version| version.day() == day);
        let number = today.filter_map(Version::number).max().unwrap_or(0) + 1;
        Version {
            name: format!("{day}.{number}"),
            at: now,
            catalog: config.catalog.as_of().to_owned(),
            from,
            changes,
            prices,
            ..Version::default()
        }
    }
}

pub(crate) fn target_name(provider: &ProviderName, model: &ModelName) -> TargetName {
    TargetName::from(format!("{provider}/{model}"))
}

fn parts(target: &TargetName) -> anyhow::Result<(ProviderName, ModelName)> {
    let (provider, model) =
        target.as_str().split_once('/').context("a target is provider/model")?;
    Ok((provider.into(), model.into()))
}

#[cfg(test)]
mod tests;
