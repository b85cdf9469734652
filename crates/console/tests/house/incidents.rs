//! Incidents and canaries as a store holds them, and who closes them.

use std::sync::atomic::{AtomicBool, Ordering};

use console::{Doing, Incidents};
use store::Store;
use terms::{
    ids::{IncidentId, RequestId},
    incident::{CanaryOutcome, CanaryRun, Cause, Closed, Comparison, Incident, Level, Sign},
    money::NanoUsd,
    time::Timestamp,
};

use super::NOON;

/// Closes what the store holds as open.
pub(super) struct StoredIncidents {
    pub(super) store: Store,
    /// Nothing can be kept.
    pub(super) disk_is_full: AtomicBool,
}

impl Incidents for StoredIncidents {
    fn close<'a>(&'a self, id: &'a IncidentId, by: &'a str) -> Doing<'a, bool> {
        Box::pin(async move {
            if self.disk_is_full.load(Ordering::Relaxed) {
                return Err("the disk is full".to_owned());
            }
            let open = self.store.open_incidents().await.map_err(|error| error.to_string())?;
            let Some(mut incident) = open.into_iter().find(|open| open.id == *id) else {
                return Ok(false);
            };
            incident.closed = Some(Closed { at: Timestamp(NOON), by: Some(by.to_owned()) });
            self.store.put_incidents(&[incident], b"").await.map_err(|error| error.to_string())?;
            Ok(true)
        })
    }
}

/// A refusing target, and a canary that fails.
pub(crate) fn incidents() -> [Incident; 2] {
    let level = |value: f64, answers| Level { value, low: value * 0.7, high: value * 1.3, answers };
    let minutes = |ago: i64| Timestamp(NOON - ago * 60_000);
    let refuses = Incident {
        id: "inc_00000000000000aa".into(),
        target: "openai/gpt-5.5".into(),
        cause: Cause::Sign(Sign::Refusals),
        opened: minutes(9),
        since: minutes(12),
        comparison: Some(Comparison {
            before: level(0.021, 874),
            after: level(0.34, 47),
            once_in: 1_431_902.0,
            callers: 3,
        }),
        unmet: None,
        examples: vec![RequestId::from_parts(NOON.unsigned_abs(), 1)],
        closed: None,
    };
    let canary = Incident {
        id: "inc_00000000000000bb".into(),
        target: "anthropic/claude-fable-5".into(),
        cause: Cause::Canary("adds <two>".into()),
        comparison: None,
        unmet: Some("the answer is no JSON".to_owned()),
        ..refuses.clone()
    };
    [refuses, canary]
}

/// A canary as it was asked.
pub(crate) fn canary_run(outcome: CanaryOutcome) -> CanaryRun {
    CanaryRun {
        request: RequestId::from_parts(NOON.unsigned_abs(), 9),
        at: Timestamp(NOON - 60_000),
        canary: "adds <two>".into(),
        target: "anthropic/claude-fable-5".into(),
        outcome,
        tokens: 12,
        first_token_ms: 420,
        cost: NanoUsd(310_000),
    }
}
