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
use tokio::{sync::mpsc, task::JoinHandle, time::sleep};

/// Notices that are remembered for the console.
const REMEMBERED: usize = 100;

/// Notices that wait for the webhook at most.
const WAITING: usize = 256;

/// How long one call of the webhook may take.
const TIME: Duration = Duration::from_secs(10);

/// Waits before a call that failed is made again.
const AGAIN: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];

/// What is told.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Notice {
    /// `model_lifecycle`, `model_check`, `price_change` or `incident`.
    pub(crate) event: &'static str,
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
    pub(crate) fn new(event: &'static str, text: String, at: Timestamp) -> Self {
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
        tracing::warn!(event = notice.event, "{}", notice.text);
        {
            let mut recent = lock(&self.recent);
            recent.truncate(REMEMBERED - 1);
            recent.push_front(NoticeRow { at: notice.at, text: notice.text.clone() });
        }
        let Some(webhook) = webhook else { return };
        if self.calls.try_send((webhook, notice)).is_err() {
            tracing::error!("too many notices wait for the webhook, so that this one is not sent");
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
                let event = notice.event;
                return tracing::error!(event, "the webhook did not take a notice: {failure}");
            }
        }
    }
}
