//! What happens in the demo, and when.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::{
    demo::{tally::Tally, vendors::Vendors},
    terminal,
};

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scene {
    /// The first vendor's process is gone: connections are reset, new ones refused.
    FirstVendorDies,
    /// It is back.
    FirstVendorReturns,
}

/// The play: seconds from the start, and what happens then.
const SCENES: &[(u64, Scene)] = &[(20, Scene::FirstVendorDies), (50, Scene::FirstVendorReturns)];

/// How often the count is shown.
const COUNT_EVERY: Duration = Duration::from_secs(5);

/// Plays the scenes and shows the count, until it is dropped.
pub(crate) async fn play(vendors: &Vendors, tally: &Tally) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut scenes = SCENES.iter();
    let mut next_scene = scenes.next();
    let mut next_count = start + COUNT_EVERY;
    loop {
        let scene_at = next_scene.map(|(second, _)| start + Duration::from_secs(*second));
        if let (Some(at), Some((_, scene))) = (scene_at, next_scene)
            && at <= next_count
        {
            sleep_until(at).await;
            act(*scene, vendors, start).await?;
            next_scene = scenes.next();
        } else {
            sleep_until(next_count).await;
            terminal::status(&format!("{}  {}", clock(start), tally.line()));
            next_count += COUNT_EVERY;
        }
    }
}

async fn act(scene: Scene, vendors: &Vendors, start: Instant) -> anyhow::Result<()> {
    match scene {
        Scene::FirstVendorDies => {
            vendors.first.die().await;
            terminal::event(&format!(
                "{}  simulated anthropic dies: its connections are reset, new ones refused",
                clock(start)
            ));
        }
        Scene::FirstVendorReturns => {
            vendors.first.revive().await?;
            terminal::event(&format!("{}  simulated anthropic is back", clock(start)));
        }
    }
    Ok(())
}

fn clock(start: Instant) -> String {
    let seconds = start.elapsed().as_secs();
    format!("{:02}:{:02}", seconds / 60, seconds % 60)
}
