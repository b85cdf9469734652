//! What the console is built from. The binary puts it together; the console only reads it.

use std::{fmt, sync::Arc};

use access::{Admin, Keys};
use store::Store;
use terms::time::{Moment, Timestamp};
use tokio::sync::{Semaphore, watch};

use crate::{
    breakers::Breakers, chaos::Chaos, incidents::Incidents, live::Live, models::Models,
    origin::AllowedHosts, pipelines::Pipelines, tasks::Tasks,
};

/// Live streams at most: each renders up to twice a second.
const STREAMS: usize = 64;

/// The two clocks.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock, for people and bills.
    fn now(&self) -> Timestamp;

    /// The monotonic clock, for sessions and limits.
    fn moment(&self) -> Moment;
}

/// Everything that the console works with.
#[derive(Clone)]
pub struct ConsoleState {
    /// The running program.
    pub live: Arc<dyn Live>,
    /// Its pipelines.
    pub pipelines: Arc<dyn Pipelines>,
    /// Deployed students.
    pub tasks: Arc<dyn Tasks>,
    /// Its sessions and their breakers.
    pub breakers: Arc<dyn Breakers>,
    /// Its models and what they cost.
    pub models: Arc<dyn Models>,
    /// Faults that are injected on purpose.
    pub chaos: Arc<dyn Chaos>,
    /// Its incidents.
    pub incidents: Arc<dyn Incidents>,
    /// For the usage report, the keys, requests and incidents.
    pub store: Store,
    /// The virtual keys.
    pub keys: Arc<Keys>,
    /// Who may sign in.
    pub admin: Arc<Admin>,
    /// The names under which the console may be addressed.
    pub allowed_hosts: AllowedHosts,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Turns true when the program stops, so that live streams end and do not hold it up.
    pub closing: watch::Receiver<bool>,
}

impl fmt::Debug for ConsoleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleState")
            .field("allowed_hosts", &self.allowed_hosts)
            .finish_non_exhaustive()
    }
}

/// The state as handlers get it.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) state: ConsoleState,
    /// A permit per live stream.
    pub(crate) streams: Arc<Semaphore>,
}

impl App {
    pub(crate) fn new(state: ConsoleState) -> Self {
        Self { state, streams: Arc::new(Semaphore::new(STREAMS)) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.state.clock.now()
    }

    pub(crate) fn moment(&self) -> Moment {
        self.state.clock.moment()
    }
}
