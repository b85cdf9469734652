//! What every launch of an engine shares: folders, artifacts, bounds. Never changes while it is open.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use terms::ids::LaunchId;
use tokio::sync::Semaphore;

use crate::{artifacts::ArtifactStore, launcher::Limits};

/// What every launch of an engine shares.
#[derive(Debug)]
pub(super) struct House {
    pub(super) folder: PathBuf,
    pub(super) artifacts: ArtifactStore,
    pub(super) environment: Vec<(String, String)>,
    pub(super) limits: Limits,
    /// One permit per program that may run.
    pub(super) slots: Arc<Semaphore>,
    /// Marks every process of this engine.
    pub(super) mark: String,
    /// Locked as long as this engine works in the folder.
    pub(super) _lock: File,
}

impl House {
    /// The folder that a launch works in.
    pub(super) fn work(&self, launch: &LaunchId) -> PathBuf {
        self.folder.join("work").join(launch.as_str())
    }

    /// The file for what a launch's program says.
    pub(super) fn log(&self, launch: &LaunchId) -> PathBuf {
        log(&self.folder, launch)
    }
}

/// The file for what a launch's program says, in an engine's folder.
pub(super) fn log(folder: &Path, launch: &LaunchId) -> PathBuf {
    folder.join("logs").join(format!("{launch}.txt"))
}
