//! The words of Outlast as types: ids, money, usage, dialects, models, targets, outcomes and the
//! events that are stored. No logic beyond what makes a value well formed.

pub mod breaker;
pub mod dialect;
pub mod event;
pub mod ids;
pub mod incident;
pub mod model;
pub mod money;
pub mod outcome;
pub mod run;
pub mod time;
pub mod trace;
pub mod usage;
