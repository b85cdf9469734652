//! Every rule of the house as a pure function of values and `now`. No I/O, no clock, no async, no
//! randomness: a seed is an argument.

pub mod attempt;
pub mod binomial;
pub mod catalog;
pub mod classify;
pub mod gate;
pub mod implicit;
pub mod interval;
pub mod learning;
pub mod near_duplicate;
pub mod price;
pub mod retry_after;
pub mod route;
pub mod split;
pub mod threshold;
pub mod verdict;
