//! A provider that writes down whole requests and answers each with the next of its replies, the last
//! one again and again.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// What a provider was sent.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// Path and query as they came.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// What it answers.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Told {
    pub(crate) fn new(status: u16, kind: &str, body: impl Into<Bytes>) -> Self {
        Self { status, headers: vec![("content-type", kind.to_owned())], body: body.into() }
    }

    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::new(status, "application/json", body.to_owned())
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

pub(crate) struct Recorder {
    pub(crate) base: String,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Recorder {
    pub(crate) async fn start(told: Vec<Told>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        let (noted, told) = (Arc::clone(&heard), Arc::new(told));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (noted, told) = (Arc::clone(&noted), Arc::clone(&told));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (noted, told) = (Arc::clone(&noted), Arc::clone(&told));
                    async move { Ok::<_, Infallible>(answer(request, &noted, &told).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { base, heard }
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    pub(crate) fn last(&self) -> Heard {
        self.heard().last().cloned().unwrap()
    }
}

async fn answer(
    request: Request<Incoming>,
    heard: &Mutex<Vec<Heard>>,
    told: &[Told],
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let number = {
        let mut heard = heard.lock().unwrap();
        heard.push(Heard { target: parts.uri.to_string(), headers: parts.headers, body });
        heard.len() - 1
    };
    let told = &told[number.min(told.len() - 1)];
    let mut response = Response::builder().status(told.status);
    for (name, value) in &told.headers {
        response = response.header(*name, value);
    }
    response.body(Full::new(told.body.clone())).unwrap()
}
