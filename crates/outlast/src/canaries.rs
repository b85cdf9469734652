//! Asks canaries when they are due, one after another, as long as the day's money for them lasts. What
//! is asked and expected stands in the config; what follows from the outcome is the gateway's.

use std::{collections::HashMap, sync::Arc, time::Duration};

use access::Secret;
use decide::canary::CanaryAnswer;
use gateway::{CanaryReply, Gateway, Target};
use ledger::Ledger;
use store::Store;
use terms::{
    ids::{CanaryName, TargetName},
    incident::{CanaryOutcome, CanaryRun},
    time::{DAY_MS, Timestamp},
};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use crate::{clock::wall, config::Canary, routing::Routing};

/// How often it is looked which are due.
const LOOK: Duration = Duration::from_secs(5);

/// How long outcomes are kept.
const KEPT_MS: i64 = 90 * DAY_MS;

/// Outcomes that are read at the start, to know what was asked when.
const READ: u32 = 2_000;

/// Who asks the canaries.
pub(crate) struct CanaryRounds {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) routing: Arc<Routing>,
    pub(crate) store: Store,
    /// Of the principal `canary`.
    pub(crate) key: Secret,
}

/// When each was last asked of each target.
type Asked = HashMap<(CanaryName, TargetName), Timestamp>;

impl CanaryRounds {
    /// Asks until the program stops.
    pub(crate) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut asked = self.asked_before().await;
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next = async {
                ticks.tick().await;
                self.round(&mut asked).await;
            };
            tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => return,
                () = next => {}
            }
        }
    }

    async fn asked_before(&self) -> Asked {
        let runs = self.store.canary_runs(READ).await.unwrap_or_default();
        // The newest first, so that it is the last that stays.
        runs.into_iter().rev().map(|run| ((run.canary, run.target), run.at)).collect()
    }

    /// Asks everything that is due.
    async fn round(&self, asked: &mut Asked) {
        let (canaries, day_cost) = self.routing.canaries();
        let table = self.gateway.table();
        asked.retain(|(name, _), _| canaries.iter().any(|canary| canary.name == *name));
        for canary in &canaries {
            for target in canary.targets(&table) {
                let now = wall();
                let place = (canary.name.clone(), target.name.clone());
                let every = i64::try_from(canary.every_ms).unwrap_or(i64::MAX);
                let due = asked.get(&place).is_none_or(|at| now.0.saturating_sub(at.0) >= every);
                if !due {
                    continue;
                }
                asked.insert(place, now);
                match self.store.canary_cost(Timestamp::of_day(now.day())).await {
                    Ok(cost) if cost < day_cost => self.ask(canary, &target, now).await,
                    Ok(cost) => tracing::warn!(
                        canary = %canary.name, target = %target.name, %cost,
                        "a canary is not asked: today's canaries have cost what `usd_per_day` allows"
                    ),
                    Err(failure) => {
                        tracing::error!(%failure, "no canary is asked: what they cost today cannot be read");
                    }
                }
            }
        }
    }

    async fn ask(&self, canary: &Canary, target: &Arc<Target>, at: Timestamp) {
        let (key, name) = (self.key.expose(), canary.name.as_str());
        let body = canary.body(target).into();
        let reply = self.gateway.ask_canary(key, name, target, body).await;
        let CanaryReply { request, said, first_token_ms, cost } = reply;
        let tokens =
            said.as_ref().ok().and_then(|said| said.usage).map_or(0, |usage| usage.output());
        let outcome = match said {
            Err(why) => CanaryOutcome::Unanswered(why),
            Ok(said) => {
                let (text, calls) = (said.text, said.calls);
                let answer = CanaryAnswer { text, calls, tokens, first_token_ms };
                match canary.expected.unmet(&answer) {
                    None => CanaryOutcome::Passed,
                    Some(unmet) => CanaryOutcome::Failed(unmet.to_string()),
                }
            }
        };
        let run = CanaryRun {
            request,
            at,
            canary: canary.name.clone(),
            target: target.name.clone(),
            outcome,
            tokens,
            first_token_ms,
            cost,
        };
        // What does not answer is shut by its gate; it did not answer otherwise.
        match &run.outcome {
            CanaryOutcome::Unanswered(_) => {}
            outcome => {
                self.gateway.canary_answered(&target.name, &canary.name, request, outcome.why());
            }
        }
        if let Err(failure) = self.store.put_canary_run(&run, Timestamp(at.0 - KEPT_MS)).await {
            tracing::error!(%failure, "the outcome of a canary could not be kept");
        }
        // Told once it is kept.
        tracing::info!(canary = name, target = %run.target, outcome = run.outcome.name(), "a canary was asked");
        self.ledger.activity().touch();
    }
}
