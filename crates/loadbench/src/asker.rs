//! A caller that reads: one request on a connection, its answer read to the end and looked at as a client
//! of its dialect would. Anything but a whole and right answer is an error.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// In which dialect is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speech {
    Chat,
    Messages,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) key: &'a str,
    pub(crate) route: &'a str,
    pub(crate) speech: Speech,
    pub(crate) stream: bool,
    pub(crate) max_tokens: u32,
}

/// A reply whose connection may be used again.
#[derive(Debug)]
pub(crate) struct Reply {
    /// From the request's first byte to the first byte of the body.
    pub(crate) first: Duration,
    /// `x-outlast-target`: who answered, or began to.
    pub(crate) target: String,
    /// Status line and headers, in small letters.
    head: String,
    body: String,
    pub(crate) connection: TcpStream,
}

/// Bytes that are read at a time.
const PIECE: usize = 8 << 10;

/// Asks on this connection, or on a new one.
pub(crate) async fn ask(question: Question<'_>, kept: Option<TcpStream>) -> Result<Reply> {
    let mut connection = match kept.filter(is_open) {
        Some(connection) => connection,
        None => TcpStream::connect(question.address).await.context("cannot connect")?,
    };
    connection.set_nodelay(true)?;
    let started = Instant::now();
    connection.write_all(&request(&question)).await?;
    let mut read = Vec::with_capacity(PIECE);
    let start = loop {
        more(&mut connection, &mut read).await?;
        if let Some(at) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let head = std::str::from_utf8(&read[..start]).context("odd bytes in a head")?;
    let head = head.to_ascii_lowercase();
    let mut body = read.split_off(start);
    if body.is_empty() {
        more(&mut connection, &mut body).await?;
    }
    let first = started.elapsed();
    let body = match value(&head, "content-length") {
        Some(length) => {
            let length: usize = length.parse().context("an odd length")?;
            while body.len() < length {
                more(&mut connection, &mut body).await?;
            }
            body
        }
        None => loop {
            if let Some(whole) = unchunked(&body)? {
                break whole;
            }
            more(&mut connection, &mut body).await?;
        },
    };
    let body = String::from_utf8(body).context("odd bytes in a body")?;
    let target = value(&head, "x-outlast-target").unwrap_or_default().to_owned();
    Ok(Reply { first, target, head, body, connection })
}

impl Reply {
    /// Whether its status says that it is an answer.
    pub(crate) fn is_answer(&self) -> bool {
        self.head.starts_with("http/1.1 200")
    }

    /// What the answer says; an error where it is not whole. One that is not streamed is cut by the limit
    /// that its caller set.
    pub(crate) fn text(&self, speech: Speech, stream: bool) -> Result<String> {
        ensure!(self.is_answer(), "not answered: {}{}", self.head, self.body);
        if !stream {
            let json: Value = serde_json::from_str(&self.body).context("no JSON")?;
            let (text, stop, whole) = match speech {
                Speech::Chat => {
                    let choice = &json["choices"][0];
                    (&choice["message"]["content"], &choice["finish_reason"], "length")
                }
                Speech::Messages => {
                    (&json["content"][0]["text"], &json["stop_reason"], "max_tokens")
                }
            };
            ensure!(stop == whole, "it stopped because of {stop}");
            return Ok(text.as_str().context("no text")?.to_owned());
        }
        let (pointer, end) = match speech {
            Speech::Chat => ("/choices/0/delta/content", "data: [DONE]"),
            Speech::Messages => ("/delta/text", "event: message_stop"),
        };
        ensure!(self.body.contains(end), "no proper end: {}", self.body);
        let mut text = String::new();
        for data in self.body.lines().filter_map(|line| line.strip_prefix("data: ")) {
            if data == "[DONE]" {
                continue;
            }
            let record: Value = serde_json::from_str(data).context("a record that is no JSON")?;
            ensure!(record.get("error").is_none(), "an error event: {data}");
            text.push_str(record.pointer(pointer).and_then(Value::as_str).unwrap_or_default());
        }
        Ok(text)
    }
}

/// Whether a kept connection waits for the next request: one that was closed has its end to read.
fn is_open(connection: &TcpStream) -> bool {
    let read = connection.try_read(&mut [0]);
    read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

fn request(question: &Question<'_>) -> Vec<u8> {
    let Question { address, key, route, speech, stream, max_tokens } = *question;
    let path = match speech {
        Speech::Chat => "/v1/chat/completions",
        Speech::Messages => "/v1/messages",
    };
    let body = format!(
        r#"{{"model":"{route}","stream":{stream},"max_tokens":{max_tokens},"messages":[{{"role":"user","content":"Count."}}]}}"#
    );
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\nuser-agent: loadbench\r\ncontent-length: {length}\r\n\r\n"
    );
    (head + &body).into_bytes()
}

async fn more(connection: &mut TcpStream, read: &mut Vec<u8>) -> Result<()> {
    read.reserve(PIECE);
    if connection.read_buf(read).await? == 0 {
        bail!("the connection was closed within a reply");
    }
    Ok(())
}

/// The value of a header in a head of small letters.
fn value<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let values = head.lines().filter_map(|line| line.split_once(':'));
    values.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value.trim())
}

/// What a body in chunks holds, once its last chunk is there.
fn unchunked(mut body: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut whole = Vec::with_capacity(body.len());
    loop {
        let Some(at) = body.windows(2).position(|window| window == b"\r\n") else {
            return Ok(None);
        };
        let size = std::str::from_utf8(&body[..at]).context("an odd chunk")?;
        let size = usize::from_str_radix(size, 16).context("an odd chunk")?;
        let Some(chunk) = body.get(at + 2..at + 2 + size) else { return Ok(None) };
        let Some(rest) = body.get(at + 4 + size..) else { return Ok(None) };
        if size == 0 {
            return Ok(Some(whole));
        }
        whole.extend_from_slice(chunk);
        body = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::unchunked;

    #[test]
    fn chunks_are_joined_once_the_last_is_there() {
        let all = b"3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n";
        for end in 0..all.len() {
            assert_eq!(unchunked(&all[..end]).unwrap(), None, "{end}");
        }
        assert_eq!(unchunked(all).unwrap().unwrap(), b"abc0123456789");
        assert!(unchunked(b"x\r\n").is_err());
    }
}
