//! How an attempt ended, and what kind of failure it was.

use serde::{Deserialize, Serialize};

/// What a failure asks for. Decided once, by `decide::classify`, from status, body code and phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// A lone server error or reset: the same target may be tried once more.
    Transient,
    /// The provider is out of capacity or rate-limits us.
    RateLimited,
    /// The provider could not be reached at all: refused, DNS, TLS, connect limit.
    Unreachable,
    /// No headers, no first token or no further token within the limit.
    TimedOut,
    /// A reply that is not what its dialect promises: HTML, truncated JSON, an empty body.
    Malformed,
    /// The model does not exist (any more) at this provider.
    ModelGone,
    /// Our credential at the provider is refused, expired or out of funds. Never the caller's key.
    CredentialDead,
    /// The input does not fit this model's window.
    ContextOverflow,
    /// The provider refuses the content. Goes back to the caller with the provider's words.
    PolicyRefusal,
    /// The request is at fault; another target would say the same.
    CallerFault,
    /// A stream died after output had been sent.
    Cut,
    /// The target was asked to go on with an answer that another one began, and told another one.
    /// Nobody's fault.
    Mismatch,
    /// The target leaves the request to the next one: a student that is not sure, a recording that
    /// lacks the question, a dialect that cannot say it. Nobody's fault.
    Declined,
}

impl Failure {
    /// Every kind of failure, in the order of their definition.
    pub const ALL: &[Failure] = &[
        Self::Transient,
        Self::RateLimited,
        Self::Unreachable,
        Self::TimedOut,
        Self::Malformed,
        Self::ModelGone,
        Self::CredentialDead,
        Self::ContextOverflow,
        Self::PolicyRefusal,
        Self::CallerFault,
        Self::Cut,
        Self::Mismatch,
        Self::Declined,
    ];

    /// The word used in headers, logs and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::RateLimited => "rate_limited",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Malformed => "malformed",
            Self::ModelGone => "model_gone",
            Self::CredentialDead => "credential_dead",
            Self::ContextOverflow => "context_overflow",
            Self::PolicyRefusal => "policy_refusal",
            Self::CallerFault => "caller_fault",
            Self::Cut => "cut",
            Self::Mismatch => "mismatch",
            Self::Declined => "declined",
        }
    }

    /// Whether the failure says something about the target's health, so that its gate must learn it.
    pub const fn counts_against_health(self) -> bool {
        !matches!(
            self,
            Self::ContextOverflow
                | Self::PolicyRefusal
                | Self::CallerFault
                | Self::Mismatch
                | Self::Declined
        )
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// A whole answer, its stop reason seen.
    Answered,
    /// The caller left before the end; the upstream call was cancelled.
    CallerLeft,
    /// It failed.
    Failed(Failure),
    /// The process died while it ran; booked when the journal was replayed.
    Interrupted,
}

impl Ending {
    /// The word used in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::CallerLeft => "caller_left",
            Self::Failed(failure) => failure.name(),
            Self::Interrupted => "interrupted",
        }
    }

    /// The ending with this word, if there is one. The reverse of [`Ending::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "answered" => Some(Self::Answered),
            "caller_left" => Some(Self::CallerLeft),
            "interrupted" => Some(Self::Interrupted),
            _ => Failure::ALL
                .iter()
                .copied()
                .find(|failure| failure.name() == name)
                .map(Self::Failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ending, Failure};

    #[test]
    fn every_ending_is_found_by_its_name() {
        let failures = Failure::ALL.iter().copied().map(Ending::Failed);
        for ending in failures.chain([Ending::Answered, Ending::CallerLeft, Ending::Interrupted]) {
            assert_eq!(Ending::from_name(ending.name()), Some(ending));
        }
        assert_eq!(Ending::from_name("pending"), None);
    }
}
