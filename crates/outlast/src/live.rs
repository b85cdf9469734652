//! What the console sees of the running gateway and ledger: values copied from both, nothing
//! decided.

use std::{collections::BTreeMap, sync::Arc};

use console::{
    FailoverRow, GateState, Live, MinuteBar, Overview, PrincipalRow, Requests, Spend, StudentRow,
    TargetRow,
};
use decide::{gate::GateState as DecidedState, route::SkipReason};
use gateway::{Gateway, Target};
use ledger::{Bar, Ledger, Snapshot, TargetTotals};
use terms::{ids::TargetName, money::NanoUsd, time::Timestamp};
use tokio::sync::watch;

use crate::clock::SystemClock;
use crate::game_days;

const MINUTE_MS: i64 = 60_000;

/// Bars of the charts.
const BARS: i64 = 60;

/// Widths of a bar in milliseconds, each used while everything since the start fits into half of the
/// bars: a young process shows its seconds, an old one its minutes.
const WIDTHS: &[i64] = &[5_000, 15_000];

/// Principals shown.
const TOP: usize = 10;

#[derive(Debug)]
pub(crate) struct LiveView {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) clock: SystemClock,
    pub(crate) notice: Option<String>,
    /// The day on which this process started, and what was spent on it before.
    pub(crate) spent_before: (i64, NanoUsd),
    /// What students avoided on that day before.
    pub(crate) avoided_before: NanoUsd,
}

impl Live for LiveView {
    fn overview(&self) -> Overview {
        let now = self.ledger.now();
        let snapshot = self.ledger.activity().snapshot();
        Overview {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_ms: self.clock.uptime_ms(),
            now,
            simulated: game_days::notice(&self.gateway).or_else(|| self.notice.clone()),
            requests: requests(&snapshot, now),
            spend: self.spend(&snapshot, now),
            targets: self.targets(&snapshot.targets),
            top_principals: principals(&snapshot),
            students: students(&snapshot),
            failovers: failovers(snapshot),
            asking: self.ledger.sessions_asking() as u64,
        }
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.ledger.activity().changes()
    }
}

impl LiveView {
    fn spend(&self, snapshot: &Snapshot, now: Timestamp) -> Spend {
        let hour = snapshot.last(now, 60 * MINUTE_MS);
        let (day, before) = self.spent_before;
        let today = snapshot.cost_of_day(now.day());
        let uptime = i64::try_from(self.clock.uptime_ms()).unwrap_or(i64::MAX);
        let width =
            WIDTHS.iter().copied().find(|width| uptime < width * BARS / 2).unwrap_or(MINUTE_MS);
        Spend {
            last_hour: hour.cost,
            today: if day == now.day() { today + before } else { today },
            avoided_today: snapshot.avoided_on_day(now.day())
                + if day == now.day() { self.avoided_before } else { NanoUsd::ZERO },
            estimated_share: share(hour.estimated, hour.cost),
            assumed_share: share(hour.assumed, hour.cost),
            by_minute: snapshot.bars_until(now, width, BARS).iter().map(bar).collect(),
        }
    }

    /// Targets of configured routes, and all others that were used: of implicit routes, of patterns,
    /// successors, and those that callers named.
    fn targets(&self, totals: &BTreeMap<TargetName, TargetTotals>) -> Vec<TargetRow> {
        let table = self.gateway.table();
        let configured = table.targets().into_iter().filter(|(_, (_, configured))| *configured);
        let mut targets: BTreeMap<TargetName, Arc<Target>> =
            configured.map(|(name, (target, _))| (name, target)).collect();
        for used in totals.keys() {
            if !targets.contains_key(used)
                && let Some(target) = table.named(used)
            {
                targets.insert(used.clone(), target);
            }
        }
        targets.values().map(|target| self.target(target, totals.get(&target.name))).collect()
    }

    fn target(&self, target: &Target, totals: Option<&TargetTotals>) -> TargetRow {
        let gate = self.gateway.gate(target);
        let totals = totals.cloned().unwrap_or_default();
        TargetRow {
            target: target.name.clone(),
            provider: target.provider.name.clone(),
            model: target.model.clone(),
            gate: match gate.state {
                DecidedState::Open => GateState::Open,
                DecidedState::Returning => GateState::Returning,
                DecidedState::Probing => GateState::Probing,
                DecidedState::Shut => GateState::Shut,
            },
            shut_for_ms: gate.shut_for_ms,
            reason: gate.reason.map(|failure| failure.name().replace('_', " ")),
            one_in: gate.one_in,
            error_percent: percent(gate.error_rate),
            degraded: gate.is_degraded,
            keys_open: gate.keys.0,
            keys: gate.keys.1,
            skips: SkipReason::NAMES
                .into_iter()
                .zip(gate.skips)
                .filter(|(_, times)| *times > 0)
                .collect(),
            requests: totals.attempts,
            failures: totals.failures,
            in_flight: totals.in_flight,
            first_token_p50_ms: totals.first_token_p50_ms(),
            cost: totals.cost,
        }
    }
}

/// Whole per cent of a share from 0 to 1.
fn percent(share: f64) -> u8 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=100"
    )]
    let percent = (share * 100.0).round().clamp(0.0, 100.0) as u8;
    percent
}

fn share(part: NanoUsd, whole: NanoUsd) -> f64 {
    match whole {
        NanoUsd::ZERO => 0.0,
        whole => part.0 as f64 / whole.0 as f64,
    }
}

fn requests(snapshot: &Snapshot, now: Timestamp) -> Requests {
    Requests {
        total: snapshot.requests,
        answered: snapshot.answered,
        failed: snapshot.failed,
        in_flight: snapshot.in_flight,
        rescued: snapshot.rescued,
        refused: snapshot.refused,
        per_minute_now: snapshot.last(now, MINUTE_MS).requests,
    }
}

fn bar(bar: &Bar) -> MinuteBar {
    MinuteBar {
        at: bar.at,
        cost: bar.cost,
        requests: bar.requests,
        failed: bar.failed,
        rescued: bar.rescued,
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

fn students(snapshot: &Snapshot) -> Vec<StudentRow> {
    let rows = snapshot.students.iter().map(|(task, totals)| StudentRow {
        task: task.clone(),
        answered: totals.answered,
        declined: totals.declined,
        avoided: totals.avoided,
    });
    rows.collect()
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
