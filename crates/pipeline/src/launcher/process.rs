//! Programs as processes of this machine. The component's image is not run: its command line is, with
//! the programs that are installed here. Each program leads a process group of its own, which is
//! ended as a whole; its environment is made, not inherited; its paths are the same for every launch
//! (`inputs/<name>/data`, relative to the folder it starts in), so that no path of this machine gets
//! into results; a program that changes its folder must make them absolute first. What it installs with pip goes into its own folder. It is not a sandbox: a program
//! can read and write whatever this user can.

mod leftovers;
mod log;

use std::{
    io,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group};
use tokio::{
    net::unix::pipe,
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};

use super::{Exit, Launched, Launcher, Limits, Order, Promise};
use crate::spec::ContainerSpec;

/// The variable that marks every process of an engine.
const MARK: &str = "OUTLAST_PIPELINE_ENGINE";
/// How long the log may stay open after the whole group was killed: only a process that left the
/// group can hold it.
const LOG_GRACE: Duration = Duration::from_millis(500);

/// Starts programs as processes of this machine.
#[derive(Debug, Clone, Copy)]
pub struct ProcessLauncher;

impl Launcher for ProcessLauncher {
    fn name(&self) -> &'static str {
        "process"
    }

    fn refusal(&self, container: &ContainerSpec) -> Option<String> {
        container.command.as_deref().unwrap_or_default().is_empty().then(|| {
            format!(
                "the component leaves the program to its image `{}`, and the launcher `process` \
                 runs no images: give it a `command`",
                container.image
            )
        })
    }

    fn start(&self, order: Order) -> Promise<'_, Result<Box<dyn Launched>, String>> {
        Box::pin(async move {
            let process = start(&order).map_err(|error| said(&order, &error))?;
            Ok(Box::new(process) as Box<dyn Launched>)
        })
    }

    fn kill_leftovers(&self, mark: &str) -> usize {
        leftovers::kill(&format!("{MARK}={mark}"))
    }
}

fn said(order: &Order, error: &io::Error) -> String {
    let program = order.command.first().map(String::as_str).unwrap_or_default();
    match error.kind() {
        io::ErrorKind::NotFound => format!("the program `{program}` is not installed here"),
        _ => format!("the program `{program}` could not be started: {error}"),
    }
}

/// Starts the program with its log.
fn start(order: &Order) -> io::Result<Process> {
    let (reader, writer) = io::pipe()?;
    let (program, arguments) = order.command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(environment(order))
        .current_dir(&order.folder)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0)
        .kill_on_drop(true);
    let log = log::Log::create(&order.log, order.limits.log_bytes)?;
    let child = command.spawn()?;
    // The command holds the writing ends of the pipe, which must close for the log to end.
    drop(command);
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let group = group.ok_or_else(|| io::Error::other("the program ended before it had an id"))?;
    bound(group, order.limits);
    let reader = pipe::Receiver::from_owned_fd(reader.into())?;
    let log = tokio::spawn(log.fill(reader));
    let grace = Duration::from_millis(order.limits.grace_ms);
    Ok(Process { child, group, log: Some(log), grace })
}

/// The program's whole environment.
fn environment(order: &Order) -> Vec<(String, String)> {
    let inherited = |name: &str| std::env::var(name).ok().map(|value| (name.to_owned(), value));
    let inside = |path: &str| order.folder.join(path).to_string_lossy().into_owned();
    let mut variables: Vec<(String, String)> =
        ["PATH", "LANG", "TZ", "USER"].into_iter().filter_map(inherited).collect();
    variables.extend([
        ("HOME".to_owned(), inside("home")),
        ("TMPDIR".to_owned(), inside("tmp")),
        // A component that installs packages must not change this machine's Python.
        ("PIP_TARGET".to_owned(), inside("python")),
        ("PYTHONPATH".to_owned(), inside("python")),
        ("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned()),
        ("PYTHONUNBUFFERED".to_owned(), "1".to_owned()),
    ]);
    variables.extend(order.environment.iter().cloned());
    variables.push((MARK.to_owned(), order.mark.clone()));
    variables
}

/// Sets the limits of a process that was just started, and of all that it will start.
#[cfg(target_os = "linux")]
fn bound(process: Pid, limits: Limits) {
    let set = |resource, bound: Option<u64>| {
        let Some(bound) = bound else { return };
        let limit = Rlimit { current: Some(bound), maximum: Some(bound) };
        if let Err(error) = rustix::process::prlimit(Some(process), resource, limit) {
            tracing::warn!(%error, ?resource, "a limit of a program could not be set");
        }
    };
    set(Resource::Core, Some(0));
    set(Resource::Fsize, limits.file_bytes);
    set(Resource::Nofile, limits.open_files);
}

/// Elsewhere there is no call that sets another process's limits.
#[cfg(not(target_os = "linux"))]
fn bound(_: Pid, _: Limits) {}

/// A running program: the leader of a process group.
struct Process {
    child: Child,
    group: Pid,
    log: Option<JoinHandle<()>>,
    grace: Duration,
}

impl Process {
    async fn wait(&mut self) -> Result<Exit, String> {
        let status = self.child.wait().await.map_err(|error| error.to_string())?;
        self.kill();
        self.close_log().await;
        Ok(exit(status))
    }

    async fn stop(&mut self) {
        // The group is gone already: nothing to stop.
        let _ = kill_process_group(self.group, Signal::TERM);
        let _ = timeout(self.grace, self.child.wait()).await;
        self.kill();
        let _ = self.child.wait().await;
        self.close_log().await;
    }

    /// Kills what is left of the group.
    fn kill(&self) {
        let _ = kill_process_group(self.group, Signal::KILL);
    }

    async fn close_log(&mut self) {
        if let Some(mut log) = self.log.take()
            && timeout(LOG_GRACE, &mut log).await.is_err()
        {
            log.abort();
        }
    }
}

impl Launched for Process {
    fn wait(&mut self) -> Promise<'_, Result<Exit, String>> {
        Box::pin(Process::wait(self))
    }

    fn stop(&mut self) -> Promise<'_, ()> {
        Box::pin(Process::stop(self))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Dropped without an end, as when the engine goes: nothing may live on. The id cannot have
        // been given to another group, because its leader was not yet waited for.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
        }
        if let Some(log) = &self.log {
            log.abort();
        }
    }
}

fn exit(status: ExitStatus) -> Exit {
    status.code().map_or_else(|| Exit::Signal(status.signal().unwrap_or(0)), Exit::Code)
}

/// Makes the folders that every program finds.
pub(crate) fn furnish(folder: &Path) -> io::Result<()> {
    for name in ["inputs", "outputs", "home", "tmp", "python"] {
        std::fs::create_dir_all(folder.join(name))?;
    }
    Ok(())
}
