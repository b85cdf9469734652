//! A cheap client: one keep-alive connection, a prepared request, and just enough reading of replies
//! to know where each ends. Not an HTTP client; it understands what the three lines send and no more.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// One answered request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    /// From the request's first byte to the reply's last.
    pub(crate) took: Duration,
    /// Server-sent events with output in the reply.
    pub(crate) chunks: u64,
}

/// How the end of a body is known.
enum End {
    Length(usize),
    LastChunk,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 << 10) })
    }

    /// Sends `request` and reads the reply to its end.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<Answered> {
        let started = Instant::now();
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let body = loop {
            self.read_more().await?;
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
        };
        let end = self.end_of_body(body)?;
        loop {
            let ended = match end {
                End::Length(length) => self.buffer.len() >= body + length,
                End::LastChunk => self.buffer[body..].ends_with(b"0\r\n\r\n"),
            };
            if ended {
                break;
            }
            self.read_more().await?;
        }
        let took = started.elapsed();
        Ok(Answered { took, chunks: count(&self.buffer[body..], b"\"content\":\"") })
    }

    async fn read_more(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the connection was closed within a reply");
        }
        Ok(())
    }

    fn end_of_body(&self, body: usize) -> Result<End> {
        let head = std::str::from_utf8(&self.buffer[..body]).context("odd bytes in a head")?;
        if !head.starts_with("HTTP/1.1 200") {
            bail!("not answered: {}", String::from_utf8_lossy(&self.buffer));
        }
        let head = head.to_ascii_lowercase();
        match head.split("content-length:").nth(1).and_then(|rest| rest.lines().next()) {
            Some(length) => Ok(End::Length(length.trim().parse().context("an odd length")?)),
            None => Ok(End::LastChunk),
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn count(bytes: &[u8], wanted: &[u8]) -> u64 {
    bytes.windows(wanted.len()).filter(|window| *window == wanted).count() as u64
}
