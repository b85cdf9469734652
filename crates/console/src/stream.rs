//! `GET /live` and its kin: a page's sections as server-sent events, only those that changed, at
//! most twice a second. A stream ends with its session, with the program, or with its viewer.

use std::{convert::Infallible, time::Duration};

use axum::{
    Extension,
    extract::State,
    response::{
        Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, stream};
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, sleep_until, timeout},
};

use crate::{breaker_sections, error::ConsoleError, guard::Seat, sections, state::App};

/// The least time between two events of a stream: people see no more.
const PACE: Duration = Duration::from_millis(500);

/// Silence at most: tells proxies and the browser that the stream lives, lets times on the page
/// move on, and is when an ended session is noticed on a quiet system.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// One viewer's stream.
struct Viewer {
    app: App,
    seat: Seat,
    changes: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
    page: Page,
    /// The sections as they were last sent.
    sent: Vec<String>,
    next_at: Instant,
    over: bool,
    _permit: OwnedSemaphorePermit,
}

/// A page that is kept live: the name of its events, and its sections as of now.
#[derive(Clone, Copy)]
struct Page {
    event: &'static str,
    sections: fn(&App) -> askama::Result<Vec<String>>,
}

/// What a stream waits for.
enum Woken {
    Changed,
    Quiet,
    Closing,
}

pub(crate) async fn live(
    State(app): State<App>,
    Extension(seat): Extension<Seat>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ConsoleError> {
    open(app, seat, Page { event: "overview", sections: sections::overview })
}

pub(crate) async fn live_breakers(
    State(app): State<App>,
    Extension(seat): Extension<Seat>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ConsoleError> {
    let sections = |app: &App| breaker_sections::all(&app.state.breakers.board());
    open(app, seat, Page { event: "breakers", sections })
}

fn open(
    app: App,
    seat: Seat,
    page: Page,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ConsoleError> {
    let permit =
        app.streams.clone().try_acquire_owned().map_err(|_| ConsoleError::TooManyStreams)?;
    let mut changes = app.state.live.changes();
    // The first event comes at once: the page may be older than the stream.
    changes.mark_changed();
    let viewer = Viewer {
        seat,
        changes,
        closing: app.state.closing.clone(),
        page,
        sent: Vec::new(),
        next_at: Instant::now(),
        over: false,
        app,
        _permit: permit,
    };
    Ok(Sse::new(stream::unfold(viewer, next)).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

async fn next(mut viewer: Viewer) -> Option<(Result<Event, Infallible>, Viewer)> {
    loop {
        if viewer.over {
            return None;
        }
        if let Some(event) = viewer.step().await {
            return Some((Ok(event), viewer));
        }
    }
}

impl Viewer {
    /// Waits for something to say and says it; nothing when nothing on the page changed.
    async fn step(&mut self) -> Option<Event> {
        let woken = self.wait().await;
        self.next_at = Instant::now() + PACE;
        if matches!(woken, Woken::Closing) {
            self.over = true;
            return None;
        }
        if !self.is_signed_in() {
            self.over = true;
            return Some(Event::default().event("signed-out").data("the session is over"));
        }
        match self.changed_sections() {
            Ok(html) if html.is_empty() => None,
            Ok(html) => Some(Event::default().event(self.page.event).data(html)),
            Err(error) => {
                tracing::error!(%error, page = self.page.event, "a section was not rendered");
                self.over = true;
                None
            }
        }
    }

    async fn wait(&mut self) -> Woken {
        let (changes, next_at) = (&mut self.changes, self.next_at);
        let changed = async {
            sleep_until(next_at).await;
            match timeout(HEARTBEAT, changes.changed()).await {
                Ok(Ok(())) => Woken::Changed,
                // Who counts the changes is gone, so there will be none.
                Ok(Err(_)) => Woken::Closing,
                Err(_) => Woken::Quiet,
            }
        };
        tokio::select! {
            _ = self.closing.wait_for(|closing| *closing) => Woken::Closing,
            woken = changed => woken,
        }
    }

    fn is_signed_in(&self) -> bool {
        match &self.seat {
            Seat::Session(session) => self.app.state.admin.is_live(session, self.app.moment()),
            Seat::Bearer => true,
        }
    }

    fn changed_sections(&mut self) -> askama::Result<String> {
        let now = (self.page.sections)(&self.app)?;
        self.sent.resize(now.len(), String::new());
        let mut changed = String::new();
        for (html, sent) in now.into_iter().zip(&mut self.sent) {
            if html != *sent {
                changed.push_str(&html);
                *sent = html;
            }
        }
        // A carriage return would end the field; a caller can put one into a route's name.
        Ok(changed.replace('\r', " "))
    }
}
