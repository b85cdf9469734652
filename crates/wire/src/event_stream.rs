//! The binary framing of Amazon's streams (`application/vnd.amazon.eventstream`), incrementally: bytes
//! in any split become whole messages whose two checksums hold. A message is a prelude of total length,
//! length of the headers and the CRC-32 of both; the headers; the payload; and the CRC-32 of all that
//! (Amazon Transcribe, "Event stream encoding"). It parses no payload.

/// Bytes of one message at most; Amazon's own limit is 24 MiB, real ones stay below a megabyte.
const MESSAGE_BYTES: usize = 24 << 20;

/// Lengths and their checksum.
const PRELUDE: usize = 12;
/// The checksum at the end.
const TRAILER: usize = 4;

/// A whole message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// `:message-type`: `event`, `exception` or `error`.
    pub(crate) kind: &'a str,
    /// `:event-type`, `:exception-type` or `:error-code`.
    pub(crate) name: &'a str,
    /// `:error-message`, of an error that has no payload.
    pub(crate) words: &'a str,
    pub(crate) payload: &'a [u8],
}

/// What is wrong with the bytes; nothing after it can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Garbled;

/// Cuts a byte stream into messages.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// Bytes of the message that is not yet whole.
    pending: Vec<u8>,
    garbled: bool,
}

impl Reader {
    /// Takes a chunk and hands over every message that is whole now. After an error it takes nothing.
    pub(crate) fn push(
        &mut self,
        chunk: &[u8],
        mut take: impl FnMut(Result<Message<'_>, Garbled>),
    ) {
        if self.garbled {
            return;
        }
        if self.pending.is_empty() {
            let used = self.cut(chunk, &mut take);
            self.pending.extend_from_slice(&chunk[used..]);
            return;
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(chunk);
        let used = self.cut(&pending, &mut take);
        // What is left is a part of the last chunk, or all of it where nothing was used.
        pending.drain(..used);
        self.pending = pending;
    }

    /// Hands over the whole messages in `bytes` and says how many bytes they took.
    fn cut(&mut self, bytes: &[u8], take: &mut impl FnMut(Result<Message<'_>, Garbled>)) -> usize {
        let mut at = 0;
        while let Some(length) = whole(&bytes[at..]).transpose() {
            match length.and_then(|length| message(&bytes[at..at + length]).map(|m| (length, m))) {
                Ok((length, message)) => {
                    take(Ok(message));
                    at += length;
                }
                Err(garbled) => {
                    self.garbled = true;
                    take(Err(garbled));
                    return bytes.len();
                }
            }
        }
        at
    }

    /// Whether the stream ended inside a message.
    pub(crate) fn is_inside(&self) -> bool {
        !self.pending.is_empty()
    }
}

/// The length of the first message, once all of it is there.
fn whole(bytes: &[u8]) -> Result<Option<usize>, Garbled> {
    let Some(prelude) = bytes.get(..PRELUDE) else { return Ok(None) };
    if crc32fast::hash(&prelude[..8]) != number(&prelude[8..]) {
        return Err(Garbled);
    }
    let length = number(prelude) as usize;
    if !(PRELUDE + TRAILER..=MESSAGE_BYTES).contains(&length) {
        return Err(Garbled);
    }
    Ok((bytes.len() >= length).then_some(length))
}

/// Reads one whole message.
fn message(bytes: &[u8]) -> Result<Message<'_>, Garbled> {
    let (signed, trailer) = bytes.split_at(bytes.len() - TRAILER);
    if crc32fast::hash(signed) != number(trailer) {
        return Err(Garbled);
    }
    let body = &signed[PRELUDE..];
    let headers = number(&signed[4..]) as usize;
    let (mut headers, payload) = body.split_at_checked(headers).ok_or(Garbled)?;
    let mut message = Message { kind: "", name: "", words: "", payload };
    while !headers.is_empty() {
        let (name, value, rest) = header(headers).ok_or(Garbled)?;
        match name {
            b":message-type" => message.kind = value.ok_or(Garbled)?,
            b":event-type" | b":exception-type" | b":error-code" => {
                message.name = value.ok_or(Garbled)?;
            }
            b":error-message" => message.words = value.ok_or(Garbled)?,
            _ => {}
        }
        headers = rest;
    }
    Ok(message)
}

/// The name of the first header, its value where it is a text, and what follows.
fn header(bytes: &[u8]) -> Option<(&[u8], Option<&str>, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let (kind, rest) = rest.split_first()?;
    // The types of values, by their numbers: two booleans, four integers, bytes, text, time, UUID.
    let fixed = match kind {
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => 4,
        5 | 8 => 8,
        9 => 16,
        6 | 7 => {
            let (length, rest) = rest.split_at_checked(2)?;
            let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
            let (value, rest) = rest.split_at_checked(length)?;
            let text = if *kind == 7 { Some(std::str::from_utf8(value).ok()?) } else { None };
            return Some((name, text, rest));
        }
        _ => return None,
    };
    Some((name, None, rest.get(fixed..)?))
}

/// The first four bytes as a number.
fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::{Garbled, Message, Reader};

    /// A message as Amazon writes it.
    fn written(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
        let mut named = Vec::new();
        for (name, value) in headers {
            named.push(u8::try_from(name.len()).unwrap());
            named.extend_from_slice(name.as_bytes());
            named.push(7);
            named.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
            named.extend_from_slice(value.as_bytes());
        }
        let total = u32::try_from(16 + named.len() + payload.len()).unwrap();
        let mut out = total.to_be_bytes().to_vec();
        out.extend_from_slice(&u32::try_from(named.len()).unwrap().to_be_bytes());
        out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
        out.extend_from_slice(&named);
        out.extend_from_slice(payload);
        out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
        out
    }

    fn read(chunks: &[&[u8]]) -> (Vec<String>, bool) {
        let mut reader = Reader::default();
        let mut seen = Vec::new();
        for chunk in chunks {
            reader.push(chunk, |message| {
                seen.push(match message {
                    Ok(Message { kind, name, words, payload }) => {
                        format!("{kind} {name} {words} {}", String::from_utf8_lossy(payload))
                    }
                    Err(Garbled) => "garbled".to_owned(),
                });
            });
        }
        (seen, reader.is_inside())
    }

    /// The example of Amazon's own encoders: an empty message, byte for byte.
    #[test]
    fn the_published_empty_message_reads() {
        let bytes = [0, 0, 0, 16, 0, 0, 0, 0, 5, 194, 72, 235, 125, 152, 200, 255];
        assert_eq!(read(&[&bytes]), (vec!["   ".to_owned()], false));
    }

    #[test]
    fn a_changed_byte_anywhere_is_noticed_and_ends_the_reading() {
        let whole = written(&[(":event-type", "chunk"), (":message-type", "event")], b"{}");
        assert_eq!(read(&[&whole]), (vec!["event chunk  {}".to_owned()], false));
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            bytes.extend_from_slice(&whole);
            let (seen, inside) = read(&[&bytes]);
            let unread = seen.is_empty() && inside;
            assert!(unread || seen == ["garbled"], "byte {at}: {seen:?}");
        }
    }

    #[test]
    fn every_kind_of_header_is_passed_over() {
        let mut named = Vec::new();
        for (kind, length) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16)] {
            named.extend_from_slice(&[1, b'h', kind]);
            named.extend(std::iter::repeat_n(9, length));
        }
        named.extend_from_slice(&[1, b'h', 6, 0, 2, 0xff, 0xff]);
        let mut out = u32::try_from(16 + named.len()).unwrap().to_be_bytes().to_vec();
        out.extend_from_slice(&u32::try_from(named.len()).unwrap().to_be_bytes());
        out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
        out.extend_from_slice(&named);
        out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
        assert_eq!(read(&[&out]), (vec!["   ".to_owned()], false));
    }

    proptest! {
        #[test]
        fn the_same_messages_come_out_of_every_split(
            payloads in proptest::collection::vec("[a-z]{0,40}", 1..6),
            cuts in proptest::collection::vec(any::<u16>(), 0..12),
        ) {
            let name = [(":event-type", "e")];
            let bytes: Vec<u8> =
                payloads.iter().flat_map(|text| written(&name, text.as_bytes())).collect();
            let mut places: Vec<usize> =
                cuts.iter().map(|cut| usize::from(*cut) % (bytes.len() + 1)).collect();
            places.extend([0, bytes.len()]);
            places.sort_unstable();
            let chunks: Vec<&[u8]> =
                places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let expect: Vec<String> = payloads.iter().map(|text| format!(" e  {text}")).collect();
            prop_assert_eq!(read(&chunks), (expect, false));
        }

        #[test]
        fn bytes_of_any_kind_are_read_without_harm(bytes in any::<Vec<u8>>()) {
            read(&[&bytes]);
        }
    }
}
