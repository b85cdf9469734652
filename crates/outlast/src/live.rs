//! What the console sees of the running gateway and ledger: values copied from both, nothing
//! decided.

use std::{collections::BTreeMap, sync::Arc};

use console::{
    FailoverRow, GateState, Live, MinuteBar, Overview, PrincipalRow, Requests, Spend, TargetRow,
};
use decide::gate::GateState as DecidedState;
use gateway::{Gateway, Target};
use ledger::{Ledger, Minute, Snapshot, TargetTotals};
use terms::{ids::TargetName, money::NanoUsd, time::Timestamp};
use tokio::sync::watch;

use crate::clock::SystemClock;

const MINUTE_MS: i64 = 60_000;

/// Principals shown.
const TOP: usize = 10;

#[derive(Debug)]
pub(crate) struct LiveView {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) clock: SystemClock,
    pub(crate) notice: Option<String>,
    /// Spent today before this process started.
    pub(crate) spent_before: (i64, NanoUsd),
}

impl Live for LiveView {
    fn overview(&self) -> Overview {
        let now = self.ledger.now();
        let snapshot = self.ledger.activity().snapshot(now);
        Overview {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_ms: self.clock.uptime_ms(),
            now,
            simulated: self.notice.clone(),
            requests: requests(&snapshot),
            spend: self.spend(&snapshot, now),
            targets: self.targets(&snapshot.targets),
            top_principals: principals(&snapshot),
            failovers: failovers(snapshot),
        }
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.ledger.activity().changes()
    }
}

impl LiveView {
    fn spend(&self, snapshot: &Snapshot, now: Timestamp) -> Spend {
        let last_hour: NanoUsd = snapshot.minutes.iter().map(|minute| minute.cost).sum();
        let estimated: NanoUsd = snapshot.minutes.iter().map(|minute| minute.estimated).sum();
        let (day, before) = self.spent_before;
        let today = snapshot.cost_of_day(now.day());
        Spend {
            last_hour,
            today: if day == now.day() { today + before } else { today },
            estimated_share: if last_hour.0 == 0 {
                0.0
            } else {
                estimated.0 as f64 / last_hour.0 as f64
            },
            by_minute: snapshot.minutes.iter().map(bar).collect(),
        }
    }

    /// Targets of configured routes, and of implicit ones that were used.
    fn targets(&self, totals: &BTreeMap<TargetName, TargetTotals>) -> Vec<TargetRow> {
        let mut rows: Vec<TargetRow> = self
            .gateway
            .table()
            .configured_targets()
            .iter()
            .filter_map(|target| {
                let used = totals.get(&target.name);
                let row = self.target(target, used);
                (used.is_some() || row.gate != GateState::Open).then_some(row)
            })
            .collect();
        rows.sort_by(|a, b| a.target.cmp(&b.target));
        rows
    }

    fn target(&self, target: &Target, totals: Option<&TargetTotals>) -> TargetRow {
        let gate = self.gateway.gate(&target.name);
        let totals = totals.cloned().unwrap_or_default();
        TargetRow {
            target: target.name.clone(),
            provider: target.provider.name.clone(),
            model: target.model.clone(),
            gate: match gate.state {
                DecidedState::Open => GateState::Open,
                DecidedState::Probing => GateState::Probing,
                DecidedState::Shut => GateState::Shut,
            },
            shut_for_ms: gate.shut_for_ms,
            reason: gate.reason.map(|failure| failure.name().replace('_', " ")),
            requests: totals.attempts,
            failures: totals.failures,
            in_flight: totals.in_flight,
            first_token_p50_ms: totals.first_token_p50_ms(),
            cost: totals.cost,
        }
    }
}

fn requests(snapshot: &Snapshot) -> Requests {
    Requests {
        total: snapshot.requests,
        answered: snapshot.answered,
        failed: snapshot.failed,
        in_flight: snapshot.in_flight,
        rescued: snapshot.rescued,
        per_minute_now: snapshot.per_minute,
    }
}

fn bar(minute: &Minute) -> MinuteBar {
    MinuteBar {
        at: Timestamp(minute.minute * MINUTE_MS),
        cost: minute.cost,
        requests: minute.requests,
        failed: minute.failed,
        rescued: minute.rescued,
    }
}

fn principals(snapshot: &Snapshot) -> Vec<PrincipalRow> {
    let mut rows: Vec<PrincipalRow> = snapshot
        .principals
        .iter()
        .map(|(principal, totals)| PrincipalRow {
            principal: principal.clone(),
            requests: totals.requests,
            cost: totals.cost,
        })
        .collect();
    rows.sort_by_key(|row| (std::cmp::Reverse(row.cost), std::cmp::Reverse(row.requests)));
    rows.truncate(TOP);
    rows
}

fn failovers(snapshot: Snapshot) -> Vec<FailoverRow> {
    snapshot
        .failovers
        .into_iter()
        .map(|failover| FailoverRow {
            at: failover.at,
            request: failover.request.to_string(),
            route: failover.route,
            from: failover.from,
            to: failover.to,
            reason: failover.reason.replace('_', " "),
            added_ms: failover.added_ms,
        })
        .collect()
}
