//! The gateway's state: the table in force, the gates, the client, the keys and the books.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use access::Keys;
use arc_swap::ArcSwap;
use decide::{gate::GateLimits, health::View, retry_budget::RetryBudgetLimits};
use ledger::Ledger;
use terms::{
    ids::{RequestId, TargetName},
    outcome::Ending,
    time::{Moment, Timestamp},
};
use tokio::{
    sync::{Notify, SetOnce, futures::Notified},
    time::{Instant, sleep_until},
};

use crate::{
    chaos::{Chaos, ChaosRefused, Injection, LONGEST},
    clock::Clock,
    health::Health,
    incidents::Incidents,
    kept::{KeepLimits, Kept, Shelf},
    limits::IntakeLimits,
    lives::Lives,
    randomness::Randomness,
    table::{Table, Target},
    trail::Traces,
    upstream::Upstream,
};

/// What a gateway is made of.
#[derive(Debug)]
pub struct Parts {
    /// Providers, targets, routes.
    pub table: Table,
    /// Who may ask.
    pub keys: Arc<Keys>,
    /// The books.
    pub ledger: Arc<Ledger>,
    /// When gates shut.
    pub gates: GateLimits,
    /// How often providers are asked again.
    pub retries: RetryBudgetLimits,
    /// What is taken in.
    pub intake: IntakeLimits,
    /// How much of the answers is kept, for callers who follow them.
    pub keep: KeepLimits,
    /// Where kept answers outlive the process.
    pub shelf: Option<Arc<dyn Shelf>>,
    /// Where the traces of requests are kept.
    pub traces: Option<Arc<dyn Traces>>,
}

/// A gateway. Listeners are given to it by [`crate::Listener`].
#[derive(Debug)]
pub struct Gateway {
    table: Arc<ArcSwap<Table>>,
    pub(crate) health: Arc<Health>,
    pub(crate) upstream: Upstream,
    pub(crate) keys: Arc<Keys>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) intake: IntakeLimits,
    pub(crate) kept: Arc<Kept>,
    pub(crate) traces: Option<Arc<dyn Traces>>,
    pub(crate) incidents: Arc<Incidents>,
    pub(crate) chaos: Arc<Chaos>,
    /// Bytes of request bodies in memory, of all workers together.
    pub(crate) bodies: Arc<AtomicUsize>,
    /// When answers that are still open are ended, because the program stops.
    ends_at: Arc<SetOnce<Instant>>,
    /// Tells the requests of this worker that wait for their answer that they wait in vain.
    over: Notify,
    clock: Clock,
    randomness: Randomness,
}

impl Gateway {
    /// Puts the parts together. Needs a tokio runtime.
    pub fn new(parts: Parts) -> Arc<Self> {
        let lives = Arc::new(Lives::new(Arc::clone(&parts.ledger)));
        Arc::new(Self {
            table: Arc::new(ArcSwap::from_pointee(parts.table)),
            health: Arc::new(Health::new(parts.gates, parts.retries, lives)),
            upstream: Upstream::new(),
            keys: parts.keys,
            ledger: parts.ledger,
            intake: parts.intake,
            kept: Arc::new(Kept::new(parts.keep, parts.shelf)),
            traces: parts.traces,
            incidents: Arc::default(),
            chaos: Arc::default(),
            bodies: Arc::default(),
            ends_at: Arc::default(),
            over: Notify::new(),
            clock: Clock::start(),
            randomness: Randomness::default(),
        })
    }

    /// The same gateway for a worker with a runtime of its own: everything is shared but the
    /// connections to providers, because a connection lives on the runtime that opened it.
    pub fn for_worker(&self) -> Arc<Self> {
        Arc::new(Self {
            table: Arc::clone(&self.table),
            health: Arc::clone(&self.health),
            upstream: Upstream::new(),
            keys: Arc::clone(&self.keys),
            ledger: Arc::clone(&self.ledger),
            intake: self.intake,
            kept: Arc::clone(&self.kept),
            traces: self.traces.clone(),
            incidents: Arc::clone(&self.incidents),
            chaos: Arc::clone(&self.chaos),
            bodies: Arc::clone(&self.bodies),
            ends_at: Arc::clone(&self.ends_at),
            over: Notify::new(),
            clock: self.clock,
            randomness: Randomness::default(),
        })
    }

    /// A new table holds for requests that arrive from now on; those under way keep theirs.
    pub fn reload(&self, table: Table) {
        self.table.store(Arc::new(table));
    }

    /// The table in force.
    pub fn table(&self) -> Arc<Table> {
        self.table.load_full()
    }

    /// The program stops: answers that are open then are ended with an error in their dialect.
    pub(crate) fn end_at(&self, then: Instant) {
        // Told once; a second stop changes nothing.
        let _ = self.ends_at.set(then);
    }

    /// When open answers are ended, where the program stops.
    pub(crate) fn ends_at(&self) -> Option<Instant> {
        self.ends_at.get().copied()
    }

    /// Waits until open answers are ended, and tells those who wait for one.
    pub(crate) async fn is_over(&self) {
        sleep_until(*self.ends_at.wait().await).await;
        self.over.notify_waiters();
    }

    /// An answer that is not there by then never will be.
    pub(crate) fn over(&self) -> Notified<'_> {
        self.over.notified()
    }

    /// How an attempt and a request end that are just dropped: their caller left, or the program stops.
    pub(crate) fn ending_of_what_is_dropped(&self) -> Ending {
        let is_over = self.ends_at().is_some_and(|end| end <= Instant::now());
        if is_over { Ending::Interrupted } else { Ending::CallerLeft }
    }

    /// The lives of models.
    pub fn lives(&self) -> &Lives {
        &self.health.lives
    }

    /// The faults that are injected on purpose.
    pub fn chaos(&self) -> &Chaos {
        &self.chaos
    }

    /// Injects a fault on purpose, at a target or at all of a provider, for a while.
    pub fn begin_chaos(
        &self,
        injection: Injection,
        lasts: Duration,
    ) -> Result<Injection, ChaosRefused> {
        let table = self.table();
        let provider = injection.at.strip_suffix("/*").unwrap_or(&injection.at);
        let is_provider = || table.providers().iter().any(|other| other.name.as_str() == provider);
        let target = TargetName::from(injection.at.as_str());
        // A target that no route names is one all the same: a pattern leads there, or a caller names it.
        let is_target = || table.targets().contains_key(&target) || table.named(&target).is_some();
        if !is_provider() && !is_target() {
            return Err(ChaosRefused::NoTarget(injection.at));
        }
        let lasts = lasts.min(LONGEST);
        let ms = i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX);
        let until = Timestamp(self.wall().0.saturating_add(ms));
        self.chaos.begin(Injection { until, ..injection }, lasts, self.now())
    }

    /// Ends an injected fault, or all of them. Gives how many ended.
    pub fn end_chaos(&self, id: Option<u64>) -> usize {
        self.chaos.end(id, self.now())
    }

    /// The faults that are injected now.
    pub fn held_chaos(&self) -> Vec<Injection> {
        self.chaos.held(self.now())
    }

    /// A target's gate, for people.
    pub fn gate(&self, target: &Target) -> View {
        self.health.view(target, self.now())
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    pub(crate) fn wall(&self) -> Timestamp {
        self.ledger.now()
    }

    /// Random bits for the name of something.
    pub(crate) fn draw(&self) -> u128 {
        self.randomness.draw()
    }

    pub(crate) fn new_request_id(&self) -> RequestId {
        let unix_ms = u64::try_from(self.wall().0).unwrap_or(0);
        RequestId::from_parts(unix_ms, self.randomness.draw())
    }
}
