//! Who serves the connections: a thread per core, each with a runtime and connections to providers of
//! its own, so that a request never crosses threads; or, for tests, the runtime that is there.

use std::{convert::Infallible, io, sync::Arc, thread};

use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, mpsc, watch},
    time::Instant,
};
use tracing::{debug, error};

use crate::{
    gateway::Gateway,
    listener::{ListenerLimits, stopped},
    surface,
    write_stall::WriteStall,
};

/// A connection to serve. Queued without a bound of its own: its slot bounds it. While it travels
/// between two runtimes its stream belongs to neither.
#[derive(Debug)]
pub(crate) struct Job<S = TcpStream> {
    pub(crate) stream: S,
    pub(crate) slot: OwnedSemaphorePermit,
    pub(crate) limits: ListenerLimits,
    pub(crate) stop: watch::Receiver<bool>,
}

impl<S> Job<S> {
    fn with_stream<T>(self, change: impl FnOnce(S) -> io::Result<T>) -> io::Result<Job<T>> {
        let Self { stream, slot, limits, stop } = self;
        Ok(Job { stream: change(stream)?, slot, limits, stop })
    }
}

/// Who serves.
#[derive(Debug)]
pub struct Workers {
    gateway: Arc<Gateway>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Here,
    Threads(Vec<Worker>),
}

#[derive(Debug)]
struct Worker {
    jobs: mpsc::UnboundedSender<Job<std::net::TcpStream>>,
    thread: thread::JoinHandle<()>,
}

impl Workers {
    /// The runtime of whoever calls.
    pub fn here(gateway: Arc<Gateway>) -> Self {
        Self { gateway, kind: Kind::Here }
    }

    /// This many threads (at least one), each with its own runtime.
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub fn threads(gateway: &Arc<Gateway>, count: usize) -> io::Result<Self> {
        let workers = (0..count.max(1)).map(|index| Worker::start(gateway, index));
        let kind = Kind::Threads(workers.collect::<io::Result<_>>()?);
        Ok(Self { gateway: Arc::clone(gateway), kind })
    }

    /// Hands a connection to the worker whose turn it is.
    pub(crate) fn give(&self, turn: usize, job: Job) {
        match &self.kind {
            Kind::Here => {
                tokio::spawn(connection(Arc::clone(&self.gateway), job));
            }
            Kind::Threads(workers) => workers[turn % workers.len()].give(job),
        }
    }

    /// Open answers have until then.
    pub(crate) fn end_at(&self, then: Instant) {
        self.gateway.end_at(then);
    }

    /// Ends the threads; connections that are still open are cut.
    pub(crate) async fn end(self) {
        let Kind::Threads(workers) = self.kind else { return };
        for Worker { jobs, thread } in workers {
            drop(jobs);
            let ended = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(ended, Ok(Ok(()))) {
                error!("a worker thread ended by a panic");
            }
        }
    }
}

impl Worker {
    fn start(gateway: &Arc<Gateway>, index: usize) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job<std::net::TcpStream>>();
        let gateway = gateway.for_worker();
        let serve = async move {
            while let Some(job) = queue.recv().await {
                match job.with_stream(TcpStream::from_std) {
                    Ok(job) => drop(tokio::spawn(connection(Arc::clone(&gateway), job))),
                    Err(failure) => debug!(%failure, "a connection broke before it was served"),
                }
            }
        };
        let thread = thread::Builder::new()
            .name(format!("gateway-{index}"))
            .spawn(move || runtime.block_on(serve))?;
        Ok(Self { jobs, thread })
    }

    fn give(&self, job: Job) {
        match job.with_stream(TcpStream::into_std) {
            Ok(job) => {
                if self.jobs.send(job).is_err() {
                    error!("a worker thread is gone; the connection is dropped");
                }
            }
            Err(failure) => debug!(%failure, "a connection broke before it was served"),
        }
    }
}

/// Serves one connection to its end.
async fn connection(gateway: Arc<Gateway>, job: Job) {
    let Job { stream, slot, limits, mut stop } = job;
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| {
        let gateway = Arc::clone(&gateway);
        async move { Ok::<_, Infallible>(surface::answer(gateway, request).await) }
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_time)
            .max_buf_size(limits.header_bytes)
            .serve_connection(TokioIo::new(WriteStall::new(stream, limits.write_stall)), service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = gateway.is_over() => connection.await,
            }
        }
    };
    if let Err(failure) = ended {
        debug!(%failure, "a connection ended early");
    }
    drop(slot);
}
