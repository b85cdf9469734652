//! The life of a request: listeners, attempts, streams, health. No HTML, no SQL, and no rules of its
//! own: what to do next is decided in `decide`, what bytes mean in `wire`.
//!
//! Start reading at [`flow`](self), the one function that every request goes through.

mod body;
mod clock;
mod early;
mod errors;
mod flight;
mod flow;
mod gateway;
mod headers;
mod health;
mod intake;
mod limits;
mod listener;
mod models;
mod outgoing;
mod plan;
mod reply;
mod session;
mod stream;
mod surface;
mod table;
mod trail;
mod upstream;
mod workers;
mod write_stall;

pub use crate::{
    gateway::{Gateway, Parts},
    health::GateView,
    limits::{IntakeLimits, TimeLimits},
    listener::{Listener, ListenerLimits},
    table::{Credential, Endpoint, Provider, Route, Table, Target},
    workers::Workers,
};
