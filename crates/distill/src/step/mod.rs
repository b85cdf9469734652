//! The steps of a distillation: one closed list, one file per step, each a function from files to files.
//! An input is the output of the same name of an earlier step, so the list is also the graph; who runs
//! it, caches it and shows it is not decided here.

pub(crate) mod calibrate;
pub(crate) mod evaluate;
pub(crate) mod fit;
mod gather;
pub(crate) mod label;
mod package;
mod report;
pub(crate) mod split;
pub(crate) mod verdict;

use std::{
    collections::BTreeMap,
    fmt::Debug,
    path::{Path, PathBuf},
};

use crate::{error::DistillError, teacher::TeacherAccess};

/// An input or output of a step: a file or a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// Its name; unique among all outputs.
    pub name: &'static str,
    /// What it holds.
    pub what: &'static str,
}

/// A step.
pub trait Step: Debug + Sync {
    /// Its name on the command line: `outlast step NAME`.
    fn name(&self) -> &'static str;

    /// What it does, for people.
    fn what(&self) -> &'static str;

    /// What it reads.
    fn inputs(&self) -> &'static [Port];

    /// What it writes. The bytes depend on the inputs alone, but for outputs whose name ends in
    /// `_measurements`, which only the report reads.
    fn outputs(&self) -> &'static [Port];

    /// Whether it asks the teacher, and so needs [`Context::teacher`] and is worth a retry.
    fn asks_teacher(&self) -> bool {
        false
    }

    /// Reads its inputs and writes its outputs. Blocks; not to be called within an async task.
    fn run(&self, paths: &Paths, context: &Context) -> Result<(), DistillError>;
}

/// Every step, in an order in which they can run.
pub const ALL: &[&dyn Step] = &[
    &gather::Gather,
    &split::Split,
    &label::Label,
    &fit::Fit,
    &calibrate::Calibrate,
    &evaluate::Evaluate,
    &verdict::Verdict,
    &package::Package,
    &report::Report,
];

/// The step of this name, if there is one.
pub fn step(name: &str) -> Option<&'static dyn Step> {
    ALL.iter().copied().find(|step| step.name() == name)
}

/// What a step may need besides its files.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// How to reach the gateway.
    pub teacher: Option<TeacherAccess>,
    /// A folder that outlives a killed step: what the teacher has answered is kept there, so that it is
    /// not paid for twice.
    pub progress: PathBuf,
}

/// The paths of a step's inputs and outputs by name.
#[derive(Debug, Clone, Default)]
pub struct Paths(BTreeMap<String, PathBuf>);

impl Paths {
    /// Every input and output under its own name in one folder: how the steps are run without a
    /// pipeline.
    pub fn in_folder(step: &dyn Step, folder: &Path) -> Self {
        let ports = step.inputs().iter().chain(step.outputs());
        ports.fold(Self::default(), |paths, port| paths.with(port.name, folder.join(port.name)))
    }

    /// With this path for an input or output.
    pub fn with(mut self, port: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        self.0.insert(port.into(), path.into());
        self
    }

    fn get(&self, step: &dyn Step, port: &'static str) -> Result<&Path, DistillError> {
        let missing = DistillError::MissingPath { step: step.name(), port };
        self.0.get(port).map(PathBuf::as_path).ok_or(missing)
    }
}

/// The only input that no step writes: a task file.
pub const TASK_FILE: &str = "task_file";

/// Runs every step in order, without any reuse, each output under its name in `folder`.
pub fn run_all(task_file: &Path, folder: &Path, context: &Context) -> Result<(), DistillError> {
    for step in ALL {
        let paths = Paths::in_folder(*step, folder).with(TASK_FILE, task_file);
        step.run(&paths, context)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{ALL, TASK_FILE, step};

    #[test]
    fn every_input_is_the_output_of_an_earlier_step() {
        let mut written = BTreeSet::from([TASK_FILE]);
        for member in ALL {
            for input in member.inputs() {
                let (name, reader) = (input.name, member.name());
                assert!(written.contains(name), "{reader} reads {name} before it is written");
                let timed = name.ends_with("_measurements");
                assert!(!timed || reader == "report", "{reader} must not depend on a clock");
            }
            for output in member.outputs() {
                assert!(written.insert(output.name), "{} is written twice", output.name);
            }
            assert_eq!(step(member.name()).unwrap().name(), member.name());
        }
    }
}
