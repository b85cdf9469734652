//! Two ports that a TLS client must turn away from: one with a certificate that nobody vouches for, made
//! for this test and trusted by nobody, and one that never says a word.

use std::{net::SocketAddr, sync::Arc};

use rustls::{
    ServerConfig, ServerConnection,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, spawn_blocking},
};

const CERTIFICATE: &[u8] = include_bytes!("../data/self_signed.crt.der");
const KEY: &[u8] = include_bytes!("../data/self_signed.key.der");

/// A server with that certificate.
pub(super) struct SelfSigned {
    address: SocketAddr,
    accepting: AbortHandle,
}

impl SelfSigned {
    pub(super) async fn start() -> Self {
        let provider = rustls::crypto::ring::default_provider();
        let key = PrivateKeyDer::try_from(KEY).unwrap();
        let config = ServerConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], key)
            .unwrap();
        let config = Arc::new(config);
        let (address, accepting) = accept(move |stream| {
            let config = Arc::clone(&config);
            let mut stream = stream.into_std().unwrap();
            stream.set_nonblocking(false).unwrap();
            // Ends when the client has turned away, which it does by closing.
            spawn_blocking(move || {
                let mut tls = ServerConnection::new(config).unwrap();
                while tls.complete_io(&mut stream).is_ok_and(|(read, _)| read > 0) {}
            });
        })
        .await;
        Self { address, accepting }
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for SelfSigned {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A server that accepts and says nothing.
pub(super) struct Silent {
    address: SocketAddr,
    accepting: AbortHandle,
}

impl Silent {
    pub(super) async fn start() -> Self {
        let mut kept = Vec::new();
        let (address, accepting) = accept(move |stream| kept.push(stream)).await;
        Self { address, accepting }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(mut serve: impl FnMut(TcpStream) + Send + 'static) -> (SocketAddr, AbortHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepting = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            serve(stream);
        }
    });
    (address, accepting.abort_handle())
}
