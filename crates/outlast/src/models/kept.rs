//! What is known of the models' lives, in the store.

use std::collections::BTreeMap;

use anyhow::Context;
use decide::lifecycle::{Life, Stage};
use store::Store;
use terms::ids::TargetName;

/// Under which name it is kept.
const SETTING: &str = "model_lives";

/// What was known when the program last ran; nothing, with a word in the log, where it is damaged.
pub(crate) async fn read_lives(store: &Store) -> anyhow::Result<BTreeMap<TargetName, Life>> {
    let kept = store.setting(SETTING).await.context("the store cannot be read")?;
    let Some(kept) = kept else { return Ok(BTreeMap::new()) };
    Ok(serde_json::from_slice(&kept).unwrap_or_else(|failure| {
        tracing::error!(%failure, "what was known of the models' lives is damaged, and begins anew");
        BTreeMap::new()
    }))
}

/// Keeps what is known. A hold that stands in the config stands there alone.
pub(crate) async fn write_lives(
    store: &Store,
    mut lives: BTreeMap<TargetName, Life>,
    held_by_config: &[TargetName],
) -> anyhow::Result<()> {
    for target in held_by_config {
        if let Some(life) = lives.get_mut(target) {
            life.held = None;
        }
    }
    // What the catalog says is read anew at every start.
    lives.retain(|_, life| {
        let plain = Life { signs: life.signs, since: life.since, ..Life::default() };
        let listed = life.signs.listed_at.is_some() || life.signs.refusals > 0;
        *life != plain || life.stage != Stage::Live || listed
    });
    let text = serde_json::to_vec(&lives).context("plain fields always serialise")?;
    store.put_setting(SETTING, &text).await.context("the store cannot be written")
}
