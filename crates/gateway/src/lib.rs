//! The life of a request: listeners, attempts, streams, health. No HTML, no SQL, and no rules of its
//! own: what to do next is decided in `decide`, what bytes mean in `wire`.
//!
//! Start reading at [`flow`](self), the one function that every request goes through.

mod address;
mod body;
mod clock;
mod completions;
mod count;
mod early;
mod errors;
mod files;
mod flight;
mod flow;
mod gateway;
mod gemini;
mod headers;
mod health;
mod history;
mod in_process;
mod intake;
mod keeping;
mod kept;
mod limits;
mod listener;
mod models;
mod operation;
mod outgoing;
mod pass;
mod plan;
mod provider;
mod replies;
mod reply;
mod room;
mod session;
mod stream;
mod surface;
mod table;
mod task;
mod trail;
mod upstream;
mod workers;
mod write_stall;

pub use crate::{
    gateway::{Gateway, Parts},
    health::GateView,
    kept::{KeepLimits, KeptReply, Later, Shelf, ShelfDown},
    limits::{IntakeLimits, TimeLimits},
    listener::{Listener, ListenerLimits},
    provider::{Answerer, Credential, Endpoint, Provider, Source},
    table::{Route, Table, Target},
    task::{Deployed, Task},
    workers::Workers,
};
