//! One attempt under way: its hold, its health report and its settlement, exactly one of each,
//! whatever happens. Dropped (the caller left), it settles what was used so far.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use decide::{
    health::Learned,
    signs::{Answer, Origin},
};
use ledger::{AttemptEnd, Held};
use terms::{
    money::NanoUsd,
    outcome::{Ending, Failure},
    time::Moment,
    usage::{Usage, UsageSource},
};
use wire::{Conduct, Head};

use crate::{
    chaos::ChaosFault,
    gateway::Gateway,
    health::{Landing, Tried},
    plan::Sending,
    table::Target,
};

/// Bytes of text per token, for estimates where the provider stated nothing.
pub(crate) const BYTES_PER_TOKEN: u64 = 4;

#[derive(Debug)]
pub(crate) struct Flight {
    gateway: Arc<Gateway>,
    pub(crate) target: Arc<Target>,
    /// Which of its provider's keys is shown.
    key: u8,
    held: Option<Held>,
    dispatched: Moment,
    first_token: Option<Moment>,
    /// When the latest piece of a stream came, and the longest silence before one.
    last_piece: Option<Moment>,
    /// How long its stream may stay silent between two pieces.
    idle: Duration,
    longest_gap_ms: u64,
    estimated_in: u64,
    /// What the provider stated so far.
    pub(crate) usage: Option<Usage>,
    /// Bytes of output seen so far.
    pub(crate) output_bytes: u64,
    /// Whether the upstream may have worked on it; set once the request is on its way.
    pub(crate) may_cost: bool,
    /// What is to go wrong with it on purpose, what went wrong, and after how many pieces its answer
    /// breaks off.
    pub(crate) fault: Option<ChaosFault>,
    pub(crate) injected: Option<ChaosFault>,
    pub(crate) cut_after: Option<u32>,
    /// Whether nothing was heard of its target yet.
    waits: bool,
    /// Whether its caller wants the answer whole.
    wanted_whole: bool,
    /// Whether the caller asked for reasoning, where its request was translated.
    pub(crate) asks_reasoning: bool,
    /// Where its answer belongs among those that tell how the target answers.
    pub(crate) watched: Option<Watched>,
    /// How the answer went, and whether its tool calls are in order.
    conduct: Option<(Conduct, Option<bool>)>,
    /// Bytes of output that came with the first token.
    first_bytes: u64,
}

/// Where an answer belongs among those that tell how a target answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watched {
    pub(crate) origin: Origin,
    /// The answer is to be JSON.
    pub(crate) wants_json: bool,
}

/// A stream of fewer bytes, or of less time, after its first token does not tell how fast it flows.
const SPEED_BYTES: u64 = 256;
const SPEED_MS: u64 = 50;

impl Flight {
    pub(crate) fn new(
        gateway: &Arc<Gateway>,
        sending: &Sending,
        held: Held,
        (estimated_in, wanted_whole): (u64, bool),
        (now, idle): (Moment, Duration),
    ) -> Self {
        let Sending { target, key, .. } = sending;
        Self {
            gateway: Arc::clone(gateway),
            target: Arc::clone(target),
            key: *key,
            held: Some(held),
            dispatched: now,
            first_token: None,
            last_piece: None,
            idle,
            longest_gap_ms: 0,
            estimated_in,
            usage: None,
            output_bytes: 0,
            may_cost: false,
            fault: None,
            injected: None,
            cut_after: None,
            waits: true,
            wanted_whole,
            asks_reasoning: false,
            watched: None,
            conduct: None,
            first_bytes: 0,
        }
    }

    /// When it was sent.
    pub(crate) fn began(&self) -> Moment {
        self.dispatched
    }

    pub(crate) fn now(&self) -> Moment {
        self.gateway.now()
    }

    /// The attempt's id, as text.
    pub(crate) fn attempt_id(&self) -> String {
        self.held.as_ref().and_then(Held::attempt).map_or_else(String::new, |id| id.to_string())
    }

    /// When it is known to wait in vain, because nobody hears anything of its target.
    pub(crate) fn frozen_at(&self) -> Option<Moment> {
        self.gateway.health.frozen_at(&self.target, self.dispatched)
    }

    /// It was seen to wait in vain.
    pub(crate) fn froze(&self) {
        self.gateway.health.froze(&self.target.name);
    }

    /// How long its target gets for a first token.
    pub(crate) fn first_token_limit(&self) -> Duration {
        self.gateway.health.first_token_limit(&self.target)
    }

    /// The target says that it does not stream.
    pub(crate) fn refuses_streams(&self) {
        self.gateway.health.refuses_streams(&self.target.name);
    }

    /// How long its stream may stay silent between two pieces.
    pub(crate) fn idle(&self) -> Duration {
        self.idle
    }

    /// Output arrived. The target is alive: its gate learns it at once.
    pub(crate) fn first_token(&mut self, now: Moment) {
        if self.first_token.is_none() {
            self.first_bytes = self.output_bytes;
            let first_token_ms = Some(now.since(self.dispatched));
            self.land(Landing { first_token_ms, ..Landing::default() }, now);
        }
    }

    /// Whether the answer breaks off on purpose before the piece that is there now.
    pub(crate) fn is_cut(&mut self) -> bool {
        match &mut self.cut_after {
            None => false,
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
        }
    }

    /// A piece of a stream arrived.
    pub(crate) fn piece(&mut self, now: Moment) {
        let gap = self.last_piece.map_or(0, |last| now.since(last));
        self.longest_gap_ms = self.longest_gap_ms.max(gap);
        self.last_piece = Some(now);
    }

    /// How its answer went, once it is whole. `request` is what was asked, where it is at hand.
    pub(crate) fn behaved(&mut self, conduct: Conduct, request: Option<(&Head, &Bytes)>) {
        if self.watched.is_some() {
            let are_calls_valid = conduct.are_calls_valid(request);
            self.conduct = Some((conduct, are_calls_valid));
        }
    }

    /// The answer tells how its target answers.
    fn observe(&self) {
        // What was done to it on purpose is not its target's doing.
        if self.injected.is_some() {
            return;
        }
        let (Some(watched), Some((conduct, are_calls_valid))) = (self.watched, &self.conduct)
        else {
            return;
        };
        let Some(attempt) = self.held.as_ref().and_then(Held::attempt) else { return };
        let tokens = self.usage.map(|usage| usage.output()).or_else(|| {
            (self.output_bytes > 0).then(|| self.output_bytes.div_ceil(BYTES_PER_TOKEN))
        });
        // A limit is its caller's, and tells nothing of the target.
        let tokens = tokens.filter(|_| conduct.ended_by_itself());
        let answer = Answer {
            request: attempt.request,
            origin: watched.origin,
            refused: conduct.refuses,
            is_json: conduct.is_json().filter(|_| watched.wants_json),
            are_calls_valid: *are_calls_valid,
            tokens,
            tokens_per_second: self.speed(),
        };
        let Gateway { incidents, health, .. } = &*self.gateway;
        let draw = || self.gateway.draw();
        incidents.answered(&self.target.name, &answer, health, draw, self.gateway.wall());
    }

    /// Tokens per second after the first, estimated from the bytes that passed.
    fn speed(&self) -> Option<f64> {
        let ms = self.last_piece?.since(self.first_token?);
        let bytes = self.output_bytes.saturating_sub(self.first_bytes);
        let tells = bytes >= SPEED_BYTES && ms >= SPEED_MS;
        tells.then(|| bytes as f64 / BYTES_PER_TOKEN as f64 * 1_000.0 / ms as f64)
    }

    /// A whole answer. Returns its cost.
    pub(crate) fn answered(mut self, now: Moment) -> NanoUsd {
        self.observe();
        let whole_ms = self.wanted_whole.then(|| now.since(self.dispatched));
        let longest_gap_ms = self.last_piece.map(|_| self.longest_gap_ms);
        self.land(Landing { whole_ms, longest_gap_ms, ..Landing::default() }, now);
        self.settle(Ending::Answered, now)
    }

    /// It failed. The gate learns it, the books are closed.
    pub(crate) fn failed(self, failure: Failure, asked_ms: Option<u64>, now: Moment) -> Learned {
        self.failed_at_cost(failure, asked_ms, now).0
    }

    /// The same, with what it cost nevertheless.
    pub(crate) fn failed_at_cost(
        mut self,
        failure: Failure,
        asked_ms: Option<u64>,
        now: Moment,
    ) -> (Learned, NanoUsd) {
        if failure == Failure::PolicyRefusal {
            self.behaved(Conduct::refusal(), None);
            self.observe();
        }
        if matches!(failure, Failure::Declined | Failure::Mismatch) {
            self.is_inconclusive();
            let cost = self.settle(Ending::Failed(failure), now);
            return (Learned { shut: false, lone: true }, cost);
        }
        let waited = std::mem::take(&mut self.waits);
        let failed = (failure, asked_ms);
        let learned = self.gateway.health.failed(&self.tried(), failed, waited, now);
        // What a game day injects passes; a model that is gone is kept in mind.
        if failure == Failure::ModelGone && self.injected.is_none() {
            let Target { name, known, .. } = &*self.target;
            self.gateway.health.lives.refused(name, known.is_none());
        }
        let cost = self.settle(Ending::Failed(failure), now);
        if learned.shut {
            self.gateway.ledger.activity().touch();
        }
        (learned, cost)
    }

    /// The program stops; nothing is learned of the target.
    pub(crate) fn interrupted(mut self, now: Moment) {
        self.settle(Ending::Interrupted, now);
    }

    /// There is output, with what it shows of its target.
    fn land(&mut self, landing: Landing, now: Moment) {
        let is_first = self.first_token.is_none();
        self.first_token.get_or_insert(now);
        let waited = std::mem::take(&mut self.waits);
        let landing = Landing { waited, is_first, ..landing };
        if self.gateway.health.landed(&self.tried(), &landing, now) {
            self.gateway.ledger.activity().touch();
        }
    }

    /// It tells nothing of its target.
    fn is_inconclusive(&mut self) {
        let waited = std::mem::take(&mut self.waits);
        self.gateway.health.inconclusive(&self.tried(), waited);
    }

    fn tried(&self) -> Tried<'_> {
        Tried { target: &self.target, key: self.key, began: self.dispatched }
    }

    fn settle(&mut self, ending: Ending, now: Moment) -> NanoUsd {
        let Some(held) = self.held.take() else { return NanoUsd::ZERO };
        if std::mem::take(&mut self.waits) {
            self.gateway.health.ended(&self.target.name);
        }
        let (usage, source) = self.used(ending);
        held.settle(AttemptEnd {
            ending,
            usage,
            source,
            first_token_ms: self.first_token.map(|at| at.since(self.dispatched)),
            total_ms: now.since(self.dispatched),
        })
    }

    /// The provider's own counts for a whole answer; for a broken one the counts so far, and at
    /// least what the bytes that were seen amount to.
    fn used(&self, ending: Ending) -> (Usage, UsageSource) {
        if !self.may_cost {
            return (Usage::default(), UsageSource::None);
        }
        let seen_out = self.output_bytes.div_ceil(BYTES_PER_TOKEN);
        match self.usage {
            Some(usage) if ending == Ending::Answered => (usage, UsageSource::Provider),
            Some(usage) => {
                let missing = seen_out.saturating_sub(usage.output());
                (
                    Usage { visible_out: usage.visible_out + missing, ..usage },
                    UsageSource::Estimated,
                )
            }
            None => {
                let usage = Usage {
                    uncached_in: self.estimated_in,
                    visible_out: seen_out,
                    ..Usage::default()
                };
                (usage, UsageSource::Estimated)
            }
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if self.held.is_some() {
            if self.first_token.is_none() {
                self.is_inconclusive();
            }
            let now = self.gateway.now();
            self.settle(self.gateway.ending_of_what_is_dropped(), now);
        }
    }
}
