//! Money set aside for one attempt, and its settlement: exactly one, whatever happens.

use std::sync::Arc;

use terms::{
    breaker::SessionKey,
    event::{Entry, Hold, Settlement},
    ids::{
        AttemptId, KeyId, ModelName, PrincipalName, ProviderName, RouteName, TargetName, TeamName,
    },
    money::NanoUsd,
    outcome::Ending,
    usage::{Usage, UsageSource},
};
use tracing::error;

use crate::ledger::Ledger;

/// What an attempt is about to do, for the hold.
#[derive(Debug, Clone)]
pub struct Order {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Who asks.
    pub key: KeyId,
    /// Its owner.
    pub principal: PrincipalName,
    /// Who pays.
    pub team: TeamName,
    /// What the caller asked for.
    pub route: RouteName,
    /// Where it goes.
    pub target: TargetName,
    /// Who answers there.
    pub provider: ProviderName,
    /// The model there.
    pub model: ModelName,
    /// The caller's dialect.
    pub dialect: terms::dialect::Dialect,
    /// Whether the caller asked for a stream.
    pub stream: bool,
    /// Estimated input tokens.
    pub estimated_in: u64,
    /// Output tokens at most.
    pub most_out: u64,
    /// Whose answer is spared if this attempt answers.
    pub instead_of: Option<InsteadOf>,
    /// The session that it is part of, as [`Ledger::enter_session`] gave it.
    pub session: Option<Arc<SessionKey>>,
}

/// The model that would have answered had there been no student.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InsteadOf {
    /// Who serves it.
    pub provider: ProviderName,
    /// What it is called there.
    pub model: ModelName,
    /// Input tokens that it needs beside the caller's: the task's instruction.
    pub instruction_tokens: u64,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy)]
pub struct AttemptEnd {
    /// How.
    pub ending: Ending,
    /// Token counts; zeros with [`UsageSource::None`].
    pub usage: Usage,
    /// Where they came from.
    pub source: UsageSource,
    /// Milliseconds from dispatch to the first output token.
    pub first_token_ms: Option<u64>,
    /// Milliseconds from dispatch to the end.
    pub total_ms: u64,
}

/// An attempt that is held and not settled yet. Dropped without a settlement (a bug, a panic), it
/// settles itself as interrupted, with the input estimated: never silently free.
#[derive(Debug)]
pub struct Held {
    ledger: Arc<Ledger>,
    hold: Option<Box<Hold>>,
    company: Company,
}

/// What an attempt has to do with others.
#[derive(Debug)]
pub(crate) struct Company {
    pub(crate) instead_of: Option<InsteadOf>,
    pub(crate) session: Option<Arc<SessionKey>>,
}

impl Held {
    pub(crate) fn new(ledger: Arc<Ledger>, hold: Hold, company: Company) -> Self {
        Self { ledger, hold: Some(Box::new(hold)), company }
    }

    /// Writes the settlement and returns the cost. Must be called before the last byte of the answer
    /// is released.
    pub fn settle(mut self, end: AttemptEnd) -> NanoUsd {
        match self.hold.take() {
            Some(hold) => settle(&self.ledger, &hold, &self.company, end),
            None => NanoUsd::ZERO,
        }
    }

    /// Which attempt.
    pub fn attempt(&self) -> Option<AttemptId> {
        self.hold.as_ref().map(|hold| hold.attempt)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(hold) = self.hold.take() {
            let usage = Usage { uncached_in: hold.estimated_in, ..Usage::default() };
            let end = AttemptEnd {
                ending: Ending::Interrupted,
                usage,
                source: UsageSource::Estimated,
                first_token_ms: None,
                total_ms: 0,
            };
            settle(&self.ledger, &hold, &self.company, end);
        }
    }
}

fn settle(ledger: &Ledger, hold: &Hold, company: &Company, end: AttemptEnd) -> NanoUsd {
    let (cost, price_version) = ledger.price(&hold.provider, &hold.model, &end.usage, end.source);
    let settlement = Settlement {
        attempt: hold.attempt,
        at: ledger.now(),
        ending: end.ending,
        usage: end.usage,
        source: end.source,
        cost,
        avoided: company.instead_of.as_ref().map(|model| avoided(ledger, model, &end)),
        price_version,
        first_token_ms: end.first_token_ms,
        total_ms: end.total_ms,
    };
    ledger.activity().settled(hold, &settlement);
    if let Some(session) = &company.session {
        ledger.session_settled(session, cost);
    }
    if let Err(failure) = ledger.append(Entry::Settlement(settlement)) {
        // The hold stands in the journal: at the next start it is booked as interrupted.
        error!(attempt = %hold.attempt, %failure, "a settlement could not be written");
    }
    cost
}

/// What the answer would have cost at the model that was stood in for.
fn avoided(ledger: &Ledger, model: &InsteadOf, end: &AttemptEnd) -> NanoUsd {
    if end.ending != Ending::Answered {
        return NanoUsd::ZERO;
    }
    let uncached_in = end.usage.uncached_in + model.instruction_tokens;
    let usage = Usage { uncached_in, ..end.usage };
    ledger.price(&model.provider, &model.model, &usage, end.source).0
}
