//! From `outlast.toml` and the environment to what the gateway runs on: raw text, then checked
//! values. Every problem is reported with file, line and what to do; a config with problems is never
//! half used.

mod canaries;
mod checked;
mod clouds;
mod environment;
mod problem;
mod provider;
mod reader;
mod sections;
mod signs;
mod streams;
mod tasks;
#[cfg(test)]
mod tests;
mod upkeep;
mod vendors;

pub(crate) use crate::config::{
    canaries::Canary,
    checked::{Config, Overrides},
    environment::Environment,
    problem::Problems,
    upkeep::{PriceListSource, is_web},
    vendors::{VENDORS, Vendor},
};
