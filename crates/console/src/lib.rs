//! The web console: pages rendered on the server, kept live by server-sent events, and a JSON API
//! beside them. It shows what the binary's `Live` tells it and knows nothing of the gateway; it
//! decides no rule and holds no SQL.

mod breakers;
mod chaos;
mod incidents;
mod live;
mod models;
pub mod pipelines;
mod tasks;

mod state;

mod routes;

mod api;
mod breaker_sections;
mod explained;
mod incident_sections;
mod pages;
mod provider_sections;
mod run;
mod sections;
mod stream;

mod chart;
mod format;
mod markdown;

mod assets;
mod cookie;
mod error;
mod guard;
mod headers;
mod origin;

pub use crate::{
    breakers::{AnswerRefused, BreakerAnswer, BreakerBoard, Breakers, SessionRow},
    chaos::{Chaos, ChaosOrder, ChaosRow},
    explained::{Explained, ExplainedAttempt, ExplainedStep, explain},
    guard::Guard,
    incidents::{IncidentWords, Incidents, LevelWords},
    live::{
        FailoverRow, GateState, Live, MinuteBar, Overview, PrincipalRow, Requests, Spend,
        StudentRow, TargetRow,
    },
    models::{
        CheckRow, ModelBoard, ModelDecision, ModelRow, Models, NoticeRow, PriceChangeRow,
        PriceListRow, PriceRefresh, PriceVersionRow, RejectedPrice, WaitingPrice,
    },
    origin::AllowedHosts,
    routes::{ROUTES, Route, router},
    state::{Clock, ConsoleState},
    tasks::{Doing, TaskRow, Tasks},
};
