//! What is known of all targets, shared by all requests. The rules live in `decide::health`; here are the
//! locks and the log. Survives a reload of the table, because a target that was down before it is down
//! after it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use decide::{
    gate::{Admission, GateLimits},
    health::{self, Learned, Spot, View, Visit},
    pins::Pins,
    retry_budget::RetryBudgetLimits,
    route::SkipReason,
    spray::Merits,
    upstream_stream::UpstreamStream,
};
use terms::{
    ids::{ProviderName, TargetName},
    outcome::Failure,
    time::Moment,
};
use tracing::{debug, info, warn};

use crate::{lives::Lives, table::Target};

#[derive(Debug)]
pub(crate) struct Health {
    known: Mutex<health::Health>,
    pins: Mutex<Pins>,
    /// Which models are about to go, and which are gone.
    pub(crate) lives: Arc<Lives>,
}

/// An attempt at a target with one of its provider's keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tried<'a> {
    pub(crate) target: &'a Target,
    pub(crate) key: u8,
    pub(crate) began: Moment,
}

impl<'a> Tried<'a> {
    fn visit(&self) -> Visit<'a> {
        Visit { spot: spot(self.target), key: self.key, began: self.began }
    }
}

impl Health {
    pub(crate) fn new(gates: GateLimits, retries: RetryBudgetLimits, lives: Arc<Lives>) -> Self {
        let known = Mutex::new(health::Health::new(gates, retries));
        Self { known, pins: Mutex::default(), lives }
    }

    /// What stands before a target lets through, and why that is not everything.
    pub(crate) fn admission(&self, target: &Target, now: Moment) -> (Admission, Option<Failure>) {
        self.known().admission(&spot(target), now)
    }

    /// The provider's keys in the order in which a request tries them.
    pub(crate) fn keys(&self, target: &Target, draw: u64, now: Moment) -> Vec<u8> {
        self.known().keys(&spot(target), draw, now)
    }

    /// An attempt begins; `again` where its request asked the provider before.
    pub(crate) fn dispatched(&self, tried: &Tried<'_>, again: bool) {
        self.known().dispatched(&tried.visit(), again);
    }

    /// Whether a request may ask a provider once more.
    pub(crate) fn resend(&self, provider: &ProviderName, now: Moment) -> bool {
        self.known().resend(provider, now)
    }

    /// Returns whether this began to open a gate.
    pub(crate) fn succeeded(&self, tried: &Tried<'_>, now: Moment) -> bool {
        self.lives.answered(&tried.target.name);
        let opened = self.known().succeeded(&tried.visit(), now);
        if opened {
            info!(target = %tried.target.name, "gate opens");
        }
        opened
    }

    pub(crate) fn failed(
        &self,
        tried: &Tried<'_>,
        failure: Failure,
        asked_ms: Option<u64>,
        now: Moment,
    ) -> Learned {
        let learned = self.known().failed(&tried.visit(), failure, asked_ms, now);
        if learned.shut {
            let key = tried.key + 1;
            warn!(target = %tried.target.name, key, failure = failure.name(), "gate shut");
        }
        learned
    }

    /// An attempt ended without telling anything about the target.
    pub(crate) fn inconclusive(&self, tried: &Tried<'_>) {
        self.known().inconclusive(&tried.visit());
    }

    /// An attempt is over, whatever became of it.
    pub(crate) fn ended(&self, target: &TargetName) {
        self.known().ended(target);
    }

    /// An answer that was wanted whole was there after this long.
    pub(crate) fn whole_answer(&self, target: &TargetName, ms: u64, now: Moment) {
        self.known().whole_answer(target, ms, now);
    }

    /// The target said that it does not stream.
    pub(crate) fn refuses_streams(&self, target: &TargetName) {
        info!(%target, "does not stream");
        self.known().refuses_streams(target);
    }

    /// Whether an answer that is wanted whole is got as a stream there.
    pub(crate) fn is_streamed(
        &self,
        target: &TargetName,
        wanted: UpstreamStream,
        now: Moment,
    ) -> bool {
        self.known().is_streamed(target, wanted, now)
    }

    /// Whether a stream was seen to flow from it.
    pub(crate) fn is_known_to_stream(&self, target: &TargetName) -> bool {
        self.known().is_known_to_stream(target)
    }

    /// When a request that waits there since then is known to wait in vain.
    pub(crate) fn frozen_at(&self, target: &Target, since: Moment) -> Option<Moment> {
        let configured = target.provider.limits.first_token(target.capabilities().reasoning);
        let known = self.known();
        let limit = known.first_token_limit(&target.name, ms(configured));
        known.frozen_at(&target.name, since, limit)
    }

    /// A request was seen to wait there in vain.
    pub(crate) fn froze(&self, target: &TargetName) {
        self.known().froze(target);
    }

    /// The first token of a stream came after this long.
    pub(crate) fn first_token(&self, target: &TargetName, ms: u64, now: Moment) {
        self.known().first_token(target, ms, now);
    }

    /// The longest silence within a stream that came to its end.
    pub(crate) fn longest_gap(&self, target: &TargetName, ms: u64, now: Moment) {
        self.known().longest_gap(target, ms, now);
    }

    /// How long a target gets for its first token: longer than configured where it usually needs longer.
    pub(crate) fn first_token_limit(&self, target: &Target) -> Duration {
        let configured = target.provider.limits.first_token(target.capabilities().reasoning);
        let limit = self.known().first_token_limit(&target.name, ms(configured));
        Duration::from_millis(limit)
    }

    /// How long it usually takes for its first token, where that is known.
    pub(crate) fn usual_first_token(&self, target: &Target) -> Option<Duration> {
        self.known().usual_first_token(&target.name).map(Duration::from_millis)
    }

    /// How long its streams may be silent.
    pub(crate) fn idle_limit(&self, target: &Target) -> Duration {
        let configured = target.provider.limits.idle(target.capabilities().reasoning);
        Duration::from_millis(self.known().idle_limit(&target.name, ms(configured)))
    }

    pub(crate) fn merits(
        &self,
        target: &TargetName,
        weight: f64,
        price: Option<f64>,
        now: Moment,
    ) -> Merits {
        self.known().merits(target, weight, price, now)
    }

    /// A target answers worse than it did, or as before again.
    pub(crate) fn degrade(&self, target: &TargetName, is_degraded: bool) {
        self.known().degrade(target, is_degraded);
    }

    /// Whether a target answers worse than it did.
    pub(crate) fn is_degraded(&self, target: &TargetName) -> bool {
        self.known().is_degraded(target)
    }

    /// A target was passed by.
    pub(crate) fn skipped(&self, target: &TargetName, reason: SkipReason) {
        debug!(%target, reason = reason.name(), "skipped");
        self.known().skipped(target, reason);
    }

    pub(crate) fn view(&self, target: &Target, now: Moment) -> View {
        self.known().view(&spot(target), now)
    }

    /// Where a session is pinned.
    pub(crate) fn pin(&self, session: u64) -> Option<u64> {
        self.pins().of(session)
    }

    /// A session was answered at a place.
    pub(crate) fn repin(&self, session: u64, place: u64, by_itself: Option<u64>) {
        self.pins().answered(session, place, by_itself);
    }

    fn known(&self) -> MutexGuard<'_, health::Health> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pins(&self) -> MutexGuard<'_, Pins> {
        self.pins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spot(target: &Target) -> Spot<'_> {
    Spot { target: &target.name, provider: &target.provider.name, keys: target.provider.key_ids() }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
