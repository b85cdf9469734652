//! The limits of the gateway, each with its name and its default.

use std::time::Duration;

/// How long an upstream may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimits {
    /// To accept a connection, TLS included. Default 2 s.
    pub connect: Duration,
    /// From dispatch to the first output of a stream. Default 10 s.
    pub first_token: Duration,
    /// The same for a model that reasons before it speaks. Default 120 s.
    pub first_token_reasoning: Duration,
    /// Between two pieces of a stream. Default 10 s.
    pub idle: Duration,
    /// The same for a model that reasons; its pings count as life. Default 60 s.
    pub idle_reasoning: Duration,
    /// From dispatch to the end of an answer that is not streamed. Default 300 s.
    pub whole_answer: Duration,
    /// Between two signs of life to a caller who waits for somebody to go on with its answer. Default 5 s.
    pub keep_alive: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            first_token: Duration::from_secs(10),
            first_token_reasoning: Duration::from_mins(2),
            idle: Duration::from_secs(10),
            idle_reasoning: Duration::from_mins(1),
            whole_answer: Duration::from_mins(5),
            keep_alive: Duration::from_secs(5),
        }
    }
}

impl TimeLimits {
    /// The first-token limit for a model that does or does not reason.
    pub(crate) fn first_token(&self, reasoning: bool) -> Duration {
        if reasoning { self.first_token_reasoning } else { self.first_token }
    }

    /// The idle limit for a model that does or does not reason.
    pub(crate) fn idle(&self, reasoning: bool) -> Duration {
        if reasoning { self.idle_reasoning } else { self.idle }
    }
}

/// What the gateway takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntakeLimits {
    /// Bytes of a request body. Default 32 MiB, what the vendors take.
    pub body_bytes: usize,
    /// Bytes of the bodies of all requests that are under way. Default 2 GiB; a request beyond it is
    /// asked to come again.
    pub all_bodies_bytes: usize,
    /// From the end of the headers to the end of the body. Default 60 s.
    pub body_time: Duration,
    /// Bytes of an upstream answer that is not streamed. Default 64 MiB.
    pub answer_bytes: usize,
}

impl Default for IntakeLimits {
    fn default() -> Self {
        Self {
            body_bytes: 32 << 20,
            all_bodies_bytes: 2 << 30,
            body_time: Duration::from_mins(1),
            answer_bytes: 64 << 20,
        }
    }
}
