//! The provider of the bench: two simulated vendors in a process of their own, one that answers at
//! once with 1 kB and one that streams a hundred chunks at a steady pace.

use std::{
    io::{self, BufRead, BufReader},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};
use simulator::{Answer, Vendor, VendorSpec};
use terms::dialect::Dialect;

use crate::{load::Addresses, process::Server};

/// The model that answers at once.
pub(crate) const WHOLE: &str = "bench-whole";
/// The model that streams.
pub(crate) const STREAMED: &str = "bench-streamed";
/// Words of a stream, each a chunk.
pub(crate) const CHUNKS: usize = 100;
/// Milliseconds between chunks: slow enough that each travels alone on a busy machine.
const CHUNK_INTERVAL_MS: u64 = 5;

/// The provider's process and where its two vendors listen.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) addresses: Addresses,
    _server: Server,
}

/// Starts this program again as the provider.
pub(crate) fn start() -> Result<Provider> {
    let this = std::env::current_exe().context("cannot find this program")?;
    let mut child = Command::new(this)
        .arg("provider")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the provider")?;
    let output = child.stdout.take().expect("the output was piped");
    let server = Server::new(child);
    let mut lines = BufReader::new(output).lines();
    let mut address = || {
        let line = lines.next().context("the provider says nothing")??;
        line.parse().with_context(|| format!("`{line}` is no address"))
    };
    let addresses = Addresses { whole: address()?, streamed: address()? };
    Ok(Provider { addresses, _server: server })
}

/// The provider itself: prints its two addresses and serves until its input ends, so that it never
/// outlives the bench.
pub(crate) async fn serve() -> Result<()> {
    let mut whole = VendorSpec::new("bench", Dialect::OpenaiChat, &[WHOLE]);
    whole.answer = Answer::Fixed("Mostly sunny. ".repeat(40));
    let mut streamed = VendorSpec::new("bench", Dialect::OpenaiChat, &[STREAMED]);
    streamed.answer = Answer::Fixed("word ".repeat(CHUNKS));
    streamed.token_interval_ms = CHUNK_INTERVAL_MS;
    let (whole, streamed) = (Vendor::start(whole).await?, Vendor::start(streamed).await?);
    println!("{}\n{}", whole.address(), streamed.address());
    let until_input_ends = || io::copy(&mut io::stdin(), &mut io::sink());
    tokio::task::spawn_blocking(until_input_ends).await??;
    Ok(())
}
