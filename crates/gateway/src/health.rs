//! What is known of all targets, shared by all requests. The rules live in `decide::health`; here are the
//! locks and the log. Every request of every core passes here, so that what belongs together is asked and
//! told under one lock, and none is held across an await. Survives a reload of the table,
//! because a target that was down before it is down after it.

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

/// All that a plan wants to know of a target.
#[derive(Debug)]
pub(crate) struct Look {
    /// What stands before it lets through, and why that is not everything.
    pub(crate) admission: (Admission, Option<Failure>),
    pub(crate) is_degraded: bool,
    /// The provider's keys in the order in which a request tries them.
    pub(crate) keys: Vec<u8>,
}

/// How an attempt is made that goes out now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outlook {
    /// Whether an answer that is wanted whole is got as a stream.
    pub(crate) is_streamed: bool,
    /// Whether a stream was seen to flow from the target.
    pub(crate) is_known_to_stream: bool,
    /// How long the target gets for its first token.
    pub(crate) first_token: Duration,
}

/// What an attempt shows of its target at one moment.
#[derive(Debug, Default)]
pub(crate) struct Landing {
    /// It was waited for until now.
    pub(crate) waited: bool,
    /// Nothing was seen of it before: it is alive.
    pub(crate) is_first: bool,
    /// When the first token of a stream came.
    pub(crate) first_token_ms: Option<u64>,
    /// When an answer that was wanted whole was there.
    pub(crate) whole_ms: Option<u64>,
    /// The longest silence within a stream that came to its end.
    pub(crate) longest_gap_ms: Option<u64>,
}

impl Health {
    pub(crate) fn new(gates: GateLimits, retries: RetryBudgetLimits, lives: Arc<Lives>) -> Self {
        let known = Mutex::new(health::Health::new(gates, retries));
        Self { known, pins: Mutex::default(), lives }
    }

    /// What a plan wants to know of these targets, for a request with this draw.
    pub(crate) fn look(&self, targets: &[&Arc<Target>], draw: u64, now: Moment) -> Vec<Look> {
        let known = self.known();
        let look = |target: &&Arc<Target>| {
            let spot = spot(target);
            Look {
                admission: known.admission(&spot, now),
                is_degraded: known.is_degraded(&target.name),
                keys: known.keys(&spot, draw, now),
            }
        };
        targets.iter().map(look).collect()
    }

    /// How an attempt is made at a target. `wanted` tells how answers that are wanted whole are to be
    /// got, where this is one.
    pub(crate) fn outlook(
        &self,
        target: &Target,
        wanted: Option<UpstreamStream>,
        now: Moment,
    ) -> Outlook {
        let configured = target.provider.limits.first_token(target.capabilities().reasoning);
        let known = self.known();
        let limit = known.first_token_limit(&target.name, ms(configured));
        Outlook {
            is_streamed: wanted.is_some_and(|wanted| known.is_streamed(&target.name, wanted, now)),
            is_known_to_stream: known.is_known_to_stream(&target.name),
            first_token: Duration::from_millis(limit),
        }
    }

    /// What stands before a target lets through, and why that is not everything.
    pub(crate) fn admission(&self, target: &Target, now: Moment) -> (Admission, Option<Failure>) {
        self.known().admission(&spot(target), now)
    }

    /// The provider's keys in the order in which a request tries them.
    pub(crate) fn keys(&self, target: &Target, draw: u64, now: Moment) -> Vec<u8> {
        self.known().keys(&spot(target), draw, now)
    }

    /// An attempt begins; `again` where its request asked the provider before. Gives how long its
    /// stream may be silent.
    pub(crate) fn dispatched(&self, tried: &Tried<'_>, again: bool) -> Duration {
        let Target { name, provider, .. } = tried.target;
        let configured = provider.limits.idle(tried.target.capabilities().reasoning);
        let mut known = self.known();
        known.dispatched(&tried.visit(), again);
        Duration::from_millis(known.idle_limit(name, ms(configured)))
    }

    /// Whether a request may ask a provider once more.
    pub(crate) fn resend(&self, provider: &ProviderName, now: Moment) -> bool {
        self.known().resend(provider, now)
    }

    /// An attempt gave its first output, or is whole. Returns whether this began to open a gate.
    pub(crate) fn landed(&self, tried: &Tried<'_>, landing: &Landing, now: Moment) -> bool {
        let target = &tried.target.name;
        if landing.is_first {
            self.lives.answered(target);
        }
        let mut known = self.known();
        if landing.waited {
            known.ended(target);
        }
        let opened = landing.is_first && known.succeeded(&tried.visit(), now);
        if let Some(ms) = landing.first_token_ms {
            known.first_token(target, ms, now);
        }
        if let Some(ms) = landing.whole_ms {
            known.whole_answer(target, ms, now);
        }
        if let Some(ms) = landing.longest_gap_ms {
            known.longest_gap(target, ms, now);
        }
        drop(known);
        if opened {
            info!(%target, "gate opens");
        }
        opened
    }

    /// An attempt failed; `waited` where nothing was seen of it before.
    pub(crate) fn failed(
        &self,
        tried: &Tried<'_>,
        (failure, asked_ms): (Failure, Option<u64>),
        waited: bool,
        now: Moment,
    ) -> Learned {
        let mut known = self.known();
        let learned = known.failed(&tried.visit(), failure, asked_ms, now);
        if waited {
            known.ended(&tried.target.name);
        }
        drop(known);
        if learned.shut {
            let key = tried.key + 1;
            warn!(target = %tried.target.name, key, failure = failure.name(), "gate shut");
        }
        learned
    }

    /// An attempt ended without telling anything about the target.
    pub(crate) fn inconclusive(&self, tried: &Tried<'_>, waited: bool) {
        let mut known = self.known();
        known.inconclusive(&tried.visit());
        if waited {
            known.ended(&tried.target.name);
        }
    }

    /// An attempt is over, whatever became of it.
    pub(crate) fn ended(&self, target: &TargetName) {
        self.known().ended(target);
    }

    /// The target said that it does not stream.
    pub(crate) fn refuses_streams(&self, target: &TargetName) {
        info!(%target, "does not stream");
        self.known().refuses_streams(target);
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

    /// What the adaptive spray looks at: of each target, with its weight and what a token costs there.
    pub(crate) fn merits(&self, weighed: &[(&Target, f64, f64)], now: Moment) -> Vec<Merits> {
        let known = self.known();
        let merits = |(target, weight, price): &(&Target, f64, f64)| {
            known.merits(&target.name, *weight, Some(*price), now)
        };
        weighed.iter().map(merits).collect()
    }

    /// A target answers worse than it did, or as before again.
    pub(crate) fn degrade(&self, target: &TargetName, is_degraded: bool) {
        self.known().degrade(target, is_degraded);
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
