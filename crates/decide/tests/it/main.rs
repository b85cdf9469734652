//! The rules together: routes, attempts, gates, retry budgets and the spray of simulated traffic, with a
//! fake clock and faults that come and go.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod outage;
mod signs;
mod storm;
mod world;
