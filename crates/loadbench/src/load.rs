//! The loads: one request at a time for the added latency, many connections for the cost of a
//! request, paced streams for the cost of a chunk. Each is bounded in count and in time.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;

use crate::{
    client::{Answered, Client},
    provider,
};

/// Connections under load, as the issue's marks are stated.
const CONNECTIONS: usize = 32;
/// Requests of the load at most.
const WHOLE_REQUESTS: u64 = 60_000;
/// Streams at most; each has `provider::CHUNKS` chunks.
const STREAMS: u64 = 320;
/// Requests on each line, one at a time.
const QUIET_REQUESTS: usize = 2_000;
/// Seconds that one load may take.
const LIMIT: Duration = Duration::from_secs(15);

/// Where requests go, and with which key.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) addresses: Addresses,
    pub(crate) key: String,
}

/// Where the two kinds of requests go; the same address where a proxy tells them apart by model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) whole: SocketAddr,
    pub(crate) streamed: SocketAddr,
}

/// What a load came to.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) requests: u64,
    pub(crate) chunks: u64,
    pub(crate) seconds: f64,
    /// Milliseconds that half of the requests took at most.
    pub(crate) p50_ms: f64,
    /// Milliseconds that 99 of 100 requests took at most.
    pub(crate) p99_ms: f64,
}

/// What a proxy adds to the direct line, in milliseconds: differences of percentiles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Added {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

impl Line {
    /// A line that asks for no key.
    pub(crate) fn bare(addresses: Addresses) -> Self {
        Self { addresses, key: "none".to_owned() }
    }
}

/// A request of about 1 kB.
fn request(address: SocketAddr, key: &str, model: &str, stream: bool) -> Vec<u8> {
    let question = "Tell me what the weather will be like. ".repeat(16);
    let body = format!(
        r#"{{"model":"{model}","stream":{stream},"temperature":0.2,"max_tokens":4096,"messages":[{{"role":"system","content":"You are a careful assistant who answers briefly."}},{{"role":"user","content":"{question}"}}]}}"#
    );
    let length = body.len();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\nuser-agent: loadbench\r\ncontent-length: {length}\r\n\r\n"
    );
    (head + &body).into_bytes()
}

/// Opens connections and fills caches; not measured.
pub(crate) async fn warm_up(line: &Line) -> Result<()> {
    whole_requests(line, CONNECTIONS, 2_000).await.map(drop)
}

/// What a line adds to the direct one when nothing queues: one request at a time, in turns on both, so
/// that a machine which slows down or speeds up does so for both.
pub(crate) async fn added(direct: &Line, line: &Line) -> Result<Added> {
    let lines = [direct, line].map(|line| {
        let address = line.addresses.whole;
        (address, request(address, &line.key, provider::WHOLE, false))
    });
    let mut clients = Vec::new();
    for (address, _) in &lines {
        clients.push(Client::connect(*address).await?);
    }
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..QUIET_REQUESTS {
        for ((client, (_, request)), took) in clients.iter_mut().zip(&lines).zip(&mut took) {
            took.push(client.ask(request).await?);
        }
    }
    let [direct, line] = took.map(sorted_ms);
    Ok(Added { p50_ms: at(&line, 50) - at(&direct, 50), p99_ms: at(&line, 99) - at(&direct, 99) })
}

/// As many 1 kB requests as go through on all connections.
pub(crate) async fn whole(line: &Line) -> Result<Outcome> {
    whole_requests(line, CONNECTIONS, WHOLE_REQUESTS).await
}

/// Streams on all connections, each chunk on its own because the provider paces them.
pub(crate) async fn streamed(line: &Line) -> Result<Outcome> {
    let address = line.addresses.streamed;
    let request = request(address, &line.key, provider::STREAMED, true);
    let outcome = run(address, request, CONNECTIONS, STREAMS).await?;
    // The first record of a stream has empty content; it is a chunk as well.
    let whole_streams = outcome.requests * (provider::CHUNKS as u64 + 1);
    ensure!(outcome.chunks == whole_streams, "{} chunks came", outcome.chunks);
    Ok(outcome)
}

async fn whole_requests(line: &Line, connections: usize, most: u64) -> Result<Outcome> {
    let address = line.addresses.whole;
    run(address, request(address, &line.key, provider::WHOLE, false), connections, most).await
}

/// Sends `most` requests over `connections`, or as many as the time limit allows.
async fn run(
    address: SocketAddr,
    request: Vec<u8>,
    connections: usize,
    most: u64,
) -> Result<Outcome> {
    let (request, taken) = (Arc::new(request), Arc::new(AtomicU64::new(0)));
    let started = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..connections {
        let (request, taken) = (Arc::clone(&request), Arc::clone(&taken));
        workers.spawn(async move {
            let mut client = Client::connect(address).await?;
            let mut answered = Vec::new();
            while started.elapsed() < LIMIT && taken.fetch_add(1, Ordering::Relaxed) < most {
                answered.push(client.ask(&request).await?);
            }
            Ok::<_, anyhow::Error>(answered)
        });
    }
    let mut answered = Vec::new();
    while let Some(worker) = workers.join_next().await {
        answered.extend(worker.context("a worker panicked")??);
    }
    let seconds = started.elapsed().as_secs_f64();
    ensure!(!answered.is_empty(), "nothing was answered");
    let (requests, chunks) =
        (answered.len() as u64, answered.iter().map(|answered| answered.chunks).sum());
    let took = sorted_ms(answered);
    Ok(Outcome { requests, chunks, seconds, p50_ms: at(&took, 50), p99_ms: at(&took, 99) })
}

fn sorted_ms(answered: Vec<Answered>) -> Vec<f64> {
    let mut took: Vec<f64> =
        answered.iter().map(|answered| answered.took.as_secs_f64() * 1e3).collect();
    took.sort_by(f64::total_cmp);
    took
}

/// What this share of the requests, which are sorted and not none, took at most.
fn at(took: &[f64], percent: usize) -> f64 {
    took[(took.len() * percent / 100).min(took.len() - 1)]
}
