//! The running record of one request: what its end will say, also when the caller just leaves.

use std::{fmt, sync::Arc};

use access::Caller;
use decide::route::SkipReason;
use ledger::{Failover, RequestEnd};
use terms::{
    ids::{RequestId, RouteName, TargetName},
    outcome::{Ending, Failure},
    time::{Moment, Timestamp},
    trace::{Happening, Step, Trace},
};
use tracing::{info, warn};
use wire::{Resumption, StreamRelay};

use crate::{early::Early, flight::Flight, gateway::Gateway, plan::Sending, table::Target};

/// Where the traces of requests are kept. It must return at once; what it cannot keep is lost.
pub trait Traces: fmt::Debug + Send + Sync {
    /// Takes the trace of a request that has ended.
    fn put(&self, trace: Trace);
}

/// Ends exactly once: by [`Trail::end`], or when it is dropped: left by the caller, or interrupted.
#[derive(Debug)]
pub(crate) struct Trail {
    gateway: Arc<Gateway>,
    caller: Arc<Caller>,
    pub(crate) id: RequestId,
    route: RouteName,
    preferred: Option<TargetName>,
    /// Why the preferred target did not answer.
    pub(crate) reason: Option<&'static str>,
    /// A target left the request to the next one, which is no failover.
    declined: bool,
    /// Targets that were passed by, and why.
    skips: Vec<(TargetName, SkipReason)>,
    began: Moment,
    /// When the attempt that answers was dispatched.
    answering_since: Moment,
    answered_by: Option<TargetName>,
    /// Milliseconds that failing targets cost the caller, once one answers.
    added_ms: Option<u64>,
    /// When the answer broke off, until another target goes on with it.
    broke_at: Option<Moment>,
    steps: Vec<Step>,
    /// Whether anything happened beyond one attempt that went well.
    eventful: bool,
    is_injected: bool,
    ended: bool,
}

/// Steps that are remembered of a request at most.
const STEPS: usize = 64;

/// Characters of what a provider said that are remembered.
const SAID: usize = 300;

impl Trail {
    pub(crate) fn begin(
        gateway: &Arc<Gateway>,
        caller: &Arc<Caller>,
        id: RequestId,
        now: Moment,
    ) -> Self {
        gateway.ledger.activity().request_began();
        Self {
            gateway: Arc::clone(gateway),
            caller: Arc::clone(caller),
            id,
            route: RouteName::from(""),
            preferred: None,
            reason: None,
            declined: false,
            skips: Vec::new(),
            began: now,
            answering_since: now,
            answered_by: None,
            added_ms: None,
            broke_at: None,
            steps: Vec::new(),
            eventful: false,
            is_injected: false,
            ended: false,
        }
    }

    pub(crate) fn planned(
        &mut self,
        route: &RouteName,
        preferred: Option<TargetName>,
        skipped: Option<&'static str>,
    ) {
        self.route = route.clone();
        self.preferred = preferred;
        self.reason = skipped;
        self.eventful |= skipped.is_some();
    }

    /// These targets are to be tried.
    pub(crate) fn steps(&mut self, targets: &[Arc<Target>]) {
        let targets = targets.iter().map(|target| target.name.clone()).collect();
        self.note(Happening::Planned { targets });
    }

    /// An attempt goes out.
    pub(crate) fn sent(&mut self, sending: &Sending) {
        let Sending { target, key, ordinal, .. } = sending;
        self.eventful |= *ordinal > 1;
        let key = key.saturating_add(1);
        let keys = u8::try_from(target.provider.key_ids().len()).unwrap_or(u8::MAX);
        self.note(Happening::Sent { attempt: *ordinal, target: target.name.clone(), key, keys });
    }

    /// Nothing is sent for so long.
    pub(crate) fn waits(&mut self, ms: u64) {
        self.eventful = true;
        self.note(Happening::Waited { ms });
    }

    /// An attempt failed, for this reason.
    pub(crate) fn failed_at(&mut self, target: &TargetName, early: &Early) {
        self.failed(early.failure);
        self.noted_failure(target, early);
    }

    /// The same of an attempt whose failure is nobody's fault and no reason of anything.
    pub(crate) fn noted_failure(&mut self, target: &TargetName, early: &Early) {
        let Early { failure, status, asked_ms, said, .. } = early;
        self.eventful = true;
        let said = said.as_ref().map(|said| said.message.chars().take(SAID).collect());
        let (failure, status, asked_ms) = (*failure, *status, *asked_ms);
        let target = target.clone();
        self.note(Happening::Failed { target, failure, status, asked_ms, said });
    }

    /// A target is asked for the rest of the answer.
    pub(crate) fn asks_for_rest(&mut self, target: &TargetName, way: Resumption) {
        let way = way.name().to_owned();
        self.note(Happening::AskedForRest { target: target.clone(), way });
    }

    /// What went wrong on purpose with an attempt.
    pub(crate) fn injected(&mut self, flight: &Flight) {
        if let Some(fault) = flight.injected {
            (self.eventful, self.is_injected) = (true, true);
            let (target, fault) = (flight.target.name.clone(), fault.to_string());
            self.note(Happening::Injected { target, fault });
        }
    }

    /// Whether anything went wrong on purpose.
    pub(crate) fn is_injected(&self) -> bool {
        self.is_injected
    }

    /// What a target is not told.
    pub(crate) fn dropped(&mut self, fields: &[String]) {
        if !fields.is_empty() {
            self.eventful = true;
            self.note(Happening::Dropped { fields: fields.to_vec() });
        }
    }

    /// What of a stream its caller was not told: what its dialect cannot say, and noise.
    pub(crate) fn left_out(&mut self, relay: &StreamRelay) {
        let fields: Vec<String> = relay.dropped().iter().map(|field| (*field).to_owned()).collect();
        self.dropped(&fields);
        if relay.noise() > 0 {
            self.eventful = true;
            self.note(Happening::Noise { records: relay.noise() });
        }
    }

    fn note(&mut self, what: Happening) {
        if self.steps.len() < STEPS {
            let at_ms = self.gateway.now().since(self.began);
            self.steps.push(Step { at_ms, what });
        }
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// The target that answers when all is well.
    pub(crate) fn preferred(&self) -> Option<&TargetName> {
        self.preferred.as_ref()
    }

    /// A target is passed by.
    pub(crate) fn skipped(&mut self, target: &TargetName, reason: SkipReason) {
        self.note(Happening::Skipped { target: target.clone(), reason: reason.name().to_owned() });
        self.gateway.health.skipped(target, reason);
        self.skips.push((target.clone(), reason));
        // One that stands behind the target that answers is passed by without anybody's notice.
        self.eventful |= matches!(reason, SkipReason::Overtaken | SkipReason::RetryBudget);
        if reason == SkipReason::Overtaken {
            self.reason.get_or_insert(reason.name());
        }
    }

    /// An attempt at this target goes out now.
    pub(crate) fn dispatched(&mut self, target: &TargetName, now: Moment) {
        self.answering_since = now;
        // After a target that declined, the next one is who should answer.
        self.preferred.get_or_insert_with(|| target.clone());
    }

    /// An attempt failed; the first reason is the one that counts.
    pub(crate) fn failed(&mut self, failure: Failure) {
        if failure == Failure::Declined {
            self.declined = true;
            if self.reason.is_none() {
                self.preferred = None;
            }
        } else {
            self.reason.get_or_insert(failure.name());
        }
    }

    /// This target answers.
    pub(crate) fn answered_by(&mut self, target: &TargetName) {
        self.answered_by = Some(target.clone());
        self.added_ms = Some(self.answering_since.since(self.began));
        self.note(Happening::Answers { target: target.clone() });
    }

    /// The answer broke off after a part of it was sent.
    pub(crate) fn broke(&mut self, target: &TargetName, failure: Failure, now: Moment) {
        self.failed(failure);
        self.eventful = true;
        self.note(Happening::Broke { target: target.clone(), failure });
        self.broke_at.get_or_insert(now);
    }

    /// This target goes on with the answer.
    pub(crate) fn goes_on_by(&mut self, target: &TargetName, now: Moment) {
        self.answered_by = Some(target.clone());
        self.note(Happening::GoesOn { target: target.clone() });
        if let Some(broke_at) = self.broke_at.take() {
            let gap = now.since(broke_at);
            self.added_ms = Some(self.added_ms.unwrap_or_default() + gap);
        }
    }

    /// Why another target than the preferred one answers, for the header.
    pub(crate) fn fallback_reason(&self) -> Option<&'static str> {
        let fell_back = (self.answered_by != self.preferred).then_some(self.reason).flatten();
        fell_back.or_else(|| self.declined.then(|| Failure::Declined.name()))
    }

    pub(crate) fn end(mut self, ending: Ending) {
        self.finish(ending);
    }

    fn finish(&mut self, ending: Ending) {
        if self.ended {
            return;
        }
        self.ended = true;
        let failover = self.failover(ending);
        let id = self.id;
        if let Some(failover) = &failover {
            let to = failover.to.as_ref().map_or("nobody", TargetName::as_str);
            let skips = Skips(&self.skips);
            info!(request = %id, from = %failover.from, to, reason = failover.reason, %skips, "failover");
        }
        if let Ending::Failed(failure) = ending {
            warn!(request = %id, route = %self.route, failure = failure.name(), "request failed");
        }
        self.leave_trace(ending);
        let end = RequestEnd { principal: self.caller.principal.clone(), ending, failover };
        self.gateway.ledger.activity().request_ended(end, self.gateway.wall());
    }

    fn leave_trace(&mut self, ending: Ending) {
        let Some(traces) = self.gateway.traces.as_ref() else { return };
        if !self.eventful && !matches!(ending, Ending::Failed(_)) {
            return;
        }
        let total_ms = self.gateway.now().since(self.began);
        let before = i64::try_from(total_ms).unwrap_or(i64::MAX);
        traces.put(Trace {
            request: self.id,
            at: Timestamp(self.gateway.wall().0.saturating_sub(before)),
            principal: self.caller.principal.clone(),
            route: self.route.clone(),
            steps: std::mem::take(&mut self.steps),
            ending,
            total_ms,
        });
    }

    fn failover(&self, ending: Ending) -> Option<Failover> {
        let from = self.preferred.clone()?;
        let reason = self.reason?;
        let told = match ending {
            Ending::Answered => self.answered_by.as_ref() != Some(&from),
            Ending::Failed(_) => {
                !matches!(reason, "caller_fault" | "policy_refusal" | "context_overflow")
            }
            Ending::CallerLeft | Ending::Interrupted => false,
        };
        told.then(|| Failover {
            at: self.gateway.wall(),
            request: self.id,
            route: self.route.clone(),
            from,
            to: (ending == Ending::Answered).then(|| self.answered_by.clone()).flatten(),
            reason,
            added_ms: self.added_ms.unwrap_or_else(|| self.answering_since.since(self.began)),
        })
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        self.finish(self.gateway.ending_of_what_is_dropped());
    }
}

/// `openai/gpt-5.5 (gate_shut), …`.
struct Skips<'a>(&'a [(TargetName, SkipReason)]);

impl fmt::Display for Skips<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (target, reason)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{target} ({})", reason.name())?;
        }
        Ok(())
    }
}
