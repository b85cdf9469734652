//! The closed list of faults that a simulated vendor can be given, and which of them holds for a
//! request. What each one does to a reply is acted out in `playback`, and only there.

use std::collections::HashMap;

/// Something that goes wrong. `after_chunks` counts output records (text or tool arguments) that are
/// sent before it strikes; a reply that is not streamed is struck half way through its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Fault {
    /// All is well.
    #[default]
    None,
    /// An error reply.
    Status {
        /// HTTP status.
        status: u16,
        /// The dialect's error code (OpenAI) or error type (Anthropic); its usual one where absent.
        code: Option<String>,
        /// The dialect's message; a plain sentence where absent.
        message: Option<String>,
        /// Further headers, such as `retry-after`.
        headers: Vec<(String, String)>,
        /// How many requests it holds for; `None` for all.
        times: Option<u32>,
    },
    /// The connection is accepted and never answered.
    Hang,
    /// Nothing at all for this many milliseconds, then the ordinary reply.
    SlowHeaders(u64),
    /// The body ends early, well formed for HTTP, and the connection is closed.
    MidStreamCut {
        /// Output records before the cut.
        after_chunks: usize,
    },
    /// The connection is reset in the middle of the body.
    MidStreamReset {
        /// Output records before the reset.
        after_chunks: usize,
    },
    /// An error event in the stream, then the end.
    MidStreamError {
        /// Output records before the error.
        after_chunks: usize,
    },
    /// Silence in the middle of the stream, for ever.
    MidStreamStall {
        /// Output records before the silence.
        after_chunks: usize,
    },
    /// Status 200, then an error event before any output.
    FirstEventError,
    /// Status 200 and truncated JSON.
    BadJson,
    /// Status 200 and a page of HTML, as a broken middle box sends it.
    Html,
    /// Status 200 and no body.
    EmptyBody,
    /// The ordinary reply without its `content-type`.
    NoContentType,
    /// The ordinary stream with CRLF line ends and comments.
    Crlf,
    /// The ordinary reply, every byte in a write of its own.
    ByteByByte,
    /// The ordinary stream, ended after its stop reason but without the dialect's last event.
    NoTerminator,
    /// The ordinary stream up to its stop reason, then silence for ever.
    SilentEnd,
    /// The ordinary reply without any usage.
    NoUsage,
    /// Malformed records in the middle of an otherwise ordinary stream.
    Noise,
    /// The ordinary reply with these headers beside its own.
    Headers(Vec<(String, String)>),
    /// The ordinary reply under another `content-type`.
    ContentType(&'static str),
    /// One JSON document, also where a stream was asked for.
    NotStreamed,
    /// The ordinary reply, compressed, although nobody asked for that.
    Gzip,
    /// The ordinary reply under a `content-length` beyond its end, where the connection is closed.
    LongLength,
    /// The ordinary stream with the dialect's last event twice.
    TerminatedTwice,
    /// The body ends within a record, inside a character of several bytes where it has one.
    CutInCharacter {
        /// Output records before the one that is cut.
        after_chunks: usize,
    },
    /// The ordinary stream, but the JSON of one output record lacks its end.
    UnreadableOutput {
        /// Output records before that one.
        after_chunks: usize,
    },
    /// Every connection is accepted and closed.
    ClosedAtOnce,
    /// Every connection is closed when the request was read.
    ClosedUnanswered,
    /// The request is answered with bytes that are no HTTP.
    Garbage,
    /// The connection is closed within the headers of the reply.
    HalfHeaders,
}

/// What is done to a connection rather than to a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineFault {
    ClosedAtOnce,
    ClosedUnanswered,
    Garbage,
    HalfHeaders,
}

impl Fault {
    /// An error status with the dialect's usual body, for every request.
    pub fn status(status: u16) -> Self {
        Self::Status { status, code: None, message: None, headers: Vec::new(), times: None }
    }

    /// An error status with the dialect's usual body, for the next `times` requests.
    pub fn status_times(status: u16, times: u32) -> Self {
        Self::Status { status, code: None, message: None, headers: Vec::new(), times: Some(times) }
    }

    /// What it does to a connection, if it is of that kind.
    pub(crate) fn of_the_line(&self) -> Option<LineFault> {
        match self {
            Self::ClosedAtOnce => Some(LineFault::ClosedAtOnce),
            Self::ClosedUnanswered => Some(LineFault::ClosedUnanswered),
            Self::Garbage => Some(LineFault::Garbage),
            Self::HalfHeaders => Some(LineFault::HalfHeaders),
            _ => None,
        }
    }
}

/// The faults of a vendor: one for all its models and one for each that has its own.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    everywhere: Fault,
    by_model: HashMap<String, Fault>,
    counted: (Fault, u32),
}

impl Faults {
    pub(crate) fn set(&mut self, fault: Fault) {
        self.everywhere = fault;
    }

    /// A fault that holds for so many requests, before any other.
    pub(crate) fn set_times(&mut self, fault: Fault, times: u32) {
        self.counted = (fault, times);
    }

    pub(crate) fn set_for(&mut self, model: &str, fault: Fault) {
        self.by_model.insert(model.to_owned(), fault);
    }

    /// The fault that holds for one request, used up by one where it is counted. A model's own fault
    /// stands before the vendor's.
    pub(crate) fn take(&mut self, model: &str) -> Fault {
        if self.counted.1 > 0 {
            self.counted.1 -= 1;
            return self.counted.0.clone();
        }
        let own = self.by_model.get_mut(model).map_or(Fault::None, take_one);
        if own == Fault::None { take_one(&mut self.everywhere) } else { own }
    }

    /// The fault of the whole vendor, unless it is counted: what is not counted uses nothing up.
    pub(crate) fn uncounted(&self) -> Fault {
        match &self.everywhere {
            Fault::Status { times: Some(_), .. } => Fault::None,
            fault => fault.clone(),
        }
    }
}

fn take_one(fault: &mut Fault) -> Fault {
    let taken = fault.clone();
    if let Fault::Status { times: Some(left), .. } = fault {
        if *left <= 1 {
            *fault = Fault::None;
        } else {
            *left -= 1;
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::{Fault, Faults};

    #[test]
    fn a_counted_fault_is_used_up_and_a_models_own_stands_first() {
        let mut faults = Faults::default();
        faults.set(Fault::Hang);
        faults.set_for("one", Fault::status_times(503, 2));
        assert!(matches!(faults.take("one"), Fault::Status { status: 503, .. }));
        assert_eq!(faults.take("two"), Fault::Hang);
        assert!(matches!(faults.take("one"), Fault::Status { status: 503, .. }));
        assert_eq!(faults.take("one"), Fault::Hang);
    }
}
