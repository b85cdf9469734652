//! A listener: accepts connections, bounds them, and on the way down lets open streams end.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, sleep, timeout},
};
use tracing::warn;

use crate::workers::{Job, Workers};

/// Bounds of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerLimits {
    /// Connections at a time; further ones wait in the system's queue. Default 10,000.
    pub connections: usize,
    /// From the first byte of a request to the end of its headers. Default 15 s.
    pub header_time: Duration,
    /// Bytes of a request's headers. Default 64 KiB.
    pub header_bytes: usize,
    /// How long a caller may take nothing of what is written to it. Default 60 s.
    pub write_stall: Duration,
    /// On the way down: how long open answers may take to end. Default 30 s.
    pub drain: Duration,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            header_time: Duration::from_secs(15),
            header_bytes: 64 << 10,
            write_stall: Duration::from_mins(1),
            drain: Duration::from_secs(30),
        }
    }
}

/// Before the end of the drain time, in which open answers are told that they end.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Pause after the system refused to accept (out of file descriptors), so that it can recover.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    limits: ListenerLimits,
}

impl Listener {
    /// Binds.
    pub async fn bind(address: SocketAddr, limits: ListenerLimits) -> io::Result<Self> {
        Ok(Self { socket: TcpListener::bind(address).await?, limits })
    }

    /// Where it listens; tells the port when port 0 was asked for.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until `stop` turns true, then waits for open answers, at most the drain time, and ends
    /// the workers.
    pub async fn serve(self, workers: Workers, mut stop: watch::Receiver<bool>) {
        let slots = Arc::new(Semaphore::new(self.limits.connections));
        let all = u32::try_from(self.limits.connections).unwrap_or(u32::MAX);
        let mut next_worker = 0_usize;
        loop {
            let (stream, slot) = tokio::select! {
                accepted = self.accept(&slots) => accepted,
                () = stopped(&mut stop) => break,
            };
            workers
                .give(next_worker, Job { stream, slot, limits: self.limits, stop: stop.clone() });
            next_worker = next_worker.wrapping_add(1);
        }
        drop(self.socket);
        workers.end_at(Instant::now() + self.limits.drain.saturating_sub(LAST_WORDS));
        if timeout(self.limits.drain, slots.acquire_many(all)).await.is_err() {
            warn!("answers were still open at the end of the drain time; they are cut");
        }
        workers.end().await;
    }

    /// The next connection, once there is a slot for it.
    async fn accept(&self, slots: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
        let slot = Arc::clone(slots).acquire_owned().await.expect("the semaphore is never closed");
        loop {
            match self.socket.accept().await {
                Ok((stream, _)) => return (stream, slot),
                Err(failure) => {
                    warn!(%failure, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Resolves when it is time to stop; also when nobody is left to say so.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
