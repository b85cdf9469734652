//! Plain requests of the program itself, beside the calls of models: price lists are fetched and
//! people are told of changes with them. Addresses are the operator's own.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use crate::upstream::Upstream;

const CONNECT: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum WebFailure {
    /// The address cannot be asked.
    #[error("`{0}` is no http or https address")]
    NoAddress(String),
    /// Nobody answered.
    #[error("nobody answers there")]
    Unreachable,
    /// It took too long.
    #[error("the answer did not come in time")]
    TimedOut,
    /// The answer is a status that says no.
    #[error("it answered with status {0}")]
    Refused(StatusCode),
    /// There is more of it than is taken.
    #[error("the answer is larger than {0} MiB, or broke off")]
    TooLarge(usize),
}

/// Asks on the runtime that it was made on.
#[derive(Debug, Clone)]
pub struct Web {
    upstream: Upstream,
    time: Duration,
}

impl Web {
    /// One whose requests may take so long.
    pub fn new(time: Duration) -> Self {
        Self { upstream: Upstream::new(), time }
    }

    /// Fetches what is at an address, at most so many bytes.
    pub async fn get(&self, address: &str, most: usize) -> Result<Bytes, WebFailure> {
        self.ask(Method::GET, address, Bytes::new(), most).await
    }

    /// Posts JSON; what is answered beside the status does not matter.
    pub async fn post_json(&self, address: &str, body: Bytes) -> Result<(), WebFailure> {
        // A long answer is no failure: it was taken.
        match self.ask(Method::POST, address, body, 1 << 20).await {
            Ok(_) | Err(WebFailure::TooLarge(_)) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    async fn ask(
        &self,
        method: Method,
        address: &str,
        body: Bytes,
        most: usize,
    ) -> Result<Bytes, WebFailure> {
        let is_web =
            |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
        let uri = address.parse::<Uri>().ok().filter(is_web);
        let uri = uri.ok_or_else(|| WebFailure::NoAddress(address.to_owned()))?;
        let until = Instant::now() + self.time;
        let mut request = Request::new(Full::new(body));
        (*request.method_mut(), *request.uri_mut()) = (method, uri);
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, json);
        let us = concat!("outlast/", env!("CARGO_PKG_VERSION"));
        request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(us));
        let sent = timeout_at(until, self.upstream.send(request, CONNECT)).await;
        let response =
            sent.map_err(|_| WebFailure::TimedOut)?.map_err(|_| WebFailure::Unreachable)?;
        if !response.status().is_success() {
            return Err(WebFailure::Refused(response.status()));
        }
        let read = timeout_at(until, Limited::new(response.into_body(), most).collect()).await;
        let read = read.map_err(|_| WebFailure::TimedOut)?;
        Ok(read.map_err(|_| WebFailure::TooLarge(most >> 20))?.to_bytes())
    }
}
