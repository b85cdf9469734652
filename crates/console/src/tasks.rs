//! What the console shows of deployed students and what it can do about them, as plain values and a
//! trait. The binary fills it in.

use std::{path::PathBuf, pin::Pin};

use serde::{Deserialize, Serialize};
use terms::{ids::RouteName, time::Timestamp};

/// Something that is being done; a refusal is a sentence for whoever asked.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// The tasks of the running program.
pub trait Tasks: Send + Sync + 'static {
    /// Every task, by name.
    fn list(&self) -> Vec<TaskRow>;

    /// Puts the student of a package, a folder on this machine, into service.
    fn deploy(&self, package: PathBuf, anyway: bool) -> Doing<'_, TaskRow>;

    /// Takes a task's student away.
    fn undeploy(&self, task: String) -> Doing<'_, TaskRow>;

    /// Brings back what answered a task before the last change.
    fn roll_back(&self, task: String) -> Doing<'_, TaskRow>;
}

/// One task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRow {
    /// `task:NAME`, what callers ask for.
    pub route: RouteName,
    /// The student that serves or, where none does, the one that served last; empty where none ever did.
    pub version: String,
    /// The student's family.
    pub family: String,
    /// Whether the student serves; otherwise its teacher answers everything.
    pub student_serves: bool,
    /// Since when it is so.
    pub since: Timestamp,
    /// Below this confidence the teacher answers; 0 where the student answers everything.
    pub threshold: f64,
    /// The route of the teacher.
    pub teacher: RouteName,
    /// Whether the teacher is a route here; `None` where nobody runs who would know.
    pub teacher_is_here: Option<bool>,
}
