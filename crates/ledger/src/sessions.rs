//! The sessions that this process knows, in memory, each with its clock and its breaker. Bounded in
//! number: those not seen for longest go first, never one that asks or is stopped while there are
//! others. Storing what happens to a breaker is `breakers`' part.

use std::collections::{HashMap, VecDeque};

use decide::{
    breaker::{Breaker, BreakerLimits},
    session::Session,
};
use terms::{
    breaker::{
        AgentName, Autonomy, BreakerChange, BreakerEvent, BreakerId, BreakerState, Evidence,
        SessionKey,
    },
    time::{Moment, Timestamp},
};

/// Sessions in memory at most. When they are all taken, a tenth makes room at once, so that callers
/// who make ids up do not cost a search each.
pub(crate) const SESSIONS: usize = 10_000;

/// Events kept for people.
pub(crate) const EVENTS: usize = 50;

/// One session.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: BreakerId,
    pub(crate) agent: AgentName,
    pub(crate) session: Session,
    pub(crate) breaker: Breaker,
    /// Requests refused since it was stopped.
    pub(crate) refused: u64,
    /// When its breaker last changed, and by whom.
    pub(crate) changed: Option<(Timestamp, String)>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    rows: HashMap<SessionKey, Row>,
    names: HashMap<BreakerId, SessionKey>,
    pub(crate) limits: BreakerLimits,
    /// Where people answer, for the sentence that a refused client shows.
    pub(crate) console: String,
    /// What happened to breakers, newest first.
    pub(crate) events: VecDeque<BreakerEvent>,
}

impl Sessions {
    /// The session of this key, which begins now if it is new; nothing where there is no room for
    /// a new one.
    pub(crate) fn enter(
        &mut self,
        key: &SessionKey,
        agent: &AgentName,
        now: Moment,
        at: Timestamp,
        random: impl FnMut() -> u64,
    ) -> Option<&mut Row> {
        if !self.rows.contains_key(key) {
            if self.rows.len() >= SESSIONS {
                self.make_room();
            }
            if self.rows.len() >= SESSIONS {
                return None;
            }
            let row = Row {
                id: self.free_name(random),
                agent: agent.clone(),
                session: Session::begin(now, at),
                breaker: Breaker::default(),
                refused: 0,
                changed: None,
            };
            self.names.insert(row.id.clone(), key.clone());
            self.rows.insert(key.clone(), row);
        }
        self.rows.get_mut(key)
    }

    /// A session as an event left it.
    pub(crate) fn restore(&mut self, event: &BreakerEvent, now: Moment) {
        let BreakerEvent { breaker, session, agent, evidence, .. } = event;
        let row = Row {
            id: breaker.clone(),
            agent: agent.clone(),
            session: Session::restored(*evidence, event.at, now),
            breaker: Breaker::restored(event.state, event.allowed, event.version),
            refused: 0,
            changed: Some((event.at, event.by.clone())),
        };
        // A session that was forgotten and came again has two names; the later one counts.
        if let Some(earlier) = self.rows.insert(session.clone(), row) {
            self.names.remove(&earlier.id);
        }
        self.names.insert(breaker.clone(), session.clone());
    }

    pub(crate) fn get_mut(&mut self, key: &SessionKey) -> Option<&mut Row> {
        self.rows.get_mut(key)
    }

    /// The session whose breaker has this name.
    pub(crate) fn named(&self, id: &BreakerId) -> Option<(&SessionKey, &Row)> {
        let key = self.names.get(id)?;
        self.rows.get_key_value(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&SessionKey, &Row)> {
        self.rows.iter()
    }

    /// Keeps what happened for people, and gives it back to be stored.
    pub(crate) fn remember(&mut self, event: &BreakerEvent) {
        self.events.truncate(EVENTS - 1);
        self.events.push_front(event.clone());
    }

    /// Lets a tenth go: closed ones not seen for longest, then those that ask. A stopped session is
    /// never forgotten, because it would pass.
    fn make_room(&mut self) {
        let mut ages: Vec<(bool, Timestamp, SessionKey)> = self
            .rows
            .iter()
            .filter(|(_, row)| row.breaker.state() != BreakerState::Stopped)
            .map(|(key, row)| {
                let asks = row.breaker.state() == BreakerState::Pinged;
                (asks, row.session.last_seen(), key.clone())
            })
            .collect();
        ages.sort_unstable();
        ages.truncate(SESSIONS / 10);
        for (_, _, key) in ages {
            if let Some(row) = self.rows.remove(&key) {
                self.names.remove(&row.id);
            }
        }
    }

    fn free_name(&self, mut random: impl FnMut() -> u64) -> BreakerId {
        loop {
            let id = BreakerId::from_random(random());
            if !self.names.contains_key(&id) {
                return id;
            }
        }
    }
}

impl Row {
    /// What just happened to it, as it is stored.
    pub(crate) fn event(
        &self,
        key: &SessionKey,
        change: BreakerChange,
        breaker: Breaker,
        limits: &BreakerLimits,
        by: &str,
        at: Timestamp,
    ) -> BreakerEvent {
        BreakerEvent {
            breaker: self.id.clone(),
            version: breaker.version(),
            at,
            session: key.clone(),
            agent: self.agent.clone(),
            change,
            state: breaker.state(),
            allowed: breaker.allowed(limits),
            evidence: self.session.evidence(),
            by: by.to_owned(),
        }
    }
}

/// A session, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// Its breaker's name.
    pub id: BreakerId,
    /// Whose it is.
    pub key: SessionKey,
    /// What its client calls itself.
    pub agent: AgentName,
    /// Its breaker.
    pub state: BreakerState,
    /// How many changes the breaker has seen: an answer names it, so that it is an answer to this.
    pub version: u64,
    /// What it did on its own.
    pub evidence: Evidence,
    /// What it may do on its own until somebody is asked.
    pub allowed: Autonomy,
    /// When it last did something.
    pub last_seen: Timestamp,
    /// Attempts under way.
    pub open: u32,
    /// Requests refused since it was stopped.
    pub refused: u64,
    /// When its breaker last changed, and by whom.
    pub changed: Option<(Timestamp, String)>,
}

impl SessionView {
    pub(crate) fn of(key: &SessionKey, row: &Row, limits: &BreakerLimits) -> Self {
        Self {
            id: row.id.clone(),
            key: key.clone(),
            agent: row.agent.clone(),
            state: row.breaker.state(),
            version: row.breaker.version(),
            evidence: row.session.evidence(),
            allowed: row.breaker.allowed(limits),
            last_seen: row.session.last_seen(),
            open: row.session.open(),
            refused: row.refused,
            changed: row.changed.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use decide::breaker::Answer;
    use terms::{
        breaker::{AgentName, BreakerState, ClientFamily, SessionId, SessionKey},
        money::NanoUsd,
        time::{Moment, Timestamp},
    };

    use super::{SESSIONS, Sessions};

    fn key(number: usize) -> SessionKey {
        let session = SessionId::parse(&format!("session-{number:06}")).unwrap();
        SessionKey { principal: "ada".into(), client: ClientFamily::Other, session }
    }

    /// As many sessions as there is room for, each a little younger than the one before.
    fn full() -> (Sessions, impl FnMut() -> u64) {
        let mut sessions = Sessions::default();
        let mut counter = 0;
        let mut next = move || {
            counter += 1;
            counter
        };
        for number in 0..SESSIONS {
            let at = Timestamp(i64::try_from(number).unwrap());
            sessions.enter(&key(number), &AgentName::default(), Moment(0), at, &mut next).unwrap();
        }
        (sessions, next)
    }

    fn set(sessions: &mut Sessions, number: usize, state: BreakerState) {
        let limits = sessions.limits;
        let row = sessions.get_mut(&key(number)).unwrap();
        row.session.attempt_ended(NanoUsd(i64::MAX), Moment(0), Timestamp(0));
        let used = row.session.evidence().used;
        match state {
            BreakerState::Closed => {}
            BreakerState::Pinged => assert!(row.breaker.judge(&used, &limits).is_some()),
            BreakerState::Stopped => {
                row.breaker.answer(Answer::Stop, None, &used, &limits).unwrap();
            }
        }
    }

    #[test]
    fn the_oldest_make_room_but_none_that_asks_or_is_stopped() {
        let (mut sessions, next) = full();
        set(&mut sessions, 0, BreakerState::Stopped);
        set(&mut sessions, 1, BreakerState::Pinged);
        let late = Timestamp(1 << 40);
        let newest = key(SESSIONS);
        sessions.enter(&newest, &AgentName::default(), Moment(0), late, next).unwrap();
        assert_eq!(sessions.iter().count(), SESSIONS - SESSIONS / 10 + 1);
        for (number, stays) in [(0, true), (1, true), (2, false), (900, false), (1_100, true)] {
            assert_eq!(sessions.get_mut(&key(number)).is_some(), stays, "{number}");
        }
        let names = sessions.iter().map(|(_, row)| row.id.clone()).collect::<Vec<_>>();
        assert!(names.iter().all(|id| sessions.named(id).is_some()));
        assert_eq!(sessions.names.len(), names.len(), "no name is left behind");
    }

    #[test]
    fn where_all_are_stopped_a_new_one_passes_unwatched() {
        let (mut sessions, next) = full();
        for number in 0..SESSIONS {
            set(&mut sessions, number, BreakerState::Stopped);
        }
        let newest = key(SESSIONS);
        let entered = sessions.enter(&newest, &AgentName::default(), Moment(0), Timestamp(0), next);
        assert!(entered.is_none());
        assert!(sessions.iter().all(|(_, row)| row.breaker.refuses()));
    }
}
