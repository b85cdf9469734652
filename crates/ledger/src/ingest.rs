//! Brings the journal into the store: in batches, from the position that the store itself keeps, so
//! that a batch is applied once however often it is tried. The same code replays at start.

use std::{sync::Arc, time::Duration};

use store::Store;
use terms::event::JournalPosition;
use tokio::{sync::watch, task::JoinHandle, time::sleep};
use tracing::{error, warn};

use crate::{error::LedgerError, journal::Batch, ledger::Ledger};

/// Entries wait this long for company, so that a batch costs one transaction and not a hundred; less
/// where so many come that the journal asks for it.
const GATHER: Duration = Duration::from_millis(500);

/// Pause after the store refused, before the same batch is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The background task. Stop it after the last settlement, or its rest is replayed at next start.
#[derive(Debug)]
pub struct Ingest {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Ingest {
    pub(crate) fn start(ledger: Arc<Ledger>, store: Store) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(run(ledger, store, stopped));
        Self { stop, task }
    }

    /// Brings in what is left and ends the task.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        if let Err(failure) = self.task.await {
            error!(%failure, "the ingestion task died; its rest is replayed at the next start");
        }
    }
}

async fn run(ledger: Arc<Ledger>, store: Store, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = ledger.wake.notified() => {}
            _ = stopped.changed() => break,
        }
        tokio::select! {
            () = sleep(GATHER) => {}
            () = ledger.many.notified() => {}
            _ = stopped.changed() => break,
        }
        if let Err(failure) = bring_in_all(&ledger, &store).await {
            error!(%failure, "the store refused a batch; it is tried again");
            sleep(RETRY).await;
            ledger.wake.notify_one();
        }
    }
    if let Err(failure) = bring_in_all(&ledger, &store).await {
        error!(%failure, "the last batch stays in the journal until the next start");
    }
}

/// Brings in everything that stands in the journal now, and not what is written meanwhile: under load
/// that would never end, and each round would find a few records only, which cost as much as many.
/// Returns the number of entries.
pub(crate) async fn bring_in_all(
    ledger: &Arc<Ledger>,
    store: &Store,
) -> Result<usize, LedgerError> {
    let mut position =
        store.journal_position().await?.unwrap_or(JournalPosition { segment: 0, offset: 0 });
    let mut count = 0;
    loop {
        let recent = ledger.journal().take_recent(position);
        let is_last = recent.is_some();
        let batch = match recent {
            Some(batch) => batch,
            None => read_files(ledger, position).await?,
        };
        if batch.damaged > 0 {
            warn!(records = batch.damaged, "the journal holds damaged records; they were skipped");
        }
        if batch.entries.is_empty() && batch.position == position {
            return Ok(count);
        }
        store.ingest(&batch.entries, batch.position).await?;
        count += batch.entries.len();
        if batch.position.segment > position.segment
            && let Err(failure) = ledger.journal().forget_before(batch.position.segment)
        {
            warn!(%failure, "an old journal segment could not be deleted");
        }
        if is_last {
            return Ok(count);
        }
        position = batch.position;
    }
}

/// Reads what is no longer in memory, on a thread that may wait for the disk.
async fn read_files(ledger: &Arc<Ledger>, from: JournalPosition) -> Result<Batch, LedgerError> {
    let reader = Arc::clone(ledger);
    tokio::task::spawn_blocking(move || reader.journal().read(from))
        .await
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}
