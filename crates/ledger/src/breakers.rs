//! Breakers at run time: a request enters its session, an attempt's cost is added to it, a person
//! answers. Every change of a breaker is in the journal, so that it holds after a restart; whether
//! there is a change is decided in `decide::breaker`.

use std::sync::{Arc, MutexGuard, PoisonError};

use decide::{
    breaker::{Answer, AnswerRefusal, BreakerLimits},
    session::RUN_GAP_MS,
};
use store::Store;
use terms::{
    breaker::{
        AgentName, BreakerChange, BreakerEvent, BreakerId, BreakerState, Evidence, SessionKey,
    },
    event::Entry,
    money::NanoUsd,
    time::{Moment, Timestamp},
};
use tracing::{error, info, warn};

use crate::{
    error::LedgerError,
    ledger::Ledger,
    sessions::{EVENTS, SESSIONS, SessionView, Sessions},
};

/// Who asks when a limit is passed.
const GATEWAY: &str = "outlast";

/// How long a yes that was given before a restart still counts, in milliseconds.
const YES_HOLDS_MS: i64 = 24 * 3_600_000;

/// A session that is stopped, for the sentence that its client shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Its breaker.
    pub id: BreakerId,
    /// What it did on its own.
    pub evidence: Evidence,
    /// Who stopped it.
    pub by: String,
    /// Where the console answers; empty where nobody said.
    pub console: String,
}

/// Why a person's answer was not taken.
#[derive(Debug, thiserror::Error)]
pub enum BreakerRefusal {
    /// There is no such session, or it was forgotten.
    #[error("no session has the breaker {0}; `outlast sessions` lists them")]
    Unknown(BreakerId),
    /// The breaker does not take it.
    #[error(transparent)]
    Refused(#[from] AnswerRefusal),
    /// It could not be written down, so it does not hold.
    #[error("the answer could not be written down and does not hold: {0}")]
    NotWritten(#[from] LedgerError),
}

/// All sessions and what happened to their breakers, for people.
#[derive(Debug, Clone)]
pub struct Board {
    /// What a session may do on its own before somebody is asked.
    pub limits: BreakerLimits,
    /// Every session in memory, latest seen first.
    pub sessions: Vec<SessionView>,
    /// What happened to breakers, newest first, at most 50.
    pub events: Vec<BreakerEvent>,
}

impl Board {
    /// Whether a session runs: it has an attempt under way, or was not silent for half an hour.
    pub fn is_running(session: &SessionView, now: Timestamp) -> bool {
        let gap = i64::try_from(RUN_GAP_MS).unwrap_or(i64::MAX);
        session.open > 0 || session.last_seen.0.saturating_add(gap) >= now.0
    }
}

impl Ledger {
    /// A request enters its session. `human` says whether a human spoke in it. The key is given
    /// back for the holds of its attempts.
    ///
    /// # Errors
    /// [`Stopped`]: then nothing may be sent.
    pub fn enter_session(
        &self,
        key: SessionKey,
        agent: &AgentName,
        human: bool,
    ) -> Result<Arc<SessionKey>, Box<Stopped>> {
        let (now, at) = (self.moment(), self.now());
        let mut sessions = self.sessions();
        let (limits, console) = (sessions.limits, sessions.console.clone());
        let Some(row) = sessions.enter(&key, agent, now, at, random) else {
            return Ok(Arc::new(key));
        };
        if row.breaker.refuses() {
            row.refused += 1;
            let stopped = Stopped {
                id: row.id.clone(),
                evidence: row.session.evidence(),
                by: row.changed.as_ref().map(|(_, by)| by.clone()).unwrap_or_default(),
                console,
            };
            drop(sessions);
            self.activity().request_refused();
            return Err(Box::new(stopped));
        }
        let turn = row.session.request(human, now, at);
        if let Some(change) = row.breaker.heard(turn, &limits) {
            let by = key.principal.to_string();
            self.note(&mut sessions, &key, change, &by, at);
        }
        self.judge(&mut sessions, &key, at);
        Ok(Arc::new(key))
    }

    /// An attempt of this session goes out.
    pub(crate) fn session_held(&self, key: &SessionKey) {
        if let Some(row) = self.sessions().get_mut(key) {
            row.session.attempt_began();
        }
    }

    /// An attempt of this session ended and cost this.
    pub(crate) fn session_settled(&self, key: &SessionKey, cost: NanoUsd) {
        let (now, at) = (self.moment(), self.now());
        let mut sessions = self.sessions();
        if let Some(row) = sessions.get_mut(key) {
            row.session.attempt_ended(cost, now, at);
            self.judge(&mut sessions, key, at);
        }
    }

    /// A person answers for this breaker, having seen it at this version (`None`: as it is).
    ///
    /// # Errors
    /// [`BreakerRefusal`]; nothing has changed then.
    pub fn answer_breaker(
        &self,
        id: &BreakerId,
        seen: Option<u64>,
        answer: Answer,
        by: &str,
    ) -> Result<(), BreakerRefusal> {
        let at = self.now();
        {
            let mut sessions = self.sessions();
            let limits = sessions.limits;
            let (key, row) =
                sessions.named(id).ok_or_else(|| BreakerRefusal::Unknown(id.clone()))?;
            let key = key.clone();
            // The answer is written down before it holds for anybody.
            let mut breaker = row.breaker;
            let used = row.session.evidence().used;
            let change = breaker.answer(answer, seen, &used, &limits)?;
            let event = row.event(&key, change, breaker, &limits, by, at);
            self.append(Entry::Breaker(Box::new(event.clone())))?;
            sessions.remember(&event);
            if let Some(row) = sessions.get_mut(&key) {
                row.breaker = breaker;
                row.refused = 0;
                row.changed = Some((at, by.to_owned()));
            }
            info!(breaker = %id, change = change.name(), by, "a breaker was answered");
        }
        self.activity().touch();
        Ok(())
    }

    /// What sessions may do on their own from now on; what was confirmed stays.
    pub fn set_breaker_limits(&self, limits: BreakerLimits) {
        self.sessions().limits = limits;
    }

    /// Where people answer, such as `http://127.0.0.1:4101`.
    pub fn set_console(&self, address: &str) {
        address.clone_into(&mut self.sessions().console);
    }

    /// How many sessions ask whether they are meant.
    pub fn sessions_asking(&self) -> usize {
        let asks = |row: &crate::sessions::Row| row.breaker.state() == BreakerState::Pinged;
        self.sessions().iter().filter(|(_, row)| asks(row)).count()
    }

    /// A copy of everything, for people.
    pub fn breaker_board(&self) -> Board {
        let inner = self.sessions();
        let limits = inner.limits;
        let mut sessions: Vec<_> =
            inner.iter().map(|(key, row)| SessionView::of(key, row, &limits)).collect();
        let events = inner.events.iter().cloned().collect();
        drop(inner);
        sessions.sort_unstable_by(|a, b| (b.last_seen, &a.id).cmp(&(a.last_seen, &b.id)));
        Board { limits, sessions, events }
    }

    /// Brings back what stood when the last process ended: sessions that ask or are stopped, and
    /// those that somebody lately allowed more.
    pub(crate) async fn restore_breakers(&self, store: &Store) -> Result<(), LedgerError> {
        let since = Timestamp(self.now().0 - YES_HOLDS_MS);
        let at_most = u32::try_from(SESSIONS).unwrap_or(u32::MAX);
        let standing = store.standing_breakers(since, at_most).await?;
        let events = store.breaker_events(u32::try_from(EVENTS).unwrap_or(u32::MAX)).await?;
        let now = self.moment();
        let mut sessions = self.sessions();
        for event in standing.iter().rev() {
            sessions.restore(event, now);
        }
        sessions.events = events.into();
        Ok(())
    }

    /// Asks where a limit is passed.
    fn judge(&self, sessions: &mut Sessions, key: &SessionKey, at: Timestamp) {
        let limits = sessions.limits;
        let Some(row) = sessions.get_mut(key) else { return };
        let evidence = row.session.evidence();
        if let Some(change) = row.breaker.judge(&evidence.used, &limits) {
            warn!(
                breaker = %row.id, principal = %key.principal, session = %key.session,
                autonomous_ms = evidence.used.autonomous_ms, cost = %evidence.used.cost,
                requests = evidence.requests, "a session ran on its own past its limit: was that meant?"
            );
            self.note(sessions, key, change, GATEWAY, at);
        }
    }

    /// Writes down what already holds.
    fn note(
        &self,
        sessions: &mut Sessions,
        key: &SessionKey,
        change: BreakerChange,
        by: &str,
        at: Timestamp,
    ) {
        let limits = sessions.limits;
        let Some(row) = sessions.get_mut(key) else { return };
        row.changed = Some((at, by.to_owned()));
        let event = row.event(key, change, row.breaker, &limits, by, at);
        if let Err(failure) = self.append(Entry::Breaker(Box::new(event.clone()))) {
            error!(breaker = %event.breaker, %failure, "a breaker's change could not be written");
        }
        sessions.remember(&event);
        self.activity().touch();
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moment(&self) -> Moment {
        let elapsed = tokio::time::Instant::now().saturating_duration_since(self.started);
        Moment(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    u64::from_le_bytes(bytes)
}
