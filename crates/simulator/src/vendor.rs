//! A simulated vendor's life: it listens, it can be given faults, it can die and come back on the
//! same port. What it answers is decided in `service`.

use std::{
    collections::BTreeSet,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{Notify, watch},
    task::{JoinHandle, JoinSet},
};

use crate::{
    answer::Speaker,
    dialects::{Voice, voice},
    fault::{Fault, Faults},
    line,
    playback::Pace,
    received::{Log, Received, Stats},
    service::answer,
    spec::{Manner, VendorSpec},
};

/// Connections waiting to be accepted at most.
const BACKLOG: u32 = 1024;

/// A running vendor. Dropping it closes its port and its connections.
pub struct Vendor {
    shared: Arc<Shared>,
    address: SocketAddr,
    life: tokio::sync::Mutex<Life>,
}

/// What the requests of a vendor share.
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) voice: &'static dyn Voice,
    pub(crate) api_key: Option<String>,
    pub(crate) pace: Pace,
    pub(crate) speaker: Speaker,
    pub(crate) log: Arc<Log>,
    models: Vec<String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    faults: Faults,
    retired: BTreeSet<String>,
    manner: Manner,
}

enum Life {
    Alive(Listening),
    /// The port is kept by a socket that is bound but does not listen, so that connections are
    /// refused and nobody else takes it; `None` where it could not be kept.
    Dead(Option<TcpSocket>),
}

struct Listening {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Vendor {
    /// Starts a vendor on a free loopback port.
    pub async fn start(spec: VendorSpec) -> io::Result<Self> {
        Self::start_on(spec, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts a vendor on this address; port 0 takes a free one.
    #[allow(clippy::unused_async, reason = "must run within a runtime, and says so by its type")]
    pub async fn start_on(spec: VendorSpec, address: SocketAddr) -> io::Result<Self> {
        let listener = bind(address)?.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(spec));
        let life = Life::Alive(Listening::start(listener, &shared));
        Ok(Self { shared, address, life: tokio::sync::Mutex::new(life) })
    }

    /// Where it listens, without a trailing slash. Example: `http://127.0.0.1:40123`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this goes wrong, whatever the model; `Fault::None` heals.
    pub fn set_fault(&self, fault: Fault) {
        self.shared.state().faults.set(fault);
    }

    /// Gives every model a fault for the next `times` requests, before any other fault.
    pub fn set_fault_times(&self, fault: Fault, times: u32) {
        self.shared.state().faults.set_times(fault, times);
    }

    /// From now on this goes wrong with one model, before anything that goes wrong with all.
    pub fn set_fault_for(&self, model: &str, fault: Fault) {
        self.shared.state().faults.set_for(model, fault);
    }

    /// From now on it answers like this, without any error: what people call a silent change.
    pub fn set_manner(&self, manner: Manner) {
        self.shared.state().manner = manner;
    }

    /// From now on this model is answered 404 and no longer listed.
    pub fn retire(&self, model: &str) {
        self.shared.state().retired.insert(model.to_owned());
    }

    /// A retired model is served again.
    pub fn unretire(&self, model: &str) {
        self.shared.state().retired.remove(model);
    }

    /// Dies: the listener is closed and every open connection is reset. Resolves when all of that
    /// has happened; from then on connections are refused.
    pub async fn die(&self) {
        let mut life = self.life.lock().await;
        if let Life::Alive(listening) = &mut *life {
            self.shared.log.set_dying(true);
            listening.stop.send_replace(true);
            // It only fails when the task was aborted or panicked, and then it is over as well.
            let _ = (&mut listening.task).await;
            self.shared.log.set_dying(false);
            *life = Life::Dead(bind(self.address).ok());
        }
    }

    /// Comes back on the same port. Fails when someone else has taken the port meanwhile.
    pub async fn revive(&self) -> io::Result<()> {
        let mut life = self.life.lock().await;
        if let Life::Dead(kept) = &mut *life {
            let socket = match kept.take() {
                Some(socket) => socket,
                None => bind(self.address)?,
            };
            *life = Life::Alive(Listening::start(socket.listen(BACKLOG)?, &self.shared));
        }
        Ok(())
    }

    /// The last 10,000 requests, the oldest first.
    pub fn received(&self) -> Vec<Received> {
        self.shared.log.all()
    }

    /// Counters since the start.
    pub fn stats(&self) -> Stats {
        self.shared.log.stats()
    }

    /// Resolves when at least `count` requests have arrived.
    pub async fn arrived(&self, count: u64) {
        self.shared.log.arrived(count).await;
    }

    /// Resolves when at least `count` requests were given up by the peer before their reply's end.
    pub async fn cancelled(&self, count: u64) {
        self.shared.log.cancelled(count).await;
    }
}

impl std::fmt::Debug for Vendor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vendor")
            .field("name", &self.shared.name)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn new(spec: VendorSpec) -> Self {
        let pace = Pace {
            first: Duration::from_millis(spec.first_token_ms),
            between: Duration::from_millis(spec.token_interval_ms),
        };
        Self {
            name: spec.name,
            voice: voice(spec.dialect),
            api_key: spec.api_key,
            pace,
            speaker: Speaker::new(spec.answer),
            log: Arc::new(Log::new()),
            models: spec.models,
            state: Mutex::default(),
        }
    }

    pub(crate) fn serves(&self, model: &str) -> bool {
        self.models.iter().any(|name| name == model) && !self.state().retired.contains(model)
    }

    /// The models that are served now.
    pub(crate) fn models(&self) -> Vec<String> {
        let state = self.state();
        self.models.iter().filter(|name| !state.retired.contains(*name)).cloned().collect()
    }

    /// The fault for one request, used up by one where it is counted.
    pub(crate) fn take_fault(&self, model: &str) -> Fault {
        self.state().faults.take(model)
    }

    /// How it answers now.
    pub(crate) fn manner(&self) -> Manner {
        self.state().manner.clone()
    }

    /// The fault for everything else, which uses nothing up.
    pub(crate) fn uncounted_fault(&self) -> Fault {
        self.state().faults.uncounted()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listening {
    fn start(listener: TcpListener, shared: &Arc<Shared>) -> Self {
        let stop = watch::Sender::new(false);
        let task = tokio::spawn(accept(listener, Arc::clone(shared), stop.subscribe()));
        Self { stop, task }
    }
}

/// Binds a socket that may follow one on the same port at once.
fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Accepts until it is told to stop, then waits for every connection to be reset.
async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let told = stop.clone();
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => {
                // A failed accept concerns one connection only (accept(2), "Error handling").
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, Arc::clone(&shared), told.clone()));
                }
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection until its end, or resets it when a fault or the vendor's death wants it.
async fn serve(stream: TcpStream, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    // Without it a small record may wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    shared.log.connected();
    if let Some(fault) = shared.uncounted_fault().of_the_line() {
        return line::serve(stream, fault, &shared.log).await;
    }
    let reset = Arc::new(Notify::new());
    let service = service_fn(|request| answer(Arc::clone(&shared), Arc::clone(&reset), request));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = &mut connection => return,
        () = reset.notified() => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
    let stream = connection.into_parts().io.into_inner();
    let _ = stream.set_zero_linger();
}
