//! The ledger: opens the journal and the store, books what a dead process left behind, and hands
//! out holds.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use arc_swap::ArcSwap;
use decide::price;
use store::Store;
use terms::{
    event::{Entry, Hold, Settlement},
    ids::{ModelName, ProviderName},
    money::NanoUsd,
    outcome::Ending,
    time::Timestamp,
    usage::{Usage, UsageSource},
};
use tokio::{sync::Notify, time::Instant};
use tracing::{info, warn};

use crate::{
    activity::Activity,
    error::LedgerError,
    held::{Company, Held, Order},
    ingest::{Ingest, bring_in_all},
    journal::{Journal, Waiting},
    prices::PriceBook,
    sessions::Sessions,
};

/// Where the ledger lives and what time it is.
#[derive(Debug, Clone)]
pub struct LedgerOptions {
    /// Folder of the journal's segments.
    pub journal: PathBuf,
    /// The wall clock.
    pub now: fn() -> Timestamp,
}

impl LedgerOptions {
    /// A journal in this folder, on the system's clock.
    pub fn new(journal: PathBuf) -> Self {
        Self { journal, now: system_now }
    }
}

/// The system's wall clock.
pub(crate) fn system_now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The books.
#[derive(Debug)]
pub struct Ledger {
    journal: Journal,
    prices: ArcSwap<PriceBook>,
    activity: Activity,
    now: fn() -> Timestamp,
    pub(crate) started: Instant,
    pub(crate) sessions: Mutex<Sessions>,
    /// There is something to bring in.
    pub(crate) wake: Notify,
    /// There is so much to bring in that it should not wait.
    pub(crate) many: Notify,
}

/// A ledger, and the task that brings its journal into the store.
#[derive(Debug)]
pub struct Opened {
    /// The books.
    pub ledger: Arc<Ledger>,
    /// Owned by whoever opened; stop it last.
    pub ingest: Ingest,
    /// Attempts that a dead process had left open, now booked as interrupted.
    pub interrupted: usize,
}

impl Ledger {
    /// Opens the journal, replays what the store does not hold yet, and books attempts that were
    /// open when the last process died as interrupted: their input estimated, never silently free.
    pub async fn open(
        options: LedgerOptions,
        store: Store,
        prices: PriceBook,
    ) -> Result<Opened, LedgerError> {
        let journal = Journal::open(&options.journal)?;
        let now = (options.now)();
        let ledger = Arc::new(Self {
            journal,
            prices: ArcSwap::from_pointee(prices),
            activity: Activity::new(now),
            now: options.now,
            started: Instant::now(),
            sessions: Mutex::default(),
            wake: Notify::new(),
            many: Notify::new(),
        });
        let replayed = bring_in_all(&ledger, &store).await?;
        let interrupted = ledger.book_interrupted(&store).await?;
        bring_in_all(&ledger, &store).await?;
        if replayed > 0 || interrupted > 0 {
            info!(replayed, interrupted, "the journal was replayed");
        }
        ledger.restore_breakers(&store).await?;
        let ingest = Ingest::start(Arc::clone(&ledger), store);
        Ok(Opened { ledger, ingest, interrupted })
    }

    /// Writes the hold of an attempt that is about to be dispatched.
    ///
    /// # Errors
    /// When the journal cannot be written; then the attempt must not be dispatched.
    pub fn hold(self: &Arc<Self>, order: Order) -> Result<Held, LedgerError> {
        let prices = self.prices.load();
        let quote = prices.quote(&order.provider, &order.model);
        let hold = Hold {
            ceiling: price::ceiling(order.estimated_in, order.most_out, quote.prices),
            attempt: order.attempt,
            at: self.now(),
            key: order.key,
            principal: order.principal,
            team: order.team,
            route: order.route,
            target: order.target,
            provider: order.provider,
            model: order.model,
            dialect: order.dialect,
            stream: order.stream,
            estimated_in: order.estimated_in,
        };
        self.append(Entry::Hold(hold.clone()))?;
        self.activity.held(&hold);
        if let Some(session) = &order.session {
            self.session_held(session);
        }
        let company = Company { instead_of: order.instead_of, session: order.session };
        Ok(Held::new(Arc::clone(self), hold, company))
    }

    /// Live totals.
    pub fn activity(&self) -> &Activity {
        &self.activity
    }

    /// The price book in force.
    pub fn prices(&self) -> Arc<PriceBook> {
        self.prices.load_full()
    }

    /// A new price book holds from now on; past costs stay.
    pub fn set_prices(&self, prices: PriceBook) {
        self.prices.store(Arc::new(prices));
    }

    /// The wall clock.
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(crate) fn append(&self, entry: Entry) -> Result<(), LedgerError> {
        // A reader that was told once needs no second telling before it has read.
        match self.journal.append(entry)? {
            Waiting::First => self.wake.notify_one(),
            Waiting::Many => self.many.notify_one(),
            Waiting::Some => {}
        }
        Ok(())
    }

    pub(crate) fn price(
        &self,
        provider: &ProviderName,
        model: &ModelName,
        usage: &Usage,
        source: UsageSource,
    ) -> (NanoUsd, String) {
        if source == UsageSource::None {
            return (NanoUsd::ZERO, String::new());
        }
        let prices = self.prices.load();
        let quote = prices.quote(provider, model);
        (quote.cost(usage), quote.version.to_owned())
    }

    async fn book_interrupted(&self, store: &Store) -> Result<usize, LedgerError> {
        let pending = store.pending_attempts().await?;
        for hold in &pending {
            let usage = Usage { uncached_in: hold.estimated_in, ..Usage::default() };
            let (cost, price_version) =
                self.price(&hold.provider, &hold.model, &usage, UsageSource::Estimated);
            warn!(attempt = %hold.attempt, target = %hold.target, "booked as interrupted");
            self.append(Entry::Settlement(Settlement {
                attempt: hold.attempt,
                at: hold.at,
                ending: Ending::Interrupted,
                usage,
                source: UsageSource::Estimated,
                cost,
                avoided: None,
                price_version,
                first_token_ms: None,
                total_ms: 0,
            }))?;
        }
        Ok(pending.len())
    }
}
