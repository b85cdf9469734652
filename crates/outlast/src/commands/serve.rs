//! `outlast serve`: the gateway and the console, until a signal says stop.

use std::{net::SocketAddr, process::ExitCode, sync::Arc};

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::{
    commands::ConfigArguments,
    config::{Environment, Overrides},
    reload::Reloader,
    running::Running,
    terminal,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// The gateway's address, above the config's [default: 127.0.0.1:4100]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The console's address, above the config's [default: 127.0.0.1:4101]
    #[arg(long, value_name = "ADDRESS")]
    console: Option<SocketAddr>,
}

pub(crate) fn run(arguments: &Arguments, environment: Environment) -> anyhow::Result<ExitCode> {
    log_to_stderr("info");
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve(arguments, environment))
}

/// Structured logs without secrets or prompts; `OUTLAST_LOG` sets what is shown.
pub(crate) fn log_to_stderr(default: &str) {
    let filter = EnvFilter::try_from_env("OUTLAST_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let _ =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}

async fn serve(arguments: &Arguments, environment: Environment) -> anyhow::Result<ExitCode> {
    let overrides = Overrides {
        listen: arguments.listen,
        console: arguments.console,
        ..arguments.config.overrides()
    };
    let config = arguments.config.load(&environment, &overrides)?;
    let mut stop = StopSignal::catch()?;
    let mut running = Running::start(&config, &environment).await?;
    running.watch_lists();
    let resumed = running.resume_pipelines().await?;
    greet(&running, &config)?;
    if resumed > 0 {
        terminal::line(&format!("pipelines {resumed} unfinished, taken up again"));
    }
    let reloader = Reloader {
        path: arguments.config.path(),
        environment,
        overrides,
        routing: Arc::clone(&running.routing),
    };
    let watching = tokio::spawn(reloader.watch());
    stop.received().await;
    watching.abort();
    terminal::line("stopping: open answers may end, then the books are closed");
    tokio::select! {
        () = running.stop() => {}
        () = stop.received() => terminal::line("stopped at once; the journal is replayed at the next start"),
    }
    Ok(ExitCode::SUCCESS)
}

fn greet(running: &Running, config: &crate::config::Config) -> anyhow::Result<()> {
    let names: Vec<_> = config.providers.iter().map(|provider| provider.name.as_str()).collect();
    terminal::line(&format!(
        "gateway   http://{}  (OpenAI: base URL + /v1; Anthropic: base URL as it is)",
        running.gateway_address
    ));
    terminal::line(&format!("console   {}", running.sign_in_link()?));
    terminal::line(&format!("providers {}", names.join(", ")));
    if running.keys.list().is_empty() {
        terminal::line("no key yet: `outlast key create --principal NAME` makes one");
    }
    Ok(())
}

/// SIGINT (Ctrl-C) and SIGTERM, caught from the moment that this is made.
pub(crate) struct StopSignal {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignal {
    pub(crate) fn catch() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    pub(crate) async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
