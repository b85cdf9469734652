//! Reads the price list that the config names, on a schedule, on the very way of `outlast prices refresh
//! --apply`. A list that cannot be read changes nothing, and people are told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use console::{PriceListRow, PriceRefresh};
use terms::time::Timestamp;
use tracing::{info, warn};

use crate::{
    causes::with_causes,
    config::PriceListSource,
    models::{
        ModelDesk,
        schedule::{Done, Schedule},
    },
    notify::{Event, Notice},
};

/// How the list was read last.
#[derive(Debug, Default)]
pub(crate) struct LastRead {
    /// The address or file that this is about.
    from: String,
    read: Option<Timestamp>,
    /// Why it could not be read since.
    failure: Option<String>,
}

pub(crate) async fn watch(desk: Arc<ModelDesk>) {
    let source = || desk.routing.config().upkeep.price_list.clone();
    let period = || source()?.every;
    let mut schedule = Schedule::begin(desk.chance("prices"));
    let mut read: Option<PriceListSource> = None;
    loop {
        // Another list, or another format, is read without waiting for its turn.
        let is_other = || {
            let same = |a: &PriceListSource, b: &PriceListSource| {
                (&a.from, a.format) == (&b.from, b.format)
            };
            read.as_ref().zip(source()).is_some_and(|(read, now)| !same(read, &now))
        };
        schedule.due(period, is_other).await;
        // It may have gone since.
        let done = match source() {
            Some(source) => {
                let done = desk.read_price_list(&source).await;
                read = Some(source);
                done
            }
            None => Done::Well,
        };
        schedule.done(done);
    }
}

impl ModelDesk {
    /// Reads the list and takes it over.
    async fn read_price_list(&self, source: &PriceListSource) -> Done {
        let refreshed = self.refresh_prices(&source.from, source.format, true).await;
        let now = self.ledger.now();
        match refreshed {
            Ok(PriceRefresh { format, version, newly_waiting, .. }) => {
                info!(from = %source.from, format, version, newly_waiting, "the price list was read");
                self.price_list_read(source, now);
                Done::Well
            }
            Err(failure) => {
                self.price_list_failed(source, with_causes(&failure), now);
                Done::Failed
            }
        }
    }

    /// It was taken over, by itself or by somebody.
    pub(super) fn price_list_read(&self, source: &PriceListSource, now: Timestamp) {
        let is_back = {
            let mut last = lock(&self.price_list);
            let failed = last.from == source.from && last.failure.is_some();
            *last = LastRead { from: source.from.clone(), read: Some(now), failure: None };
            failed
        };
        if is_back {
            info!(from = %source.from, "the price list can be read again");
        }
        self.ledger.activity().touch();
    }

    /// Told once for each reason; the log says it each time.
    fn price_list_failed(&self, source: &PriceListSource, failure: String, now: Timestamp) {
        warn!(from = %source.from, failure, "the price list could not be read; the prices stay");
        let is_news = {
            let mut last = lock(&self.price_list);
            if last.from != source.from {
                *last = LastRead { from: source.from.clone(), ..LastRead::default() };
            }
            last.failure.replace(failure.clone()).as_ref() != Some(&failure)
        };
        if is_news {
            let text = format!("the prices stay as they are: {failure}");
            self.announce(Notice::new(Event::PriceListFailed, text, now));
        }
        self.ledger.activity().touch();
    }

    /// The list of the config and how it was read last.
    pub(super) fn price_list_row(&self, source: &PriceListSource) -> PriceListRow {
        let last = lock(&self.price_list);
        let is_it = last.from == source.from;
        PriceListRow {
            from: source.from.clone(),
            hours: source.every.map_or(0, |every| every.as_secs() / 3_600),
            read: last.read.filter(|_| is_it),
            failure: last.failure.clone().filter(|_| is_it),
        }
    }
}

fn lock(last: &Mutex<LastRead>) -> MutexGuard<'_, LastRead> {
    last.lock().unwrap_or_else(PoisonError::into_inner)
}
