//! Pipelines: reads Tangle's components and graphs, and runs them on launchers. Reuses what was
//! already computed, takes a run up again after a crash, and tells everything that happens as events.
//! It knows nothing of language models.

mod artifacts;
pub mod cache_key;
pub mod command_line;
mod duration;
mod engine;
mod error;
pub mod events;
mod expand;
pub mod launcher;
mod load;
mod problem;
pub mod spec;
pub mod view;
pub mod yaml;

pub use self::{
    artifacts::ArtifactStore,
    engine::{Engine, EngineOptions},
    error::PipelineError,
    launcher::Limits,
    load::{load, parse, parse_json},
    problem::Problem,
    spec::ComponentSpec,
    view::{RunOutcome, RunUpdate, RunView, Watching},
};
