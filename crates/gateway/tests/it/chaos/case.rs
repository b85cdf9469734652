//! What a case of the suite says: how the first provider misbehaves, and what comes of it for a caller
//! of each dialect and each form of answer.

use simulator::Fault;
use terms::dialect::Dialect;

use crate::harness::{CHAT, FOX, MESSAGES, RESPONSES};

/// Where the fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Status,
    Headers,
    Stream,
    Connection,
    /// The second provider misbehaves like the first.
    Everybody,
}

impl Group {
    pub(super) const ALL: [Self; 5] =
        [Self::Status, Self::Headers, Self::Stream, Self::Connection, Self::Everybody];
}

/// How the answer is wanted by the caller, and how it is got from the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As a stream.
    Streamed,
    /// Wanted whole, got as a stream.
    Gathered,
    /// Wanted whole, got whole.
    Whole,
}

impl Form {
    pub(super) const ALL: [Self; 3] = [Self::Streamed, Self::Gathered, Self::Whole];

    /// Whether the provider is asked for a stream.
    pub(super) fn is_streamed_upstream(self) -> bool {
        self != Self::Whole
    }
}

/// The dialects of the callers; the first provider speaks the same.
pub(super) const CALLERS: [Dialect; 3] = [CHAT, RESPONSES, MESSAGES];

/// How a provider misbehaves.
#[derive(Debug)]
pub(super) enum Misbehaves {
    /// The fault of a provider that is there.
    By(Fault),
    /// Nobody listens.
    Refuses,
    /// Its name does not exist.
    NoSuchName,
    /// TLS is spoken to a port that does not speak it.
    NoTls,
    /// TLS with a certificate that nobody vouches for.
    SelfSigned,
    /// It accepts connections and never says a word of TLS.
    SilentTls,
}

impl Misbehaves {
    /// Whether requests reach the provider.
    pub(super) fn is_reached(&self) -> bool {
        matches!(self, Self::By(fault) if *fault != Fault::ClosedAtOnce)
    }
}

/// What the caller asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    Text,
    /// For a call of a tool.
    Tool,
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    First,
    Second,
    /// The first began, the second finished.
    Both,
}

/// What the caller sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sees {
    /// The answer, whole and right.
    Answer(By),
    /// An error in its dialect, with this status.
    Told(u16),
    /// What had come, then an error event in its dialect and no clean end.
    Broken,
}

/// What comes of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) sees: Sees,
    /// Attempts at the first and at the second provider.
    pub(super) attempts: (u64, u64),
    /// Why another target answered.
    pub(super) reason: &'static str,
    /// What the answer says.
    pub(super) says: &'static str,
    /// Whether an attempt at the first may have cost something that nobody stated.
    pub(super) is_estimated: bool,
    /// Requests that the first provider saw given up.
    pub(super) cancelled: u64,
}

const ORDINARY: Outcome = Outcome {
    sees: Sees::Answer(By::First),
    attempts: (1, 0),
    reason: "",
    says: FOX,
    is_estimated: false,
    cancelled: 0,
};

/// The first provider answers, after so many attempts.
pub(super) fn first(attempts: u64) -> Outcome {
    Outcome { attempts: (attempts, 0), ..ORDINARY }
}

/// The second provider answers, after so many attempts at the first.
pub(super) fn second(attempts: u64, reason: &'static str) -> Outcome {
    let sees = Sees::Answer(By::Second);
    Outcome { sees, attempts: (attempts, 1), reason, ..ORDINARY }
}

/// The first provider begins, the second finishes.
pub(super) fn both() -> Outcome {
    Outcome { sees: Sees::Answer(By::Both), attempts: (1, 1), is_estimated: true, ..ORDINARY }
}

/// The caller is told of an error.
pub(super) fn told(status: u16, attempts: (u64, u64)) -> Outcome {
    Outcome { sees: Sees::Told(status), attempts, ..ORDINARY }
}

/// The answer ends with an error.
pub(super) fn broken(attempts: (u64, u64)) -> Outcome {
    Outcome { sees: Sees::Broken, attempts, is_estimated: true, ..ORDINARY }
}

impl Outcome {
    /// An attempt at the first may have cost something.
    pub(super) fn estimated(self) -> Self {
        Self { is_estimated: true, ..self }
    }

    /// The first provider saw so many requests given up; they may have cost something.
    pub(super) fn cancelled(self, requests: u64) -> Self {
        Self { cancelled: requests, is_estimated: true, ..self }
    }

    pub(super) fn says(self, says: &'static str) -> Self {
        Self { says, ..self }
    }
}

/// One named fault.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) group: Group,
    pub(super) misbehaves: fn() -> Misbehaves,
    pub(super) asks: Asks,
    /// What the first provider says, and what the second says, unless it is told to go on.
    pub(super) tells: (&'static str, &'static str),
    pub(super) outcome: fn(Form, Dialect) -> Outcome,
}

impl Case {
    pub(super) fn new(
        group: Group,
        name: &'static str,
        misbehaves: fn() -> Misbehaves,
        outcome: fn(Form, Dialect) -> Outcome,
    ) -> Self {
        Self { name, group, misbehaves, asks: Asks::Text, tells: (FOX, FOX), outcome }
    }

    pub(super) fn asking_for_a_tool(self) -> Self {
        Self { asks: Asks::Tool, ..self }
    }

    pub(super) fn telling(self, first: &'static str, second: &'static str) -> Self {
        Self { tells: (first, second), ..self }
    }
}
