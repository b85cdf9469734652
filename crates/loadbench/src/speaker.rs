//! A provider that can be killed and frozen: a simulated vendor in a process of its own, which counts
//! its words, so that one that is lost or told twice is seen.

use std::{
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use simulator::{Answer, Vendor, VendorSpec};
use terms::dialect::Dialect;

/// The model that every speaker serves.
pub(crate) const MODEL: &str = "counts";

/// Words of an answer, each a record of a stream.
pub(crate) const WORDS: u32 = 24;

/// Words of an answer that is wanted whole: quick enough to be got whole by a gateway that knows its pace.
pub(crate) const FEW_WORDS: u32 = 12;

/// Between two words, and before the first.
const BETWEEN: Duration = Duration::from_millis(100);

/// How long an answer of all words takes, streamed or not.
pub(crate) const ANSWER: Duration = BETWEEN.saturating_mul(WORDS);

/// What a speaker says in so many words, the space before the next one included.
pub(crate) fn text(words: u32) -> String {
    let space = |number| if number < WORDS { " " } else { "" };
    let words: Vec<String> =
        (1..=words).map(|number| format!("word-{number}{}", space(number))).collect();
    words.concat()
}

/// A running speaker.
#[derive(Debug)]
pub(crate) struct Speaker {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Speaker {
    /// Starts this program again as a speaker.
    pub(crate) fn start(dialect: Dialect) -> Result<Self> {
        let this = std::env::current_exe().context("cannot find this program")?;
        let mut child = Command::new(this)
            .args(["speaker", dialect.name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a provider")?;
        let mut line = String::new();
        let output = child.stdout.take().expect("the output was piped");
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().parse().context("the provider says no address")?;
        Ok(Self { address, child })
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Freezes it: its connections stay open, and nothing is read or said.
    pub(crate) fn freeze(&self) -> Result<()> {
        self.signal("-STOP")
    }

    /// Ends that.
    pub(crate) fn thaw(&self) -> Result<()> {
        self.signal("-CONT")
    }

    fn signal(&self, signal: &str) -> Result<()> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status()?;
        ensure!(sent.success(), "the provider cannot be sent {signal}");
        Ok(())
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        // A frozen one hears nothing else.
        let _ = self.kill();
    }
}

/// The speaker itself: prints its address and serves until its input ends, so that it never outlives
/// the bench.
pub(crate) async fn serve(dialect: &str) -> Result<()> {
    let dialect = Dialect::ALL.iter().find(|known| known.name() == dialect);
    let dialect = *dialect.context("no such dialect")?;
    let between = u64::try_from(BETWEEN.as_millis())?;
    let spec = VendorSpec {
        answer: Answer::Fixed(text(WORDS)),
        first_token_ms: between,
        token_interval_ms: between,
        ..VendorSpec::new("speaker", dialect, &[MODEL])
    };
    let vendor = Vendor::start(spec).await?;
    println!("{}", vendor.address());
    let until_input_ends = || io::copy(&mut io::stdin(), &mut io::sink());
    tokio::task::spawn_blocking(until_input_ends).await??;
    Ok(())
}
