//! The pages: each a handler, a struct and a template of the same name.

pub(crate) mod artifact;
pub(crate) mod breakers;
pub(crate) mod health;
pub(crate) mod incidents;
pub(crate) mod models;
pub(crate) mod overview;
pub(crate) mod pipelines;
pub(crate) mod providers;
pub(crate) mod requests;
pub(crate) mod run;
pub(crate) mod sign_in;
