//! A running Outlast: store, keys, books, gateway and console, started in this order and stopped in
//! the other, so that nothing that was answered stays unbooked.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use access::{Admin, Keys, Secret, load_admin_secret};
use anyhow::{Context, bail};
use console::{AllowedHosts, Clock, ConsoleState};
use gateway::{CANARY, Gateway, IntakeLimits, Listener, ListenerLimits, Parts, Workers};
use ledger::{Ingest, Ledger, LedgerOptions, Opened};
use store::{SpendDimension, SpendQuery, SpendRow, Store};
use terms::{incident::Incident, money::NanoUsd, time::Timestamp};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};

use crate::{
    breakers::BreakerDesk,
    canaries::CanaryRounds,
    clock::{SystemClock, wall},
    config::{Config, Environment},
    data_folder::{DataFolder, Instance},
    deployments::Deployments,
    game_days::GameDays,
    incidents::IncidentKeeper,
    live::LiveView,
    models::{ModelDesk, lists, price_list, read_lives},
    notify::{Event, Notice, Notifier},
    pipelines::{self, PipelinesView, Teacher},
    prices::PriceVersions,
    routing::Routing,
    shelf::{ShelfLimits, StoreShelf},
    tasks::TaskDesk,
    traces::StoreTraces,
};

/// The environment variable that sets the admin secret instead of the generated file.
const ADMIN_SECRET_VARIABLE: &str = "OUTLAST_ADMIN_SECRET";

/// Who asks the teachers of distillations, in the books.
const DISTILLER: &str = "outlast-distill";

/// The team that pays for them, and for canaries.
const DISTILLER_TEAM: &str = "default";

/// How long the console's connections may take to end once everything else has stopped.
const CONSOLE_DRAIN: Duration = Duration::from_secs(2);

/// A running Outlast. Dropping it without [`Running::stop`] loses nothing either: the journal is
/// replayed at the next start.
pub(crate) struct Running {
    pub(crate) routing: Arc<Routing>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) store: Store,
    pub(crate) pipelines: Arc<PipelinesView>,
    pub(crate) gateway_address: SocketAddr,
    pub(crate) console_address: SocketAddr,
    admin: Arc<Admin>,
    clock: SystemClock,
    ingest: Ingest,
    shelf: Arc<StoreShelf>,
    shelf_task: JoinHandle<()>,
    traces: Arc<StoreTraces>,
    traces_task: JoinHandle<()>,
    incidents: Arc<IncidentKeeper>,
    /// Keeps incidents, and asks canaries; both end when the program stops.
    watching: [JoinHandle<()>; 2],
    stop: watch::Sender<bool>,
    models: Arc<ModelDesk>,
    models_task: JoinHandle<()>,
    /// Looks that are taken now and then; none in a program that ends with its work.
    schedules: Vec<JoinHandle<()>>,
    notifier_task: JoinHandle<()>,
    gateway_task: JoinHandle<()>,
    console_task: JoinHandle<()>,
    folder: DataFolder,
}

impl Running {
    /// Starts everything that the config names.
    pub(crate) async fn start(config: &Config, environment: &Environment) -> anyhow::Result<Self> {
        let given = environment.get(ADMIN_SECRET_VARIABLE).map(Secret::new);
        refuse_public(config, given.is_some())?;
        let folder = DataFolder::open_to_run(&config.data)?;
        let admin_secret =
            load_admin_secret(folder.path(), given).context("the admin secret cannot be kept")?;
        let store =
            Store::open(&folder.store_path()).await.context("the store cannot be opened")?;
        let keys = Arc::new(Keys::load(&store).await.context("the keys cannot be read")?);
        let prices = PriceVersions::load(folder.path())?;
        let Opened { ledger, ingest, .. } = Ledger::open(
            LedgerOptions::new(folder.journal_path()),
            store.clone(),
            prices.book(config),
        )
        .await
        .context("the ledger cannot be opened")?;
        ledger.set_breaker_limits(config.breaker);
        let kept =
            ShelfLimits { time: config.replies.keep.time, bytes: config.replies.store_bytes };
        let (shelf, shelf_task) = StoreShelf::start(store.clone(), kept);
        let (traces, traces_task) = StoreTraces::start(store.clone());
        let gateway = Gateway::new(Parts {
            table: config.table(),
            keys: Arc::clone(&keys),
            ledger: Arc::clone(&ledger),
            retries: config.limits.retries,
            gates: config.limits.gates,
            intake: intake(config),
            keep: config.replies.keep,
            shelf: Some(shelf.clone()),
            traces: Some(traces.clone()),
        });
        gateway.chaos().allow(config.chaos_principals.clone());
        let deployments = Deployments::load(folder.path(), store.clone()).await?;
        gateway.lives().restore(read_lives(&store).await?);
        let routing = Routing::start(
            Arc::clone(&gateway),
            Arc::clone(&ledger),
            deployments,
            prices,
            config.clone(),
        );
        let (notifier, notifier_task) = Notifier::start();
        let tell = {
            let (routing, notifier) = (Arc::clone(&routing), Arc::clone(&notifier));
            Box::new(move |incident: &Incident, told: &str| {
                let notice = Notice::new(Event::Incident, told.to_owned(), wall());
                let notice = Notice { target: Some(incident.target.to_string()), ..notice };
                notifier.tell(notice, routing.config().upkeep.webhook.clone());
            })
        };
        let incidents =
            IncidentKeeper::restore(Arc::clone(&gateway), Arc::clone(&ledger), store.clone(), tell)
                .await?;
        let models = Arc::new(ModelDesk {
            gateway: Arc::clone(&gateway),
            ledger: Arc::clone(&ledger),
            store: store.clone(),
            routing: Arc::clone(&routing),
            notifier,
            notice: config.notice.clone(),
            used: Mutex::default(),
            failed: Mutex::default(),
            price_list: Mutex::default(),
        });
        let (stop, stopped) = watch::channel(false);
        let listener = Listener::bind(config.listen, ListenerLimits::default())
            .await
            .with_context(|| format!("the gateway cannot listen on {}", config.listen))?;
        let gateway_address = listener.address()?;
        let console_socket = TcpListener::bind(config.console)
            .await
            .with_context(|| format!("the console cannot listen on {}", config.console))?;
        let console_address = console_socket.local_addr()?;
        ledger.set_console(&console_place(console_address, &config.console_hosts));
        let key = keys.lend(DISTILLER.into(), DISTILLER_TEAM.into(), wall())?;
        let teacher = Teacher { gateway: gateway_address, key };
        let engine = pipelines::open(folder.path(), Some(teacher))
            .await
            .context("the pipelines cannot be opened")?;
        let pipelines = Arc::new(PipelinesView { engine, gateway: Some(Arc::clone(&gateway)) });
        let admin = Arc::new(Admin::new(&admin_secret)?);
        let clock = SystemClock::start();
        let today = booked_today(&store).await?;
        let live = LiveView {
            gateway: Arc::clone(&gateway),
            ledger: Arc::clone(&ledger),
            clock,
            notice: config.notice.clone(),
            spent_before: (today.day, today.cost),
            avoided_before: today.avoided,
        };
        let breakers = BreakerDesk {
            gateway: Arc::clone(&gateway),
            ledger: Arc::clone(&ledger),
            notice: config.notice.clone(),
        };
        let state = ConsoleState {
            live: Arc::new(live),
            pipelines: pipelines.clone(),
            models: models.clone(),
            tasks: Arc::new(TaskDesk { routing: Arc::clone(&routing) }),
            breakers: Arc::new(breakers),
            chaos: Arc::new(GameDays { gateway: Arc::clone(&gateway) }),
            incidents: incidents.clone(),
            store: store.clone(),
            keys: Arc::clone(&keys),
            admin: Arc::clone(&admin),
            allowed_hosts: allowed_hosts(console_address, &config.console_hosts),
            clock: Arc::new(clock),
            closing: stopped.clone(),
        };
        let workers = Workers::threads(&gateway, config.workers)
            .context("no worker thread can be started")?;
        folder.announce(&Instance { console: console_address })?;
        let models_task = Arc::clone(&models).watch(stopped.clone());
        let gateway_task = tokio::spawn(listener.serve(workers, stopped.clone()));
        let keeping = tokio::spawn(Arc::clone(&incidents).keep(stopped.clone()));
        let rounds = CanaryRounds {
            gateway: Arc::clone(&gateway),
            ledger: Arc::clone(&ledger),
            routing: Arc::clone(&routing),
            store: store.clone(),
            key: keys.lend(CANARY.into(), DISTILLER_TEAM.into(), wall())?,
        };
        let canaries_task = tokio::spawn(rounds.run(stopped.clone()));
        let console_task = tokio::spawn(serve_console(console_socket, state, stopped));
        Ok(Self {
            routing,
            ledger,
            keys,
            store,
            pipelines,
            gateway_address,
            console_address,
            admin,
            clock,
            ingest,
            shelf,
            shelf_task,
            traces,
            traces_task,
            incidents,
            watching: [keeping, canaries_task],
            stop,
            models,
            models_task,
            schedules: Vec::new(),
            notifier_task,
            gateway_task,
            console_task,
            folder,
        })
    }

    /// A link that signs in once, within ten minutes.
    pub(crate) fn sign_in_link(&self) -> anyhow::Result<String> {
        let code = self.admin.issue_code(self.clock.moment())?;
        Ok(format!("http://{}/sign-in?code={}", self.console_address, code.expose()))
    }

    /// Looks now and then at the providers' lists of models, and at the price list of the config.
    pub(crate) fn watch_lists(&mut self) {
        self.schedules.push(tokio::spawn(lists::watch(Arc::clone(&self.models))));
        self.schedules.push(tokio::spawn(price_list::watch(Arc::clone(&self.models))));
    }

    /// Takes up the pipelines that an earlier process left unfinished; gives how many.
    pub(crate) async fn resume_pipelines(&self) -> anyhow::Result<usize> {
        Ok(self.pipelines.engine.resume_all().await?.len())
    }

    /// Lets open answers end, closes the books, and stops. Pipelines stop first, because their steps
    /// ask the gateway; they stay unfinished and are taken up at the next start.
    pub(crate) async fn stop(self) {
        self.pipelines.engine.clone().close().await;
        let _ = self.stop.send(true);
        let _ = self.gateway_task.await;
        for schedule in self.schedules {
            schedule.abort();
        }
        let _ = self.models_task.await;
        // The gateway had its time to drain; a console connection that hangs gets no more.
        let mut console_task = self.console_task;
        if timeout(CONSOLE_DRAIN, &mut console_task).await.is_err() {
            console_task.abort();
        }
        for task in self.watching {
            let _ = task.await;
        }
        // What the last answers showed.
        self.incidents.save().await;
        // What the webhook was not told by now is in the log.
        self.notifier_task.abort();
        self.ingest.stop().await;
        self.shelf.close(self.shelf_task).await;
        self.traces.close(self.traces_task).await;
        self.store.close().await;
        drop(self.folder);
    }
}

/// Loopback needs no more than the generated secret; anything else wants one that somebody chose.
fn refuse_public(config: &Config, has_secret: bool) -> anyhow::Result<()> {
    for (what, address) in [("gateway", config.listen), ("console", config.console)] {
        if !address.ip().is_loopback() && !has_secret {
            bail!(
                "the {what} would listen on {address}, which others can reach: set {ADMIN_SECRET_VARIABLE} to a secret of your own first, or listen on 127.0.0.1"
            );
        }
    }
    Ok(())
}

fn intake(config: &Config) -> IntakeLimits {
    let defaults = IntakeLimits::default();
    IntakeLimits { body_bytes: config.limits.body_bytes.unwrap_or(defaults.body_bytes), ..defaults }
}

/// Where people find the console, for the sentence that a stopped session shows: the first of the
/// names that it answers under, which have TLS in front, else its address, unless that is none.
fn console_place(address: SocketAddr, hosts: &[String]) -> String {
    match hosts.first() {
        Some(host) => format!("https://{host}"),
        None if address.ip().is_unspecified() => String::new(),
        None => format!("http://{address}"),
    }
}

/// Loopback names, the address itself where the console listens on another, and the config's names.
fn allowed_hosts(address: SocketAddr, names: &[String]) -> AllowedHosts {
    let own = match address.ip() {
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let own = ["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned(), own];
    AllowedHosts::new(own.into_iter().chain(names.iter().cloned()))
}

/// What the books hold for today.
struct Today {
    /// Since 1970.
    day: i64,
    cost: NanoUsd,
    avoided: NanoUsd,
}

/// What the books hold for today, so that the console's figures survive a restart.
async fn booked_today(store: &Store) -> anyhow::Result<Today> {
    let day = wall().day();
    let query = SpendQuery {
        by: vec![SpendDimension::Day],
        since: Some(Timestamp::of_day(day)),
        until: None,
    };
    let rows = store.spend(&query).await.context("the books cannot be read")?;
    let sum = |of: fn(&SpendRow) -> NanoUsd| rows.iter().map(of).sum();
    Ok(Today { day, cost: sum(|row| row.cost), avoided: sum(|row| row.avoided_cost) })
}

async fn serve_console(
    socket: TcpListener,
    state: ConsoleState,
    mut stopped: watch::Receiver<bool>,
) {
    let service = console::router(state).into_make_service_with_connect_info::<SocketAddr>();
    let stopping = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    if let Err(failure) = axum::serve(socket, service).with_graceful_shutdown(stopping).await {
        tracing::error!(%failure, "the console stopped");
    }
}

#[cfg(test)]
mod tests {
    use super::console_place;

    #[test]
    fn a_stopped_session_is_told_an_address_that_its_people_can_open() {
        let check = |address: &str, hosts: &[&str], expect| {
            let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
            assert_eq!(console_place(address.parse().unwrap(), &hosts), expect);
        };
        check("127.0.0.1:4101", &[], "http://127.0.0.1:4101");
        check("0.0.0.0:4101", &["ai.example.com", "other"], "https://ai.example.com");
        check("0.0.0.0:4101", &[], "");
    }
}
