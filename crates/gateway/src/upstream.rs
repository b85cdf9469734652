//! The client towards providers: one pool of connections, plain or TLS, HTTP/1.1. Dropping an answer
//! before its end closes its connection, which is how an upstream call is cancelled.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

/// Idle connections kept per provider.
const IDLE_CONNECTIONS: usize = 256;

/// An idle connection is closed after this; vendors close theirs after 60 s or more.
const IDLE_TIME: Duration = Duration::from_secs(45);

#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// Why no answer came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendFailure {
    /// No connection: DNS, refused, TLS, connect limit. Nothing was sent.
    Unreachable,
    /// The connection broke before the answer's headers. Uncertain whether it was worked on.
    Broken,
}

impl Upstream {
    pub(crate) fn new(connect: Duration) -> Self {
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        http.enforce_http(false);
        http.set_connect_timeout(Some(connect));
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
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIME)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .retry_canceled_requests(true)
            .build(connector);
        Self { client }
    }

    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, SendFailure> {
        self.client.request(request).await.map_err(|error| {
            if error.is_connect() { SendFailure::Unreachable } else { SendFailure::Broken }
        })
    }
}
