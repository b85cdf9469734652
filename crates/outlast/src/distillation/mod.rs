//! A distillation as a pipeline: its graph, its beginning, and what it came to.

mod begin;
mod graph;
mod outcome;

pub(crate) use self::{
    begin::begin,
    outcome::{copy, shown},
};
