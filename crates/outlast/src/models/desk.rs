//! What the console and the commands see of models and prices, and the way of a person's decision.

use console::{Doing, ModelBoard, ModelDecision, Models, PriceRefresh};
use decide::price_list::Format;
use terms::{ids::TargetName, time::Timestamp};

use crate::{
    causes::with_causes,
    game_days,
    models::{ModelDesk, Reach},
    notify::{Event, Notice},
    prices::read_source,
};

impl Models for ModelDesk {
    fn board(&self) -> ModelBoard {
        let config = self.routing.config();
        let now = self.ledger.now();
        let prices = &self.routing.prices;
        let models = Reach {
            table: self.gateway.table(),
            prices: &prices.book(&config),
            limits: &config.upkeep.lifecycle,
            used: &self.in_use(),
        }
        .rows(self.gateway.lives().all(), now);
        ModelBoard {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now,
            simulated: game_days::notice(&self.gateway).or_else(|| self.notice.clone()),
            models,
            notices: self.notifier.recent(),
            price_version: prices.current(&config),
            waiting: prices.waiting(),
            rejected: prices.rejected(),
            price_damage: prices.damage(),
            price_versions: prices.rows(),
            price_list: config.upkeep.price_list.as_ref().map(|list| self.price_list_row(list)),
        }
    }

    fn decide(&self, decision: ModelDecision, by: String) -> Doing<'_, ()> {
        Box::pin(
            async move { self.obey(decision, &by).await.map_err(|failure| with_causes(&failure)) },
        )
    }

    fn refresh(&self, from: String, apply: bool) -> Doing<'_, PriceRefresh> {
        Box::pin(async move {
            let list = self.routing.config().upkeep.price_list.clone();
            let list = list.filter(|list| list.is_at(&from));
            let format = list.as_ref().and_then(|list| list.format);
            let refreshed = self.refresh_prices(&from, format, apply).await;
            if let (Some(list), true, Ok(_)) = (&list, apply, &refreshed) {
                self.price_list_read(list, self.ledger.now());
            }
            refreshed.map_err(|failure| with_causes(&failure))
        })
    }
}

/// What is told who wants to release a model that the config holds.
pub(crate) fn held_by_config(model: &str) -> String {
    format!("{model} is held by the config; take it out of `hold` in [lifecycle]")
}

impl ModelDesk {
    async fn obey(&self, decision: ModelDecision, by: &str) -> anyhow::Result<()> {
        let told = format!("{decision:?}");
        let (lives, prices) = (self.gateway.lives(), &self.routing.prices);
        match decision {
            ModelDecision::Hold(target) => {
                self.must_be_known(&target)?;
                lives.hold(&target);
            }
            ModelDecision::Release(target) => {
                self.must_be_known(&target)?;
                let in_config = self.routing.config().upkeep.held.contains(&target);
                anyhow::ensure!(!in_config, "{}", held_by_config(target.as_str()));
                anyhow::ensure!(lives.release(&target), "{target} is not held");
            }
            ModelDecision::Confirm(target) => {
                let config = self.routing.config();
                prices.confirm(&target, by, &config, &self.store, self.ledger.now()).await?;
                self.routing.reprice();
            }
            ModelDecision::Reject(target) => prices.reject(&target)?,
        }
        tracing::info!(decision = told, by, "a decision about a model");
        self.ledger.activity().touch();
        Ok(())
    }

    fn must_be_known(&self, target: &TargetName) -> anyhow::Result<()> {
        let targets = self.gateway.table().targets_of(target.as_str());
        let is_known = targets.iter().any(|known| known.name == *target)
            || self.gateway.lives().all().contains_key(target);
        anyhow::ensure!(
            is_known,
            "no route leads to `{target}`; write provider/model, as `outlast models` lists them"
        );
        Ok(())
    }

    /// Reads a list, of a format where one is expected, and takes it over where that is wanted.
    pub(super) async fn refresh_prices(
        &self,
        from: &str,
        format: Option<Format>,
        apply: bool,
    ) -> anyhow::Result<PriceRefresh> {
        let source = read_source(from).await?;
        let (config, now) = (self.routing.config(), self.ledger.now());
        let prices = &self.routing.prices;
        let refreshed = prices.refresh(&source, format, &config, &self.store, apply, now).await?;
        if refreshed.version.is_some() {
            self.routing.reprice();
        }
        if apply {
            self.tell_of_prices(&refreshed, now);
        }
        Ok(refreshed)
    }

    fn tell_of_prices(&self, refreshed: &PriceRefresh, now: Timestamp) {
        let PriceRefresh { month_before, month_after, format, .. } = refreshed;
        if refreshed.alert {
            let text = format!(
                "prices changed ({format}): what these models did in the last 30 days cost {month_before}, and would cost {month_after}"
            );
            self.announce(Notice::new(Event::PriceChange, text, now));
        }
        let waiting = refreshed.newly_waiting;
        if waiting > 0 {
            let text = format!(
                "{waiting} new price{} for a person to confirm or reject ({format})",
                if waiting == 1 { " waits" } else { "s wait" }
            );
            self.announce(Notice::new(Event::PriceWaits, text, now));
        }
    }
}
