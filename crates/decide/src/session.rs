//! A session's clock: how long, for how much and with how many requests it ran since a human last
//! spoke. Whether that is too much is the breaker's question, not this one's.

use terms::{
    breaker::{Autonomy, Evidence},
    money::NanoUsd,
    time::{Moment, Timestamp},
};

/// Silence that ends a run on its own. On a recorded production trace 99 of 100 turns of one
/// conversation followed within 25 minutes; the classic cut of web sessions is about the same.
pub const RUN_GAP_MS: u64 = 30 * 60_000;

/// What a request was to its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The run on its own goes on.
    GoesOn,
    /// The session had been silent for so long that its time starts again. Its cost does not: a job
    /// that wakes every hour spends as much as one that never sleeps.
    NewRun,
    /// A human spoke: time, cost and requests start again.
    Human,
}

/// One session's clock and sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    evidence: Evidence,
    /// When it last did something: a request came, or an attempt ended.
    last: Moment,
    last_seen: Timestamp,
    /// Attempts under way; while there is one, the session is not silent.
    open: u32,
}

impl Session {
    /// A session whose first request comes now; [`Session::request`] must follow.
    pub fn begin(now: Moment, at: Timestamp) -> Self {
        let evidence = Evidence { first_seen: at, run_began: at, ..Evidence::default() };
        Self { evidence, last: now, last_seen: at, open: 0 }
    }

    /// A session as it was stored; the time in between, when nobody watched, is not counted.
    pub fn restored(evidence: Evidence, last_seen: Timestamp, now: Moment) -> Self {
        Self { evidence, last: now, last_seen, open: 0 }
    }

    /// A request comes.
    pub fn request(&mut self, human: bool, now: Moment, at: Timestamp) -> Turn {
        let turn = self.turn(human, now);
        let evidence = &mut self.evidence;
        match turn {
            Turn::GoesOn => evidence.used.autonomous_ms += now.since(self.last),
            Turn::NewRun => {
                evidence.used.autonomous_ms = 0;
                evidence.run_began = at;
            }
            Turn::Human => {
                evidence.used = Autonomy::default();
                evidence.requests = 0;
                evidence.last_human = Some(at);
                evidence.run_began = at;
            }
        }
        evidence.requests += u64::from(turn != Turn::Human);
        self.saw(now, at);
        turn
    }

    fn turn(&self, human: bool, now: Moment) -> Turn {
        if human {
            Turn::Human
        } else if self.open == 0 && now.since(self.last) > RUN_GAP_MS {
            Turn::NewRun
        } else {
            Turn::GoesOn
        }
    }

    /// An attempt of one of its requests goes out.
    pub fn attempt_began(&mut self) {
        self.open += 1;
    }

    /// An attempt ended and cost this.
    pub fn attempt_ended(&mut self, cost: NanoUsd, now: Moment, at: Timestamp) {
        self.open = self.open.saturating_sub(1);
        let used = &mut self.evidence.used;
        used.autonomous_ms += now.since(self.last);
        used.cost = used.cost + cost;
        self.saw(now, at);
    }

    fn saw(&mut self, now: Moment, at: Timestamp) {
        self.last = self.last.max(now);
        self.last_seen = self.last_seen.max(at);
    }

    /// What it did on its own until now.
    pub fn evidence(&self) -> Evidence {
        self.evidence
    }

    /// When it last did something, by the wall clock.
    pub fn last_seen(&self) -> Timestamp {
        self.last_seen
    }

    /// Attempts under way.
    pub fn open(&self) -> u32 {
        self.open
    }
}

#[cfg(test)]
mod tests {
    use super::{RUN_GAP_MS, Session, Turn};
    use terms::{
        breaker::Autonomy,
        money::NanoUsd,
        time::{Moment, Timestamp},
    };

    const START: Moment = Moment(0);
    const WALL: Timestamp = Timestamp(1_000_000);

    fn begun() -> Session {
        let mut session = Session::begin(START, WALL);
        assert_eq!(session.request(true, START, WALL), Turn::Human);
        session
    }

    fn settle(session: &mut Session, cost: i64, now: u64) {
        session.attempt_began();
        session.attempt_ended(NanoUsd(cost), Moment(now), Timestamp(WALL.0 + 1));
    }

    #[test]
    fn a_human_restarts_everything() {
        let mut session = begun();
        settle(&mut session, 7, 60_000);
        session.request(false, Moment(120_000), WALL);
        assert_eq!(session.evidence().used.autonomous_ms, 120_000);
        assert_eq!((session.evidence().used.cost, session.evidence().requests), (NanoUsd(7), 1));
        session.request(true, Moment(130_000), Timestamp(WALL.0 + 130_000));
        let evidence = session.evidence();
        assert_eq!((evidence.used, evidence.requests), (Autonomy::default(), 0));
        assert_eq!(evidence.last_human, Some(Timestamp(WALL.0 + 130_000)));
        assert_eq!(evidence.first_seen, WALL);
    }

    #[test]
    fn a_long_silence_restarts_the_time_and_keeps_the_cost() {
        let mut session = begun();
        settle(&mut session, 7, 60_000);
        assert_eq!(session.request(false, Moment(60_000 + RUN_GAP_MS), WALL), Turn::GoesOn);
        assert_eq!(session.request(false, Moment(60_001 + 2 * RUN_GAP_MS), WALL), Turn::NewRun);
        assert_eq!(session.evidence().used.autonomous_ms, 0);
        assert_eq!(
            session.evidence().used.cost,
            NanoUsd(7),
            "an hourly job is not forgiven its cost"
        );
    }

    #[test]
    fn a_session_that_waits_for_an_answer_is_not_silent() {
        let mut session = begun();
        session.attempt_began();
        let later = Moment(3 * RUN_GAP_MS);
        assert_eq!(session.request(false, later, WALL), Turn::GoesOn);
        assert_eq!(session.evidence().used.autonomous_ms, 3 * RUN_GAP_MS);
    }
}
