//! What a failover adds before the first token: the same request to a target that is healthy, and to one
//! that fails with that one behind it, one at a time and in turns. What the failing exchange itself took,
//! measured without the gateway, is taken off.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use simulator::{Fault, Vendor, VendorSpec};
use terms::dialect::Dialect;
use tokio::net::TcpStream;

use crate::{
    asker::{Question, Speech, ask},
    outlast, wait_until_it_answers,
};

/// Measured requests of each kind.
const SAMPLES: usize = 1_000;

/// Requests that a target answers between two failures, so that its gate stays open.
const HEALTHY_BETWEEN: u32 = 3;

/// Milliseconds that a failover may add at the median.
const MARK_MS: f64 = 2.0;

const MODEL: &str = "at-once";

/// How the first target fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// It answers 429 at once, which moves on at once.
    Limited,
    /// It answers 503 at once, twice: a lone server error is met with one more try.
    Broken,
    /// It refuses the connection.
    Refused,
}

impl Failure {
    const ALL: [Self; 3] = [Self::Limited, Self::Broken, Self::Refused];

    fn name(self) -> &'static str {
        match self {
            Self::Limited => "429 at once",
            Self::Broken => "503 at once, twice",
            Self::Refused => "connection refused",
        }
    }

    /// Exchanges that fail before the next target is asked.
    fn exchanges(self) -> u32 {
        match self {
            Self::Broken => 2,
            Self::Limited | Self::Refused => 1,
        }
    }
}

/// Measures every kind of failure and prints a row for each.
pub(crate) async fn run() -> Result<()> {
    let spec = |name| VendorSpec::new(name, Dialect::OpenaiChat, &[MODEL]);
    let (failing, healthy) =
        (Vendor::start(spec("failing")).await?, Vendor::start(spec("healthy")).await?);
    let folder = tempfile::tempdir()?;
    let config = configuration(failing.address(), healthy.address());
    let gateway = outlast::start_with(folder.path(), &config)?;
    let address = gateway.addresses.whole;
    wait_until_it_answers(address).await?;
    let mut line = Line { address, key: gateway.key.clone(), kept: None };
    println!(
        "| first target | alone, p50 ms | with failover, p50 ms | failing exchange, p50 ms | added p50 ms | added p99 ms | the same twice, p99 ms |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|");
    let mut worst = f64::MIN;
    for failure in Failure::ALL {
        let samples = measure(failure, &failing, &mut line).await?;
        let of = |figure: fn(&Sample) -> f64| {
            let mut figures: Vec<f64> = samples.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures
        };
        let added = of(Sample::added_ms);
        let (p50, p99) = (at(&added, 50), at(&added, 99));
        println!(
            "| {} | {:.2} | {:.2} | {:.2} | {p50:.2} | {p99:.2} | {:.2} |",
            failure.name(),
            at(&of(|sample| ms(sample.alone)), 50),
            at(&of(|sample| ms(sample.with_failover)), 50),
            at(&of(|sample| ms(sample.failing)), 50),
            at(&of(Sample::noise_ms), 99),
        );
        worst = worst.max(p50);
    }
    ensure!(worst < MARK_MS, "a failover adds {worst:.2} ms at the median, above {MARK_MS} ms");
    Ok(())
}

/// One request of each kind, one right after the other.
struct Sample {
    alone: Duration,
    /// The same once more: what differs between the two is the machine.
    again: Duration,
    with_failover: Duration,
    /// All failing exchanges together.
    failing: Duration,
}

impl Sample {
    fn noise_ms(&self) -> f64 {
        ms(self.again) - ms(self.alone)
    }

    fn added_ms(&self) -> f64 {
        ms(self.with_failover) - ms(self.alone) - ms(self.failing)
    }
}

async fn measure(failure: Failure, failing: &Vendor, line: &mut Line) -> Result<Vec<Sample>> {
    let mut samples = Vec::with_capacity(SAMPLES);
    let mut direct = Line { address: failing.address(), key: "none".to_owned(), kept: None };
    for _ in 0..SAMPLES {
        for _ in 0..HEALTHY_BETWEEN * failure.exchanges() {
            let (_, target) = line.first_token("both").await?;
            ensure!(target == format!("failing/{MODEL}"), "its gate is shut: {target} answers");
        }
        let (alone, _) = line.first_token("alone").await?;
        let (again, _) = line.first_token("alone").await?;
        let exchanges = failure.exchanges();
        match failure {
            Failure::Refused => failing.die().await,
            Failure::Limited => failing.set_fault_times(Fault::status(429), exchanges * 2),
            Failure::Broken => failing.set_fault_times(Fault::status(503), exchanges * 2),
        }
        let mut failed = Duration::ZERO;
        for _ in 0..exchanges {
            failed += direct.failing_exchange().await?;
        }
        let (with_failover, target) = line.first_token("both").await?;
        ensure!(target == format!("healthy/{MODEL}"), "no failover: {target} answers");
        failing.revive().await?;
        samples.push(Sample { alone, again, with_failover, failing: failed });
    }
    Ok(samples)
}

/// A connection to the gateway, or to a provider.
struct Line {
    address: SocketAddr,
    key: String,
    kept: Option<TcpStream>,
}

impl Line {
    /// How long the first token took, and who gave it.
    async fn first_token(&mut self, route: &str) -> Result<(Duration, String)> {
        let (address, key) = (self.address, self.key.as_str());
        let question =
            Question { address, key, route, speech: Speech::Chat, stream: true, max_tokens: 1_024 };
        let reply = ask(question, self.kept.take()).await?;
        reply.text(Speech::Chat, true)?;
        self.kept = Some(reply.connection);
        Ok((reply.first, reply.target))
    }

    /// How long a provider takes to fail, on a connection that is kept as the gateway keeps its own.
    async fn failing_exchange(&mut self) -> Result<Duration> {
        let (address, key) = (self.address, self.key.as_str());
        let question = Question {
            address,
            key,
            route: MODEL,
            speech: Speech::Chat,
            stream: true,
            max_tokens: 1_024,
        };
        let started = Instant::now();
        let failed = ask(question, self.kept.take()).await;
        let took = started.elapsed();
        if let Ok(reply) = failed {
            ensure!(!reply.is_answer(), "the provider that is to fail answers");
            self.kept = Some(reply.connection);
        }
        Ok(took)
    }
}

fn configuration(failing: SocketAddr, healthy: SocketAddr) -> String {
    let provider = |name: &str, address: SocketAddr| {
        format!(
            "[[provider]]\nname = \"{name}\"\nbase_url = \"http://{address}/v1\"\n\
             dialects = [\"openai-chat\"]\napi_key = \"not-asked-for\"\n\n[[price]]\n\
             model = \"{name}/{MODEL}\"\ninput_usd_per_million = 1\noutput_usd_per_million = 4\n\n"
        )
    };
    // The budget of second tries is for storms, and these failures are many on purpose.
    format!(
        "workers = 1\n\n[limits]\nretry_percent = 100\n\n{}{}\
         [[route]]\nname = \"both\"\ntargets = [\"failing/{MODEL}\", \"healthy/{MODEL}\"]\n\n\
         [[route]]\nname = \"alone\"\ntargets = [\"healthy/{MODEL}\"]\n",
        provider("failing", failing),
        provider("healthy", healthy),
    )
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// What this share of the figures, which are sorted and not none, is at most.
fn at(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}
