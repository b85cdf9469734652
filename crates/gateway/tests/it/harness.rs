//! A gateway with its books and keys, in front of simulated vendors, and a caller.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use access::Keys;
use bytes::Bytes;
use decide::{
    attempt::AttemptLimits, catalog::Catalog, gate::GateLimits, retry_budget::RetryBudgetLimits,
    upstream_stream::UpstreamStream,
};
use gateway::{
    Credential, Endpoint, Gateway, IntakeLimits, KeepLimits, Listener, ListenerLimits, Parts,
    Provider, Route, Source, Streaming, Table, Target, TimeLimits, Traces, Workers,
};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use ledger::{Ingest, Ledger, LedgerOptions, Opened, PriceBook};
use serde_json::Value;
use simulator::{Vendor, VendorSpec};
use store::{SpendDimension, SpendQuery, SpendRow, Store};
use tempfile::TempDir;
use terms::{dialect::Dialect, time::Timestamp, trace::Trace};
use tokio::{sync::watch, task::JoinHandle};

pub(crate) const CHAT: Dialect = Dialect::OpenaiChat;
pub(crate) const RESPONSES: Dialect = Dialect::OpenaiResponses;
pub(crate) const GEMINI: Dialect = Dialect::Gemini;
pub(crate) const MESSAGES: Dialect = Dialect::AnthropicMessages;

/// Limits scaled so that a test need not wait; every wait in the tests is one of these.
pub(crate) const FAST: TimeLimits = TimeLimits {
    connect: Duration::from_secs(2),
    first_token: Duration::from_millis(300),
    first_token_reasoning: Duration::from_millis(300),
    idle: Duration::from_millis(300),
    idle_reasoning: Duration::from_millis(300),
    whole_answer: Duration::from_millis(300),
    keep_alive: Duration::from_millis(20),
};

/// Traces as they are left.
#[derive(Debug, Clone, Default)]
pub(crate) struct Left(Arc<Mutex<Vec<Trace>>>);

impl Traces for Left {
    fn put(&self, trace: Trace) {
        self.0.lock().unwrap().push(trace);
    }
}

pub(crate) struct House {
    traces: Left,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) base: String,
    pub(crate) key: String,
    pub(crate) client: Client<HttpConnector, Full<Bytes>>,
    keys: Arc<Keys>,
    ledger: Arc<Ledger>,
    ingest: Ingest,
    store: Store,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    _folder: TempDir,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A provider row for a simulated vendor.
pub(crate) fn provider(name: &str, vendor: &Vendor, dialect: Dialect) -> Arc<Provider> {
    provider_at(name, &vendor.base_url(), dialect)
}

/// A provider at an address of its own.
pub(crate) fn provider_at(name: &str, base: &str, dialect: Dialect) -> Arc<Provider> {
    let path = if dialect == GEMINI { "/v1beta" } else { path(dialect) };
    let uri = format!("{base}{path}").parse().unwrap();
    Arc::new(Provider {
        name: name.into(),
        source: Source::Remote {
            endpoints: vec![Endpoint::at(dialect, uri)],
            keys: Some(Credential::new("upstream-secret").unwrap()).into(),
        },
        limits: FAST,
    })
}

/// A vendor that takes only the credential of [`provider`].
pub(crate) async fn vendor(name: &str, dialect: Dialect, models: &[&str]) -> Vendor {
    let spec = VendorSpec {
        api_key: Some("upstream-secret".to_owned()),
        ..VendorSpec::new(name, dialect, models)
    };
    Vendor::start(spec).await.unwrap()
}

/// A table with one route over `provider/model` pairs.
pub(crate) fn table(route: &str, targets: &[(Arc<Provider>, &str)]) -> Table {
    table_streaming(route, targets, Streaming::default())
}

/// The same, where whole answers are got whole.
pub(crate) fn table_whole(route: &str, targets: &[(Arc<Provider>, &str)]) -> Table {
    let upstream = UpstreamStream::Never;
    table_streaming(route, targets, Streaming { upstream, ..Streaming::default() })
}

/// The same, with what becomes of its streams.
pub(crate) fn table_streaming(
    route: &str,
    targets: &[(Arc<Provider>, &str)],
    streaming: Streaming,
) -> Table {
    let catalog = Arc::new(Catalog::built_in().unwrap());
    let mut providers: Vec<Arc<Provider>> = Vec::new();
    for (provider, _) in targets {
        if !providers.iter().any(|seen| seen.name == provider.name) {
            providers.push(Arc::clone(provider));
        }
    }
    let targets = targets
        .iter()
        .map(|(provider, model)| {
            Arc::new(Target::new(Arc::clone(provider), (*model).into(), &catalog))
        })
        .collect();
    let limits = AttemptLimits { backoff_ms: 1, ..AttemptLimits::default() };
    let route = Route { streaming, ..Route::new(route.into(), targets, limits) };
    Table::new(catalog, providers, vec![route], limits)
}

/// A table without routes: only implicit ones.
pub(crate) fn implicit(providers: Vec<Arc<Provider>>) -> Table {
    let limits = AttemptLimits { backoff_ms: 1, ..AttemptLimits::default() };
    Table::new(Arc::new(Catalog::built_in().unwrap()), providers, Vec::new(), limits)
}

impl House {
    pub(crate) async fn open(table: Table) -> Self {
        Self::with_intake(table, IntakeLimits::default()).await
    }

    pub(crate) async fn with_intake(table: Table, intake: IntakeLimits) -> Self {
        Self::with_limits(table, intake, ListenerLimits::default()).await
    }

    pub(crate) async fn with_limits(
        table: Table,
        intake: IntakeLimits,
        listening: ListenerLimits,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("outlast.db")).await.unwrap();
        let keys = Arc::new(Keys::load(&store).await.unwrap());
        let key = keys
            .create(&store, "ada".into(), "platform".into(), "test", Timestamp(0))
            .await
            .unwrap();
        let options = LedgerOptions::new(folder.path().join("journal"));
        let Opened { ledger, ingest, .. } =
            Ledger::open(options, store.clone(), PriceBook::default()).await.unwrap();
        let traces = Left::default();
        let gateway = Gateway::new(Parts {
            table,
            keys: Arc::clone(&keys),
            ledger: Arc::clone(&ledger),
            gates: GateLimits::default(),
            retries: RetryBudgetLimits::default(),
            intake,
            keep: KeepLimits::default(),
            shelf: None,
            traces: Some(Arc::new(traces.clone())),
        });
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), listening).await.unwrap();
        let base = format!("http://{}", listener.address().unwrap());
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(listener.serve(Workers::here(Arc::clone(&gateway)), stopped));
        Self {
            traces,
            gateway,
            base,
            key: key.secret.expose().to_owned(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            keys,
            ledger,
            ingest,
            store,
            stop,
            serving,
            _folder: folder,
        }
    }

    /// A key of somebody else.
    pub(crate) async fn other_key(&self, principal: &str) -> String {
        let team = "platform".into();
        let key =
            self.keys.create(&self.store, principal.into(), team, "other", Timestamp(0)).await;
        key.unwrap().secret.expose().to_owned()
    }

    /// A key that lives in memory only.
    pub(crate) fn lend(&self, principal: &str) -> String {
        let secret = self.keys.lend(principal.into(), "platform".into(), Timestamp(0)).unwrap();
        secret.expose().to_owned()
    }

    /// Host and port, for raw sockets.
    pub(crate) fn authority(&self) -> &str {
        self.base.strip_prefix("http://").unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Reply {
        let response = self.client.request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Request<Full<Bytes>> {
        Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .body(Full::new(body.into()))
            .unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Bytes>) -> Reply {
        self.send(self.request(Method::POST, path, body)).await
    }

    /// A short question in a dialect.
    pub(crate) async fn ask(&self, dialect: Dialect, model: &str, stream: bool) -> Reply {
        let question = match dialect {
            Dialect::Gemini => {
                let method =
                    if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
                let path = format!("/v1beta/models/{model}:{method}");
                let body = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;
                return self.post(&path, body).await;
            }
            Dialect::OpenaiResponses => response_question(model, stream),
            _ => question(model, stream),
        };
        self.post(path(dialect), question).await
    }

    /// Tells the listener to stop, if it has not stopped already.
    pub(crate) fn begin_to_stop(&self) {
        let _ = self.stop.send(true);
    }

    /// Ends everything in order and gives the books, by the given dimensions.
    pub(crate) async fn close(self, by: &[SpendDimension]) -> Vec<SpendRow> {
        self.begin_to_stop();
        drop(self.client);
        self.serving.await.unwrap();
        self.ingest.stop().await;
        self.store.spend(&SpendQuery { by: by.to_vec(), since: None, until: None }).await.unwrap()
    }

    /// The traces that were left so far.
    pub(crate) fn traces(&self) -> Vec<Trace> {
        self.traces.0.lock().unwrap().clone()
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

pub(crate) fn path(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenaiChat => "/v1/chat/completions",
        Dialect::OpenaiResponses => "/v1/responses",
        Dialect::AnthropicMessages => "/v1/messages",
        Dialect::BedrockConverse => unreachable!("no caller speaks it"),
        Dialect::Gemini => "/v1beta/models/r:generateContent",
    }
}

/// A short question of a caller who keeps its turns itself.
pub(crate) fn response_question(model: &str, stream: bool) -> String {
    format!(r#"{{"model":"{model}","store":false,"stream":{stream},"input":"hi"}}"#)
}

/// A short question; the same body is valid in chat and messages.
pub(crate) fn question(model: &str, stream: bool) -> String {
    format!(
        r#"{{"model":"{model}","max_tokens":64,"stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#
    )
}

/// The text of an answer, whole or streamed, in a dialect; panics where it is not complete.
pub(crate) fn whole_text(dialect: Dialect, stream: bool, reply: &Reply) -> String {
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    if !stream {
        let json = reply.json();
        return match dialect {
            Dialect::OpenaiChat => {
                json["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
            }
            Dialect::OpenaiResponses => {
                assert_eq!(json["status"], "completed");
                json["output"][0]["content"][0]["text"].as_str().unwrap().to_owned()
            }
            Dialect::AnthropicMessages => json["content"][0]["text"].as_str().unwrap().to_owned(),
            Dialect::BedrockConverse => unreachable!("no caller speaks it"),
            Dialect::Gemini => {
                assert_eq!(json["candidates"][0]["finishReason"], "STOP");
                let text = &json["candidates"][0]["content"]["parts"][0]["text"];
                text.as_str().unwrap().to_owned()
            }
        };
    }
    let events: Vec<&str> =
        reply.text().lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let (content, complete) = match dialect {
        Dialect::OpenaiChat => ("/choices/0/delta/content", events.last() == Some(&"[DONE]")),
        Dialect::OpenaiResponses => {
            ("/delta", events.last().is_some_and(|last| last.contains("response.completed")))
        }
        Dialect::Gemini => (
            "/candidates/0/content/parts/0/text",
            events.last().is_some_and(|last| last.contains("finishReason")),
        ),
        Dialect::AnthropicMessages => {
            ("/delta/text", events.last().is_some_and(|last| last.contains("message_stop")))
        }
        Dialect::BedrockConverse => unreachable!("no caller speaks it"),
    };
    assert!(complete, "the stream has no proper end: {}", reply.text());
    events
        .iter()
        .filter(|event| **event != "[DONE]")
        .filter_map(|event| {
            serde_json::from_str::<Value>(event)
                .unwrap()
                .pointer(content)
                .and_then(Value::as_str)
                .map(str::to_owned)
        })
        .collect()
}

/// What the simulated vendors say.
pub(crate) const FOX: &str = "The quick brown fox jumps over the lazy dog.";
