//! The only crate with SQL: keys, settings, the ledger's attempts and the breakers' events, in SQLite
//! behind one type. It keeps and returns what it is given and decides nothing: what a hold means,
//! who may do what and when something is too old are other crates' business.

mod attempts;
mod breakers;
mod deployments;
mod dictionary;
mod error;
mod incidents;
mod ingest;
mod keys;
mod replies;
mod schema;
mod settings;
mod spend;
mod store;
mod traces;

pub use crate::{
    attempts::AttemptRow,
    deployments::DeploymentRow,
    error::StoreError,
    ingest::IngestReport,
    keys::KeyRow,
    replies::ReplyRow,
    spend::{SpendDimension, SpendQuery, SpendRow},
    store::Store,
};
