//! Serves the console on loopback with made-up values, to look at the page while working on it:
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
    AllowedHosts, Clock, ConsoleState, Doing, FailoverRow, GateState, Live, MinuteBar, Overview,
    PrincipalRow, Requests, Spend, StudentRow, TargetRow, TaskRow, Tasks,
};
use store::Store;
use terms::{
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
                per_minute_now: if scene == Scene::Empty { 0 } else { 188 },
            },
            spend: Spend {
                last_hour,
                today: NanoUsd(last_hour.0 * 3),
                avoided_today: NanoUsd(if scene == Scene::Empty { 0 } else { 1_204_000_000 }),
                estimated_share: if scene == Scene::Empty { 0.0 } else { 0.013 },
                by_minute,
            },
            targets: targets(scene),
            students: students(scene),
            failovers: failovers(scene, now),
            top_principals: principals(scene),
        }
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
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
        targets[1].gate = GateState::Probing;
        targets[1].shut_for_ms = Some(31_000);
        targets[1].reason = Some("timed_out".to_owned());
        targets[1].failures = 9;
        targets[1].in_flight = 1;
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
    let failover = |index: i64| FailoverRow {
        at: Timestamp(now.0 - index * 1_700),
        request: format!("req_0198c5e2f1a97c3b9d2e4f60718293{index:02x}"),
        route: if index % 3 == 1 { "claude-opus-4-8".into() } else { "claude-fable-5".into() },
        from: if index % 3 == 1 {
            "anthropic/claude-opus-4-8".into()
        } else {
            "anthropic/claude-fable-5".into()
        },
        to: (index != 5).then(|| "openai/gpt-5.5".into()),
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
    let state = ConsoleState {
        live: live.clone(),
        pipelines: Arc::new(NoPipelines(watch::Sender::new(0))),
        tasks: Arc::new(NoTasks),
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
