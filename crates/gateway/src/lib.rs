//! The life of a request: listeners, attempts, streams, health. No HTML, no SQL, and no rules of its
//! own: what to do next is decided in `decide`, what bytes mean in `wire`.
//!
//! Start reading at [`flow`](self), the one function that every request goes through.

mod address;
mod body;
mod canary;
mod chaos;
mod clock;
mod completions;
mod count;
mod credential;
mod early;
mod embeddings;
mod errors;
mod files;
mod flight;
mod flow;
mod gateway;
mod gathering;
mod gemini;
mod google;
mod headers;
mod health;
mod hedge;
mod history;
mod in_process;
mod incidents;
mod input_items;
mod intake;
mod keeping;
mod kept;
mod keyring;
mod limits;
mod listener;
mod listing;
mod lives;
mod mirror;
mod models;
mod operation;
mod outgoing;
mod pass;
mod percent;
mod plan;
mod provider;
mod provider_address;
mod pursuit;
mod randomness;
mod replies;
mod reply;
mod request;
mod room;
mod session;
mod sigv4;
mod sticky;
mod stream;
mod succession;
mod surface;
mod table;
mod task;
mod trail;
mod upstream;
mod web;
mod workers;
mod write_stall;

pub use crate::{
    canary::{CANARY, CanaryReply},
    chaos::{Chaos, ChaosFault, ChaosRefused, Injection, LONGEST, NoFault},
    credential::Credential,
    gateway::{Gateway, Parts},
    google::{GoogleKeyError, GoogleTokens},
    hedge::Hedge,
    incidents::SignHistory,
    kept::{KeepLimits, KeptReply, Later, Shelf, ShelfDown},
    keyring::Keyring,
    limits::{IntakeLimits, TimeLimits},
    listener::{Listener, ListenerLimits},
    listing::ListFailure,
    lives::Lives,
    provider::{Answerer, Endpoint, Provider, Serves, Source},
    provider_address::ProviderAddress,
    sigv4::AwsKeys,
    table::{BrokenStream, OnDegraded, Route, RouteDefaults, Streaming, Table, Target},
    task::{Deployed, Task},
    trail::Traces,
    web::{Web, WebFailure},
    workers::Workers,
};
