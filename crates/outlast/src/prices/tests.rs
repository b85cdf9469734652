//! Lists that follow each other, what becomes of a price that waits, and clocks that are wrong.

use std::path::Path;

use console::WaitingPrice;
use store::Store;
use tempfile::TempDir;
use terms::time::Timestamp;

use super::{PriceVersions, refresh::Source};
use crate::config::{Config, Environment, Overrides};

const TARGET: &str = "openai/gpt-5.5";

/// A day after the catalog's.
fn day(config: &Config, after: i64) -> Timestamp {
    Timestamp::of_day(Timestamp::from_date(config.catalog.as_of()).unwrap().day() + after)
}

struct Desk {
    versions: PriceVersions,
    config: Config,
    store: Store,
    folder: TempDir,
}

impl Desk {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::of(&[("OPENAI_API_KEY", "k")]);
        let config = Config::from_text("", "", &environment, &Overrides::default()).unwrap();
        let store = Store::in_memory().await.unwrap();
        Self { versions: PriceVersions::load(folder.path()).unwrap(), config, store, folder }
    }

    async fn apply(&self, text: String, now: Timestamp) -> u64 {
        let source = Source { from: "list".to_owned(), text };
        let refreshed =
            self.versions.refresh(&source, None, &self.config, &self.store, true, now).await;
        refreshed.unwrap().newly_waiting
    }

    fn waiting(&self) -> Vec<(String, u64, Timestamp)> {
        let row = |row: WaitingPrice| (row.target.to_string(), row.after.input.0, row.since);
        let kept = PriceVersions::load(self.folder.path()).unwrap().waiting();
        assert_eq!(kept, self.versions.waiting(), "what waits is kept");
        kept.into_iter().map(row).collect()
    }

    fn input_price(&self) -> u64 {
        let book = self.versions.book(&self.config);
        book.quote(&"openai".into(), &"gpt-5.5".into()).prices.input.0
    }
}

/// `LiteLLM`'s list with one price of this model, in micro-dollars per million tokens.
fn litellm(model: &str, input: u64) -> String {
    format!(
        r#"{{"{model}": {{"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": {input}e-12}},
            "gpt-4o-mini": {{"litellm_provider": "openai", "mode": "chat"}}}}"#
    )
}

fn models_dev(model: &str, input: u64) -> String {
    format!(
        r#"{{"openai": {{"models": {{"{model}": {{"cost": {{"input": {input}e-6}}}}, "gpt-4o-mini": {{"cost": {{}}}}}}}}}}"#
    )
}

#[tokio::test]
async fn a_price_waits_for_as_long_as_the_last_list_says_so() {
    let desk = Desk::open().await;
    let now = |days| day(&desk.config, days);
    let before = desk.input_price();
    let far = before * 100;
    let waits = |price: u64, days| vec![(TARGET.to_owned(), price, now(days))];
    assert_eq!(desk.apply(litellm("gpt-5.5", far), now(1)).await, 1);
    assert_eq!(desk.waiting(), waits(far, 1));
    // The same again is no news, another price is.
    assert_eq!(desk.apply(litellm("gpt-5.5", far), now(2)).await, 0);
    assert_eq!(desk.waiting(), waits(far, 1));
    assert_eq!(desk.apply(litellm("gpt-5.5", far + 1), now(3)).await, 1);
    assert_eq!(desk.waiting(), waits(far + 1, 3));
    // Another list that does not name the model says nothing of it.
    desk.apply(models_dev("gpt-other", 1), now(4)).await;
    assert_eq!(desk.waiting(), waits(far + 1, 3));
    // It went back.
    desk.apply(litellm("gpt-5.5", before), now(5)).await;
    assert_eq!(desk.waiting(), []);
    // The list that said it leaves the model out; another list says what holds.
    for silent in [litellm("gpt-other", 1), models_dev("gpt-5.5", before)] {
        desk.apply(litellm("gpt-5.5", far), now(6)).await;
        assert_eq!(desk.waiting(), waits(far, 6));
        desk.apply(silent, now(7)).await;
        assert_eq!(desk.waiting(), []);
    }
    assert_eq!(desk.input_price(), before);
    // A price that was refused takes the place of one that waits, and is not asked about.
    desk.apply(litellm("gpt-5.5", far), now(8)).await;
    desk.versions.reject(&TARGET.into()).unwrap();
    desk.apply(litellm("gpt-5.5", far + 1), now(9)).await;
    assert_eq!(desk.apply(litellm("gpt-5.5", far), now(10)).await, 0);
    assert_eq!(desk.waiting(), []);
}

#[tokio::test]
async fn a_rejected_price_is_taken_once_it_needs_nobody_and_can_be_confirmed() {
    let desk = Desk::open().await;
    let before = desk.input_price();
    let far = before * 6;
    let now = |days| day(&desk.config, days);
    let reject = async |price, days| {
        desk.apply(litellm("gpt-5.5", price), now(days)).await;
        desk.versions.reject(&TARGET.into()).unwrap();
    };
    reject(far, 1).await;
    assert_eq!(desk.apply(litellm("gpt-5.5", far), now(2)).await, 0);
    assert_eq!((desk.input_price(), desk.versions.rejected().len()), (before, 1));
    // Step by step it comes there all the same.
    desk.apply(litellm("gpt-5.5", before * 3), now(3)).await;
    desk.apply(litellm("gpt-5.5", far), now(4)).await;
    assert_eq!((desk.input_price(), desk.versions.rejected().len()), (far, 0));
    // A rejection is taken back.
    reject(far * 6, 5).await;
    let target = TARGET.into();
    let confirmed = desk.versions.confirm(&target, "Ada", &desk.config, &desk.store, now(6));
    confirmed.await.unwrap();
    assert_eq!((desk.input_price(), desk.versions.rejected().len()), (far * 6, 0));
}

#[tokio::test]
async fn damaged_files_are_told_of_and_left_out() {
    let desk = Desk::open().await;
    let dearer = desk.input_price() + 1;
    desk.apply(litellm("gpt-5.5", dearer), day(&desk.config, 1)).await;
    let prices = desk.folder.path().join("prices");
    for (name, text) in [("waiting.json", ""), ("2030-01-01.1.json", "{")] {
        std::fs::write(prices.join(name), text).unwrap();
    }
    let versions = PriceVersions::load(desk.folder.path()).unwrap();
    let damage = versions.damage();
    assert_eq!(damage.len(), 2, "{damage:?}");
    assert!(damage[0].contains("2030-01-01.1.json is damaged"), "{damage:?}");
    assert!(damage[1].contains("waiting.json is damaged"), "{damage:?}");
    let desk = Desk { versions, ..desk };
    assert_eq!(desk.input_price(), dearer);
    desk.apply(litellm("gpt-5.5", dearer * 100), day(&desk.config, 2)).await;
    assert_eq!(desk.waiting().len(), 1);
}

#[tokio::test]
async fn what_is_taken_over_holds_whatever_the_clock_says() {
    let desk = Desk::open().await;
    let dearer = desk.input_price() + 1;
    for (price, days) in [(dearer, -400), (dearer + 1, 3), (dearer + 2, -400), (dearer + 3, -401)] {
        desk.apply(litellm("gpt-5.5", price), day(&desk.config, days)).await;
        assert_eq!(desk.input_price(), price, "{days}");
        let restarted = Desk {
            versions: PriceVersions::load(Path::new(desk.folder.path())).unwrap(),
            config: desk.config.clone(),
            store: desk.store.clone(),
            folder: tempfile::tempdir().unwrap(),
        };
        assert_eq!(restarted.input_price(), price, "after a restart, {days}");
    }
}
