//! The models of the console's house: fixed values, and the decisions that were given.

use std::sync::Mutex;

use console::{
    CheckRow, Doing, ModelBoard, ModelDecision, ModelRow, Models, NoticeRow, PriceListRow,
    PriceRefresh, PriceVersionRow, RejectedPrice, WaitingPrice,
};
use terms::{
    model::Prices,
    money::{NanoUsd, PicoUsdPerToken},
    time::Timestamp,
};

use super::NOON;

/// A board that stays, and the decisions that it was given.
pub(crate) struct FixedModels {
    board: ModelBoard,
    decisions: Mutex<Vec<(ModelDecision, String)>>,
}

impl FixedModels {
    pub(super) fn new() -> Self {
        Self { board: models(), decisions: Mutex::default() }
    }

    /// The decisions so far, which are then forgotten.
    pub(crate) fn decisions(&self) -> Vec<(ModelDecision, String)> {
        std::mem::take(&mut self.decisions.lock().expect("no test panics while it holds this"))
    }
}

impl Models for FixedModels {
    fn board(&self) -> ModelBoard {
        self.board.clone()
    }

    fn decide(&self, decision: ModelDecision, by: String) -> Doing<'_, ()> {
        Box::pin(async move {
            if decision == ModelDecision::Confirm("openai/none".into()) {
                return Err("no price of openai/none waits".to_owned());
            }
            let mut decisions = self.decisions.lock().expect("no test panics while it holds this");
            decisions.push((decision, by));
            Ok(())
        })
    }

    fn refresh(&self, from: String, _apply: bool) -> Doing<'_, PriceRefresh> {
        Box::pin(async move { Err(format!("{from} cannot be read")) })
    }
}

/// A model that is gone, one that is ramped, one that is held, one that the catalog does not know and that was refused once; two that
/// nobody uses; a price that waits, and one that was rejected.
fn models() -> ModelBoard {
    let prices = |input, output| Prices {
        input: PicoUsdPerToken(input),
        output: PicoUsdPerToken(output),
        ..Prices::default()
    };
    let check = |asked, good| CheckRow { asked, good, cost: NanoUsd(2_000_000), complaint: None };
    let gone = ModelRow {
        target: "anthropic/claude-fable-5".into(),
        stage: "gone".to_owned(),
        since: Timestamp(NOON - 3_600_000),
        reason: "refused".to_owned(),
        last_day: None,
        successor: Some("anthropic/claude-opus-4-8".into()),
        share: 100,
        refusals: 0,
        held: false,
        in_use: true,
        in_catalog: true,
        tier: Some("frontier".to_owned()),
        context_window: 1_000_000,
        prices: Some(prices(5_000_000, 25_000_000)),
        mirrored: CheckRow::default(),
        in_place: CheckRow { complaint: Some("caller_fault".to_owned()), ..check(20, 19) },
        verdict: "passed".to_owned(),
    };
    let ramping = ModelRow {
        target: "anthropic/claude-sonnet-4-5".into(),
        stage: "ramping".to_owned(),
        since: Timestamp(NOON - 86_400_000),
        reason: "catalog".to_owned(),
        last_day: Some("2026-11-30".to_owned()),
        successor: Some("anthropic/claude-sonnet-4-6".into()),
        share: 5,
        mirrored: check(20, 20),
        in_place: check(3, 3),
        ..gone.clone()
    };
    let held = ModelRow {
        target: "openai/gpt-5".into(),
        stage: "live".to_owned(),
        reason: "held".to_owned(),
        last_day: Some("2026-12-11".to_owned()),
        successor: None,
        share: 0,
        held: true,
        in_place: CheckRow::default(),
        ..gone.clone()
    };
    let unused = ModelRow {
        target: "openai/o3".into(),
        stage: "announced".to_owned(),
        in_use: false,
        ..held.clone()
    };
    let unused = ModelRow { held: false, ..unused };
    let gone_unused =
        ModelRow { target: "openai/o1-mini".into(), in_use: false, held: false, ..gone.clone() };
    let own = ModelRow {
        target: "local/llama".into(),
        reason: String::new(),
        refusals: 1,
        last_day: None,
        held: false,
        in_catalog: false,
        tier: None,
        context_window: 0,
        prices: None,
        ..held.clone()
    };
    ModelBoard {
        version: "0.1.0".to_owned(),
        now: Timestamp(NOON),
        simulated: Some("The vendors are simulated.".to_owned()),
        models: vec![gone, ramping, held, own, gone_unused, unused],
        notices: vec![NoticeRow {
            at: Timestamp(NOON - 3_600_000),
            text: "anthropic/claude-fable-5 is gone; anthropic/claude-opus-4-8 answers".to_owned(),
        }],
        price_version: "2026-11-20.1".to_owned(),
        waiting: vec![WaitingPrice {
            target: "openai/gpt-5.5".into(),
            before: Some(prices(1_750_000, 14_000_000)),
            after: prices(17_500_000, 140_000_000),
            why: "moved more than 5 times".to_owned(),
            from: "LiteLLM".to_owned(),
            since: Timestamp(NOON - 7_200_000),
        }],
        rejected: vec![RejectedPrice {
            target: "openai/o3".into(),
            after: prices(12_000_000, 48_000_000),
            from: "LiteLLM".to_owned(),
        }],
        price_damage: Vec::new(),
        price_versions: vec![PriceVersionRow {
            version: "2026-11-20.1".to_owned(),
            at: Timestamp(NOON - 7_200_000),
            from: "LiteLLM".to_owned(),
            changes: 3,
            month_before: NanoUsd(412_000_000_000),
            month_after: NanoUsd(371_500_000_000),
        }],
        price_list: Some(PriceListRow {
            from: "https://prices.example.com/list.json".to_owned(),
            hours: 24,
            read: Some(Timestamp(NOON - 90_000_000)),
            failure: Some("nobody answers at https://prices.example.com".to_owned()),
        }),
    }
}
