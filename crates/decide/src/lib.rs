//! Every rule of the house as a pure function of values and `now`. No I/O, no clock, no async, no
//! randomness: a seed is an argument.

pub mod attempt;
mod baseline;
pub mod binomial;
pub mod breaker;
pub mod canary;
pub mod capacity;
pub mod catalog;
pub mod classify;
mod cusum;
pub mod error_rate;
pub mod gate;
pub mod graph;
pub mod health;
pub mod implicit;
pub mod interval;
pub mod layout;
pub mod learning;
pub mod near_duplicate;
pub mod pace;
pub mod pins;
pub mod plan;
pub mod price;
pub mod resale;
pub mod retry_after;
pub mod retry_budget;
pub mod reuse;
pub mod route;
pub mod run;
pub mod session;
pub mod signs;
pub mod split;
pub mod spray;
pub mod threshold;
pub mod upstream_stream;
pub mod verdict;
