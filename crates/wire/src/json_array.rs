//! A stream of Gemini as one JSON array that comes in pieces, which is what callers get who do not ask for
//! server-sent events. Each record is an element; an error is the last one.

use bytes::{BufMut, Bytes, BytesMut};

use crate::sse::{Content, Reader, Record};

/// Turns the records of one stream into the elements of one array.
#[derive(Debug, Default)]
pub struct JsonArray {
    reader: Reader,
    is_open: bool,
}

impl JsonArray {
    /// Takes bytes of the stream, in any split, and gives those of the array.
    pub fn push(&mut self, records: &[u8]) -> Bytes {
        let mut out = BytesMut::with_capacity(records.len());
        let is_open = &mut self.is_open;
        self.reader.push(records, |record| element(&record, is_open, &mut out));
        out.freeze()
    }

    /// The stream is over: what ends the array.
    pub fn finish(&mut self) -> Bytes {
        let mut out = BytesMut::new();
        let is_open = &mut self.is_open;
        self.reader.finish(|record| element(&record, is_open, &mut out));
        if !self.is_open {
            out.put_u8(b'[');
        }
        out.put_slice(b"]\n");
        out.freeze()
    }
}

fn element(record: &Record<'_>, is_open: &mut bool, out: &mut BytesMut) {
    let Content::Data { data, .. } = &record.content else { return };
    out.put_slice(if *is_open { b",\r\n" } else { b"[" });
    out.put_slice(data.as_bytes());
    *is_open = true;
}

#[cfg(test)]
mod tests {
    use super::JsonArray;

    fn array(stream: &str, piece: usize) -> String {
        let mut array = JsonArray::default();
        let mut whole = Vec::new();
        for piece in stream.as_bytes().chunks(piece) {
            whole.extend_from_slice(&array.push(piece));
        }
        whole.extend_from_slice(&array.finish());
        String::from_utf8(whole).unwrap()
    }

    #[test]
    fn records_become_elements_in_every_split() {
        let check = |stream: &str, expect: &[u64]| {
            for piece in 1..=stream.len().max(1) {
                let read: Vec<u64> = serde_json::from_str(&array(stream, piece)).unwrap();
                assert_eq!(read, expect, "{stream:?} in pieces of {piece}");
            }
        };
        check("", &[]);
        check(": still here\n\n", &[]);
        check("data: 1\n\n", &[1]);
        check("data: 1\r\n\r\n: still here\n\ndata: 22\n\ndata:3", &[1, 22, 3]);
    }
}
