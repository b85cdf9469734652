//! Targets that answer otherwise than they did: what is watched of all answers, the incidents that are
//! open, and what they do to a target's standing. The rules live in `decide::signs` and
//! `decide::canary`; here are the lock and the log. Who keeps incidents takes them from here, so that no
//! answer waits for a disk.

use std::sync::{Mutex, MutexGuard, PoisonError};

use decide::{
    canary::{Canaries, CanaryFinding},
    signs::{Answer, Change, Finding, SignLimits, Signs},
};
use serde::{Deserialize, Serialize};
use terms::{
    ids::{CanaryName, IncidentId, RequestId, TargetName},
    incident::{Cause, Closed, Incident},
    time::Timestamp,
};
use tokio::sync::watch;
use tracing::info;

use crate::{gateway::Gateway, health::Health};

/// Who ends an incident whose canary is no longer asked.
const CONFIG: &str = "the config";

/// Who ends an incident whose history did not survive a restart.
const RESTART: &str = "a restart without its history";

/// What is remembered of how targets answer. Outlives the process, so that a restart need not learn anew.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SignHistory {
    signs: Signs,
    canaries: Canaries,
}

impl SignHistory {
    /// How the target answers now is normal from now on.
    fn forget(&mut self, Incident { target, cause, .. }: &Incident) {
        match cause {
            Cause::Sign(sign) => self.signs.forget(target, *sign),
            Cause::Canary(canary) => self.canaries.forget(target, canary),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Incidents {
    known: Mutex<Known>,
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct Known {
    /// `None`: live answers are not watched.
    limits: Option<SignLimits>,
    history: SignHistory,
    /// At most one for each target and cause.
    open: Vec<Incident>,
    /// Opened or closed since somebody last took them.
    unsaved: Vec<Incident>,
}

impl Default for Incidents {
    fn default() -> Self {
        let known = Known {
            limits: Some(SignLimits::default()),
            history: SignHistory::default(),
            open: Vec::new(),
            unsaved: Vec::new(),
        };
        Self { known: Mutex::new(known), changes: watch::Sender::new(0) }
    }
}

impl Incidents {
    /// A target's answer came to its end.
    pub(crate) fn answered(
        &self,
        target: &TargetName,
        answer: &Answer,
        health: &Health,
        draw: impl Fn() -> u128,
        now: Timestamp,
    ) {
        let mut known = self.known();
        let Some(limits) = known.limits else { return };
        let found = known.history.signs.answered(target, answer, &limits, now);
        if found.is_empty() {
            return;
        }
        for finding in found {
            match finding {
                Finding::Changed(Change { sign, since, comparison, examples }) => {
                    known.open(Incident {
                        id: new_id(draw()),
                        target: target.clone(),
                        cause: Cause::Sign(sign),
                        opened: now,
                        since,
                        comparison: Some(comparison),
                        unmet: None,
                        examples,
                        closed: None,
                    });
                }
                Finding::Returned(sign) => known.close(
                    |open| open.target == *target && open.cause == Cause::Sign(sign),
                    &Closed { at: now, by: None },
                ),
            }
        }
        self.changed(known, target, health);
    }

    fn canary_answered(
        &self,
        target: &TargetName,
        canary: &CanaryName,
        (request, unmet): (RequestId, Option<&str>),
        health: &Health,
        draw: impl Fn() -> u128,
        now: Timestamp,
    ) {
        let mut known = self.known();
        let cause = Cause::Canary(canary.clone());
        match known.history.canaries.answered(target, canary, unmet.is_none()) {
            None => return,
            Some(CanaryFinding::Failing) => known.open(Incident {
                id: new_id(draw()),
                target: target.clone(),
                cause,
                opened: now,
                since: now,
                comparison: None,
                unmet: unmet.map(str::to_owned),
                examples: vec![request],
                closed: None,
            }),
            Some(CanaryFinding::Passing) => known.close(
                |open| open.target == *target && open.cause == cause,
                &Closed { at: now, by: None },
            ),
        }
        self.changed(known, target, health);
    }

    /// The standing of a target follows its incidents, and whoever keeps them is told.
    fn changed(&self, known: MutexGuard<'_, Known>, target: &TargetName, health: &Health) {
        health.degrade(target, known.open.iter().any(|open| open.target == *target));
        drop(known);
        self.changes.send_modify(|count| *count += 1);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn open(&mut self, incident: Incident) {
        let Incident { id, target, cause, .. } = &incident;
        let (sign, canary) = match cause {
            Cause::Sign(sign) => (Some(sign.name()), None),
            Cause::Canary(canary) => (None, Some(canary.as_str())),
        };
        info!(incident = %id, %target, sign, canary, "a target answers otherwise than it did");
        self.unsaved.push(incident.clone());
        self.open.push(incident);
    }

    fn close(&mut self, is_meant: impl Fn(&Incident) -> bool, closed: &Closed) {
        for mut incident in self.open.extract_if(.., |open| is_meant(open)) {
            incident.closed = Some(closed.clone());
            let by = closed.by.as_deref().unwrap_or("it answers as before");
            info!(incident = %incident.id, target = %incident.target, by, "an incident is closed");
            self.unsaved.push(incident);
        }
    }
}

impl Gateway {
    /// How live answers are watched from now on; `None`: not at all. What is open stays.
    pub fn watch_signs(&self, limits: Option<SignLimits>) {
        self.incidents.known().limits = limits;
    }

    /// Brings back what an earlier process knew.
    pub fn restore_incidents(&self, history: Option<SignHistory>, open: Vec<Incident>) {
        let mut known = self.incidents.known();
        known.history = history.unwrap_or_default();
        known.open = open;
        let Known { history, open, .. } = &*known;
        let is_lost = |open: &&Incident| match &open.cause {
            Cause::Sign(sign) => !history.signs.is_changed(&open.target, *sign),
            Cause::Canary(_) => false,
        };
        let lost: Vec<IncidentId> =
            open.iter().filter(is_lost).map(|open| open.id.clone()).collect();
        let closed = Closed { at: self.wall(), by: Some(RESTART.to_owned()) };
        known.close(|open| lost.contains(&open.id), &closed);
        for incident in &known.open {
            self.health.degrade(&incident.target, true);
        }
        drop(known);
        self.incidents.changes.send_modify(|count| *count += 1);
    }

    /// Incidents that are open, oldest first.
    pub fn incidents(&self) -> Vec<Incident> {
        self.incidents.known().open.clone()
    }

    /// What was opened or closed since the last call, and what is remembered of all targets at this
    /// moment, which shares what it can with what goes on: no answer waits for a copy of all of it.
    pub fn take_incidents(&self) -> (Vec<Incident>, SignHistory) {
        let mut known = self.incidents.known();
        (std::mem::take(&mut known.unsaved), known.history.clone())
    }

    /// Gives back what could not be kept.
    pub fn return_incidents(&self, unsaved: Vec<Incident>) {
        self.incidents.known().unsaved.splice(0..0, unsaved);
    }

    /// A counter that moves when an incident is opened or closed.
    pub fn incident_changes(&self) -> watch::Receiver<u64> {
        self.incidents.changes.subscribe()
    }

    /// A person closes an incident: how the target answers now is normal from now on. Gives the incident
    /// as it was; `None` where none of this name is open.
    pub fn close_incident(&self, id: &IncidentId, by: &str) -> Option<Incident> {
        let mut known = self.incidents.known();
        let incident = known.open.iter().find(|open| open.id == *id)?.clone();
        known.history.forget(&incident);
        let closed = Closed { at: self.wall(), by: Some(by.to_owned()) };
        known.close(|open| open.id == *id, &closed);
        self.incidents.changed(known, &incident.target, &self.health);
        Some(incident)
    }

    /// What has to be kept so that this incident is closed by a person: everything that is not kept yet and
    /// the incident as it will be, with what will be remembered of all targets. Nothing changes by it.
    /// `None` where none of this name is open.
    pub fn closing(&self, id: &IncidentId, by: &str) -> Option<(Vec<Incident>, SignHistory)> {
        let known = self.incidents.known();
        let mut incident = known.open.iter().find(|open| open.id == *id)?.clone();
        let (mut unsaved, mut history) = (known.unsaved.clone(), known.history.clone());
        drop(known);
        history.forget(&incident);
        incident.closed = Some(Closed { at: self.wall(), by: Some(by.to_owned()) });
        unsaved.push(incident);
        Some((unsaved, history))
    }

    /// A target answered a canary; `unmet` is what was expected of it and not found.
    pub fn canary_answered(
        &self,
        target: &TargetName,
        canary: &CanaryName,
        request: RequestId,
        unmet: Option<&str>,
    ) {
        let draw = || self.draw();
        let (seen, now) = ((request, unmet), self.wall());
        self.incidents.canary_answered(target, canary, seen, &self.health, draw, now);
    }

    /// Only these canaries are asked from now on; incidents of others are closed.
    pub fn retain_canaries(&self, is_asked: impl Fn(&TargetName, &CanaryName) -> bool) {
        let mut known = self.incidents.known();
        known.history.canaries.retain(&is_asked);
        let is_gone = |open: &Incident| match &open.cause {
            Cause::Canary(canary) => !is_asked(&open.target, canary),
            Cause::Sign(_) => false,
        };
        let mut targets: Vec<TargetName> = known
            .open
            .iter()
            .filter(|open| is_gone(open))
            .map(|open| open.target.clone())
            .collect();
        let closed = Closed { at: self.wall(), by: Some(CONFIG.to_owned()) };
        known.close(is_gone, &closed);
        drop(known);
        targets.dedup();
        for target in targets {
            self.incidents.changed(self.incidents.known(), &target, &self.health);
        }
    }
}

fn new_id(draw: u128) -> IncidentId {
    #[expect(clippy::cast_possible_truncation, reason = "64 random bits are enough")]
    let bits = draw as u64;
    IncidentId::from(format!("inc_{bits:016x}"))
}
