//! Sessions and the spend breaker on them, as they are stored: who a session belongs to, what it may
//! use on its own, and what happened to its breaker. No rule stands here.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{ids::PrincipalName, money::NanoUsd, time::Timestamp};

/// Characters of a session id, at least and at most: what real clients send lies well within.
const ID_CHARS: std::ops::RangeInclusive<usize> = 8..=128;

/// Characters of what a client calls itself that are kept.
const AGENT_CHARS: usize = 60;

/// The chain of requests of one running process, as its client names it. It says only which
/// requests belong together; who asks is known from the key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(Arc<str>);

impl SessionId {
    /// Takes 8 to 128 letters, digits, dashes and underscores; nothing else is a session id.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (ID_CHARS.contains(&text.len()) && text.bytes().all(plain)).then(|| Self(text.into()))
    }

    /// The id itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whose session ids a client sends: ids of two families never mean the same session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientFamily {
    /// Claude Code, by its own header.
    ClaudeCode,
    /// Codex, by the originator that it names.
    Codex,
    /// Any other client that sends a session header.
    Other,
}

impl ClientFamily {
    /// Every family.
    pub const ALL: &[Self] = &[Self::ClaudeCode, Self::Codex, Self::Other];

    /// As stored.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code",
            Self::Codex => "codex",
            Self::Other => "other",
        }
    }

    /// Reads what [`ClientFamily::name`] wrote.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|family| family.name() == name)
    }
}

/// One session: nobody can join, or stop, a session under another principal's key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionKey {
    /// Whose key asks.
    pub principal: PrincipalName,
    /// Which kind of client.
    pub client: ClientFamily,
    /// What it calls the session.
    pub session: SessionId,
}

/// What a client calls itself (`claude-cli/2.1.197`), for people: the printable start of its
/// `user-agent`. Nothing is decided by it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentName(Arc<str>);

impl AgentName {
    /// The first word of a `user-agent`, at most 60 printable ASCII characters of it.
    pub fn of(user_agent: &str) -> Self {
        let word = user_agent.split_whitespace().next().unwrap_or_default();
        let word: String = word.chars().filter(char::is_ascii_graphic).take(AGENT_CHARS).collect();
        Self(word.into())
    }

    /// The name itself; empty where the client gave none.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names a session's breaker for people and commands: `br_` and 10 letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BreakerId(Arc<str>);

/// Digits and letters without those that are mistaken for each other (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl BreakerId {
    /// Writes 50 of these random bits.
    pub fn from_random(random: u64) -> Self {
        let digit = |index: u32| {
            let bits = u8::try_from(random >> (5 * index) & 31).expect("five bits");
            char::from(ALPHABET[usize::from(bits)])
        };
        let digits: String = (0..10).map(digit).collect();
        Self(format!("br_{digits}").into())
    }

    /// The id itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for BreakerId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for BreakerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The state of a session's breaker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Requests pass, nothing is asked.
    #[default]
    Closed,
    /// Requests pass, and somebody is asked whether that is meant.
    Pinged,
    /// Requests are refused.
    Stopped,
}

impl BreakerState {
    /// Every state.
    pub const ALL: &[Self] = &[Self::Closed, Self::Pinged, Self::Stopped];

    /// As stored.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Pinged => "pinged",
            Self::Stopped => "stopped",
        }
    }

    /// Reads what [`BreakerState::name`] wrote.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.name() == name)
    }
}

/// An amount of time and money: what a session used on its own, may use, or may use more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Autonomy {
    /// Milliseconds of running on its own.
    pub autonomous_ms: u64,
    /// Cost since a human last spoke.
    pub cost: NanoUsd,
}

/// What a session did on its own until now: what a ping shows and a decision rests on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Time and money.
    pub used: Autonomy,
    /// Requests since a human last spoke.
    pub requests: u64,
    /// When its first request came.
    pub first_seen: Timestamp,
    /// When a human last spoke in it; `None` when none was heard.
    pub last_human: Option<Timestamp>,
    /// When the present run on its own began.
    pub run_began: Timestamp,
}

/// What happened to a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerChange {
    /// A limit was passed, and somebody is asked.
    Pinged,
    /// Somebody said: yes, go on, this much more.
    Confirmed(Autonomy),
    /// Somebody stopped the session.
    Stopped,
    /// A human spoke in the session, so that the question answered itself.
    HumanSpoke,
}

impl BreakerChange {
    /// As stored and shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pinged => "pinged",
            Self::Confirmed(_) => "confirmed",
            Self::Stopped => "stopped",
            Self::HumanSpoke => "human_spoke",
        }
    }
}

/// One transition of a breaker, with what it rested on. The pair of breaker and version is unique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerEvent {
    /// Which breaker.
    pub breaker: BreakerId,
    /// 1 for its first transition, growing by one.
    pub version: u64,
    /// When, by the wall clock.
    pub at: Timestamp,
    /// Which session.
    pub session: SessionKey,
    /// What its client calls itself.
    pub agent: AgentName,
    /// What happened.
    pub change: BreakerChange,
    /// The state from then on.
    pub state: BreakerState,
    /// What it may use on its own from then on, counted like [`Evidence::used`].
    pub allowed: Autonomy,
    /// What it had done on its own.
    pub evidence: Evidence,
    /// Who decided; the gateway itself where a limit was passed.
    pub by: String,
}

#[cfg(test)]
mod tests {
    use super::{AgentName, BreakerId, SessionId};

    #[test]
    fn a_session_id_is_8_to_128_plain_characters() {
        for fine in ["0198c5e2-f1a9-7c3b-9d2e-4f6071829300", "a_session", &"x".repeat(128)] {
            assert_eq!(SessionId::parse(fine).unwrap().as_str(), fine);
        }
        for wrong in ["", "short", "with space", "with/slash", "umläuts-are-not", &"x".repeat(129)]
        {
            assert_eq!(SessionId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_agent_is_the_first_word_without_what_could_forge_a_line() {
        assert_eq!(
            AgentName::of("claude-cli/2.1.197 (external, sdk-cli)").as_str(),
            "claude-cli/2.1.197"
        );
        assert_eq!(AgentName::of("a\u{1b}[31mb").as_str(), "a[31mb");
        assert_eq!(AgentName::of(&"x".repeat(500)).as_str().len(), 60);
    }

    #[test]
    fn a_breaker_id_is_made_of_50_bits() {
        assert_eq!(BreakerId::from_random(0).as_str(), "br_0000000000");
        assert_eq!(BreakerId::from_random(u64::MAX).as_str(), "br_zzzzzzzzzz");
    }
}
