//! What a vendor has received and how each request ended, for tests to look at. Bounded in number
//! and in bytes: the oldest are forgotten, the counters are not.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::{sync::watch, time::Instant};

/// Requests remembered at most.
const REMEMBERED: usize = 10_000;
/// Bytes of bodies remembered at most; a flood of large bodies must not fill the memory.
const REMEMBERED_BYTES: usize = 64 << 20;

/// One request as the vendor saw it.
#[derive(Debug, Clone)]
pub struct Received {
    /// Milliseconds since the vendor was started.
    pub at_ms: u64,
    /// HTTP method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The whole body, as it came.
    pub body: Bytes,
    /// How it ended.
    pub ended: Ended,
}

impl Received {
    /// A header's value, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// How a request ended, seen from the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It has not ended yet.
    Open,
    /// The reply was sent to its end, errors included.
    Completed,
    /// The peer left before the end.
    Cancelled {
        /// Milliseconds from the request to the moment the vendor noticed.
        after_ms: u64,
    },
    /// The vendor itself broke off: a fault, or its death.
    Broken,
}

/// Counters since the vendor was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections accepted.
    pub connections: u64,
    /// Requests received.
    pub requests: u64,
    /// Replies sent to their end.
    pub completed: u64,
    /// Requests that the peer gave up.
    pub cancelled: u64,
}

/// The log of a vendor.
#[derive(Debug)]
pub(crate) struct Log {
    started: Instant,
    entries: Mutex<Entries>,
    stats: watch::Sender<Stats>,
    /// While the vendor dies, a request that is dropped was not given up by its peer.
    dying: AtomicBool,
}

#[derive(Debug, Default)]
struct Entries {
    kept: VecDeque<Received>,
    /// Number of the first entry of `kept`.
    first: u64,
    bytes: usize,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            entries: Mutex::default(),
            stats: watch::Sender::new(Stats::default()),
            dying: AtomicBool::new(false),
        }
    }

    /// Notes a request. Its end is told to the ticket; a ticket that is dropped untold means that the
    /// peer has left.
    pub(crate) fn note(
        self: &Arc<Self>,
        method: Method,
        path: String,
        headers: HeaderMap,
        body: Bytes,
    ) -> Ticket {
        let at = Instant::now();
        let at_ms = millis(self.started, at);
        self.stats.send_modify(|stats| stats.requests += 1);
        let mut entries = self.lock();
        entries.bytes += body.len();
        entries.kept.push_back(Received { at_ms, method, path, headers, body, ended: Ended::Open });
        while entries.kept.len() > REMEMBERED
            || (entries.bytes > REMEMBERED_BYTES && entries.kept.len() > 1)
        {
            let forgotten = entries.kept.pop_front().map_or(0, |entry| entry.body.len());
            entries.bytes -= forgotten;
            entries.first += 1;
        }
        let number = entries.first + entries.kept.len() as u64 - 1;
        drop(entries);
        Ticket { log: Arc::clone(self), number, at, told: false }
    }

    /// Notes a connection.
    pub(crate) fn connected(&self) {
        self.stats.send_modify(|stats| stats.connections += 1);
    }

    pub(crate) fn all(&self) -> Vec<Received> {
        self.lock().kept.iter().cloned().collect()
    }

    pub(crate) fn stats(&self) -> Stats {
        *self.stats.borrow()
    }

    /// Resolves when at least `count` requests have arrived.
    pub(crate) async fn arrived(&self, count: u64) {
        self.until(|stats| stats.requests >= count).await;
    }

    /// Resolves when at least `count` requests were given up by the peer.
    pub(crate) async fn cancelled(&self, count: u64) {
        self.until(|stats| stats.cancelled >= count).await;
    }

    async fn until(&self, reached: impl FnMut(&Stats) -> bool) {
        let mut watching = self.stats.subscribe();
        watching.wait_for(reached).await.expect("the sender lives in self, which is borrowed");
    }

    pub(crate) fn set_dying(&self, dying: bool) {
        self.dying.store(dying, Ordering::SeqCst);
    }

    fn end(&self, number: u64, ended: Ended) {
        let mut entries = self.lock();
        let first = entries.first;
        let index = number.checked_sub(first).and_then(|index| usize::try_from(index).ok());
        if let Some(entry) = index.and_then(|index| entries.kept.get_mut(index)) {
            entry.ended = ended;
        }
        drop(entries);
        self.stats.send_modify(|stats| match ended {
            Ended::Completed => stats.completed += 1,
            Ended::Cancelled { .. } => stats.cancelled += 1,
            Ended::Open | Ended::Broken => {}
        });
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The open end of one request.
#[derive(Debug)]
pub(crate) struct Ticket {
    log: Arc<Log>,
    number: u64,
    at: Instant,
    told: bool,
}

impl Ticket {
    /// Which request of the vendor this is, from 0.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Tells how it ended. Only the first telling counts.
    pub(crate) fn tell(&mut self, ended: Ended) {
        if !self.told {
            self.told = true;
            self.log.end(self.number, ended);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let after_ms = millis(self.at, Instant::now());
        let dying = self.log.dying.load(Ordering::SeqCst);
        self.tell(if dying { Ended::Broken } else { Ended::Cancelled { after_ms } });
    }
}

fn millis(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or(u64::MAX)
}
