//! A reply before it is played: status, type and records, with the part that each record plays.

use bytes::Bytes;
use http::StatusCode;

/// An ordinary reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) script: Script,
}

/// The body of a reply.
#[derive(Debug)]
pub(crate) enum Script {
    /// One JSON document, worth this many output records.
    Whole { body: Bytes, pieces: usize },
    /// Server-sent events.
    Stream(Vec<Record>),
}

impl Reply {
    pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>, pieces: usize) -> Self {
        Self { status, script: Script::Whole { body: body.into(), pieces } }
    }

    pub(crate) fn stream(records: Vec<Record>) -> Self {
        Self { status: StatusCode::OK, script: Script::Stream(records) }
    }
}

/// One server-sent event, blank line included.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) bytes: Bytes,
    pub(crate) part: Part,
}

/// The part that a record plays in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Sent at once, before the vendor has thought.
    Opening,
    /// Sent together with the first output.
    Lead,
    /// Text or tool arguments: the records that are paced and counted.
    Output,
    /// Stop reason and usage.
    Closing,
    /// The dialect's last word.
    Terminator,
}

/// Collects records in one buffer, so that a stream costs one allocation and not one per record.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    buffer: String,
    marks: Vec<(usize, Part)>,
}

impl Tape {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { buffer: String::with_capacity(bytes), marks: Vec::new() }
    }

    /// Where the next record is to be written; `mark` ends it.
    pub(crate) fn buffer(&mut self) -> &mut String {
        &mut self.buffer
    }

    /// Ends a record with its blank line.
    pub(crate) fn mark(&mut self, part: Part) {
        self.buffer.push_str("\n\n");
        self.marks.push((self.buffer.len(), part));
    }

    pub(crate) fn into_records(self) -> Vec<Record> {
        let bytes = Bytes::from(self.buffer);
        let mut start = 0;
        let cut = |(end, part)| {
            let record = Record { bytes: bytes.slice(start..end), part };
            start = end;
            record
        };
        self.marks.into_iter().map(cut).collect()
    }
}
