//! The outage: callers at a steady rate, half of them streaming, in front of a real gateway with three
//! providers, of which the first is killed, or frozen, in the middle. Any error that a caller sees fails the
//! bench, and so does an answer that waited for a frozen provider. How long answers took depends on the
//! machine, too: it is printed beside what they may take. Bounded in count and in time.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use terms::dialect::Dialect;
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};

use crate::{
    asker::{Question, Speech, ask},
    outlast,
    speaker::{ANSWER, FEW_WORDS, MODEL, Speaker, WORDS, text},
    wait_until_it_answers,
};

/// Requests a second, and how many in all.
const RATE: u32 = 200;
const REQUESTS: usize = 5_200;

/// When the first provider is struck, and how long a frozen one stays so.
const STRUCK: Duration = Duration::from_secs(8);
const FROZEN: Duration = Duration::from_secs(12);

/// The first-token and the idle limit of the gateway.
const LIMIT: Duration = Duration::from_secs(2);

/// What a machine with two cores may add.
const SLACK: Duration = Duration::from_secs(1);

/// What an answer may take: one that was under way is left at the limit and told from its beginning.
const MARK: Duration = ANSWER.saturating_mul(2).saturating_add(LIMIT).saturating_add(SLACK);

/// A stream that ended later than this after the strike had not all its words in some buffer.
const BUFFERED: Duration = Duration::from_millis(100);

/// Errors that are shown.
const SHOWN: usize = 5;

const ROUTE: &str = "steady";

/// The providers, in the route's order, and what they speak.
const PROVIDERS: [(&str, Dialect); 3] = [
    ("first", Dialect::OpenaiChat),
    ("second", Dialect::AnthropicMessages),
    ("third", Dialect::OpenaiChat),
];

/// What is done to the first provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strike {
    Killed,
    Frozen,
}

/// Runs both outages, and fails where a caller saw anything of one.
pub(crate) async fn run() -> Result<()> {
    let mut seen = Vec::new();
    for strike in [Strike::Killed, Strike::Frozen] {
        let outcome = outage(strike).await?;
        println!("{outcome}");
        seen.push(outcome);
    }
    for outcome in seen {
        let Outcome { strike, errors, waited, .. } = &outcome;
        ensure!(errors.is_empty(), "{strike}: {} errors that callers saw", errors.len());
        ensure!(*waited == 0, "{strike}: {waited} answers waited for it");
        ensure!(outcome.gone_on > 0, "{strike}: no stream was open, so that nothing was shown");
    }
    Ok(())
}

async fn outage(strike: Strike) -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let mut speakers = Vec::new();
    for (_, dialect) in PROVIDERS {
        speakers.push(Speaker::start(dialect)?);
    }
    let gateway = outlast::start_with(folder.path(), &configuration(&speakers))?;
    let address = gateway.addresses.whole;
    wait_until_it_answers(address).await?;
    let load = Arc::new(Load { address, key: gateway.key.clone(), kept: Mutex::default() });
    let begun = Instant::now();
    let asking = tokio::spawn(all(Arc::clone(&load), begun));

    sleep(STRUCK).await;
    let struck = match strike {
        Strike::Killed => speakers[0].kill(),
        Strike::Frozen => speakers[0].freeze(),
    };
    struck?;
    let at = begun.elapsed();
    let mut thawed = Duration::MAX;
    if strike == Strike::Frozen {
        sleep(FROZEN).await;
        speakers[0].thaw()?;
        thawed = begun.elapsed();
    }
    let asked = asking.await.context("the callers panicked")?;
    gateway.server.stop();
    let books = outlast::attempts(folder.path())?;
    let (_, failed) = books.get(PROVIDERS[0].0).copied().unwrap_or_default();
    Ok(Outcome::new(strike, &asked, (at, thawed), failed))
}

fn configuration(speakers: &[Speaker]) -> String {
    let limit = LIMIT.as_millis();
    let targets = PROVIDERS.map(|(name, _)| format!("\"{name}/{MODEL}\"")).join(", ");
    let mut config = format!(
        "[limits]\nfirst_token_ms = {limit}\nidle_ms = {limit}\n\n[[route]]\nname = \"{ROUTE}\"\n\
         targets = [{targets}]\n"
    );
    for ((name, dialect), speaker) in PROVIDERS.iter().zip(speakers) {
        let (address, dialect) = (speaker.address, dialect.name());
        config += &format!(
            "\n[[provider]]\nname = \"{name}\"\nbase_url = \"http://{address}/v1\"\n\
             dialects = [\"{dialect}\"]\napi_key = \"not-asked-for\"\n\n[[price]]\n\
             model = \"{name}/{MODEL}\"\ninput_usd_per_million = 1\noutput_usd_per_million = 4\n"
        );
    }
    config
}

/// What the callers share.
struct Load {
    address: std::net::SocketAddr,
    key: String,
    /// Connections that wait for the next request.
    kept: Mutex<Vec<TcpStream>>,
}

/// One request and what came of it.
struct Asked {
    stream: bool,
    /// From the beginning of the load.
    began: Duration,
    ended: Duration,
    /// Who answered, or began to; else what the caller saw.
    answered: Result<String>,
}

/// Asks at the rate, whether earlier requests are answered or not.
async fn all(load: Arc<Load>, begun: Instant) -> Vec<Asked> {
    let mut ticks = interval(Duration::from_secs(1) / RATE);
    // A machine that was busy elsewhere sends what it owes.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut callers = JoinSet::new();
    for number in 0..REQUESTS {
        ticks.tick().await;
        let load = Arc::clone(&load);
        callers.spawn(async move {
            let stream = number % 2 == 0;
            let speech = if number % 4 < 2 { Speech::Chat } else { Speech::Messages };
            let began = begun.elapsed();
            let answered = load.ask(speech, stream).await;
            Asked { stream, began, ended: begun.elapsed(), answered }
        });
    }
    let mut asked = Vec::with_capacity(REQUESTS);
    while let Some(caller) = callers.join_next().await {
        asked.extend(caller.ok());
    }
    asked
}

impl Load {
    async fn ask(&self, speech: Speech, stream: bool) -> Result<String> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (address, key) = (self.address, self.key.as_str());
        let words = if stream { WORDS } else { FEW_WORDS };
        let question = Question { address, key, route: ROUTE, speech, stream, max_tokens: words };
        let reply = ask(question, kept).await?;
        let said = reply.text(speech, stream)?;
        ensure!(said == text(words), "another answer: {said}");
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(reply.connection);
        Ok(reply.target)
    }
}

/// What an outage came to.
struct Outcome {
    strike: Strike,
    requests: usize,
    errors: Vec<String>,
    median: Duration,
    slowest: Duration,
    /// Streams and whole answers under way at the first provider when it was struck.
    open: (usize, usize),
    /// Streams that the first provider began and another one finished.
    gone_on: usize,
    /// Attempts at the first provider that failed, but for those that were under way.
    in_vain: u64,
    /// Answers that the first provider gave after its frost to requests from before.
    waited: usize,
}

impl Outcome {
    fn new(
        strike: Strike,
        asked: &[Asked],
        (at, thawed): (Duration, Duration),
        failed: u64,
    ) -> Self {
        let first = format!("{}/{MODEL}", PROVIDERS[0].0);
        let by_first = |asked: &&Asked| asked.answered.as_ref().is_ok_and(|by| *by == first);
        let open = |asked: &&Asked| asked.began < at && asked.ended > at;
        let open_streams = asked.iter().filter(|asked| asked.stream).filter(open).count();
        let open_whole = asked.iter().filter(|asked| !asked.stream).filter(open).count();
        let gone_on = asked.iter().filter(|asked| asked.stream).filter(open).filter(by_first);
        let gone_on = gone_on.filter(|asked| asked.ended > at + BUFFERED).count();
        let errors = asked.iter().filter_map(|asked| {
            let error = asked.answered.as_ref().err()?;
            let form = if asked.stream { "stream" } else { "whole" };
            Some(format!("{form}, from {:?} to {:?}: {error:#}", asked.began, asked.ended))
        });
        let mut errors: Vec<String> = errors.collect();
        if asked.len() < REQUESTS {
            errors.push(format!("{} callers panicked", REQUESTS - asked.len()));
        }
        let mut took: Vec<Duration> =
            asked.iter().map(|asked| asked.ended.saturating_sub(asked.began)).collect();
        took.sort_unstable();
        // A probe that was sent just before is answered within its limit.
        let waits = |asked: &&Asked| {
            asked.began + LIMIT + SLACK < thawed && asked.ended > thawed && !asked.stream
        };
        let waited = asked.iter().filter(waits).filter(by_first).count();
        let under_way = (open_streams + open_whole) as u64;
        Self {
            strike,
            requests: asked.len(),
            errors,
            median: took.get(took.len() / 2).copied().unwrap_or_default(),
            slowest: took.last().copied().unwrap_or_default(),
            open: (open_streams, open_whole),
            gone_on,
            in_vain: failed.saturating_sub(under_way),
            waited,
        }
    }
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Killed => "killed",
            Self::Frozen => "frozen",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { strike, requests, errors, median, slowest, open, gone_on, in_vain, .. } = self;
        writeln!(
            f,
            "The first of three providers is {strike}, at {RATE} requests/s: {requests} requests, {} errors; \
             median {:.2} s, slowest {:.2} s (a stream takes {:.1} s, a whole answer half of that; of at most {:.1} s: {}).",
            errors.len(),
            median.as_secs_f64(),
            slowest.as_secs_f64(),
            ANSWER.as_secs_f64(),
            MARK.as_secs_f64(),
            if *slowest <= MARK { "held" } else { "missed" },
        )?;
        let (streams, whole) = open;
        writeln!(
            f,
            "Open at that moment: {streams} streams, of which {gone_on} were gone on with by another, and \
             {whole} answers that were wanted whole. Further attempts at it, all in vain: {in_vain}.",
        )?;
        for error in errors.iter().take(SHOWN) {
            writeln!(f, "  {error}")?;
        }
        Ok(())
    }
}
