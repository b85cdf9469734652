//! The spend breaker of one session: asks once when a limit is passed, obeys the answer, and lets a
//! human who speaks in the session answer by that. Passing a limit only asks; nothing but a person
//! stops a session.

use terms::{
    breaker::{Autonomy, BreakerChange, BreakerState},
    money::NanoUsd,
};

use crate::session::Turn;

/// What a session may do on its own before somebody is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerLimits(pub Autonomy);

impl Default for BreakerLimits {
    /// 10 hours or $50, whichever comes first: long enough that a night's work of one agent passes,
    /// little enough that a forgotten one is noticed the next morning.
    fn default() -> Self {
        Self(Autonomy { autonomous_ms: 10 * 3_600_000, cost: NanoUsd(50_000_000_000) })
    }
}

/// What a person answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Go on.
    Confirm(More),
    /// No further request of this session.
    Stop,
}

/// How much more. What is not named is once more what the limits allow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct More {
    /// Milliseconds.
    pub autonomous_ms: Option<u64>,
    /// Dollars.
    pub cost: Option<NanoUsd>,
}

/// Why an answer was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerRefusal {
    /// It was given to a question that has been answered in the meantime.
    #[error("something happened to this session in the meantime; look again and decide then")]
    Stale,
    /// It is stopped already.
    #[error("this session is stopped already")]
    AlreadyStopped,
    /// Nothing more was allowed.
    #[error("say how much more: an amount and a time above zero")]
    NothingMore,
}

/// The breaker of one session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Breaker {
    state: BreakerState,
    /// What was confirmed, counted like what is used; `None` while the limits hold.
    confirmed: Option<Autonomy>,
    version: u64,
}

impl Breaker {
    /// A breaker as it was stored.
    pub fn restored(state: BreakerState, allowed: Autonomy, version: u64) -> Self {
        Self { state, confirmed: Some(allowed), version }
    }

    /// The state.
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// How many changes it has seen.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What the session may use on its own until somebody is asked.
    pub fn allowed(&self, limits: &BreakerLimits) -> Autonomy {
        self.confirmed.unwrap_or(limits.0)
    }

    /// Whether the next request is refused.
    pub fn refuses(&self) -> bool {
        self.state == BreakerState::Stopped
    }

    /// A request passed and was this to its session. A human who speaks closes a breaker that asks
    /// and uses up what was confirmed; a stopped session stays stopped whoever speaks in it.
    pub fn heard(&mut self, turn: Turn, limits: &BreakerLimits) -> Option<BreakerChange> {
        match turn {
            Turn::GoesOn => None,
            Turn::NewRun => {
                if let Some(confirmed) = &mut self.confirmed {
                    confirmed.autonomous_ms = limits.0.autonomous_ms;
                }
                None
            }
            Turn::Human => {
                let asked = self.state == BreakerState::Pinged || self.confirmed.is_some();
                if !asked || self.refuses() {
                    return None;
                }
                self.confirmed = None;
                Some(self.change(BreakerState::Closed, BreakerChange::HumanSpoke))
            }
        }
    }

    /// Whether somebody is to be asked now: when what is allowed is used up, once.
    pub fn judge(&mut self, used: &Autonomy, limits: &BreakerLimits) -> Option<BreakerChange> {
        let allowed = self.allowed(limits);
        let passed = used.autonomous_ms >= allowed.autonomous_ms || used.cost >= allowed.cost;
        (self.state == BreakerState::Closed && passed)
            .then(|| self.change(BreakerState::Pinged, BreakerChange::Pinged))
    }

    /// A person answers, having seen the breaker at this version (`None`: at whatever it is).
    /// Confirming allows exactly as much more as is named, from what is used now.
    pub fn answer(
        &mut self,
        answer: Answer,
        seen: Option<u64>,
        used: &Autonomy,
        limits: &BreakerLimits,
    ) -> Result<BreakerChange, AnswerRefusal> {
        if seen.is_some_and(|seen| seen != self.version) {
            return Err(AnswerRefusal::Stale);
        }
        match answer {
            Answer::Stop if self.refuses() => Err(AnswerRefusal::AlreadyStopped),
            Answer::Stop => Ok(self.change(BreakerState::Stopped, BreakerChange::Stopped)),
            Answer::Confirm(more) => {
                let more = Autonomy {
                    autonomous_ms: more.autonomous_ms.unwrap_or(limits.0.autonomous_ms),
                    cost: more.cost.unwrap_or(limits.0.cost),
                };
                if more.autonomous_ms == 0 || more.cost <= NanoUsd::ZERO {
                    return Err(AnswerRefusal::NothingMore);
                }
                self.confirmed = Some(Autonomy {
                    autonomous_ms: used.autonomous_ms.saturating_add(more.autonomous_ms),
                    cost: used.cost + more.cost,
                });
                Ok(self.change(BreakerState::Closed, BreakerChange::Confirmed(more)))
            }
        }
    }

    fn change(&mut self, state: BreakerState, change: BreakerChange) -> BreakerChange {
        self.state = state;
        self.version += 1;
        change
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, proptest};
    use terms::{
        breaker::{Autonomy, BreakerChange, BreakerState},
        money::NanoUsd,
    };

    use super::{Answer, AnswerRefusal, Breaker, BreakerLimits, More};
    use crate::session::Turn;

    const LIMITS: BreakerLimits =
        BreakerLimits(Autonomy { autonomous_ms: 1_000, cost: NanoUsd(1_000) });

    fn used(autonomous_ms: u64, cost: i64) -> Autonomy {
        Autonomy { autonomous_ms, cost: NanoUsd(cost) }
    }

    /// Something that happens to a breaker.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Use(u64, i64),
        Turn(Turn),
        Answer(Answer),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let more = (1..2_000_u64, 1..2_000_i64).prop_map(|(ms, cost)| {
            Answer::Confirm(More { autonomous_ms: Some(ms), cost: Some(NanoUsd(cost)) })
        });
        let step = prop::strategy::Union::new_weighted(vec![
            (6, (0..400_u64, 0..400_i64).prop_map(|(ms, cost)| Step::Use(ms, cost)).boxed()),
            (1, Just(Step::Turn(Turn::Human)).boxed()),
            (1, Just(Step::Turn(Turn::NewRun)).boxed()),
            (1, more.prop_map(Step::Answer).boxed()),
            (1, any::<bool>().prop_map(|_| Step::Answer(Answer::Stop)).boxed()),
        ]);
        prop::collection::vec(step, 0..60)
    }

    proptest! {
        /// One question per allowance, never below both limits, and nothing passes a stop but a yes.
        #[test]
        fn it_asks_once_and_only_past_a_limit(steps in steps()) {
            let mut breaker = Breaker::default();
            let mut now = used(0, 0);
            let mut stopped = false;
            let mut asked = false;
            for step in steps {
                let version = breaker.version();
                let change = match step {
                    Step::Use(ms, cost) => {
                        now = used(now.autonomous_ms + ms, now.cost.0 + cost);
                        let allowed = breaker.allowed(&LIMITS);
                        let past = now.autonomous_ms >= allowed.autonomous_ms || now.cost >= allowed.cost;
                        let change = breaker.judge(&now, &LIMITS);
                        prop_assert_eq!(change.is_some(), past && !asked && !stopped);
                        asked |= change.is_some();
                        change
                    }
                    Step::Turn(turn) => {
                        if turn == Turn::Human && !stopped {
                            now = used(0, 0);
                            asked = false;
                        } else if turn == Turn::NewRun {
                            now.autonomous_ms = 0;
                        }
                        breaker.heard(turn, &LIMITS)
                    }
                    Step::Answer(answer) => {
                        let change = breaker.answer(answer, None, &now, &LIMITS).ok();
                        if let Some(change) = change {
                            stopped = change == BreakerChange::Stopped;
                            asked = false;
                        }
                        change
                    }
                };
                prop_assert_eq!(breaker.refuses(), stopped);
                prop_assert_eq!(breaker.state() == BreakerState::Pinged, asked && !stopped);
                prop_assert_eq!(breaker.version(), version + u64::from(change.is_some()));
            }
        }

        #[test]
        fn a_yes_allows_exactly_as_much_more(
            before in (0..9_000_u64, 0..9_000_i64),
            more in (1..9_000_u64, 1..9_000_i64),
        ) {
            let mut breaker = Breaker::default();
            let begun = used(before.0, before.1);
            breaker.judge(&begun, &LIMITS);
            let yes = More { autonomous_ms: Some(more.0), cost: Some(NanoUsd(more.1)) };
            breaker.answer(Answer::Confirm(yes), None, &begun, &LIMITS).unwrap();
            let (ms, cost) = (before.0 + more.0, before.1 + more.1);
            let mut short = breaker;
            prop_assert!(short.judge(&used(ms - 1, cost - 1), &LIMITS).is_none());
            let mut late = breaker;
            prop_assert!(late.judge(&used(ms, before.1), &LIMITS).is_some());
            let mut dear = breaker;
            prop_assert!(dear.judge(&used(before.0, cost), &LIMITS).is_some());
        }
    }

    #[test]
    fn what_is_not_named_is_once_more_the_limit() {
        let mut breaker = Breaker::default();
        let cost_only = More { cost: Some(NanoUsd(5)), ..More::default() };
        breaker.answer(Answer::Confirm(cost_only), None, &used(700, 30), &LIMITS).unwrap();
        assert_eq!(breaker.allowed(&LIMITS), used(1_700, 35));
    }

    #[test]
    fn an_answer_to_an_older_question_is_not_taken() {
        let mut breaker = Breaker::default();
        breaker.judge(&used(2_000, 0), &LIMITS).unwrap();
        breaker.answer(Answer::Stop, Some(1), &used(2_000, 0), &LIMITS).unwrap();
        let late = breaker.answer(Answer::Confirm(More::default()), Some(1), &used(0, 0), &LIMITS);
        assert_eq!(late, Err(AnswerRefusal::Stale));
        let again = breaker.answer(Answer::Stop, None, &used(0, 0), &LIMITS);
        assert_eq!(again, Err(AnswerRefusal::AlreadyStopped));
        assert!(breaker.refuses());
    }

    #[test]
    fn nothing_more_is_no_answer() {
        let mut breaker = Breaker::default();
        for more in [
            More { cost: Some(NanoUsd(0)), ..More::default() },
            More { autonomous_ms: Some(0), ..More::default() },
        ] {
            let refused = breaker.answer(Answer::Confirm(more), None, &used(0, 0), &LIMITS);
            assert_eq!(refused, Err(AnswerRefusal::NothingMore));
        }
    }

    #[test]
    fn a_human_answers_a_question_and_never_lifts_a_stop() {
        let mut breaker = Breaker::default();
        breaker.judge(&used(0, 1_000), &LIMITS).unwrap();
        assert_eq!(breaker.heard(Turn::Human, &LIMITS), Some(BreakerChange::HumanSpoke));
        assert_eq!(breaker.heard(Turn::Human, &LIMITS), None, "said once");
        breaker.answer(Answer::Stop, None, &used(0, 0), &LIMITS).unwrap();
        assert_eq!(breaker.heard(Turn::Human, &LIMITS), None);
        assert!(breaker.refuses());
    }
}
