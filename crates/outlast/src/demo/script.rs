//! What happens in the demo, and when.

use std::time::Duration;

use decide::breaker::Answer;
use terms::breaker::BreakerState;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    causes::with_causes,
    demo::{call::Line, lesson::Classroom, runaway, tally::Tally, vendors::Vendors},
    running::Running,
    terminal,
};

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scene {
    /// The first vendor's process is gone: connections are reset, new ones refused.
    FirstVendorDies,
    /// It is back.
    FirstVendorReturns,
    /// A job begins to spend on its own.
    JobRunsAway,
    /// Its owner answers, if nobody did on the Breakers page.
    OwnerAnswers,
    /// A task of the traffic is distilled, and its student takes it over.
    LessonBegins,
}

/// The play: seconds from the start, and what happens then.
const SCENES: &[(u64, Scene)] = &[
    (20, Scene::FirstVendorDies),
    (40, Scene::JobRunsAway),
    (50, Scene::FirstVendorReturns),
    (60, Scene::OwnerAnswers),
    (62, Scene::LessonBegins),
];

/// How often the count is shown.
const COUNT_EVERY: Duration = Duration::from_secs(5);

/// Who plays.
pub(crate) struct Stage<'a> {
    pub(crate) vendors: &'a Vendors,
    pub(crate) running: &'a Running,
    pub(crate) tally: &'a Tally,
    /// As whom the runaway job calls.
    pub(crate) job: Line,
    pub(crate) classroom: Classroom,
}

impl Stage<'_> {
    /// Plays the scenes and shows the count, until it is dropped.
    pub(crate) async fn play(&self) -> anyhow::Result<()> {
        let start = Instant::now();
        let mut scenes = SCENES.iter();
        let mut next_scene = scenes.next();
        let mut next_count = start + COUNT_EVERY;
        let mut changes = self.running.ledger.activity().changes();
        let mut asked = false;
        let mut hands = JoinSet::new();
        loop {
            let scene_at = next_scene.map(|(second, _)| start + Duration::from_secs(*second));
            let next = scene_at.map_or(next_count, |at| at.min(next_count));
            tokio::select! {
                () = sleep_until(next) => {}
                _ = changes.changed(), if !asked => {
                    asked = self.shows_question(start);
                    continue;
                }
            }
            match next_scene {
                Some((_, scene)) if scene_at == Some(next) => {
                    self.act(*scene, start, &mut hands).await?;
                    next_scene = scenes.next();
                }
                _ => {
                    terminal::status(&format!("{}  {}", clock(start), self.tally.line()));
                    next_count += COUNT_EVERY;
                }
            }
        }
    }

    /// Tells that a session asks, once one does.
    fn shows_question(&self, start: Instant) -> bool {
        let asks = self.running.ledger.sessions_asking() > 0;
        if asks {
            terminal::event(&format!(
                "{}  a breaker asks: did you mean to spend this? Answer at http://{}/breakers, or its owner stops the job at 01:00",
                clock(start),
                self.running.console_address
            ));
        }
        asks
    }

    async fn act(
        &self,
        scene: Scene,
        start: Instant,
        hands: &mut JoinSet<()>,
    ) -> anyhow::Result<()> {
        match scene {
            Scene::FirstVendorDies => {
                self.vendors.first.die().await;
                told(
                    start,
                    "simulated anthropic dies: its connections are reset, new ones refused",
                );
            }
            Scene::FirstVendorReturns => {
                self.vendors.first.revive().await?;
                told(start, "simulated anthropic is back");
            }
            Scene::JobRunsAway => {
                told(start, "a job runs away: an agent spends on its own, no human speaks");
                runaway::start(&self.job, hands);
            }
            Scene::OwnerAnswers => self.stop_what_asks(start)?,
            Scene::LessonBegins => {
                let classroom = self.classroom.clone();
                hands.spawn(async move {
                    if let Err(failure) = classroom.teach(|what| told(start, what)).await {
                        terminal::error(&with_causes(&failure));
                    }
                });
            }
        }
        Ok(())
    }

    fn stop_what_asks(&self, start: Instant) -> anyhow::Result<()> {
        let ledger = &self.running.ledger;
        for session in ledger.breaker_board().sessions {
            if session.state == BreakerState::Pinged {
                ledger.answer_breaker(&session.id, None, Answer::Stop, runaway::PRINCIPAL)?;
                told(start, "nobody answered, so the job's owner stops it");
            }
        }
        Ok(())
    }
}

fn told(start: Instant, what: &str) {
    terminal::event(&format!("{}  {what}", clock(start)));
}

fn clock(start: Instant) -> String {
    let seconds = start.elapsed().as_secs();
    format!("{:02}:{:02}", seconds / 60, seconds % 60)
}
