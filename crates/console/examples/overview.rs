//! Serves the console on loopback with made-up values, to look at its pages while working on them:
//! `cargo run -p console --example overview [quiet|empty]`. Prints a sign-in link.

use std::{
    env,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, LazyLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use access::{Admin, Keys, Secret};
use console::pipelines::{
    ArtifactAsked, ArtifactContent, DistillationOrder, ExecutionPage, Pipelines, Promise, RunOrder,
    RunPage, RunRow, Unfit,
};
use console::{
    AllowedHosts, AnswerRefused, BreakerAnswer, BreakerBoard, Breakers, Chaos, ChaosOrder,
    ChaosRow, Clock, ConsoleState, Doing, FailoverRow, GateState, Incidents, Live, MinuteBar,
    ModelBoard, ModelDecision, Models, Overview, PriceRefresh, PrincipalRow, Requests, SessionRow,
    Spend, StudentRow, TargetRow, TaskRow, Tasks,
};
use store::Store;
use terms::{
    breaker::{
        AgentName, Autonomy, BreakerChange, BreakerEvent, BreakerId, BreakerState, ClientFamily,
        Evidence, SessionId, SessionKey,
    },
    ids::{IncidentId, RequestId},
    incident::{CanaryOutcome, CanaryRun, Cause, Closed, Comparison, Incident, Level, Sign},
    money::NanoUsd,
    time::{Moment, Timestamp},
};
use tokio::sync::watch;

static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn moment(&self) -> Moment {
        Moment(u64::try_from(STARTED.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

/// What the page is to show.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scene {
    Outage,
    Quiet,
    Empty,
}

struct MadeUp {
    scene: Scene,
    changes: watch::Sender<u64>,
}

impl Live for MadeUp {
    fn overview(&self) -> Overview {
        let now = SystemClock.now();
        let scene = self.scene;
        let by_minute = bars(scene, now);
        let total: u64 = by_minute.iter().map(|bar| bar.requests).sum();
        let rescued: u64 = by_minute.iter().map(|bar| bar.rescued).sum();
        let last_hour: NanoUsd = by_minute.iter().map(|bar| bar.cost).sum();
        Overview {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_ms: 7_512_000,
            now,
            simulated: Some(
                "The vendors are simulated: answers and latencies are made up, prices are real."
                    .to_owned(),
            ),
            requests: Requests {
                total,
                answered: total,
                failed: 0,
                in_flight: if scene == Scene::Empty { 0 } else { 7 },
                rescued,
                refused: if scene == Scene::Outage { 3 } else { 0 },
                per_minute_now: if scene == Scene::Empty { 0 } else { 188 },
            },
            spend: Spend {
                last_hour,
                today: NanoUsd(last_hour.0 * 3),
                avoided_today: NanoUsd(if scene == Scene::Empty { 0 } else { 1_204_000_000 }),
                assumed_share: 0.0,
                estimated_share: if scene == Scene::Empty { 0.0 } else { 0.013 },
                by_minute,
            },
            targets: targets(scene),
            students: students(scene),
            failovers: failovers(scene, now),
            top_principals: principals(scene),
            asking: self.board().asking.len() as u64,
        }
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

impl Incidents for MadeUp {
    fn close<'a>(&'a self, _: &'a IncidentId, _: &'a str) -> Doing<'a, bool> {
        Box::pin(async { Ok(false) })
    }
}

/// Two open incidents, an earlier one, and canaries.
async fn made_up_incidents(store: &Store) -> Result<(), Box<dyn std::error::Error>> {
    let now = SystemClock.now();
    let ago = |minutes: i64| Timestamp(now.0 - minutes * 60_000);
    let level = |value: f64, answers| Level { value, low: value * 0.8, high: value * 1.2, answers };
    let incident = |id: &str, minutes, cause, numbers: Option<(f64, f64)>| Incident {
        id: id.into(),
        target: "openai/gpt-5.5".into(),
        cause,
        opened: ago(minutes - 3),
        since: ago(minutes),
        comparison: numbers.map(|(before, after)| Comparison {
            before: level(before, 874),
            after: level(after, 47),
            once_in: 1_431_902.0,
            callers: 3,
        }),
        unmet: None,
        examples: vec![RequestId::from_parts(1, 1), RequestId::from_parts(2, 2)],
        closed: None,
    };
    let canary = Incident {
        target: "anthropic/claude-fable-5".into(),
        unmet: Some("the answer is no JSON object with a field `total`".to_owned()),
        ..incident("inc_2f0c8a8f1de4c771", 140, Cause::Canary("adds-two-numbers".into()), None)
    };
    let earlier = Incident {
        closed: Some(Closed { at: ago(300), by: None }),
        ..incident("inc_9e01b2", 420, Cause::Sign(Sign::Slower), Some((81.0, 38.0)))
    };
    let refuses =
        incident("inc_77d0a3f2b1c4e559", 12, Cause::Sign(Sign::Refusals), Some((0.021, 0.34)));
    store.put_incidents(&[earlier, canary, refuses], b"").await?;
    let outcomes = [
        CanaryOutcome::Passed,
        CanaryOutcome::Unanswered("the provider timed out".to_owned()),
        CanaryOutcome::Failed("the answer is no JSON object with a field `total`".to_owned()),
    ];
    for (number, outcome) in (1..).zip(outcomes) {
        let run = CanaryRun {
            request: RequestId::from_parts(number, 9),
            at: ago(i64::try_from(number)? * 60),
            canary: "adds-two-numbers".into(),
            target: "anthropic/claude-fable-5".into(),
            outcome,
            tokens: 14,
            first_token_ms: 620,
            cost: NanoUsd(310_000),
        };
        store.put_canary_run(&run, Timestamp(0)).await?;
    }
    Ok(())
}

impl Chaos for MadeUp {
    fn held(&self) -> Vec<ChaosRow> {
        Vec::new()
    }

    fn begin(&self, _: &ChaosOrder, _: &str) -> Result<ChaosRow, String> {
        Err("there is no gateway behind this example".to_owned())
    }

    fn end(&self, _: Option<u64>) -> usize {
        0
    }
}

impl Breakers for MadeUp {
    fn board(&self) -> BreakerBoard {
        let now = SystemClock.now();
        if self.scene == Scene::Outage { board(now) } else { empty_board(now) }
    }

    fn answer(
        &self,
        _id: &BreakerId,
        _seen: Option<u64>,
        _answer: BreakerAnswer,
        _by: &str,
    ) -> Result<(), AnswerRefused> {
        Err(AnswerRefused::Refused("these sessions are made up and take no answer".to_owned()))
    }
}

fn bars(scene: Scene, now: Timestamp) -> Vec<MinuteBar> {
    let minute = now.0.div_euclid(60_000);
    (0..60_u32)
        .map(|index| {
            let wave = f64::from(index) * 0.9;
            let level = 150.0 + 34.0 * wave.sin() + 21.0 * (wave * 2.7).cos();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            let requests = match scene {
                Scene::Empty => 0,
                Scene::Quiet if index < 52 => 0,
                _ => level as u64,
            };
            let outage = scene == Scene::Outage && (index > 56 || (20..24).contains(&index));
            MinuteBar {
                at: Timestamp((minute - 59 + i64::from(index)) * 60_000),
                cost: NanoUsd(i64::try_from(requests).unwrap_or(0) * 2_310_000),
                requests,
                failed: 0,
                rescued: if outage { requests * 2 / 3 } else { 0 },
            }
        })
        .collect()
}

fn targets(scene: Scene) -> Vec<TargetRow> {
    let target = |provider: &str, model: &str, requests, first_token, cost| TargetRow {
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
        in_flight: 3,
        first_token_p50_ms: first_token,
        cost: NanoUsd(cost),
    };
    if scene == Scene::Empty {
        return vec![];
    }
    let mut targets = vec![
        target("anthropic", "claude-fable-5", 6_120, Some(420), 11_420_000_000),
        target("anthropic", "claude-opus-4-8", 1_004, Some(613), 4_020_000_000),
        target("openai", "gpt-5.5", 2_218, Some(388), 4_903_000_000),
        target("google", "gemini-3.5-pro", 12, None, 8_400_000),
    ];
    if scene == Scene::Outage {
        targets[0].gate = GateState::Shut;
        targets[0].shut_for_ms = Some(12_400);
        targets[0].reason = Some("unreachable".to_owned());
        targets[0].failures = 14;
        targets[0].in_flight = 0;
        targets[0].error_percent = 64;
        targets[0].skips = vec![("gate_shut", 1_204), ("overtaken", 3)];
        targets[1].gate = GateState::Probing;
        targets[1].shut_for_ms = Some(31_000);
        targets[1].reason = Some("model gone".to_owned());
        targets[1].failures = 9;
        targets[1].in_flight = 1;
        targets[1].error_percent = 31;
        targets[2].gate = GateState::Returning;
        targets[2].one_in = Some(4);
        targets[2].shut_for_ms = Some(9_000);
        targets[2].reason = Some("rate limited".to_owned());
        (targets[2].keys_open, targets[2].keys) = (2, 3);
        targets[2].skips = vec![("returning", 41), ("retry_budget", 12)];
    }
    targets
}

fn students(scene: Scene) -> Vec<StudentRow> {
    if scene == Scene::Empty {
        return vec![];
    }
    vec![StudentRow {
        task: "task:banking-intent".into(),
        answered: 5_120,
        declined: 297,
        avoided: NanoUsd(1_204_000_000),
    }]
}

struct NoTasks;

impl Tasks for NoTasks {
    fn list(&self) -> Vec<TaskRow> {
        vec![]
    }

    fn deploy(&self, _package: PathBuf, _anyway: bool) -> Doing<'_, TaskRow> {
        Box::pin(async { Err("this is an example".to_owned()) })
    }

    fn undeploy(&self, _task: String) -> Doing<'_, TaskRow> {
        Box::pin(async { Err("this is an example".to_owned()) })
    }

    fn roll_back(&self, _task: String) -> Doing<'_, TaskRow> {
        Box::pin(async { Err("this is an example".to_owned()) })
    }
}

impl Models for NoTasks {
    fn board(&self) -> ModelBoard {
        ModelBoard {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now: SystemClock.now(),
            simulated: Some("The vendors are simulated: answers are made up.".to_owned()),
            models: vec![],
            notices: vec![],
            price_version: "2026-11-20".to_owned(),
            waiting: vec![],
            rejected: vec![],
            price_damage: vec![],
            price_versions: vec![],
            price_list: None,
        }
    }

    fn decide(&self, _decision: ModelDecision, _by: String) -> Doing<'_, ()> {
        Box::pin(async { Err("this is an example".to_owned()) })
    }

    fn refresh(&self, _from: String, _apply: bool) -> Doing<'_, PriceRefresh> {
        Box::pin(async { Err("this is an example".to_owned()) })
    }
}

struct NoPipelines(watch::Sender<u64>);

impl Pipelines for NoPipelines {
    fn changes(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }

    fn runs(&self) -> Promise<'_, Vec<RunRow>> {
        Box::pin(async { vec![] })
    }

    fn run<'a>(&'a self, _: &'a str) -> Promise<'a, Option<RunPage>> {
        Box::pin(async { None })
    }

    fn execution<'a>(&'a self, _: &'a str, _: u32) -> Promise<'a, Option<ExecutionPage>> {
        Box::pin(async { None })
    }

    fn artifact<'a>(&'a self, _: &'a ArtifactAsked) -> Promise<'a, Option<ArtifactContent>> {
        Box::pin(async { None })
    }

    fn submit(&self, _: RunOrder) -> Promise<'_, Result<String, Unfit>> {
        Box::pin(async { Err(Unfit(vec!["this is an example".to_owned()])) })
    }

    fn distill(&self, _: DistillationOrder) -> Promise<'_, Result<String, Unfit>> {
        Box::pin(async { Err(Unfit(vec!["this is an example".to_owned()])) })
    }

    fn cancel<'a>(&'a self, _: &'a str) -> Promise<'a, bool> {
        Box::pin(async { false })
    }
}

fn failovers(scene: Scene, now: Timestamp) -> Vec<FailoverRow> {
    if scene != Scene::Outage {
        return vec![];
    }
    let long = "bedrock/eu.anthropic.claude-haiku-4-5-20251001-v1:0";
    let failover = |index: i64| FailoverRow {
        at: Timestamp(now.0 - index * 1_700),
        request: format!("req_0198c5e2f1a97c3b9d2e4f60718293{index:02x}"),
        route: if index % 3 == 1 { "claude-opus-4-8".into() } else { "claude-fable-5".into() },
        from: if index % 3 == 1 {
            "anthropic/claude-opus-4-8".into()
        } else {
            "anthropic/claude-fable-5".into()
        },
        to: (index != 5).then(|| if index == 1 { long } else { "openai/gpt-5.5" }.into()),
        reason: if index % 3 == 1 { "timed_out".to_owned() } else { "unreachable".to_owned() },
        added_ms: if index % 3 == 1 { 8_120 } else { 3 },
    };
    (0..23).map(failover).collect()
}

fn principals(scene: Scene) -> Vec<PrincipalRow> {
    if scene == Scene::Empty {
        return vec![];
    }
    let principal = |name: &str, requests, cost| PrincipalRow {
        principal: name.into(),
        requests,
        cost: NanoUsd(cost),
    };
    vec![
        principal("support-bot", 5_204, 9_870_000_000),
        principal("ada", 1_822, 6_300_000_000),
        principal("grace", 1_204, 3_015_000_000),
        principal("nightly-evals", 902, 1_120_000_000),
        principal("search", 222, 46_000_000),
    ]
}

/// Ada's night, which asks; grace's, which is stopped; and one that runs.
fn board(now: Timestamp) -> BreakerBoard {
    let noon = now.0;
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
            first_seen: Timestamp(noon - 40_000_000),
            last_human: Some(Timestamp(noon - 36_900_000)),
            run_began: Timestamp(noon - 36_720_000),
        },
        allowed: limits,
        last_seen: Timestamp(noon - 4_000),
        in_flight: 0,
        refused: 0,
        changed_at: Some(Timestamp(noon - 720_000)),
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
        at: Timestamp(noon - 720_000),
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
        refused: 3,
        asking: vec![asking],
        stopped: vec![stopped],
        running: vec![running],
        events,
        ..empty_board(now)
    }
}

fn empty_board(now: Timestamp) -> BreakerBoard {
    BreakerBoard {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now,
        simulated: None,
        limits: Autonomy { autonomous_ms: 36_000_000, cost: NanoUsd(50_000_000_000) },
        refused: 0,
        asking: vec![],
        stopped: vec![],
        running: vec![],
        events: vec![],
    }
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the link is what this program is for")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scene = match env::args().nth(1).as_deref() {
        Some("quiet") => Scene::Quiet,
        Some("empty") => Scene::Empty,
        _ => Scene::Outage,
    };
    let store = Store::in_memory().await?;
    let live = Arc::new(MadeUp { scene, changes: watch::Sender::new(0) });
    let admin = Arc::new(Admin::new(&Secret::new("an example of a secret"))?);
    let (_stop, closing) = watch::channel(false);
    if scene != Scene::Empty {
        made_up_incidents(&store).await?;
    }
    let state = ConsoleState {
        live: live.clone(),
        pipelines: Arc::new(NoPipelines(watch::Sender::new(0))),
        tasks: Arc::new(NoTasks),
        models: Arc::new(NoTasks),
        breakers: live.clone(),
        incidents: live.clone(),
        chaos: live.clone(),
        keys: Arc::new(Keys::load(&store).await?),
        store,
        admin: admin.clone(),
        allowed_hosts: AllowedHosts::loopback(),
        clock: Arc::new(SystemClock),
        closing,
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let code = admin.issue_code(SystemClock.moment())?;
    println!("http://{}/sign-in?code={}", listener.local_addr()?, code.expose());
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            tick.tick().await;
            live.changes.send_modify(|count| *count += 1);
        }
    });
    let service = console::router(state).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).await?;
    Ok(())
}
