//! A distillation: a task, a teacher and data in; a student, its report and a verdict out. Each step is a
//! function from files to files whose bytes depend on its inputs alone; what is measured with a clock goes
//! to files of its own. Trains nothing itself (that is `student`), decides nothing itself (that is
//! `decide`), and reaches the teacher only through the gateway.

pub mod artifact;
mod error;
mod labelling;
mod lessons;
pub mod measured;
mod prompt;
pub mod report;
mod rows;
pub mod step;
mod stored;
mod task;
mod teacher;

pub use crate::{
    error::DistillError,
    prompt::{match_label, system_prompt},
    task::{Conditions, DataFile, LearnFrom, Task, TaskFile},
    teacher::TeacherAccess,
};
