//! The way of a person's order to the gateway, where faults are injected on purpose.

use std::{sync::Arc, time::Duration};

use console::{Chaos, ChaosOrder, ChaosRow};
use gateway::{ChaosFault, Gateway, Injection, LONGEST};
use terms::time::Timestamp;

#[derive(Debug)]
pub(crate) struct GameDays {
    pub(crate) gateway: Arc<Gateway>,
}

impl Chaos for GameDays {
    fn held(&self) -> Vec<ChaosRow> {
        self.gateway.held_chaos().into_iter().map(row).collect()
    }

    fn begin(&self, order: &ChaosOrder, by: &str) -> Result<ChaosRow, String> {
        let fault: ChaosFault = order.fault.parse().map_err(|unknown| format!("{unknown}"))?;
        if !(1..=100).contains(&order.percent) {
            return Err("`percent` is 1 to 100".to_owned());
        }
        if !(1..=LONGEST.as_secs()).contains(&order.seconds) {
            return Err(format!("`seconds` is 1 to {}", LONGEST.as_secs()));
        }
        let injection = Injection {
            id: 0,
            at: order.at.clone(),
            fault,
            percent: order.percent,
            until: Timestamp(0),
            by: by.to_owned(),
        };
        let begun = self.gateway.begin_chaos(injection, Duration::from_secs(order.seconds));
        let begun = begun.map_err(|refused| refused.to_string())?;
        let Injection { id, at, fault, percent, .. } = &begun;
        tracing::warn!(id, %at, %fault, percent, by, "a fault is injected on purpose");
        Ok(row(begun))
    }

    fn end(&self, id: Option<u64>) -> usize {
        self.gateway.end_chaos(id)
    }
}

fn row(injection: Injection) -> ChaosRow {
    let Injection { id, at, fault, percent, until, by } = injection;
    ChaosRow { id, at, fault: fault.to_string(), percent, until, by }
}

/// The line above every page while a fault holds.
pub(crate) fn notice(gateway: &Gateway) -> Option<String> {
    let held = gateway.held_chaos();
    let first = held.first()?;
    let Injection { at, fault, percent, until, .. } = first;
    let more = match held.len() {
        1 => String::new(),
        all => format!(" and {} more", all - 1),
    };
    Some(format!(
        "Game day: {fault} is injected at {at} into {percent} of 100 attempts until {} UTC{more}. \
         `outlast chaos stop` ends it.",
        until.clock()
    ))
}
