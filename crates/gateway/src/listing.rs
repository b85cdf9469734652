//! A provider's own list of its models, as far as its endpoints tell where it stands. What a list means
//! is decided in `decide::lifecycle`.

use std::{collections::HashSet, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use terms::dialect::Dialect;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use wire::Envelope;

use crate::{
    credential::Credential,
    gateway::Gateway,
    outgoing,
    provider::{Endpoint, Provider, Source},
};

/// Bytes of one page of a list at most.
const PAGE_BYTES: usize = 16 << 20;

/// Pages that are read at most.
const PAGES: usize = 20;

/// How long a list may take, all its pages together.
const TIME: Duration = Duration::from_secs(30);

/// Why a list was not read. It says nothing about any model then.
#[derive(Debug, Error)]
pub enum ListFailure {
    /// Nobody knows where the provider's list stands, or the provider has none.
    #[error("it has no list that is known here")]
    NoList,
    /// The provider could not be asked.
    #[error("it could not be asked for its list")]
    Unreachable,
    /// The provider said something else.
    #[error("it answered its list with status {0}")]
    Refused(StatusCode),
    /// What came is no list.
    #[error("what it sent is no list of models")]
    NoSuchList,
}

#[derive(Debug, Deserialize)]
struct Page {
    #[serde(default)]
    data: Vec<Item>,
    #[serde(default)]
    models: Vec<Item>,
    #[serde(default)]
    has_more: bool,
    last_id: Option<String>,
    #[serde(rename = "nextPageToken")]
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Item {
    #[serde(alias = "name")]
    id: String,
}

impl Gateway {
    /// The names of the models that a provider lists.
    ///
    /// # Errors
    /// Why there is no whole list.
    pub async fn list_models(&self, provider: &Provider) -> Result<HashSet<String>, ListFailure> {
        let Source::Remote { endpoints, keys } = &provider.source else {
            return Err(ListFailure::NoList);
        };
        let found = endpoints.iter().find_map(|endpoint| Some((endpoint, address(endpoint)?)));
        let (endpoint, base) = found.ok_or(ListFailure::NoList)?;
        let until = Instant::now() + TIME;
        let mut last = None;
        for key in 0..u8::try_from(keys.len().max(1)).unwrap_or(u8::MAX) {
            let credential = keys.credential(key);
            match self.listed_at(provider, endpoint, &base, credential, until).await {
                // Another key may still be good.
                Err(ListFailure::Refused(status)) if is_of_key(status) => {
                    last = Some(ListFailure::Refused(status));
                }
                listed => return listed,
            }
        }
        Err(last.unwrap_or(ListFailure::NoList))
    }

    async fn listed_at(
        &self,
        provider: &Provider,
        endpoint: &Endpoint,
        base: &str,
        credential: Option<&Credential>,
        until: Instant,
    ) -> Result<HashSet<String>, ListFailure> {
        let (mut names, mut query) = (HashSet::new(), first_page(endpoint.dialect));
        for _ in 0..PAGES {
            let uri: Uri = format!("{base}{query}").parse().map_err(|_| ListFailure::NoList)?;
            let mut request = Request::new(Full::new(Bytes::new()));
            (*request.method_mut(), *request.uri_mut()) = (Method::GET, uri);
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(header::ACCEPT, json);
            outgoing::own(request.headers_mut(), endpoint);
            if let Some(credential) = credential {
                let shown = credential.show(&mut request, &[], endpoint.dialect, self, until);
                shown.await.map_err(|_| ListFailure::Unreachable)?;
            }
            let sent = self.upstream.send(request, provider.limits.connect);
            let response = timeout_at(until, sent).await;
            let response = response.ok().and_then(Result::ok).ok_or(ListFailure::Unreachable)?;
            let page = read(response, until).await?;
            names.extend(page.data.iter().chain(&page.models).map(|item| plain(&item.id)));
            let id_of_next = page.last_id.filter(|_| page.has_more);
            query = match (id_of_next, page.next.filter(|token| !token.is_empty())) {
                (Some(id), _) => format!("?limit=1000&after_id={id}"),
                (None, Some(token)) => format!("?pageSize=1000&pageToken={token}"),
                (None, None) if page.has_more => return Err(ListFailure::NoSuchList),
                (None, None) => return Ok(names),
            };
        }
        Err(ListFailure::NoSuchList)
    }
}

/// Whether a status says something of the key that was shown.
fn is_of_key(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::UNAUTHORIZED
            | StatusCode::PAYMENT_REQUIRED
            | StatusCode::FORBIDDEN
            | StatusCode::TOO_MANY_REQUESTS
    )
}

/// The list of a vendor's own API stands beside its calls.
fn address(endpoint: &Endpoint) -> Option<String> {
    if endpoint.habits.envelope != Envelope::None {
        return None;
    }
    let shown = endpoint.address.shown();
    let call = match endpoint.dialect {
        Dialect::OpenaiChat => "/chat/completions",
        Dialect::OpenaiResponses => "/responses",
        Dialect::AnthropicMessages => "/messages",
        Dialect::Gemini => "/models/{model}:generateContent",
        Dialect::BedrockConverse => return None,
    };
    shown.strip_suffix(call).map(|base| format!("{base}/models"))
}

fn first_page(dialect: Dialect) -> String {
    match dialect {
        Dialect::AnthropicMessages => "?limit=1000",
        Dialect::Gemini => "?pageSize=1000",
        _ => "",
    }
    .to_owned()
}

/// Google's names stand below `models/`.
fn plain(id: &str) -> String {
    id.strip_prefix("models/").unwrap_or(id).to_owned()
}

async fn read(response: Response<Incoming>, until: Instant) -> Result<Page, ListFailure> {
    if response.status() != StatusCode::OK {
        return Err(ListFailure::Refused(response.status()));
    }
    let body = Limited::new(response.into_body(), PAGE_BYTES).collect();
    let read = timeout_at(until, body).await.ok().and_then(Result::ok);
    page(&read.ok_or(ListFailure::Unreachable)?.to_bytes())
}

/// An object, or with some vendors a bare array.
fn page(body: &[u8]) -> Result<Page, ListFailure> {
    if body.trim_ascii_start().first() == Some(&b'[') {
        let data = serde_json::from_slice(body).map_err(|_| ListFailure::NoSuchList)?;
        let (models, has_more) = (Vec::new(), false);
        return Ok(Page { data, models, has_more, last_id: None, next: None });
    }
    serde_json::from_slice(body).map_err(|_| ListFailure::NoSuchList)
}

#[cfg(test)]
mod tests {
    use super::page;

    #[test]
    fn lists_of_every_vendor_are_read() {
        let names = |text: &str| -> Option<Vec<String>> {
            let page = page(text.as_bytes()).ok()?;
            Some(page.data.into_iter().chain(page.models).map(|item| item.id).collect())
        };
        assert_eq!(
            names(r#"{"object":"list","data":[{"id":"a","object":"model"}]}"#).unwrap(),
            ["a"]
        );
        assert_eq!(
            names(r#"{"models":[{"name":"models/g"}],"nextPageToken":"x"}"#).unwrap(),
            ["models/g"]
        );
        assert_eq!(names(r#"[{"id":"b"},{"id":"c"}]"#).unwrap(), ["b", "c"]);
        assert_eq!(names("<html>"), None);
        assert_eq!(names("{}").unwrap(), Vec::<String>::new());
    }
}
