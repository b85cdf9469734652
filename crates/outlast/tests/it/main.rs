//! The program as its user runs it: real processes on loopback, simulated vendors behind them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod breakers;
mod commands;
mod crash;
mod demo;
mod distill;
mod headline;
mod incidents;
mod lifecycle;
mod pipeline;
mod prices;
mod program;
mod reload;
mod replies;
mod tasks;
