//! The traffic of the last 30 days by provider and model, from the books: what a change of prices means
//! for it, and which models are in use.

use std::collections::BTreeMap;

use anyhow::Context;
use store::{SpendDimension, SpendQuery, SpendRow, Store};
use terms::{
    ids::{ModelName, ProviderName},
    time::{DAY_MS, Timestamp},
};

/// Days that are looked back upon.
const DAYS: i64 = 30;

/// What was used, by provider and model.
#[derive(Debug)]
pub(crate) struct Traffic(pub(crate) BTreeMap<(ProviderName, ModelName), SpendRow>);

impl Traffic {
    pub(crate) async fn of_last_month(store: &Store, now: Timestamp) -> anyhow::Result<Self> {
        let query = SpendQuery {
            by: vec![SpendDimension::Provider, SpendDimension::Model],
            since: Some(Timestamp(now.0 - DAYS * DAY_MS)),
            until: None,
        };
        let rows = store.spend(&query).await.context("the books cannot be read")?;
        let named = rows.into_iter().filter_map(|row| {
            let [provider, model] = row.labels.as_slice() else { return None };
            Some(((provider.as_str().into(), model.as_str().into()), row))
        });
        Ok(Self(named.collect()))
    }
}
