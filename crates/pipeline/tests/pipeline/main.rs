//! The pipeline engine through its public face: what is read, what runs, what is reused, what
//! survives a crash.

#![expect(clippy::print_stdout, reason = "a test that is skipped says so, and agreement is shown")]

mod corpus;
mod golden;
mod house;
mod planning;
mod recovery;
mod reuse;
mod running;
