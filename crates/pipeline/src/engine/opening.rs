//! Opening an engine's folder: lock it, end what a dead engine left running, and read the runs back.

use std::{
    collections::HashMap,
    fs::{self, File},
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use decide::reuse::{Finished, Shelf};
use terms::{
    ids::{CacheKey, LaunchId},
    run::{Ending, RunEvent, StoredEvent},
};
use tokio::sync::Semaphore;

use super::{EngineOptions, house::House, live_run::LiveRun, new_ids::new_id};
use crate::{
    artifacts::ArtifactStore,
    error::PipelineError,
    events::{EventFiles, EventStore, StoredRun},
    expand::{Container, expand},
    launcher,
};

/// An open folder, before anything runs.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) house: Arc<House>,
    pub(super) store: Box<dyn EventStore>,
    pub(super) runs: Vec<LiveRun>,
    pub(super) shelf: Shelf,
    pub(super) first_rest_ms: u64,
}

impl Opened {
    /// Blocks: on files, and for a moment on a lock that was just let go.
    pub(super) fn open(options: EngineOptions) -> Result<Self, PipelineError> {
        let given = &options.folder;
        fs::create_dir_all(given).map_err(PipelineError::file(given))?;
        let folder = fs::canonicalize(given).map_err(PipelineError::file(given))?;
        let lock = lock(&folder)?;
        let mark = mark(&folder)?;
        end_leftovers(&folder, &mark)?;
        let store = match options.store {
            Some(store) => store,
            None => Box::new(EventFiles::open(folder.join("runs"))?),
        };
        let (mut runs, mut shelf) = (Vec::new(), Shelf::default());
        for loaded in store.load()? {
            match loaded.and_then(|(run, events)| {
                restore(run, &events, options.first_rest_ms, &folder, &mut shelf)
            }) {
                Ok(run) => runs.push(run),
                Err(error) => {
                    tracing::error!(%error, "a stored run cannot be read and is left alone");
                }
            }
        }
        let house = House {
            artifacts: ArtifactStore::open(folder.join("artifacts"))?,
            environment: options.environment,
            limits: options.limits,
            slots: Arc::new(Semaphore::new(options.parallelism.clamp(1, Semaphore::MAX_PERMITS))),
            mark,
            folder,
            _lock: lock,
        };
        let first_rest_ms = options.first_rest_ms;
        Ok(Self { house: Arc::new(house), store, runs, shelf, first_rest_ms })
    }
}

/// A lock that was just let go may be held a moment longer by a program that another engine of this
/// process is starting: between its birth and its own image it shares every open file.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// How often a held lock is tried again within its patience.
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Locks the folder until the file is closed, by this process's death at the latest.
fn lock(folder: &Path) -> Result<File, PipelineError> {
    let path = folder.join("engine.lock");
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(PipelineError::file(&path))?;
    let patience = Instant::now() + LOCK_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) if Instant::now() < patience => {
                thread::sleep(LOCK_PAUSE);
            }
            Err(fs::TryLockError::WouldBlock) => {
                return Err(PipelineError::FolderInUse(folder.to_owned()));
            }
            Err(fs::TryLockError::Error(source)) => {
                return Err(PipelineError::File { path, source });
            }
        }
    }
}

/// The word that marks the processes of this folder's engines, made once.
fn mark(folder: &Path) -> Result<String, PipelineError> {
    let path = folder.join("engine.id");
    if let Ok(mark) = fs::read_to_string(&path)
        && !mark.trim().is_empty()
    {
        return Ok(mark.trim().to_owned());
    }
    let mark = format!("{}{}", new_id(), new_id());
    fs::write(&path, &mark).map_err(PipelineError::file(&path))?;
    Ok(mark)
}

fn end_leftovers(folder: &Path, mark: &str) -> Result<(), PipelineError> {
    for launcher in launcher::ALL {
        let killed = launcher.kill_leftovers(mark);
        if killed > 0 {
            tracing::info!(
                killed,
                launcher = launcher.name(),
                "ended what a dead engine left running"
            );
        }
    }
    let work = folder.join("work");
    if work.exists() {
        fs::remove_dir_all(&work).map_err(PipelineError::file(&work))?;
    }
    Ok(())
}

/// A stored run as it was, and its results on the shelf.
fn restore(
    stored: StoredRun,
    events: &[StoredEvent],
    first_rest_ms: u64,
    folder: &Path,
    shelf: &mut Shelf,
) -> Result<LiveRun, PipelineError> {
    let containers = containers(&stored)?;
    keep_results(events, shelf);
    let mut run = LiveRun::new(stored, containers, first_rest_ms);
    for event in events {
        run.replay(event, folder);
    }
    Ok(run)
}

/// What each execution of a stored plan runs, found by its name.
fn containers(stored: &StoredRun) -> Result<Vec<Arc<Container>>, PipelineError> {
    let expanded = expand(&stored.pipeline, &stored.arguments)?;
    let names = expanded.plan.executions.iter().map(|planned| planned.name.as_str());
    let by_name: HashMap<&str, &Arc<Container>> = names.zip(&expanded.containers).collect();
    let found = stored.plan.executions.iter().map(|planned| {
        by_name.get(planned.name.as_str()).map(|&container| container.clone()).ok_or_else(|| {
            let message = format!("the pipeline no longer has the task `{}`", planned.name);
            PipelineError::StoredRun { path: stored.id.as_str().into(), message }
        })
    });
    found.collect()
}

/// Puts the results of a run's own launches on the shelf.
fn keep_results(events: &[StoredEvent], shelf: &mut Shelf) {
    let mut launches: HashMap<_, (&LaunchId, &CacheKey)> = HashMap::new();
    for StoredEvent { event, at, .. } in events {
        match event {
            RunEvent::Started { execution, attempt, launch, key, .. } => {
                launches.insert((execution, attempt), (launch, key));
            }
            RunEvent::Ended { execution, attempt, ending: Ending::Succeeded { outputs } } => {
                if let Some(&(launch, key)) = launches.get(&(execution, attempt)) {
                    let (launch, outputs) = (launch.clone(), outputs.clone());
                    shelf.keep(key.clone(), Finished { launch, at: *at, outputs });
                }
            }
            _ => {}
        }
    }
}
