//! The money at run time: every attempt is held in the journal before it is dispatched and settled
//! when it is over, priced from the price book, and brought into the store in the background.
//! Knows no wire formats and no routes.

mod activity;
mod error;
mod held;
mod ingest;
mod journal;
mod ledger;
mod prices;
mod snapshot;

pub use crate::{
    activity::Activity,
    error::LedgerError,
    held::{AttemptEnd, Held, InsteadOf, Order},
    ingest::Ingest,
    ledger::{Ledger, LedgerOptions, Opened},
    prices::{PriceBook, Quote},
    snapshot::{
        BAR_MS, Bar, Failover, PrincipalTotals, RequestEnd, Snapshot, StudentTotals, TargetTotals,
    },
};
