//! Server-sent events, incrementally: bytes in any split become whole records, each with its raw
//! bytes. Grammar: WHATWG HTML, "Server-sent events". It parses no data.

use std::borrow::Cow;

/// Bytes of one record at most. Nothing that a chat stream says in one record comes near.
const MAX_RECORD: usize = 16 << 20;

/// A whole record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// All its bytes, the blank line included where there was one.
    pub(crate) raw: &'a [u8],
    /// What it says.
    pub(crate) content: Content<'a>,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content<'a> {
    /// An event with data.
    Data { event: &'a str, data: Cow<'a, str> },
    /// Only comments, or fields that carry no event: a sign of life.
    Comment,
    /// Nothing but blank lines.
    Blank,
    /// No field that the grammar knows, or not UTF-8, or endless.
    Stray,
}

/// Hands over every record of a stream that is all there, without a copy of it.
pub(crate) fn read_all(stream: &[u8], mut take: impl FnMut(Record<'_>)) {
    let stream = stream.strip_prefix(BYTE_ORDER_MARK).unwrap_or(stream);
    let mut reader = Reader { begun: true, ..Reader::default() };
    reader.push(stream, &mut take);
    reader.finish(take);
}

/// The same for the data of its events.
pub(crate) fn read_data(stream: &[u8], mut take: impl FnMut(&str)) {
    read_all(stream, |record| {
        if let Content::Data { data, .. } = record.content {
            take(&data);
        }
    });
}

/// Cuts a byte stream into records.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// Bytes of the record that is not yet whole.
    pending: Vec<u8>,
    /// Where the current line starts in `pending`.
    line: usize,
    /// Where the search for its end goes on.
    searched: usize,
    /// Whether the place of a byte order mark has passed.
    begun: bool,
}

impl Reader {
    /// Takes a chunk and hands over every record that is whole now.
    pub(crate) fn push(&mut self, chunk: &[u8], mut take: impl FnMut(Record<'_>)) {
        if self.pending.is_empty() && self.begun {
            let used = self.cut(chunk, &mut take);
            self.pending.extend_from_slice(&chunk[used..]);
            return;
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(chunk);
        if self.skip_byte_order_mark(&mut pending) {
            let used = self.cut(&pending, &mut take);
            pending.drain(..used);
        }
        self.pending = pending;
    }

    /// The stream is over: hands over what is left, if it is more than white space.
    pub(crate) fn finish(&mut self, mut take: impl FnMut(Record<'_>)) {
        let mut pending = std::mem::take(&mut self.pending);
        if !self.begun {
            self.begun = true;
            strip_byte_order_mark(&mut pending);
        }
        // A lone carriage return was held back for a line feed that cannot come any more.
        pending.push(b'\n');
        let used = self.cut(&pending, &mut take);
        (self.line, self.searched) = (0, 0);
        if !pending[used..].iter().all(u8::is_ascii_whitespace) {
            take(read(&pending[used..]));
        }
    }

    /// Removes a byte order mark at the very start; false while it may still be incomplete.
    fn skip_byte_order_mark(&mut self, pending: &mut Vec<u8>) -> bool {
        if self.begun {
            return true;
        }
        if pending.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(pending) {
            return false;
        }
        self.begun = true;
        strip_byte_order_mark(pending);
        true
    }

    /// Hands over the whole records in `bytes` and says how many bytes they took.
    fn cut(&mut self, bytes: &[u8], take: &mut impl FnMut(Record<'_>)) -> usize {
        let mut start = 0;
        let (mut line, mut searched) = (self.line, self.searched);
        loop {
            let Some(found) = memchr::memchr2(b'\n', b'\r', &bytes[searched..]) else {
                searched = bytes.len();
                break;
            };
            let end = searched + found;
            searched = match (bytes[end], bytes.get(end + 1)) {
                (b'\r', Some(b'\n')) => end + 2,
                // Whether a line feed follows is not known yet; it belongs to this line's end.
                (b'\r', None) => {
                    searched = end;
                    break;
                }
                _ => end + 1,
            };
            if end == line {
                take(read(&bytes[start..searched]));
                start = searched;
            }
            line = searched;
        }
        if bytes.len() - start > MAX_RECORD {
            take(Record { raw: &[], content: Content::Stray });
            start = bytes.len();
            (line, searched) = (start, start);
        }
        self.line = line - start;
        self.searched = searched - start;
        start
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

fn strip_byte_order_mark(bytes: &mut Vec<u8>) {
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
}

/// Reads the fields of one whole record.
fn read(raw: &[u8]) -> Record<'_> {
    let content = match std::str::from_utf8(raw) {
        Ok(text) => fields(text),
        Err(_) => Content::Stray,
    };
    Record { raw, content }
}

fn fields(text: &str) -> Content<'_> {
    let mut event = "";
    let mut data: Option<Cow<'_, str>> = None;
    let (mut known, mut lines) = (false, false);
    for line in Lines(text) {
        if line.is_empty() {
            continue;
        }
        lines = true;
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "data" => {
                if let Some(before) = &mut data {
                    let joined = before.to_mut();
                    joined.push('\n');
                    joined.push_str(value);
                } else {
                    data = Some(Cow::Borrowed(value));
                }
            }
            "event" => (event, known) = (value, true),
            "" | "id" | "retry" => known = true,
            _ => {}
        }
    }
    match data {
        Some(data) => Content::Data { event, data },
        None if known => Content::Comment,
        None if lines => Content::Stray,
        None => Content::Blank,
    }
}

/// The lines of a record, ended by `\n`, `\r\n` or `\r`.
struct Lines<'a>(&'a str);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        let bytes = self.0.as_bytes();
        let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) else {
            return Some(std::mem::take(&mut self.0));
        };
        let line = &self.0[..end];
        let next = if bytes[end..].starts_with(b"\r\n") { end + 2 } else { end + 1 };
        self.0 = &self.0[next..];
        Some(line)
    }
}
