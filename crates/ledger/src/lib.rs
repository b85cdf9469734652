//! The money at run time: every attempt is held in the journal before it is dispatched and settled
//! when it is over, priced from the price book, and brought into the store in the background.
//! Knows no wire formats and no routes.

mod activity;
mod breakers;
mod error;
mod held;
mod ingest;
mod journal;
mod ledger;
mod line;
mod prices;
mod sessions;
mod snapshot;

pub use crate::{
    activity::Activity,
    breakers::{Board, BreakerRefusal, Stopped},
    error::LedgerError,
    held::{AttemptEnd, Held, InsteadOf, Order},
    ingest::Ingest,
    ledger::{Ledger, LedgerOptions, Opened},
    prices::{PriceBook, Quote},
    sessions::SessionView,
    snapshot::{
        BAR_MS, Bar, Failover, PrincipalTotals, RequestEnd, Snapshot, StudentTotals, TargetTotals,
    },
};
