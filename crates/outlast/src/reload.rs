//! Reloading the config without dropping a request: when the file changes, or on SIGHUP. A config
//! with problems is refused, and the old one stays.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

use crate::{
    config::{Config, Environment, Overrides},
    routing::Routing,
};

/// How often the file's time is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What is needed to load the config again.
#[derive(Debug)]
pub(crate) struct Reloader {
    pub(crate) path: PathBuf,
    pub(crate) environment: Environment,
    pub(crate) overrides: Overrides,
    pub(crate) routing: Arc<Routing>,
}

impl Reloader {
    /// Watches until it is dropped.
    pub(crate) async fn watch(self) -> anyhow::Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        let mut ticks = tokio::time::interval(LOOK);
        let mut seen = modified(&self.path);
        loop {
            tokio::select! {
                _ = hangup.recv() => {}
                _ = ticks.tick() => {
                    let now = modified(&self.path);
                    if now == seen {
                        continue;
                    }
                }
            }
            seen = modified(&self.path);
            self.reload();
        }
    }

    fn reload(&self) {
        match Config::load(&self.path, true, &self.environment, &self.overrides) {
            Ok(config) => {
                self.routing.reload(config);
                info!(file = %self.path.display(), "config reloaded; addresses, the data folder and [limits] of gates and bodies hold from the next start");
            }
            Err(problems) => {
                warn!(file = %self.path.display(), "config refused; the old one stays");
                for problem in &problems.list {
                    error!(line = problem.line, "{}; {}", problem.message, problem.advice);
                }
            }
        }
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}
