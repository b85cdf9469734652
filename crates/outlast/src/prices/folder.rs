//! The files of price versions: one for each, never changed, and one of what waits.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use console::{PriceVersionRow, RejectedPrice, WaitingPrice};
use ledger::PriceBook;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use terms::{
    ids::{ModelName, ProviderName},
    model::Prices,
    money::NanoUsd,
    time::Timestamp,
};

use crate::causes::with_causes;

/// What waits, and what was refused.
const PENDING: &str = "waiting.json";

#[derive(Debug)]
pub(super) struct Folder(PathBuf);

/// A version: every price that differs from the built-in catalog's.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Version {
    /// Its day and its number within it: `2026-11-21.1`.
    pub(super) name: String,
    pub(super) at: Timestamp,
    /// The day of the built-in catalog that it was made over.
    #[serde(default)]
    pub(super) catalog: String,
    /// Whose list it is from.
    pub(super) from: String,
    /// Models whose prices changed with it.
    pub(super) changes: u64,
    pub(super) month_before: NanoUsd,
    pub(super) month_after: NanoUsd,
    pub(super) prices: Vec<Listed>,
}

/// The prices of a model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Listed {
    pub(super) provider: ProviderName,
    pub(super) model: ModelName,
    pub(super) prices: Prices,
}

/// What people have to decide, and what they refused.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) waiting: Vec<WaitingPrice>,
    pub(super) rejected: Vec<RejectedPrice>,
}

impl Version {
    /// `2026-11-21`.
    pub(super) fn day(&self) -> &str {
        self.name.split_once('.').map_or(&self.name, |(day, _)| day)
    }

    /// Whether it is as new as a built-in catalog. One that was made over that very catalog is, also where
    /// the clock said an earlier day.
    pub(super) fn is_as_new_as(&self, as_of: &str) -> bool {
        self.day() >= as_of || self.catalog.as_str() >= as_of
    }

    /// Which of its day's.
    pub(super) fn number(&self) -> Option<u32> {
        self.name.split_once('.')?.1.parse().ok()
    }

    pub(super) fn over(&self, book: PriceBook) -> PriceBook {
        let prices = self.prices.iter();
        book.with_version(
            &self.name,
            prices.map(|listed| (&listed.provider, &listed.model, &listed.prices)),
        )
    }

    pub(super) fn row(&self) -> PriceVersionRow {
        PriceVersionRow {
            version: self.name.clone(),
            at: self.at,
            from: self.from.clone(),
            changes: self.changes,
            month_before: self.month_before,
            month_after: self.month_after,
        }
    }
}

impl Folder {
    pub(super) fn of(data: &Path) -> Self {
        Self(data.join("prices"))
    }

    /// Oldest first, without those that are damaged, which are told of.
    pub(super) fn versions(&self, damage: &mut Vec<String>) -> anyhow::Result<Vec<Version>> {
        let files = match fs::read_dir(&self.0) {
            Ok(files) => files,
            Err(failure) if failure.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(failure) => {
                return Err(failure)
                    .with_context(|| format!("{} cannot be read", self.0.display()));
            }
        };
        let is_version = |path: &PathBuf| {
            let is_json = path.extension().is_some_and(|kind| kind == "json");
            is_json && path.file_name().is_some_and(|name| name != PENDING)
        };
        let paths = files.filter_map(|file| Some(file.ok()?.path())).filter(is_version);
        let mut versions: Vec<Version> = paths
            .filter_map(|path| match read(&path) {
                Ok(version) => version,
                Err(failure) => {
                    let why = with_causes(&failure);
                    damage.push(format!("a version of the prices is left out: {why}"));
                    None
                }
            })
            .collect();
        versions.sort_by(|a, b| (a.at, &a.name).cmp(&(b.at, &b.name)));
        Ok(versions)
    }

    /// What waits; nothing where that is damaged, which is told of.
    pub(super) fn pending(&self, damage: &mut Vec<String>) -> Pending {
        match read(&self.0.join(PENDING)) {
            Ok(pending) => pending.unwrap_or_default(),
            Err(failure) => {
                let why = with_causes(&failure);
                damage.push(format!(
                    "which prices wait, and which were rejected, is not known: {why}"
                ));
                Pending::default()
            }
        }
    }

    pub(super) fn keep(&self, version: &Version) -> anyhow::Result<()> {
        self.write(&format!("{}.json", version.name), version)
    }

    pub(super) fn keep_pending(&self, pending: &Pending) -> anyhow::Result<()> {
        self.write(PENDING, pending)
    }

    /// Whole or not at all, also where the machine stops: the name is given to bytes that are on the disk.
    fn write(&self, name: &str, value: &impl Serialize) -> anyhow::Result<()> {
        let path = self.0.join(name);
        let written = || -> anyhow::Result<()> {
            fs::create_dir_all(&self.0)?;
            let half = self.0.join(format!("{name}.new"));
            let mut file = File::create(&half)?;
            file.write_all(&serde_json::to_vec_pretty(value)?)?;
            file.sync_all()?;
            Ok(fs::rename(half, &path)?)
        };
        written().with_context(|| format!("{} cannot be written", path.display()))
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => {
            let value = serde_json::from_slice(&bytes);
            value.map(Some).with_context(|| format!("{} is damaged", path.display()))
        }
        Err(failure) if failure.kind() == ErrorKind::NotFound => Ok(None),
        Err(failure) => Err(failure).with_context(|| format!("{} cannot be read", path.display())),
    }
}
