//! Traces of requests in the store: written behind the answers in batches by one task, thinned by age and
//! number. What does not fit is lost, because a trace is no money.

use std::{fmt, sync::Arc, time::Duration};

use gateway::Traces;
use store::Store;
use terms::{time::Timestamp, trace::Trace};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval_at},
};

use crate::clock::wall;

/// Traces that wait to be written at most.
const WAITING: usize = 4_096;

/// Traces that are written at once.
const BATCH: usize = 256;

/// How often old traces are thrown away.
const THINNING: Duration = Duration::from_mins(10);

/// How long traces are kept.
const KEPT: Duration = Duration::from_hours(720);

/// How many traces are kept at most.
const MOST: u32 = 200_000;

/// The side of it that the gateway holds.
pub(crate) struct StoreTraces {
    /// `None` where nothing comes any more.
    waiting: mpsc::Sender<Option<Trace>>,
}

impl fmt::Debug for StoreTraces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreTraces")
    }
}

impl StoreTraces {
    /// Starts the task, which ends after [`StoreTraces::close`].
    pub(crate) fn start(store: Store) -> (Arc<Self>, JoinHandle<()>) {
        let (waiting, taken) = mpsc::channel(WAITING);
        (Arc::new(Self { waiting }), tokio::spawn(run(store, taken)))
    }

    /// Everything that was put is written before the task ends.
    pub(crate) async fn close(&self, task: JoinHandle<()>) {
        let _ = self.waiting.send(None).await;
        let _ = task.await;
    }
}

impl Traces for StoreTraces {
    fn put(&self, trace: Trace) {
        if self.waiting.try_send(Some(trace)).is_err() {
            tracing::debug!("a trace is lost, because too many wait to be written");
        }
    }
}

async fn run(store: Store, mut waiting: mpsc::Receiver<Option<Trace>>) {
    let mut thinning = interval_at(Instant::now(), THINNING);
    thinning.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut taken = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            count = waiting.recv_many(&mut taken, BATCH) => {
                let closing = count == 0 || taken.iter().any(Option::is_none);
                let traces: Vec<Trace> = taken.drain(..).flatten().collect();
                if !traces.is_empty() && let Err(failure) = store.keep_traces(&traces).await {
                    tracing::warn!(%failure, "traces could not be written");
                }
                if closing {
                    return;
                }
            }
            _ = thinning.tick() => thin(&store).await,
        }
    }
}

async fn thin(store: &Store) {
    let time = i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
    let before = Timestamp(wall().0.saturating_sub(time));
    if let Err(failure) = store.thin_traces(before, MOST).await {
        tracing::warn!(%failure, "old traces could not be thrown away");
    }
}
