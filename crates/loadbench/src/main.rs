//! The load bench: what a request and a streamed chunk cost in the gateway, beside nginx as a bare
//! reverse proxy and beside no proxy at all, in one run on loopback. Bounded in time and in count.
//! The provider is simulated, in a process of its own, so that every process pays for itself.
//!
//! `cargo run --release -p loadbench` builds `outlast` first; with `-- --no-build` it measures the binary
//! that stands beside it. `-- outage` kills and freezes a provider under load, and fails where a caller
//! sees anything of it; `-- failover` measures what a failover adds before the first token.

#![allow(clippy::print_stdout, reason = "a command line program speaks on standard output")]

mod asker;
mod client;
mod failover;
mod load;
mod nginx;
mod outage;
mod outlast;
mod process;
mod provider;
mod report;
mod speaker;

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use anyhow::{Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    load::Line,
    process::Server,
    report::{Report, Round, Row},
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let run = async {
        match words.as_slice() {
            ["provider"] => provider::serve().await,
            ["speaker", dialect] => speaker::serve(dialect).await,
            asked => {
                let (build, asked) = match asked {
                    [asked @ .., "--no-build"] => (false, asked),
                    asked => (true, asked),
                };
                let Some(bench) = Bench::named(asked) else { bail!("{USAGE}") };
                if build {
                    outlast::build()?;
                }
                unless_told_to_stop(bench.run()).await
            }
        }
    };
    match runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("loadbench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

const USAGE: &str = "usage: cargo run --release -p loadbench [-- [outage | failover] [--no-build]]";

/// What is measured.
#[derive(Debug, Clone, Copy)]
enum Bench {
    Load,
    Outage,
    Failover,
}

impl Bench {
    fn named(words: &[&str]) -> Option<Self> {
        match words {
            [] => Some(Self::Load),
            ["outage"] => Some(Self::Outage),
            ["failover"] => Some(Self::Failover),
            _ => None,
        }
    }

    async fn run(self) -> Result<()> {
        match self {
            Self::Load => bench().await,
            Self::Outage => outage::run().await,
            Self::Failover => failover::run().await,
        }
    }
}

/// Rounds, of which the median counts: a neighbour's burst spoils one and not all.
const ROUNDS: usize = 3;

/// Work that a server puts off (the ledger's ingestion) is done within this time, and counts.
const AFTERMATH: Duration = Duration::from_secs(1);

/// A bench that is told to stop takes the servers it started along.
async fn unless_told_to_stop(bench: impl Future<Output = Result<()>>) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = bench => done,
        _ = terminate.recv() => bail!("told to stop"),
        _ = tokio::signal::ctrl_c() => bail!("told to stop"),
    }
}

async fn bench() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let provider = provider::start()?;
    let direct = Line::bare(provider.addresses);
    let mut contenders = vec![Contender::new("direct", direct.clone(), None)];
    match nginx::start(folder.path(), provider.addresses)? {
        Some(nginx) => {
            let line = Line::bare(nginx.addresses);
            contenders.push(Contender::new("nginx", line, Some(nginx.server)));
        }
        None => println!("nginx is not installed (Debian: nginx-light): its line is left out"),
    }
    let gateway = outlast::start(folder.path(), provider.addresses)?;
    let line = Line { addresses: gateway.addresses, key: gateway.key };
    contenders.push(Contender::new("outlast", line, Some(gateway.server)));
    for contender in &contenders {
        wait_until_it_answers(contender.line.addresses.whole).await?;
        load::warm_up(&contender.line).await?;
    }
    for round in 1..=ROUNDS {
        println!("round {round} of {ROUNDS}");
        for contender in &mut contenders {
            contender.rounds.push(contender.measure(&direct).await?);
        }
    }
    let rows = contenders.into_iter().map(Contender::row).collect::<Result<_>>()?;
    println!("{}", Report { rows });
    Ok(())
}

/// One line under measurement.
struct Contender {
    name: &'static str,
    line: Line,
    /// Whose processor time and memory are counted; the direct line has none.
    server: Option<Server>,
    rounds: Vec<Round>,
}

impl Contender {
    fn new(name: &'static str, line: Line, server: Option<Server>) -> Self {
        Self { name, line, server, rounds: Vec::new() }
    }

    async fn measure(&self, direct: &Line) -> Result<Round> {
        let line = &self.line;
        let added = match &self.server {
            Some(_) => Some(load::added(direct, line).await?),
            None => None,
        };
        let (whole, whole_cpu) = self.counted(load::whole(line)).await?;
        let (streamed, streamed_cpu) = self.counted(load::streamed(line)).await?;
        Ok(Round { added, whole, whole_cpu, streamed, streamed_cpu })
    }

    /// Runs a load and gives its outcome with the processor microseconds that the server spent on it.
    async fn counted<T>(&self, load: impl Future<Output = Result<T>>) -> Result<(T, Option<f64>)> {
        let Some(server) = &self.server else { return Ok((load.await?, None)) };
        let before = server.cpu_microseconds()?;
        let outcome = load.await?;
        tokio::time::sleep(AFTERMATH).await;
        Ok((outcome, Some(server.cpu_microseconds()? - before)))
    }

    fn row(self) -> Result<Row> {
        let peak_bytes = self.server.as_ref().map(Server::peak_bytes).transpose()?;
        Ok(Row { name: self.name, rounds: self.rounds, peak_bytes })
    }
}

/// Resolves when a connection is accepted; ten seconds at most.
pub(crate) async fn wait_until_it_answers(address: SocketAddr) -> Result<()> {
    for _ in 0..500 {
        if tokio::net::TcpStream::connect(address).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("nothing listens on {address} after ten seconds")
}
