//! Pages kept live: their sections as server-sent events, only those that changed, at most twice a
//! second. `GET /live` is the Overview's; breakers and runs of pipelines have their own. A stream ends with its
//! session, with the program, or with its viewer.

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

use crate::{
    breaker_sections, error::ConsoleError, guard::Seat, incident_sections, provider_sections, run,
    sections, state::App,
};

/// The least time between two events of a stream: people see no more.
const PACE: Duration = Duration::from_millis(500);

/// Silence at most: tells proxies and the browser that the stream lives, lets times on the page
/// move on, and is when an ended session is noticed on a quiet system.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The same where something runs: durations and logs grow without any event.
const TICK: Duration = Duration::from_secs(1);

/// What a stream shows.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// The Overview.
    Overview,
    /// Sessions and their breakers.
    Breakers,
    /// Providers and their targets' gates.
    Providers,
    /// Incidents and canaries.
    Incidents,
    /// The list of runs.
    Runs,
    /// A run, with one of its executions in full.
    Run { run: String, shown: Option<u32> },
}

/// The sections of a page, and whether they change by themselves.
pub(crate) struct Rendered {
    /// Always as many and in the same order.
    pub(crate) sections: Vec<String>,
    /// Whether something runs.
    pub(crate) is_moving: bool,
}

impl Source {
    /// The name of its events.
    const fn event(&self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Breakers => "breakers",
            Self::Providers => "providers",
            Self::Incidents => "incidents",
            Self::Runs | Self::Run { .. } => "runs",
        }
    }

    fn changes(&self, app: &App) -> watch::Receiver<u64> {
        match self {
            Self::Overview | Self::Breakers | Self::Providers | Self::Incidents => {
                app.state.live.changes()
            }
            Self::Runs | Self::Run { .. } => app.state.pipelines.changes(),
        }
    }

    async fn render(&self, app: &App) -> Result<Rendered, ConsoleError> {
        match self {
            Self::Overview => Ok(Rendered { sections: sections::overview(app)?, is_moving: false }),
            Self::Breakers => {
                let sections = breaker_sections::all(&app.state.breakers.board())?;
                Ok(Rendered { sections, is_moving: false })
            }
            Self::Providers => {
                let overview = app.state.live.overview();
                let is_moving = provider_sections::is_moving(&overview);
                Ok(Rendered { sections: provider_sections::all(&overview)?, is_moving })
            }
            Self::Incidents => {
                let sections = incident_sections::all(app).await?;
                Ok(Rendered { sections, is_moving: false })
            }
            Self::Runs => run::list(app).await,
            Self::Run { run, shown } => run::page(app, run, *shown).await,
        }
    }
}

/// One viewer's stream.
struct Viewer {
    app: App,
    source: Source,
    seat: Seat,
    changes: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
    /// The sections as they were last sent.
    sent: Vec<String>,
    is_moving: bool,
    next_at: Instant,
    over: bool,
    _permit: OwnedSemaphorePermit,
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
    open(app, seat, Source::Overview)
}

pub(crate) async fn live_breakers(
    State(app): State<App>,
    Extension(seat): Extension<Seat>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ConsoleError> {
    open(app, seat, Source::Breakers)
}

pub(crate) async fn live_providers(
    State(app): State<App>,
    Extension(seat): Extension<Seat>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ConsoleError> {
    open(app, seat, Source::Providers)
}

pub(crate) async fn live_incidents(
    State(app): State<App>,
    Extension(seat): Extension<Seat>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ConsoleError> {
    open(app, seat, Source::Incidents)
}

/// A stream of this page for whoever sits there.
pub(crate) fn open(
    app: App,
    seat: Seat,
    source: Source,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ConsoleError> {
    let permit =
        app.streams.clone().try_acquire_owned().map_err(|_| ConsoleError::TooManyStreams)?;
    let mut changes = source.changes(&app);
    // The first event comes at once: the page may be older than the stream.
    changes.mark_changed();
    let viewer = Viewer {
        seat,
        changes,
        closing: app.state.closing.clone(),
        sent: Vec::new(),
        is_moving: false,
        source,
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
        match self.changed_sections().await {
            Ok(html) if html.is_empty() => None,
            Ok(html) => Some(Event::default().event(self.source.event()).data(html)),
            Err(error) => {
                let page = self.source.event();
                tracing::error!(?error, page, "a section was not rendered");
                self.over = true;
                None
            }
        }
    }

    async fn wait(&mut self) -> Woken {
        let (changes, next_at) = (&mut self.changes, self.next_at);
        let quiet = if self.is_moving { TICK } else { HEARTBEAT };
        let changed = async {
            sleep_until(next_at).await;
            match timeout(quiet, changes.changed()).await {
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

    async fn changed_sections(&mut self) -> Result<String, ConsoleError> {
        let rendered = self.source.render(&self.app).await?;
        self.is_moving = rendered.is_moving;
        self.sent.resize(rendered.sections.len(), String::new());
        let mut changed = String::new();
        for (html, sent) in rendered.sections.into_iter().zip(&mut self.sent) {
            if html != *sent {
                changed.push_str(&html);
                *sent = html;
            }
        }
        // A carriage return would end the field; a caller can put one into a route's name.
        Ok(changed.replace('\r', " "))
    }
}
