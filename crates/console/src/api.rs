//! The JSON API for administration: each resource a file.

pub(crate) mod breakers;
pub(crate) mod chaos;
pub(crate) mod distillations;
pub(crate) mod incidents;
pub(crate) mod keys;
pub(crate) mod models;
pub(crate) mod pipelines;
pub(crate) mod requests;
pub(crate) mod sign_in_codes;
pub(crate) mod tasks;
pub(crate) mod usage;
