//! Talking to the running process: its admin API on loopback, with the admin secret of the data
//! folder.

use std::{net::SocketAddr, path::Path};

use access::{Secret, load_admin_secret};
use anyhow::{Context, bail};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde::Deserialize;

use crate::config::Environment;

/// Where the running process answers, and the secret that it wants.
pub(crate) struct AdminClient {
    address: SocketAddr,
    secret: Secret,
}

/// What the admin API says when it does not do what was asked.
#[derive(Deserialize)]
struct Refusal {
    error: Said,
}

#[derive(Deserialize)]
struct Said {
    code: String,
    message: String,
}

impl AdminClient {
    pub(crate) fn new(
        address: SocketAddr,
        data: &Path,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        let given = environment.get("OUTLAST_ADMIN_SECRET").map(Secret::new);
        let secret = load_admin_secret(data, given)
            .context("the admin secret of the data folder cannot be read")?;
        Ok(Self { address, secret })
    }

    /// Asks, and gives the JSON that comes back.
    pub(crate) async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> anyhow::Result<T> {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header(header::HOST, self.address.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.secret.expose()))
            .body(Full::new(Bytes::from(body)))?;
        let client = Client::builder(TokioExecutor::new()).build_http();
        let response = client
            .request(request)
            .await
            .with_context(|| format!("the running outlast does not answer at {}", self.address))?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            match serde_json::from_slice::<Refusal>(&body) {
                Ok(Refusal { error }) => bail!("{} ({})", error.message, error.code),
                Err(_) => {
                    bail!("the running outlast said {status}: {}", String::from_utf8_lossy(&body))
                }
            }
        }
        serde_json::from_slice(if body.is_empty() { b"null" } else { &body })
            .context("the running outlast's answer is no JSON")
    }
}
