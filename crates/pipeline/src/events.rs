//! Where runs and their events are kept: a small trait, and files as its first member. A run is one
//! file with what was submitted and one with a line per event, appended as it happens, so that what
//! happened survives the death of the process. It never changes or deletes a line.

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use decide::plan::Plan;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use terms::{ids::RunId, run::StoredEvent, time::Timestamp};

use crate::{
    error::PipelineError,
    spec::{self, ComponentSpec},
    yaml::Node,
};

/// What was submitted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredRun {
    /// The run.
    pub id: RunId,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// The arguments of the pipeline.
    pub arguments: BTreeMap<String, String>,
    /// How many executions may be with a launcher at a time. Events follow from it, so it is kept.
    pub parallelism: usize,
    /// The plan that was made of it. Events count by its executions, so it is kept as it was.
    pub plan: Plan,
    /// The pipeline, all components inside.
    #[serde(deserialize_with = "component")]
    pub pipeline: Arc<ComponentSpec>,
}

fn component<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<ComponentSpec>, D::Error> {
    let node = Node::deserialize(from)?;
    spec::component(&node).map(Arc::new).map_err(D::Error::custom)
}

/// A run with its events, as they were stored.
pub type Loaded = (StoredRun, Vec<StoredEvent>);

/// Keeps runs and their events.
pub trait EventStore: fmt::Debug + Send + Sync {
    /// Keeps a new run.
    ///
    /// # Errors
    ///
    /// It could not be written.
    fn create(&self, run: &StoredRun) -> Result<(), PipelineError>;

    /// Keeps an event. When this returns, the death of the process no longer loses it.
    ///
    /// # Errors
    ///
    /// It could not be written.
    fn append(&self, run: &RunId, event: &StoredEvent) -> Result<(), PipelineError>;

    /// Every run with its events, the oldest first. A run that cannot be understood is an error in
    /// its place, and does not hide the others.
    ///
    /// # Errors
    ///
    /// The store as a whole cannot be read.
    fn load(&self) -> Result<Vec<Result<Loaded, PipelineError>>, PipelineError>;
}

/// Runs in a folder: `<run>/run.json` and `<run>/events.jsonl`.
#[derive(Debug)]
pub struct EventFiles {
    folder: PathBuf,
}

impl EventFiles {
    /// Opens the folder; makes it where it is missing.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, PipelineError> {
        let folder = folder.into();
        fs::create_dir_all(&folder).map_err(PipelineError::file(&folder))?;
        Ok(Self { folder })
    }

    fn events(&self, run: &RunId) -> PathBuf {
        self.folder.join(run.as_str()).join("events.jsonl")
    }

    fn read(&self, folder: &Path) -> Result<Loaded, PipelineError> {
        let path = folder.join("run.json");
        let text = fs::read_to_string(&path).map_err(PipelineError::file(&path))?;
        let run: StoredRun = serde_json::from_str(&text).map_err(|error| misread(&path, &error))?;
        let events = self.read_events(&run.id)?;
        Ok((run, events))
    }

    /// The events of a run. A last line that was cut off by a crash is taken away, so that the next
    /// one begins a line of its own.
    fn read_events(&self, run: &RunId) -> Result<Vec<StoredEvent>, PipelineError> {
        let path = self.events(run);
        if !path.exists() {
            return Ok(Vec::new());
        }
        let bytes = fs::read(&path).map_err(PipelineError::file(&path))?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        if whole < bytes.len() {
            let file = OpenOptions::new().write(true).open(&path);
            let cut = file.and_then(|file| file.set_len(whole as u64));
            cut.map_err(PipelineError::file(&path))?;
        }
        let lines = bytes[..whole].split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).map_err(|e| misread(&path, &e))).collect()
    }
}

fn misread(path: &Path, error: &serde_json::Error) -> PipelineError {
    PipelineError::StoredRun { path: path.to_owned(), message: error.to_string() }
}

impl EventStore for EventFiles {
    fn create(&self, run: &StoredRun) -> Result<(), PipelineError> {
        let folder = self.folder.join(run.id.as_str());
        fs::create_dir_all(&folder).map_err(PipelineError::file(&folder))?;
        let (path, unfinished) = (folder.join("run.json"), folder.join("run.json.unfinished"));
        let text = serde_json::to_vec(run)?;
        let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, &path));
        written.map_err(PipelineError::file(&path))
    }

    fn append(&self, run: &RunId, event: &StoredEvent) -> Result<(), PipelineError> {
        let path = self.events(run);
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let written = file.and_then(|mut file: File| file.write_all(&line));
        written.map_err(PipelineError::file(&path))
    }

    fn load(&self) -> Result<Vec<Result<Loaded, PipelineError>>, PipelineError> {
        let entries = fs::read_dir(&self.folder).map_err(PipelineError::file(&self.folder))?;
        let mut folders = Vec::new();
        for entry in entries {
            let path = entry.map_err(PipelineError::file(&self.folder))?.path();
            // A run whose submission was cut off was never told to anyone.
            if path.join("run.json").exists() {
                folders.push(path);
            }
        }
        folders.sort();
        Ok(folders.iter().map(|folder| self.read(folder)).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::OpenOptions, io::Write};

    use terms::{
        run::{RunEvent, StoredEvent},
        time::Timestamp,
    };

    use super::{EventFiles, EventStore, StoredRun};
    use crate::{expand::expand, parse};

    const PIPELINE: &str = "
name: hello
implementation:
  container: {image: any, command: [echo, {inputValue: name}]}
inputs: [{name: name}]
";

    fn stored(id: &str) -> StoredRun {
        let pipeline = parse(PIPELINE).expect("a component");
        let arguments = [("name".to_owned(), "ä".to_owned())].into();
        let plan = expand(&pipeline, &arguments).expect("it can run").plan;
        let pipeline = std::sync::Arc::new(pipeline);
        StoredRun {
            id: id.into(),
            submitted_at: Timestamp(7),
            arguments,
            parallelism: 1,
            plan,
            pipeline,
        }
    }

    fn event(sequence: u64) -> StoredEvent {
        StoredEvent { sequence, at: Timestamp(8), event: RunEvent::Begun }
    }

    #[test]
    fn runs_and_events_are_read_back_and_a_cut_off_line_is_taken_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = EventFiles::open(folder.path()).expect("it opens");
        for id in ["b", "a"] {
            files.create(&stored(id)).expect("kept");
        }
        files.append(&"a".into(), &event(1)).expect("kept");
        let path = folder.path().join("a/events.jsonl");
        let mut file = OpenOptions::new().append(true).open(path).expect("opened");
        file.write_all(b"{\"sequence\":2,\"at\":").expect("written");
        let load = || files.load().expect("read");
        let runs: Vec<_> = load().into_iter().map(|run| run.expect("understood")).collect();
        assert_eq!(runs[0].1, [event(1)]);
        assert_eq!((runs[0].0.id.as_str(), runs[1].0.id.as_str()), ("a", "b"));
        assert_eq!(runs[1].0.plan, stored("b").plan);
        assert_eq!(runs[1].0.pipeline, stored("b").pipeline);
        files.append(&"a".into(), &event(2)).expect("kept");
        assert_eq!(load()[0].as_ref().expect("understood").1, [event(1), event(2)]);
    }

    #[test]
    fn a_run_that_is_not_understood_does_not_hide_the_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = EventFiles::open(folder.path()).expect("it opens");
        files.create(&stored("good")).expect("kept");
        std::fs::create_dir(folder.path().join("bad")).expect("made");
        std::fs::write(folder.path().join("bad/run.json"), "{}").expect("written");
        let runs = files.load().expect("read");
        assert!(runs[0].is_err() && runs[1].is_ok());
    }
}
