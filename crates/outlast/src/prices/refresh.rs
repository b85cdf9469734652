//! From a price list to what it changes here: read, compared with the prices in force, weighed by the
//! traffic of the last 30 days. What may be taken over by itself is decided in `decide::price_change`.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
    time::Duration,
};

use anyhow::{Context, ensure};
use console::{PriceChangeRow, PriceRefresh};
use decide::{
    price_change::{compare, is_worth_telling, monthly},
    price_list::{Format, PriceList, Stated},
};
use gateway::Web;
use store::Store;
use terms::{
    ids::{ModelName, ProviderName, TargetName},
    money::NanoUsd,
    time::Timestamp,
};

use crate::{
    config::{Config, is_web},
    prices::{PriceVersions, Traffic, target_name},
};

/// Bytes of a price list at most; the largest has some three million.
const LIST_BYTES: usize = 64 << 20;

/// How long a list may take to come.
const TIME: Duration = Duration::from_mins(2);

/// A price list as it was found.
#[derive(Debug)]
pub(crate) struct Source {
    /// Where.
    pub(crate) from: String,
    /// What it says.
    pub(crate) text: String,
}

/// Reads a list from an address or a file.
pub(crate) async fn read_source(from: &str) -> anyhow::Result<Source> {
    let bytes = if is_web(from) {
        let got = Web::new(TIME).get(from, LIST_BYTES).await;
        got.with_context(|| format!("the price list at {from} cannot be fetched"))?.to_vec()
    } else {
        let path = Path::new(from);
        let size = tokio::fs::metadata(path).await.map_or(0, |file| file.len());
        ensure!(
            size <= LIST_BYTES as u64,
            "{from} is larger than {} MiB, which no price list is",
            LIST_BYTES >> 20
        );
        tokio::fs::read(path).await.with_context(|| format!("{from} cannot be read"))?
    };
    let text = String::from_utf8(bytes).with_context(|| format!("{from} is no text"))?;
    Ok(Source { from: from.to_owned(), text })
}

/// A list beside the prices in force.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// Models that are known here and that it names.
    pub(super) named: HashSet<TargetName>,
    /// Those of them whose prices it has otherwise.
    pub(super) changes: Vec<PriceChangeRow>,
    /// Those whose prices it has otherwise, as somebody rejected.
    pub(super) rejected: Vec<TargetName>,
}

impl PriceVersions {
    /// What a list changes; taken over where `apply` says so. A list with anything wrong in it changes
    /// nothing.
    pub(crate) async fn refresh(
        &self,
        source: &Source,
        format: Option<Format>,
        config: &Config,
        store: &Store,
        apply: bool,
        now: Timestamp,
    ) -> anyhow::Result<PriceRefresh> {
        let list = PriceList::read(&source.text)
            .with_context(|| format!("{} changes nothing", source.from))?;
        if let Some(format) = format {
            let found = list.format();
            ensure!(
                found == format,
                "{} changes nothing: it is {}'s list, and `format` in [prices] says {}'s",
                source.from,
                found.name(),
                format.name()
            );
        }
        let traffic = Traffic::of_last_month(store, now).await?;
        let mut compared = self
            .compare(&list, config, &traffic, now)
            .with_context(|| format!("{} changes nothing", source.from))?;
        ensure!(
            !compared.named.is_empty(),
            "{} changes nothing: the {} price list in it names none of the models that are known here",
            source.from,
            list.format().name()
        );
        self.weigh(&mut compared.changes, config, &traffic);
        let moved = |row: &PriceChangeRow| (row.month_after.0 - row.month_before.0).abs();
        compared.changes.sort_by(|a, b| {
            let names = || (&a.provider, &a.model).cmp(&(&b.provider, &b.model));
            moved(b).cmp(&moved(a)).then_with(names)
        });
        let before = self.current(config);
        let (version, newly_waiting) = if apply {
            self.take_over(&compared, list.format().name(), config, now)?
        } else {
            (None, 0)
        };
        let Compared { named, changes, rejected } = compared;
        let taken = || changes.iter().filter(|row| row.waits.is_none());
        let limits = &config.upkeep.alert;
        Ok(PriceRefresh {
            format: list.format().name().to_owned(),
            known: named.len() as u64,
            version,
            newly_waiting,
            rejected,
            before,
            month_before: taken().map(|row| row.month_before).sum(),
            month_after: taken().map(|row| row.month_after).sum(),
            alert: taken().any(|row| is_worth_telling(row.month_before, row.month_after, limits)),
            changes,
        })
    }

    /// What the list says of the models that are known here.
    fn compare(
        &self,
        list: &PriceList,
        config: &Config,
        traffic: &Traffic,
        now: Timestamp,
    ) -> anyhow::Result<Compared> {
        let catalog = &config.catalog;
        let mut models: BTreeMap<(ProviderName, ModelName), Option<_>> = BTreeMap::new();
        for provider in catalog.providers() {
            for model in catalog.models_of(provider.as_str()) {
                models.insert((provider.clone(), model.name.clone()), Some(model.prices));
            }
        }
        if let Some(version) = self.lock().in_force(catalog.as_of()) {
            for listed in &version.prices {
                let key = (listed.provider.clone(), listed.model.clone());
                models.insert(key, Some(listed.prices));
            }
        }
        for asked in traffic.0.keys() {
            models.entry(asked.clone()).or_insert(None);
        }
        let mut compared = Compared::default();
        let day = now.date();
        for ((provider, model), before) in models {
            let stated: Option<Stated> = list.stated(provider.as_str(), model.as_str(), &day)?;
            let Some(stated) = stated else { continue };
            compared.named.insert(target_name(&provider, &model));
            let Some(moved) = compare(before.as_ref(), &stated) else { continue };
            let row = PriceChangeRow {
                provider,
                model,
                before,
                after: moved.after,
                month_before: NanoUsd::ZERO,
                month_after: NanoUsd::ZERO,
                waits: moved.wait.map(|wait| wait.sentence().to_owned()),
            };
            // What was rejected is not asked about again; a change that needs nobody is none of that.
            if row.waits.is_some() && self.is_rejected(&row) {
                compared.rejected.push(target_name(&row.provider, &row.model));
            } else {
                compared.changes.push(row);
            }
        }
        Ok(compared)
    }

    /// What the changes mean for the traffic, that of the makers' models at clouds included. Prices set
    /// by hand stay what they are.
    pub(super) fn weigh(&self, changes: &mut [PriceChangeRow], config: &Config, traffic: &Traffic) {
        let book = self.book(config);
        for ((provider, model), row) in &traffic.0 {
            let quote = book.quote(provider, model);
            if quote.version == "config" {
                continue;
            }
            let made = config.catalog.reseller(provider.as_str());
            let made = made.map_or_else(Vec::new, |reseller| reseller.listed(model.as_str()));
            let names = made.iter().map(|at| (&at.provider, &at.model));
            let mut names = std::iter::once((provider, model)).chain(names);
            let changed = names.find_map(|(provider, model)| {
                changes.iter().position(|row| row.provider == *provider && row.model == *model)
            });
            let Some(change) = changed.map(|index| &mut changes[index]) else { continue };
            change.month_before = change.month_before + monthly(&row.usage, quote.prices);
            change.month_after = change.month_after + monthly(&row.usage, &change.after);
        }
    }
}
