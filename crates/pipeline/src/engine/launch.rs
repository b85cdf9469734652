//! The life of one launch: take a result of the past if one still exists; else wait for a place, lay
//! out the inputs, start the program, watch it within its limits, and take in what it wrote. It
//! knows neither runs nor events.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    sync::Arc,
    time::Duration,
};

use decide::reuse::Finished;
use terms::{
    ids::LaunchId,
    run::{Artifact, Ending},
};
use tokio::{
    sync::{mpsc, watch},
    task::spawn_blocking,
};

use super::{house::House, paths::FileNames};
use crate::{
    artifacts::ArtifactStore,
    command_line::{CommandLineError, Values, resolve},
    expand::Container,
    launcher::{self, Exit, Launched, Order, process::furnish},
};

/// What to launch.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) launch: LaunchId,
    /// Results of the past that would do, the best first.
    pub(super) takeable: Vec<Finished>,
    pub(super) container: Arc<Container>,
    pub(super) inputs: BTreeMap<String, Artifact>,
    pub(super) outputs: Vec<String>,
    pub(super) timeout_ms: Option<u64>,
    /// Becomes true when nobody wants it any more.
    pub(super) stop: watch::Receiver<bool>,
    /// Told when the program runs.
    pub(super) started: mpsc::UnboundedSender<LaunchId>,
}

/// What became of a launch.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) launch: LaunchId,
    pub(super) verdict: Verdict,
    /// Results of the past that no longer exist.
    pub(super) gone: Vec<LaunchId>,
}

/// How a launch came to its outputs, or to none.
#[derive(Debug)]
pub(super) enum Verdict {
    /// A result of the past was taken.
    Taken(Finished),
    /// A program ended, or could not be started.
    Ended(Ending),
}

/// Why the engine itself could not do its part.
type Refusal = String;

/// Lives the life of a launch.
pub(super) async fn perform(house: Arc<House>, mut job: Job) -> Report {
    let launch = job.launch.clone();
    let (taken, gone) = take_from_the_past(&house, &mut job).await;
    let verdict = match taken {
        Some(finished) => Verdict::Taken(finished),
        None => Verdict::Ended(compute(&house, job).await),
    };
    Report { launch, verdict, gone }
}

/// The first result of the past whose outputs still exist.
async fn take_from_the_past(house: &House, job: &mut Job) -> (Option<Finished>, Vec<LaunchId>) {
    let mut gone = Vec::new();
    for finished in std::mem::take(&mut job.takeable) {
        let (store, outputs) = (house.artifacts.clone(), job.outputs.clone());
        let checked = spawn_blocking(move || {
            let exists = |name: &String| {
                finished.outputs.get(name).is_some_and(|artifact| store.is_intact(artifact))
            };
            (outputs.iter().all(exists), finished)
        });
        match checked.await {
            Ok((true, finished)) => return (Some(finished), gone),
            Ok((false, finished)) => gone.push(finished.launch),
            Err(error) => tracing::error!(%error, "a result of the past could not be looked at"),
        }
    }
    (None, gone)
}

/// Runs the program and takes in what it wrote.
async fn compute(house: &Arc<House>, mut job: Job) -> Ending {
    let slots = house.slots.clone();
    let _slot = tokio::select! {
        slot = slots.acquire_owned() => slot,
        () = stopped(&mut job.stop) => return Ending::Cancelled,
    };
    let names = Arc::new(FileNames::of(job.inputs.keys().map(String::as_str)));
    let outputs = Arc::new(FileNames::of(job.outputs.iter().map(String::as_str)));
    let ending = match prepare(house, &job, &names, &outputs).await {
        Ok(order) => run(house, &mut job, order).await,
        Err(message) => Err(message),
    };
    let ending = match ending {
        Ok(None) => take_in_outputs(house, &job, &outputs).await,
        Ok(Some(ending)) => Ok(ending),
        Err(message) => Err(message),
    };
    clear(house, &job).await;
    ending.unwrap_or_else(|message| Ending::Refused { message })
}

/// Lays out the folder, and resolves the command line.
async fn prepare(
    house: &Arc<House>,
    job: &Job,
    inputs: &Arc<FileNames>,
    outputs: &Arc<FileNames>,
) -> Result<Order, Refusal> {
    let (house, container, artifacts) = (house.clone(), job.container.clone(), job.inputs.clone());
    let (inputs, outputs, names) = (inputs.clone(), outputs.clone(), job.outputs.clone());
    let launch = job.launch.clone();
    let prepared = spawn_blocking(move || {
        let folder = house.work(&launch);
        let mut values = Laid {
            store: &house.artifacts,
            artifacts: &artifacts,
            inputs: &inputs,
            outputs: &outputs,
            read: BTreeSet::new(),
        };
        let line = resolve(&container.component, container.spec(), &mut values)
            .map_err(|error: CommandLineError| error.to_string())?;
        let read = values.read;
        lay_out(&house, &launch, &artifacts, &read, &inputs, &names, &outputs)
            .map_err(|error| format!("its folder could not be laid out: {error}"))?;
        let mut environment = house.environment.clone();
        let own = container.spec().env.iter().flatten();
        environment.extend(own.map(|(name, value)| (name.clone(), value.clone())));
        Ok(Order {
            log: house.log(&launch),
            mark: house.mark.clone(),
            limits: house.limits,
            command: [line.command, line.args].concat(),
            environment,
            folder,
            launch,
        })
    });
    prepared.await.map_err(|error| format!("the engine failed while it prepared: {error}"))?
}

fn lay_out(
    house: &House,
    launch: &LaunchId,
    artifacts: &BTreeMap<String, Artifact>,
    read: &BTreeSet<String>,
    inputs: &FileNames,
    names: &[String],
    outputs: &FileNames,
) -> io::Result<()> {
    let folder = house.work(launch);
    furnish(&folder)?;
    for name in read {
        house.artifacts.put_at(&artifacts[name], &folder.join(inputs.input(name)))?;
    }
    for name in names {
        if let Some(parent) = folder.join(outputs.output(name)).parent() {
            fs::create_dir_all(parent)?;
        }
    }
    Ok(())
}

/// Values for a command line, from artifacts. Remembers which inputs are read as files.
struct Laid<'a> {
    store: &'a ArtifactStore,
    artifacts: &'a BTreeMap<String, Artifact>,
    inputs: &'a FileNames,
    outputs: &'a FileNames,
    read: BTreeSet<String>,
}

impl Values for Laid<'_> {
    fn has(&self, input: &str) -> bool {
        self.artifacts.contains_key(input)
    }

    fn value(&mut self, input: &str) -> Result<String, String> {
        let artifact = self.artifacts.get(input).ok_or("it has no value")?;
        let text = self.store.text(artifact)?;
        if text.contains('\0') { Err("it holds a zero byte".into()) } else { Ok(text) }
    }

    fn input_path(&mut self, input: &str) -> String {
        self.read.insert(input.to_owned());
        self.inputs.input(input)
    }

    fn output_path(&mut self, output: &str) -> String {
        self.outputs.output(output)
    }
}

/// Starts the program and watches it. Nothing: it ended well.
async fn run(house: &House, job: &mut Job, order: Order) -> Result<Option<Ending>, Refusal> {
    if *job.stop.borrow() {
        return Ok(Some(Ending::Cancelled));
    }
    let launcher = launcher::find(job.container.launcher.as_deref())
        .ok_or("the launcher that the task asks for is not known here")?;
    let mut launched = launcher.start(order).await?;
    // The engine is closing when nobody listens.
    let _ = job.started.send(job.launch.clone());
    let after_ms = job.timeout_ms.unwrap_or(house.limits.timeout_ms);
    watch(launched.as_mut(), &mut job.stop, after_ms).await
}

async fn watch(
    launched: &mut dyn Launched,
    stop: &mut watch::Receiver<bool>,
    after_ms: u64,
) -> Result<Option<Ending>, Refusal> {
    let ending = tokio::select! {
        exit = launched.wait() => return exit.map(failure_of),
        () = tokio::time::sleep(Duration::from_millis(after_ms)) => Ending::TimedOut { after_ms },
        () = stopped(stop) => Ending::Cancelled,
    };
    launched.stop().await;
    Ok(Some(ending))
}

fn failure_of(exit: Exit) -> Option<Ending> {
    let (exit_code, message) = match exit {
        Exit::Code(0) => return None,
        Exit::Code(code) => (Some(code), format!("the program ended with exit code {code}")),
        Exit::Signal(signal) => (None, format!("the program was ended by signal {signal}")),
    };
    Some(Ending::Failed { exit_code, message })
}

/// Takes in every output. One that is missing is the program's failure.
async fn take_in_outputs(
    house: &Arc<House>,
    job: &Job,
    files: &Arc<FileNames>,
) -> Result<Ending, Refusal> {
    let (house, launch) = (house.clone(), job.launch.clone());
    let (names, files) = (job.outputs.clone(), files.clone());
    let taken = spawn_blocking(move || {
        let folder = house.work(&launch);
        let path = |name: &String| folder.join(files.output(name));
        let is_missing = |name: &&String| path(name).symlink_metadata().is_err();
        let missing: Vec<&str> = names.iter().filter(is_missing).map(String::as_str).collect();
        if !missing.is_empty() {
            let message =
                format!("the program ended well without its outputs: {}", missing.join(", "));
            return Ok(Ending::Failed { exit_code: Some(0), message });
        }
        let mut outputs = BTreeMap::new();
        for name in &names {
            match house.artifacts.take_in(&path(name)) {
                Ok(artifact) => outputs.insert(name.clone(), artifact),
                Err(error) => return Err(format!("output `{name}` could not be kept: {error}")),
            };
        }
        Ok(Ending::Succeeded { outputs })
    });
    taken.await.map_err(|error| format!("the engine failed while it took in outputs: {error}"))?
}

/// Removes the folder that the launch worked in.
async fn clear(house: &Arc<House>, job: &Job) {
    let folder = house.work(&job.launch);
    let removed = spawn_blocking(move || fs::remove_dir_all(folder)).await;
    if let Ok(Err(error)) = removed
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, launch = %job.launch, "a working folder could not be removed");
    }
}

/// Waits until nobody wants the launch any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The engine is gone when nobody can say so any more.
    let _ = stop.wait_for(|stop| *stop).await;
}
