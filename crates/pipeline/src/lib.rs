//! Pipelines: reads Tangle's components and graphs, and runs them on launchers. Reuses what was
//! already computed, takes a run up again after a crash, and tells everything that happens as events.
//! It knows nothing of language models.

pub mod cache_key;
pub mod command_line;
mod duration;
mod error;
mod load;
mod problem;
pub mod spec;
pub mod yaml;

pub use self::{
    error::PipelineError,
    load::{load, parse, parse_json},
    problem::Problem,
    spec::ComponentSpec,
};
