//! The data folder: one process writes it at a time. The running one says in `instance.json` where
//! its admin API listens, so that commands talk to it instead of opening the store themselves.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// The file that says where the running process answers.
const ANNOUNCEMENT: &str = "instance.json";

/// The store's file.
pub(crate) const STORE_FILE: &str = "outlast.db";

/// A data folder that this process may write.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    /// Held as long as the process lives.
    _lock: File,
}

/// Where the running process answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Instance {
    /// The console and admin API.
    pub(crate) console: SocketAddr,
}

/// Who writes the folder.
pub(crate) enum Opened {
    /// We do, from now on.
    Ours(DataFolder),
    /// Another process does.
    Running(Instance),
}

impl DataFolder {
    /// Opens the folder, or finds the process that has it.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Opened> {
        make(path).with_context(|| format!("the data folder {} cannot be made", path.display()))?;
        let lock = File::create(path.join("lock"))
            .with_context(|| format!("the data folder {} cannot be written", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {
                // Whoever announced itself here is gone; its address may be somebody else's by now.
                let _ = fs::remove_file(path.join(ANNOUNCEMENT));
                Ok(Opened::Ours(Self { path: path.to_owned(), _lock: lock }))
            }
            Err(TryLockError::WouldBlock) => {
                let file = path.join(ANNOUNCEMENT);
                let text = fs::read_to_string(&file).with_context(|| {
                    format!(
                        "another outlast has the data folder {} and takes no commands, because no `outlast serve` runs there; wait until it is done",
                        path.display()
                    )
                })?;
                let instance = serde_json::from_str(&text)
                    .with_context(|| format!("{} is damaged", file.display()))?;
                Ok(Opened::Running(instance))
            }
            Err(TryLockError::Error(failure)) => {
                Err(failure).context("the data folder cannot be locked")
            }
        }
    }

    /// Opens the folder for a process that will run.
    pub(crate) fn open_to_run(path: &Path) -> anyhow::Result<Self> {
        match Self::open(path)? {
            Opened::Ours(folder) => Ok(folder),
            Opened::Running(instance) => bail!(
                "another outlast is running on the data folder {} (its console is at http://{}); stop it, or give another folder with --data",
                path.display(),
                instance.console
            ),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn store_path(&self) -> PathBuf {
        self.path.join(STORE_FILE)
    }

    pub(crate) fn journal_path(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// Says where this process answers.
    pub(crate) fn announce(&self, instance: &Instance) -> anyhow::Result<()> {
        let text = serde_json::to_string(instance).context("an address is JSON")?;
        let whole = self.path.join("instance.json.new");
        fs::write(&whole, text)?;
        fs::rename(whole, self.path.join(ANNOUNCEMENT)).context("the data folder cannot be written")
    }
}

/// Makes the folder where it is not there, for its owner alone: it holds prompts, answers and secrets.
fn make(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path.join(ANNOUNCEMENT));
    }
}
