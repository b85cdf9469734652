//! Where executions run: one trait, a closed list, one file per member. A launcher gets a resolved
//! command line, a folder and limits; what is computed, reused or tried again is not its business.

pub mod process;

use std::{fmt, path::PathBuf, pin::Pin};

use terms::ids::LaunchId;

use crate::spec::ContainerSpec;

/// Every launcher. The first one is used where a task asks for none.
pub const ALL: &[&dyn Launcher] = &[&process::ProcessLauncher];

/// A future that a launcher gives.
pub type Promise<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What to start.
#[derive(Debug, Clone)]
pub struct Order {
    /// The launch.
    pub launch: LaunchId,
    /// The program and its arguments; at least one word.
    pub command: Vec<String>,
    /// Environment variables that the component and the engine set.
    pub environment: Vec<(String, String)>,
    /// The folder to work in. It holds `inputs/<name>/data` already; what is written to
    /// `outputs/<name>/data` is collected.
    pub folder: PathBuf,
    /// The file for what the program says.
    pub log: PathBuf,
    /// A word that marks everything that this engine starts.
    pub mark: String,
    /// Bounds of the program.
    pub limits: Limits,
}

/// Bounds of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Milliseconds that a try may take where its task says nothing.
    pub timeout_ms: u64,
    /// Milliseconds between asking a program to stop and killing it.
    pub grace_ms: u64,
    /// Bytes of a log. Of a longer one the first and the last half are kept.
    pub log_bytes: usize,
    /// Bytes of any one file that a program may write; none: no bound.
    pub file_bytes: Option<u64>,
    /// Files that a program may hold open; none: as many as this process.
    pub open_files: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout_ms: 24 * 3_600_000,
            grace_ms: 2_000,
            log_bytes: 8 << 20,
            file_bytes: None,
            open_files: None,
        }
    }
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With a code; 0 is well.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// Somewhere to run programs.
pub trait Launcher: fmt::Debug + Send + Sync {
    /// Its name, as tasks ask for it.
    fn name(&self) -> &'static str;

    /// Why it cannot run this container; none where it can.
    fn refusal(&self, container: &ContainerSpec) -> Option<String>;

    /// Starts a program. An error is a sentence.
    fn start(&self, order: Order) -> Promise<'_, Result<Box<dyn Launched>, String>>;

    /// Kills what an engine of the same mark left behind when it died. Nothing else may work with
    /// that mark at the time. Gives how many processes were killed.
    fn kill_leftovers(&self, mark: &str) -> usize;
}

/// A program that was started.
pub trait Launched: Send {
    /// Waits for its end. Everything that it started has ended then, too. May be called again after
    /// it was dropped unfinished.
    fn wait(&mut self) -> Promise<'_, Result<Exit, String>>;

    /// Ends it and everything that it started: asks first, kills after the grace is over.
    fn stop(&mut self) -> Promise<'_, ()>;
}

/// The launcher of this name; without a name, the first.
pub(crate) fn find(name: Option<&str>) -> Option<&'static dyn Launcher> {
    let Some(name) = name else { return ALL.first().copied() };
    ALL.iter().copied().find(|launcher| launcher.name() == name)
}

/// The names of all launchers, for sentences.
pub(crate) fn names() -> String {
    ALL.iter().map(|launcher| launcher.name()).collect::<Vec<_>>().join(", ")
}
