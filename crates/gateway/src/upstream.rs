//! The client towards providers: connections, plain or TLS, HTTP/1.1, kept for the next request.
//! Dropping an answer before its end closes its connection, which is how an upstream call is
//! cancelled.

use std::{
    collections::HashMap,
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header, uri::Authority};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::{Instant, timeout};
use tower_service::Service;
use tracing::debug;

/// Idle connections kept per provider.
const IDLE_CONNECTIONS: usize = 256;

/// An idle connection is not used again after this; vendors close theirs after 60 s or more.
const IDLE_TIME: Duration = Duration::from_secs(45);

/// A connection, ready for a request or still busy with the last one.
type Sender = SendRequest<Full<Bytes>>;

/// Connects, sends, and keeps connections. Belongs to one runtime.
#[derive(Clone)]
pub(crate) struct Upstream {
    connector: HttpsConnector<HttpConnector>,
    idle: Arc<Idle>,
}

/// Connections that wait for a request, by origin, the one used last on top.
#[derive(Default)]
struct Idle(Mutex<HashMap<Origin, Vec<(Sender, Instant)>>>);

/// Where a connection leads.
#[derive(Clone)]
struct Origin {
    tls: bool,
    authority: Authority,
}

// As it is written: an `Authority` compares and hashes letter by letter, whatever their case, which is
// felt with every request. Addresses come from the configuration, always the same.
impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        self.tls == other.tls && self.authority.as_str() == other.authority.as_str()
    }
}

impl Eq for Origin {}

impl Hash for Origin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.tls.hash(state);
        self.authority.as_str().hash(state);
    }
}

/// Why no answer came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendFailure {
    /// No connection: DNS, refused, TLS, connect limit. Nothing was sent.
    Unreachable,
    /// The connection broke before the answer's headers. Uncertain whether it was worked on.
    Broken,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").finish_non_exhaustive()
    }
}

impl Upstream {
    pub(crate) fn new() -> Self {
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        http.enforce_http(false);
        let provider = rustls::crypto::ring::default_provider();
        let tls = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .expect("ring supports the protocol versions that rustls calls safe")
            .with_webpki_roots()
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        Self { connector, idle: Arc::default() }
    }

    /// Sends to the request's address and gives the answer's head. A kept connection that turns out
    /// to be closed costs nothing: the request comes back unsent and takes another.
    pub(crate) async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
        connect: Duration,
    ) -> Result<Response<Incoming>, SendFailure> {
        let address = request.uri().clone();
        let origin = Origin::of(&address).ok_or(SendFailure::Unreachable)?;
        to_origin_form(&mut request, &origin);
        loop {
            let (mut sender, kept) = match self.idle.take(&origin) {
                Some(sender) => (sender, true),
                None => (self.open(&address, connect).await?, false),
            };
            match sender.try_send_request(request).await {
                Ok(response) => {
                    self.idle.keep_when_ready(origin, sender);
                    return Ok(response);
                }
                Err(mut failure) => match failure.take_message() {
                    Some(unsent) if kept => request = unsent,
                    Some(_) | None => return Err(SendFailure::Broken),
                },
            }
        }
    }

    async fn open(&self, address: &Uri, limit: Duration) -> Result<Sender, SendFailure> {
        let mut connector = self.connector.clone();
        let connecting = async {
            let stream = connector.call(address.clone()).await.ok()?;
            let (sender, connection) = handshake(stream).await.ok()?;
            // Ends when the sender and the answer's body are gone, or the other side closes.
            tokio::spawn(async move {
                if let Err(failure) = connection.await {
                    debug!(%failure, "an upstream connection ended early");
                }
            });
            Some(sender)
        };
        match timeout(limit, connecting).await {
            Ok(Some(sender)) => Ok(sender),
            Ok(None) | Err(_) => Err(SendFailure::Unreachable),
        }
    }
}

impl Origin {
    fn of(address: &Uri) -> Option<Self> {
        let authority = address.authority()?.clone();
        Some(Self { tls: address.scheme_str() == Some("https"), authority })
    }
}

impl Idle {
    /// A connection that is open and was not idle for too long.
    fn take(&self, origin: &Origin) -> Option<Sender> {
        let mut idle = self.lock();
        let senders = idle.get_mut(origin)?;
        while let Some((sender, since)) = senders.pop() {
            if since.elapsed() >= IDLE_TIME {
                // The ones below were idle for longer.
                senders.clear();
                return None;
            }
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    /// Keeps the connection once its answer was read to the end; drops it when it broke or was cut.
    fn keep_when_ready(self: &Arc<Self>, origin: Origin, mut sender: Sender) {
        let idle = Arc::clone(self);
        tokio::spawn(async move {
            if sender.ready().await.is_ok() {
                let mut idle = idle.lock();
                let senders = idle.entry(origin).or_default();
                if senders.len() < IDLE_CONNECTIONS {
                    senders.push((sender, Instant::now()));
                }
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, Vec<(Sender, Instant)>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address as a server wants it: the path in the request line, the host in its header.
fn to_origin_form(request: &mut Request<Full<Bytes>>, origin: &Origin) {
    if let Ok(host) = HeaderValue::from_str(origin.authority.as_str()) {
        request.headers_mut().insert(header::HOST, host);
    }
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
}
