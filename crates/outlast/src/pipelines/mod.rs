//! The pipelines of a data folder: the engine with what its programs find around them, as the console and
//! the commands see it.

mod artifacts;
mod build;
mod follow;
mod open;
mod reach;
mod view;

pub(crate) use self::{
    build::build,
    follow::{ended, follow},
    open::{PROGRESS_VARIABLE, TEACHER_KEY_VARIABLE, TEACHER_URL_VARIABLE, Teacher, open},
    reach::Reach,
    view::PipelinesView,
};
