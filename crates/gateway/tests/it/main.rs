//! The gateway through its public face: real sockets on loopback, simulated vendors with faults,
//! outcomes asserted on both sides of the wire and in the books.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod books;
mod breakers;
mod cancel;
mod chaos;
mod clouds;
mod continuation;
mod embeddings;
mod failover;
mod files;
mod follow;
mod game_day;
mod gathering;
mod gemini;
mod harness;
mod headline;
mod hedge;
mod incidents;
mod keys;
mod lifecycle;
mod limits;
mod pass;
mod passthrough;
mod reasoning_back;
mod recorder;
mod reload;
mod retries;
mod sealed;
mod spray;
mod streams;
mod surface;
mod tasks;
mod traces;
mod vertex;
