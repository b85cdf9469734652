//! Faults of a connection, which no HTTP server can be brought to act out: the bytes are read and
//! written here. A connection that is already open when such a fault is set is reset instead, by
//! `playback`.

use std::{io, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    fault::LineFault,
    received::{Ended, Log},
};

/// Bytes of a request at most.
const REQUEST_LIMIT: usize = 1 << 20;

const GARBAGE: &[u8] = b"\x16\x03SSH-2.0-simulated\r\n\x00\xff\r\n\r\n";

const HALF_HEADERS: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-str";

/// Serves a connection in this way, to its end.
pub(crate) async fn serve(mut stream: TcpStream, fault: LineFault, log: &Arc<Log>) {
    let said: &[u8] = match fault {
        LineFault::ClosedAtOnce => return,
        LineFault::ClosedUnanswered => b"",
        LineFault::Garbage => GARBAGE,
        LineFault::HalfHeaders => HALF_HEADERS,
    };
    let Ok(Some((path, body))) = read_request(&mut stream).await else { return };
    let mut ticket = log.note(Method::POST, path, HeaderMap::new(), body);
    ticket.tell(Ended::Broken);
    // A peer that has left reads neither these bytes nor the end.
    let _ = stream.write_all(said).await;
    let _ = stream.shutdown().await;
}

/// The path and the body of a request; `None` where the peer leaves before its end.
async fn read_request(stream: &mut TcpStream) -> io::Result<Option<(String, Bytes)>> {
    let mut read = Vec::new();
    loop {
        if let Some((path, start, length)) = head(&read)
            && let Some(body) = read.get(start..start + length)
        {
            return Ok(Some((path, Bytes::copy_from_slice(body))));
        }
        if read.len() > REQUEST_LIMIT || stream.read_buf(&mut read).await? == 0 {
            return Ok(None);
        }
    }
}

/// The path of a request, where its body begins and how long that is, once its headers are there.
fn head(read: &[u8]) -> Option<(String, usize, usize)> {
    let end = read.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&read[..end]).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    Some((path, end + 4, length.unwrap_or(0)))
}
