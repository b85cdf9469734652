//! A console with fixed values, a clock that a test moves, and a way to ask it without a socket.

pub(crate) mod incidents;
mod models;
mod pipelines;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use access::{Admin, Keys, Secret};
use axum::{Router, body::Body};
use console::{
    AllowedHosts, AnswerRefused, BreakerAnswer, BreakerBoard, Breakers, Chaos, ChaosOrder,
    ChaosRow, Clock, ConsoleState, Doing, FailoverRow, GateState, Live, MinuteBar, Overview,
    PrincipalRow, Requests, SessionRow, Spend, StudentRow, TargetRow, TaskRow, Tasks,
};
use futures_util::{Stream, StreamExt};
use http::{Method, StatusCode, header, request::Builder};
use http_body_util::BodyExt;
use store::Store;
use terms::{
    breaker::{
        AgentName, Autonomy, BreakerChange, BreakerEvent, BreakerId, BreakerState, ClientFamily,
        Evidence, SessionId, SessionKey,
    },
    dialect::Dialect,
    event::{Entry, Hold, JournalPosition, Settlement},
    ids::{AttemptId, RequestId},
    money::NanoUsd,
    outcome::Ending,
    time::{Moment, Timestamp},
    usage::{Usage, UsageSource},
};
use tokio::sync::watch;
use tower::ServiceExt;

use self::{incidents::StoredIncidents, models::FixedModels, pipelines::FixedPipelines};

pub(crate) const SECRET: &str = "correct-horse-battery";
pub(crate) const HOST: &str = "localhost:4000";

/// 2026-11-20 in UTC, 12:34:56.
pub(crate) const NOON: i64 = 1_795_178_096_000;

/// A clock that only a test moves.
#[derive(Default)]
pub(crate) struct TestClock(AtomicU64);

impl TestClock {
    pub(crate) fn pass(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(NOON)
    }

    fn moment(&self) -> Moment {
        Moment(self.0.load(Ordering::Relaxed))
    }
}

/// Values that only a test changes.
pub(crate) struct FixedLive {
    overview: Mutex<Overview>,
    changes: watch::Sender<u64>,
}

/// One task that refuses to change.
struct FixedTasks;

impl Tasks for FixedTasks {
    fn list(&self) -> Vec<TaskRow> {
        vec![TaskRow {
            route: "task:intent".into(),
            version: "0123456789abcdef".to_owned(),
            family: "ngram-softmax".to_owned(),
            student_serves: true,
            since: Timestamp(NOON),
            threshold: 0.5,
            teacher: "gpt-5.5".into(),
            teacher_is_here: Some(true),
        }]
    }

    fn deploy(&self, _package: PathBuf, _anyway: bool) -> Doing<'_, TaskRow> {
        Box::pin(async { Err("there is no package".to_owned()) })
    }

    fn undeploy(&self, _task: String) -> Doing<'_, TaskRow> {
        Box::pin(async { Ok(self.list().remove(0)) })
    }

    fn roll_back(&self, _task: String) -> Doing<'_, TaskRow> {
        Box::pin(async { Err("nothing else answered before".to_owned()) })
    }
}

impl FixedLive {
    pub(crate) fn change(&self, change: impl FnOnce(&mut Overview)) {
        change(&mut self.overview.lock().expect("no test panics while it holds this"));
        self.changes.send_modify(|count| *count += 1);
    }
}

impl Live for FixedLive {
    fn overview(&self) -> Overview {
        self.overview.lock().expect("no test panics while it holds this").clone()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

/// An answer: to which breaker, at which version, what, and by whom.
pub(crate) type Given = (BreakerId, Option<u64>, BreakerAnswer, String);

/// A board that only a test changes, and the answers that it was given.
pub(crate) struct FixedBreakers {
    board: Mutex<BreakerBoard>,
    answers: Mutex<Vec<Given>>,
}

impl FixedBreakers {
    pub(crate) fn change(&self, change: impl FnOnce(&mut BreakerBoard)) {
        change(&mut self.board.lock().expect("no test panics while it holds this"));
    }

    /// The answers so far, which are then forgotten.
    pub(crate) fn answers(&self) -> Vec<Given> {
        std::mem::take(&mut self.answers.lock().expect("no test panics while it holds this"))
    }
}

impl Breakers for FixedBreakers {
    fn board(&self) -> BreakerBoard {
        self.board.lock().expect("no test panics while it holds this").clone()
    }

    fn answer(
        &self,
        id: &BreakerId,
        seen: Option<u64>,
        answer: BreakerAnswer,
        by: &str,
    ) -> Result<(), AnswerRefused> {
        let board = self.board();
        let row = board.asking.iter().chain(&board.stopped).find(|row| row.id == *id);
        let row = row.ok_or(AnswerRefused::Unknown)?;
        if seen.is_some_and(|seen| seen != row.version) {
            return Err(AnswerRefused::Refused("something happened meanwhile".to_owned()));
        }
        let mut answers = self.answers.lock().expect("no test panics while it holds this");
        answers.push((id.clone(), seen, answer, by.to_owned()));
        Ok(())
    }
}

/// Faults that were ordered.
#[derive(Default)]
struct FixedChaos(Mutex<Vec<ChaosRow>>);

impl FixedChaos {
    fn rows(&self) -> std::sync::MutexGuard<'_, Vec<ChaosRow>> {
        self.0.lock().expect("no test panics while it holds this")
    }
}

impl Chaos for FixedChaos {
    fn held(&self) -> Vec<ChaosRow> {
        self.rows().clone()
    }

    fn begin(&self, order: &ChaosOrder, by: &str) -> Result<ChaosRow, String> {
        if order.fault != "unreachable" {
            return Err(format!("`{}` is no fault", order.fault));
        }
        let ChaosOrder { at, fault, percent, .. } = order.clone();
        let row = ChaosRow { id: 7, at, fault, percent, until: Timestamp(NOON), by: by.to_owned() };
        self.rows().push(row.clone());
        Ok(row)
    }

    fn end(&self, _: Option<u64>) -> usize {
        std::mem::take(&mut *self.rows()).len()
    }
}

/// A console to ask.
pub(crate) struct House {
    router: Router,
    pub(crate) store: Store,
    pub(crate) keys: Arc<Keys>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) live: Arc<FixedLive>,
    pub(crate) pipelines: Arc<FixedPipelines>,
    pub(crate) breakers: Arc<FixedBreakers>,
    pub(crate) models: Arc<FixedModels>,
    incidents: Arc<StoredIncidents>,
    pub(crate) closing: watch::Sender<bool>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: http::HeaderMap,
    pub(crate) body: String,
}

impl House {
    pub(crate) async fn new() -> Self {
        let store = Store::in_memory().await.expect("a store in memory opens");
        let keys = Arc::new(Keys::load(&store).await.expect("an empty store loads"));
        let admin = Arc::new(Admin::new(&Secret::new(SECRET)).expect("there is randomness"));
        let clock = Arc::new(TestClock::default());
        let overview = Mutex::new(overview());
        let live = Arc::new(FixedLive { overview, changes: watch::Sender::new(0) });
        let pipelines = Arc::new(FixedPipelines::new());
        let breakers =
            Arc::new(FixedBreakers { board: Mutex::new(board()), answers: Mutex::default() });
        let models = Arc::new(FixedModels::new());
        let incidents = Arc::new(StoredIncidents {
            store: store.clone(),
            disk_is_full: AtomicBool::new(false),
        });
        let (closing, closed) = watch::channel(false);
        let state = ConsoleState {
            live: live.clone(),
            pipelines: pipelines.clone(),
            tasks: Arc::new(FixedTasks),
            models: models.clone(),
            breakers: breakers.clone(),
            incidents: incidents.clone(),
            chaos: Arc::new(FixedChaos::default()),
            store: store.clone(),
            keys: keys.clone(),
            admin,
            allowed_hosts: AllowedHosts::loopback(),
            clock: clock.clone(),
            closing: closed,
        };
        let router = console::router(state);
        Self { router, store, keys, clock, live, pipelines, breakers, models, incidents, closing }
    }

    /// From now on no incident can be kept.
    pub(crate) fn incidents_fail(&self) {
        self.incidents.disk_is_full.store(true, Ordering::Relaxed);
    }

    async fn send(&self, request: Request) -> http::Response<Body> {
        let Request { builder, body } = request;
        let names_host = builder.headers_ref().is_some_and(|headers| headers.contains_key("host"));
        let builder = if names_host { builder } else { builder.header(header::HOST, HOST) };
        let request = builder.body(Body::from(body)).expect("tests write well-formed requests");
        self.router.clone().oneshot(request).await.expect("the router cannot fail")
    }

    /// Asks and waits for the whole answer.
    pub(crate) async fn ask(&self, request: Request) -> Answer {
        let (parts, body) = self.send(request).await.into_parts();
        let body = body.collect().await.expect("the body is in memory").to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Signs in and returns the cookie.
    pub(crate) async fn sign_in(&self) -> String {
        let form = post("/sign-in", &format!("secret={SECRET}")).with_origin();
        let answer = self.ask(form).await;
        let cookie = answer.header("set-cookie");
        cookie.split(';').next().expect("a split has a first part").to_owned()
    }

    /// The events of the live stream, as they are sent.
    pub(crate) async fn events(&self, cookie: &str) -> impl Stream<Item = String> + Unpin + use<> {
        self.events_of("/live", cookie).await
    }

    /// The events of a page's live stream.
    pub(crate) async fn events_of(
        &self,
        path: &str,
        cookie: &str,
    ) -> impl Stream<Item = String> + Unpin + use<> {
        let response = self.send(get(path).header("cookie", cookie)).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.into_body().into_data_stream().map(|chunk| {
            String::from_utf8_lossy(&chunk.expect("the stream cannot fail")).into_owned()
        })
    }

    /// Books one answered attempt of ada's.
    pub(crate) async fn spend(&self) -> RequestId {
        let attempt =
            AttemptId { request: RequestId::from_parts(NOON.unsigned_abs(), 1), ordinal: 1 };
        let hold = Hold {
            attempt,
            at: Timestamp(NOON),
            key: "ok_aaaaaaaaaaaa".into(),
            principal: "ada".into(),
            team: "platform".into(),
            route: "gpt-5.5".into(),
            target: "openai/gpt-5.5".into(),
            provider: "openai".into(),
            model: "gpt-5.5".into(),
            dialect: Dialect::OpenaiChat,
            stream: false,
            estimated_in: 1_100,
            ceiling: NanoUsd(9_000_000),
        };
        let settlement = Settlement {
            attempt,
            at: Timestamp(NOON + 900),
            ending: Ending::Answered,
            usage: Usage { uncached_in: 1_200, visible_out: 80, ..Usage::default() },
            source: UsageSource::Provider,
            cost: NanoUsd(8_000_000),
            avoided: None,
            price_version: "2026-11-20".to_owned(),
            first_token_ms: Some(310),
            total_ms: 900,
        };
        let entries = [Entry::Hold(hold), Entry::Settlement(settlement)];
        let position = JournalPosition { segment: 1, offset: 1 };
        self.store.ingest(&entries, position).await.expect("the entries are well formed");
        attempt.request
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_else(|| panic!("no header {name} in {:?}", self.headers))
    }

    /// The code of a JSON error.
    pub(crate) fn code(&self) -> String {
        let body: serde_json::Value =
            serde_json::from_str(&self.body).expect("an error for a program is JSON");
        body["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn must_redirect_to(&self, path: &str) {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        assert_eq!(self.header("location"), path);
    }
}

/// A request in the making.
pub(crate) struct Request {
    builder: Builder,
    body: String,
}

pub(crate) fn get(path: &str) -> Request {
    with_method(&Method::GET, path)
}

pub(crate) fn with_method(method: &Method, path: &str) -> Request {
    let builder = http::Request::builder().method(method).uri(path);
    Request { builder, body: String::new() }
}

/// A form, unless another content type is added.
pub(crate) fn post(path: &str, body: &str) -> Request {
    let json = body.starts_with('{');
    let form = "application/x-www-form-urlencoded";
    let builder = http::Request::post(path);
    let builder = if json { builder } else { builder.header("content-type", form) };
    Request { builder, body: body.to_owned() }
}

impl Request {
    pub(crate) fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.builder = self.builder.header(name.as_ref(), value.as_ref());
        self
    }

    /// As our own page sends it.
    pub(crate) fn with_origin(self) -> Self {
        self.header("origin", format!("http://{HOST}"))
    }

    pub(crate) fn with_bearer(self) -> Self {
        self.header("authorization", format!("Bearer {SECRET}"))
    }
}

fn overview() -> Overview {
    let target = |provider: &str, model: &str, requests| TargetRow {
        target: format!("{provider}/{model}").into(),
        provider: provider.into(),
        model: model.into(),
        gate: GateState::Open,
        shut_for_ms: None,
        reason: None,
        one_in: None,
        error_percent: 0,
        degraded: false,
        keys_open: 1,
        keys: 1,
        skips: Vec::new(),
        requests,
        failures: 0,
        in_flight: 2,
        first_token_p50_ms: Some(388),
        cost: NanoUsd(4_903_000_000),
    };
    let shut = TargetRow {
        gate: GateState::Shut,
        shut_for_ms: Some(12_400),
        reason: Some("timed_out".to_owned()),
        error_percent: 64,
        degraded: false,
        keys_open: 1,
        keys: 2,
        skips: vec![("gate_shut", 211), ("retry_budget", 3)],
        failures: 14,
        in_flight: 0,
        ..target("anthropic", "claude-fable-5", 1_204)
    };
    let bar = |minutes_ago: i64, requests, rescued| MinuteBar {
        at: Timestamp((NOON / 60_000 - minutes_ago) * 60_000),
        cost: NanoUsd(i64::try_from(requests).expect("small") * 2_000_000),
        requests,
        failed: u64::from(rescued > 0),
        rescued,
    };
    Overview {
        version: "0.1.0".to_owned(),
        uptime_ms: 135_000,
        now: Timestamp(NOON),
        simulated: Some("The vendors are simulated.".to_owned()),
        requests: Requests {
            total: 1_240,
            answered: 1_239,
            failed: 1,
            in_flight: 2,
            rescued: 12,
            refused: 3,
            per_minute_now: 96,
        },
        spend: Spend {
            last_hour: NanoUsd(2_480_000_000),
            today: NanoUsd(7_100_000_000),
            avoided_today: NanoUsd(3_300_000_000),
            estimated_share: 0.004,
            assumed_share: 0.0,
            by_minute: vec![bar(2, 0, 0), bar(1, 104, 0), bar(0, 96, 12)],
        },
        targets: vec![shut, target("openai", "gpt-5.5", 36)],
        students: vec![StudentRow {
            task: "task:intent".into(),
            answered: 940,
            declined: 60,
            avoided: NanoUsd(3_300_000_000),
        }],
        failovers: vec![
            FailoverRow {
                at: Timestamp(NOON - 1_000),
                request: "req_0198c5e2f1a97c3b9d2e4f6071829300".to_owned(),
                route: "claude-fable-5".into(),
                from: "anthropic/claude-fable-5".into(),
                to: Some("openai/gpt-5.5".into()),
                reason: "timed_out".to_owned(),
                added_ms: 8_120,
            },
            FailoverRow {
                at: Timestamp(NOON - 3_000),
                request: "req_0198c5e2f1a97c3b9d2e4f6071829301".to_owned(),
                route: "claude-fable-5".into(),
                from: "anthropic/claude-fable-5".into(),
                to: None,
                reason: "unreachable".to_owned(),
                added_ms: 3,
            },
        ],
        top_principals: vec![
            PrincipalRow { principal: "ada".into(), requests: 900, cost: NanoUsd(6_300_000_000) },
            PrincipalRow { principal: "grace".into(), requests: 340, cost: NanoUsd(46_000_000) },
        ],
        asking: 1,
    }
}

/// Ada's night, which asks; grace's, which is stopped; and one that runs.
fn board() -> BreakerBoard {
    let limits = Autonomy { autonomous_ms: 36_000_000, cost: NanoUsd(50_000_000_000) };
    let key = |principal: &str, client, session: &str| SessionKey {
        principal: principal.into(),
        client,
        session: SessionId::parse(session).expect("well formed"),
    };
    let row = |id: &str, session, state, ms, cost, requests| SessionRow {
        id: id.into(),
        session,
        agent: "claude-cli/2.1.197".to_owned(),
        state,
        version: 1,
        evidence: Evidence {
            used: Autonomy { autonomous_ms: ms, cost: NanoUsd(cost) },
            requests,
            first_seen: Timestamp(NOON - 40_000_000),
            last_human: Some(Timestamp(NOON - 36_900_000)),
            run_began: Timestamp(NOON - 36_720_000),
        },
        allowed: limits,
        last_seen: Timestamp(NOON - 4_000),
        in_flight: 0,
        refused: 0,
        changed_at: Some(Timestamp(NOON - 720_000)),
        changed_by: Some("outlast".to_owned()),
    };
    let ada = key("ada", ClientFamily::ClaudeCode, "0198c5e2-f1a9-7c3b-9d2e-4f6071829300");
    let grace = key("grace", ClientFamily::Other, "nightly-evals-0001");
    let asking =
        row("br_asks000000", ada.clone(), BreakerState::Pinged, 36_720_000, 43_210_000_000, 612);
    let stopped = SessionRow {
        agent: "opencode/1.4.2".to_owned(),
        version: 2,
        refused: 3,
        changed_by: Some("admin (console)".to_owned()),
        ..row("br_stopped000", grace.clone(), BreakerState::Stopped, 5_100_000, 71_500_000_000, 204)
    };
    let running = SessionRow {
        in_flight: 1,
        changed_at: None,
        changed_by: None,
        ..row(
            "br_runs000000",
            key("support-bot", ClientFamily::Other, "ticket-48213"),
            BreakerState::Closed,
            720_000,
            1_900_000_000,
            31,
        )
    };
    let event = |of: &SessionRow, version, change, state, by: &str| BreakerEvent {
        breaker: of.id.clone(),
        version,
        at: Timestamp(NOON - 720_000),
        session: of.session.clone(),
        agent: AgentName::of(&of.agent),
        change,
        state,
        allowed: limits,
        evidence: of.evidence,
        by: by.to_owned(),
    };
    let more = Autonomy { autonomous_ms: 7_200_000, cost: NanoUsd(20_000_000_000) };
    let events = vec![
        event(&stopped, 2, BreakerChange::Stopped, BreakerState::Stopped, "admin (console)"),
        event(&asking, 1, BreakerChange::Pinged, BreakerState::Pinged, "outlast"),
        event(&running, 2, BreakerChange::Confirmed(more), BreakerState::Closed, "admin (API)"),
        event(&running, 4, BreakerChange::HumanSpoke, BreakerState::Closed, "support-bot"),
    ];
    BreakerBoard {
        version: "0.1.0".to_owned(),
        now: Timestamp(NOON),
        simulated: Some("The vendors are simulated.".to_owned()),
        limits,
        refused: 3,
        asking: vec![asking],
        stopped: vec![stopped],
        running: vec![running],
        events,
    }
}
