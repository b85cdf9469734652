//! The demo: simulated vendors, a config that points at them, and a traffic generator of real HTTP
//! clients. Nothing else in the program knows that there is a demo.

mod call;
pub(crate) mod lesson;
mod people;
pub(crate) mod runaway;
mod script;
mod tally;
mod tickets;
mod traffic;
mod vendors;

pub(crate) use crate::demo::{
    call::Line, people::PEOPLE, script::Stage, tally::Tally, traffic::Traffic, vendors::Vendors,
};
