//! Telling people what changed by itself: in the log, on the console, and by a webhook, which is called
//! behind everything else and never keeps a request waiting.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use console::NoticeRow;
use gateway::Web;
use serde::Serialize;
use terms::time::Timestamp;
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    task::JoinHandle,
    time::sleep,
};

/// Notices that are remembered for the console.
const REMEMBERED: usize = 100;

/// Notices that wait for the webhook at most.
const WAITING: usize = 256;

/// How long one call of the webhook may take.
const TIME: Duration = Duration::from_secs(10);

/// Waits before a call that failed is made again.
const AGAIN: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];

/// What people are told of. The guide to models lists them; a test compares the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    /// A model came to another stage of its life.
    ModelLifecycle,
    /// A successor does not do in the place of its model.
    ModelCheck,
    /// Prices changed by more than the limits of `[prices]`.
    PriceChange,
    /// New prices wait for a person.
    PriceWaits,
    /// The price list of the config cannot be read.
    PriceListFailed,
    /// A target answers otherwise than it did, or as before again.
    Incident,
}

impl Event {
    /// Every event.
    #[cfg(test)]
    const ALL: [Self; 6] = [
        Self::ModelLifecycle,
        Self::ModelCheck,
        Self::PriceChange,
        Self::PriceWaits,
        Self::PriceListFailed,
        Self::Incident,
    ];

    /// Its word.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ModelLifecycle => "model_lifecycle",
            Self::ModelCheck => "model_check",
            Self::PriceChange => "price_change",
            Self::PriceWaits => "price_waits",
            Self::PriceListFailed => "price_list_failed",
            Self::Incident => "incident",
        }
    }
}

/// What is told.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Notice {
    /// What happened, as a word.
    pub(crate) event: Event,
    /// In a sentence; the field that chat programs show.
    pub(crate) text: String,
    /// Unix milliseconds.
    pub(crate) at: Timestamp,
    /// `provider/model`, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<String>,
    /// The stage that it came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stage: Option<&'static str>,
    /// `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_day: Option<String>,
    /// Who takes its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) successor: Option<String>,
}

impl Notice {
    pub(crate) fn new(event: Event, text: String, at: Timestamp) -> Self {
        Self { event, text, at, target: None, stage: None, last_day: None, successor: None }
    }
}

/// Who tells.
#[derive(Debug)]
pub(crate) struct Notifier {
    recent: Mutex<VecDeque<NoticeRow>>,
    calls: mpsc::Sender<(String, Notice)>,
}

impl Notifier {
    /// Starts the task that calls the webhook; it ends with the notifier.
    pub(crate) fn start() -> (Arc<Self>, JoinHandle<()>) {
        let (calls, waiting) = mpsc::channel(WAITING);
        let task = tokio::spawn(call_all(waiting));
        (Arc::new(Self { recent: Mutex::default(), calls }), task)
    }

    /// Tells, and returns at once. The address of the webhook may hold a secret: it is never logged.
    pub(crate) fn tell(&self, notice: Notice, webhook: Option<String>) {
        tracing::warn!(event = notice.event.name(), "{}", notice.text);
        {
            let mut recent = lock(&self.recent);
            recent.truncate(REMEMBERED - 1);
            recent.push_front(NoticeRow { at: notice.at, text: notice.text.clone() });
        }
        let Some(webhook) = webhook else { return };
        match self.calls.try_send((webhook, notice)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => tracing::error!(
                "too many notices wait for the webhook, so that this one is not sent"
            ),
            Err(TrySendError::Closed(_)) => {
                tracing::error!("the program stops, so that the webhook is not told of this");
            }
        }
    }

    /// The latest, newest first.
    pub(crate) fn recent(&self) -> Vec<NoticeRow> {
        lock(&self.recent).iter().cloned().collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn call_all(mut waiting: mpsc::Receiver<(String, Notice)>) {
    let web = Web::new(TIME);
    while let Some((webhook, notice)) = waiting.recv().await {
        call(&web, &webhook, &notice).await;
    }
}

async fn call(web: &Web, webhook: &str, notice: &Notice) {
    let body = serde_json::to_vec(notice).expect("plain fields always serialise");
    let mut waits = AGAIN.into_iter();
    loop {
        let Err(failure) = web.post_json(webhook, body.clone().into()).await else { return };
        match waits.next() {
            Some(wait) => sleep(wait).await,
            None => {
                let event = notice.event.name();
                return tracing::error!(event, "the webhook did not take a notice: {failure}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Event;

    #[test]
    fn the_guide_lists_the_events_that_are_sent() {
        let guide = include_str!("../../../docs/guide/models.md");
        let list = guide.split("`event` (").nth(1).unwrap().split(')').next().unwrap();
        let names = Event::ALL.map(|event| format!("`{}`", event.name()));
        assert_eq!(list, names.join(", "));
        for event in Event::ALL {
            let sent = serde_json::to_string(&event).unwrap();
            assert_eq!(sent, format!("\"{}\"", event.name()));
        }
    }
}
