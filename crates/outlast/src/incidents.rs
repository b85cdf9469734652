//! Keeps incidents: what the gateway notices is brought into the store, with what it remembers of all
//! targets, and back at the next start. A person's closing goes the other way.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use console::{Doing, IncidentWords, Incidents};
use gateway::{Gateway, SignHistory};
use ledger::Ledger;
use store::{Store, StoreError};
use terms::{ids::IncidentId, incident::Incident};
use tokio::{
    sync::{Mutex, watch},
    time::{MissedTickBehavior, interval},
};

/// How often what is remembered of all targets is written, where no incident asks for it sooner: a crash
/// forgets no more.
const WRITTEN: Duration = Duration::from_mins(1);

/// Who is told of an incident that was opened or closed, in a sentence, once it is kept.
pub(crate) type Tell = Box<dyn Fn(&Incident, &str) + Send + Sync>;

/// Keeps the incidents of a gateway.
pub(crate) struct IncidentKeeper {
    gateway: Arc<Gateway>,
    ledger: Arc<Ledger>,
    store: Store,
    tell: Tell,
    /// What was written last; held while something is written, so that all is written in order.
    written: Mutex<Vec<u8>>,
}

impl IncidentKeeper {
    /// Brings back what the store holds.
    pub(crate) async fn restore(
        gateway: Arc<Gateway>,
        ledger: Arc<Ledger>,
        store: Store,
        tell: Tell,
    ) -> anyhow::Result<Arc<Self>> {
        let kept = store.sign_history().await.context("what is known of targets cannot be read")?;
        let history = kept.as_deref().and_then(|kept| {
            serde_json::from_slice::<SignHistory>(kept)
                .inspect_err(|failure| tracing::warn!(%failure, "what another version remembered of targets is forgotten"))
                .ok()
        });
        let open = store.open_incidents().await.context("the incidents cannot be read")?;
        gateway.restore_incidents(history, open);
        let written = Mutex::new(kept.unwrap_or_default());
        Ok(Arc::new(Self { gateway, ledger, store, tell, written }))
    }

    /// Keeps what happens until the program stops.
    pub(crate) async fn keep(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        let mut changes = self.gateway.incident_changes();
        let mut ticks = interval(WRITTEN);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => return,
                changed = changes.changed() => if changed.is_err() { return },
                _ = ticks.tick() => {}
            }
            self.save().await;
        }
    }

    /// Writes what is not written yet.
    pub(crate) async fn save(&self) {
        let mut written = self.written.lock().await;
        let (changed, history) = self.gateway.take_incidents();
        let history = to_bytes(&history);
        if changed.is_empty() && history == *written {
            return;
        }
        if let Err(failure) = self.store.put_incidents(&changed, &history).await {
            tracing::error!(%failure, "incidents could not be kept; they are tried again");
            return self.gateway.return_incidents(changed);
        }
        *written = history;
        for incident in &changed {
            (self.tell)(incident, &sentence(incident));
        }
        if !changed.is_empty() {
            self.ledger.activity().touch();
        }
    }

    async fn closed(&self, id: &IncidentId, by: &str) -> Result<bool, StoreError> {
        {
            // Nothing else is written in between.
            let _written = self.written.lock().await;
            let Some((incidents, history)) = self.gateway.closing(id, by) else { return Ok(false) };
            // Kept before it holds: an incident that cannot be kept as closed stays open, and a stop in
            // between does not open it again.
            self.store.put_incidents(&incidents, &to_bytes(&history)).await?;
            self.gateway.close_incident(id, by);
        }
        self.save().await;
        Ok(true)
    }
}

impl Incidents for IncidentKeeper {
    fn close<'a>(&'a self, id: &'a IncidentId, by: &'a str) -> Doing<'a, bool> {
        Box::pin(async move { self.closed(id, by).await.map_err(|failure| failure.to_string()) })
    }
}

fn to_bytes(history: &SignHistory) -> Vec<u8> {
    serde_json::to_vec(history).expect("a history is plain data")
}

/// `openai/gpt-5.5 refuses more often: 34 % after 2.1 %`, or what ended it.
pub(crate) fn sentence(incident: &Incident) -> String {
    let IncidentWords { target, what, before, after, why } = IncidentWords::of(incident);
    let what = match (before, after) {
        (Some(before), Some(after)) => format!("{what}: {} after {}", after.value, before.value),
        _ => what,
    };
    match incident.closed.as_ref().map(|closed| closed.by.as_deref()) {
        None => format!("{target} {what}. {why}"),
        Some(None) => format!("{target} answers as before again; it had shown: {what}"),
        Some(Some(by)) => format!("closed by {by}: {target} {what}"),
    }
}

#[cfg(test)]
mod tests;
