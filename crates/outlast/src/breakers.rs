//! What the console sees of sessions and their breakers, and the way of an answer to the ledger:
//! values copied, nothing decided.

use std::sync::Arc;

use console::{AnswerRefused, BreakerAnswer, BreakerBoard, Breakers, SessionRow};
use decide::breaker::{Answer, More};
use gateway::Gateway;
use ledger::{Board, BreakerRefusal, Ledger, SessionView};
use terms::breaker::{BreakerId, BreakerState};

use crate::game_days;

#[derive(Debug)]
pub(crate) struct BreakerDesk {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) notice: Option<String>,
}

impl Breakers for BreakerDesk {
    fn board(&self) -> BreakerBoard {
        let now = self.ledger.now();
        let Board { limits, sessions, events } = self.ledger.breaker_board();
        let of = |state: BreakerState| {
            sessions.iter().filter(move |view| view.state == state).map(row).collect::<Vec<_>>()
        };
        let mut asking = of(BreakerState::Pinged);
        asking.sort_by_key(|row| std::cmp::Reverse(row.evidence.used.cost));
        let mut stopped = of(BreakerState::Stopped);
        stopped.sort_by_key(|row| std::cmp::Reverse(row.changed_at));
        let runs = |view: &&SessionView| {
            view.state == BreakerState::Closed && Board::is_running(view, now)
        };
        BreakerBoard {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now,
            simulated: game_days::notice(&self.gateway).or_else(|| self.notice.clone()),
            limits: limits.0,
            refused: self.ledger.activity().snapshot().refused,
            running: sessions.iter().filter(runs).map(row).collect(),
            asking,
            stopped,
            events,
        }
    }

    fn answer(
        &self,
        id: &BreakerId,
        seen: Option<u64>,
        answer: BreakerAnswer,
        by: &str,
    ) -> Result<(), AnswerRefused> {
        let answer = match answer {
            BreakerAnswer::Stop => Answer::Stop,
            BreakerAnswer::Confirm { cost, autonomous_ms } => {
                Answer::Confirm(More { autonomous_ms, cost })
            }
        };
        self.ledger.answer_breaker(id, seen, answer, by).map_err(|refusal| match refusal {
            BreakerRefusal::Unknown(_) => AnswerRefused::Unknown,
            BreakerRefusal::Refused(why) => AnswerRefused::Refused(why.to_string()),
            BreakerRefusal::NotWritten(_) => AnswerRefused::Failed(refusal.to_string()),
        })
    }
}

fn row(view: &SessionView) -> SessionRow {
    let changed = view.changed.clone();
    SessionRow {
        id: view.id.clone(),
        session: view.key.clone(),
        agent: view.agent.to_string(),
        state: view.state,
        version: view.version,
        evidence: view.evidence,
        allowed: view.allowed,
        last_seen: view.last_seen,
        in_flight: view.open,
        refused: view.refused,
        changed_at: changed.as_ref().map(|(at, _)| *at),
        changed_by: changed.map(|(_, by)| by),
    }
}
