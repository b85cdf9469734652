//! Whole distillations through the public face, with a teacher that answers on a loopback socket.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod banking77;
mod small;
mod teacher;
