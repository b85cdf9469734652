//! The life of a request: listeners, attempts, streams, health. No HTML, no SQL, and no rules of its
//! own: what to do next is decided in `decide`, what bytes mean in `wire`.
//!
//! Start reading at [`flow`](self), the one function that every request goes through.

mod address;
mod body;
mod clock;
mod count;
mod credential;
mod early;
mod errors;
mod flight;
mod flow;
mod gateway;
mod google;
mod headers;
mod health;
mod in_process;
mod intake;
mod limits;
mod listener;
mod models;
mod operation;
mod outgoing;
mod pass;
mod percent;
mod plan;
mod provider;
mod reply;
mod room;
mod session;
mod sigv4;
mod stream;
mod surface;
mod table;
mod task;
mod trail;
mod upstream;
mod workers;
mod write_stall;

pub use crate::{
    address::Address,
    credential::Credential,
    gateway::{Gateway, Parts},
    google::{GoogleKeyError, GoogleTokens},
    health::GateView,
    limits::{IntakeLimits, TimeLimits},
    listener::{Listener, ListenerLimits},
    provider::{Answerer, Endpoint, Provider, Source},
    sigv4::AwsKeys,
    table::{Route, Table, Target},
    task::{Deployed, Task},
    workers::Workers,
};
