//! The load bench: what a request and a streamed chunk cost in the gateway, beside nginx as a bare
//! reverse proxy and beside no proxy at all, in one run on loopback. Bounded in time and in count.
//! The provider is simulated, in a process of its own, so that every process pays for itself.
//!
//! `cargo run --release -p loadbench` builds `outlast` first; with `-- --no-build` it measures the binary
//! that stands beside it.

#![allow(clippy::print_stdout, reason = "a command line program speaks on standard output")]

mod client;
mod load;
mod nginx;
mod outlast;
mod process;
mod provider;
mod report;

use std::{net::SocketAddr, process::ExitCode};

use anyhow::{Result, bail};

use crate::{
    load::Line,
    process::Server,
    report::{Report, Row},
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let run = async {
        match words.as_slice() {
            [] => {
                outlast::build()?;
                bench().await
            }
            ["--no-build"] => bench().await,
            ["provider"] => provider::serve().await,
            _ => bail!("usage: cargo run --release -p loadbench [-- --no-build]"),
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

async fn bench() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let provider = provider::start()?;
    let mut report = Report::default();
    let direct = Line::bare(provider.addresses);
    report.rows.push(measure("direct", &direct, None).await?);
    match nginx::start(folder.path(), provider.addresses)? {
        Some(nginx) => {
            let line = Line::bare(nginx.addresses);
            report.rows.push(measure("nginx", &line, Some((&nginx.server, &direct))).await?);
        }
        None => println!("nginx is not installed (Debian: nginx-light): its line is left out"),
    }
    let gateway = outlast::start(folder.path(), provider.addresses)?;
    let line = Line { addresses: gateway.addresses, key: gateway.key };
    report.rows.push(measure("outlast", &line, Some((&gateway.server, &direct))).await?);
    println!("{report}");
    Ok(())
}

/// All phases of one line. `proxy` is the server whose processor time and memory are counted, and the
/// direct line that its latency is compared with.
async fn measure(name: &'static str, line: &Line, proxy: Option<(&Server, &Line)>) -> Result<Row> {
    wait_until_it_answers(line.addresses.whole).await?;
    load::warm_up(line).await?;
    let added = match proxy {
        Some((_, direct)) => Some(load::added(direct, line).await?),
        None => None,
    };
    let server = proxy.map(|(server, _)| server);
    let (whole, whole_cpu) = counted(server, load::whole(line)).await?;
    let (streamed, streamed_cpu) = counted(server, load::streamed(line)).await?;
    let peak_bytes = server.map(Server::peak_bytes).transpose()?;
    let seconds = whole.seconds + streamed.seconds;
    println!("{name}: {} requests, {} chunks, {seconds:.0} s", whole.requests, streamed.chunks);
    Ok(Row { name, added, whole, whole_cpu, streamed, streamed_cpu, peak_bytes })
}

/// Runs a load and gives its outcome with the processor microseconds that `server` spent on it.
async fn counted<T>(
    server: Option<&Server>,
    load: impl Future<Output = Result<T>>,
) -> Result<(T, Option<f64>)> {
    let before = server.map(Server::cpu_microseconds).transpose()?;
    let outcome = load.await?;
    let after = server.map(Server::cpu_microseconds).transpose()?;
    Ok((outcome, after.zip(before).map(|(after, before)| after - before)))
}

/// Resolves when a connection is accepted; ten seconds at most.
async fn wait_until_it_answers(address: SocketAddr) -> Result<()> {
    for _ in 0..500 {
        if tokio::net::TcpStream::connect(address).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    bail!("nothing listens on {address} after ten seconds")
}
