//! Every rule of the house as a pure function of values and `now`. No I/O, no clock, no async, no
//! randomness: a seed is an argument.

pub mod attempt;
pub mod catalog;
pub mod classify;
pub mod gate;
pub mod graph;
pub mod implicit;
pub mod layout;
pub mod plan;
pub mod price;
pub mod retry_after;
pub mod reuse;
pub mod route;
pub mod run;
