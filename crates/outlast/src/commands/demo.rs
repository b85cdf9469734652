//! `outlast demo`: three simulated vendors, live traffic, an outage, on one machine and without keys.

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use clap::Args;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::time::sleep;

use crate::{
    clock::wall,
    commands::serve::{StopSignal, log_to_stderr},
    config::{Config, Environment, Overrides},
    demo::{
        Line, PEOPLE, Stage, Tally, Traffic, Vendors,
        lesson::{self, Classroom},
        runaway,
    },
    pipelines::PipelinesView,
    running::Running,
    terminal,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Stop by itself after this many seconds [default: runs until Ctrl-C]
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    /// The console's address [default: 127.0.0.1:4101, or a free port where that is taken]
    #[arg(long, value_name = "ADDRESS")]
    console: Option<std::net::SocketAddr>,
    /// Keep the books here [default: a temporary folder that is removed at the end]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    log_to_stderr("error");
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(demo(arguments, environment))
}

async fn demo(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let mut stop = StopSignal::catch()?;
    let temporary = tempfile::tempdir().context("no temporary folder can be made")?;
    let data = arguments.data.clone().unwrap_or_else(|| temporary.path().to_owned());
    let vendors = Vendors::start().await?;
    let console = arguments.console.or_else(|| free("127.0.0.1:4101"));
    let overrides = Overrides { console, data: Some(data), ..Overrides::default() };
    let task_file = lesson::write(&temporary.path().join("task"))?;
    let config = Config::from_text("demo", &vendors.config(&task_file), environment, &overrides)?;
    let running = Running::start(&config, environment).await?;
    terminal::line(
        "Outlast demo: three simulated vendors on this machine, seven callers, real list prices.",
    );
    terminal::line(&format!("console  {}", running.sign_in_link()?));
    terminal::line(&format!("gateway  http://{}", running.gateway_address));
    terminal::line(
        "At 00:20 the first vendor dies, at 00:40 a job runs away, at 00:50 the vendor is back, at 01:02 a task is distilled. Ctrl-C ends the demo.\n",
    );
    let tally = Tally::default();
    let keys = keys(&running).await?;
    let base_url = format!("http://{}", running.gateway_address);
    let job = Line {
        client: Client::builder(TokioExecutor::new()).build_http(),
        base_url: base_url.clone(),
        key: key(&running, runaway::PRINCIPAL, runaway::TEAM).await?,
    };
    let classroom = Classroom {
        pipelines: PipelinesView::clone(&running.pipelines),
        routing: Arc::clone(&running.routing),
        console: running.console_address,
        task_file,
    };
    let traffic = Traffic::start(&base_url, keys, &tally);
    let stage = Stage { vendors: &vendors, running: &running, tally: &tally, job, classroom };
    tokio::select! {
        ended = stage.play() => ended?,
        () = stop.received() => {}
        () = after(arguments.seconds) => {}
    }
    drop(stage);
    traffic.stop().await;
    running.stop().await;
    terminal::event(&tally.line());
    Ok(if tally.failures() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A key for everyone.
async fn keys(running: &Running) -> anyhow::Result<Vec<String>> {
    let mut keys = Vec::with_capacity(PEOPLE.len());
    for person in PEOPLE {
        keys.push(key(running, person.principal, person.team).await?);
    }
    Ok(keys)
}

async fn key(running: &Running, principal: &str, team: &str) -> anyhow::Result<String> {
    let keys = &running.keys;
    let new = keys.create(&running.store, principal.into(), team.into(), "demo", wall()).await?;
    Ok(new.secret.expose().to_owned())
}

async fn after(seconds: Option<u64>) {
    match seconds {
        Some(seconds) => sleep(Duration::from_secs(seconds)).await,
        None => std::future::pending().await,
    }
}

/// The usual address where it is free: a bookmark keeps working.
fn free(address: &str) -> Option<std::net::SocketAddr> {
    let address = address.parse().ok()?;
    std::net::TcpListener::bind(address).is_ok().then_some(address)
}
