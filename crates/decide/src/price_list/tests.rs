//! Each list in its own shape, what is no list, and the published lists themselves where they are at
//! hand.

use std::path::Path;

use terms::{
    model::{LongContext, Prices},
    money::PicoUsdPerToken,
};

use super::{Format, PriceList, PriceListError, Stated};
use crate::{catalog::Catalog, price_change::compare};

const DAY: &str = "2026-11-21";

const fn usd(micro: u64) -> PicoUsdPerToken {
    PicoUsdPerToken(micro)
}

fn check(text: &str, format: Format, model: &str, expect: Stated) {
    let list = PriceList::read(text).unwrap();
    assert_eq!(list.format(), format);
    let (vendor, model) = model.split_once('/').unwrap();
    assert_eq!(list.stated(vendor, model, DAY).unwrap(), Some(expect), "{model}");
    assert_eq!(list.stated(vendor, "never-heard-of", DAY).unwrap(), None);
    assert_eq!(list.stated("nobody", model, DAY).unwrap(), None);
}

const LITELLM: &str = r#"{
    "sample_spec": {"litellm_provider": "one of …", "input_cost_per_token": 0.0},
    "gemini/g": {"litellm_provider": "gemini", "mode": "chat", "input_cost_per_token": 1.25e-06,
        "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1.25e-07,
        "input_cost_per_token_above_200k_tokens": 2.5e-06,
        "output_cost_per_token_above_200k_tokens": 1.5e-05},
    "g": {"litellm_provider": "vertex_ai", "input_cost_per_token": 9},
    "bad": {"litellm_provider": "openai", "input_cost_per_token": -1}}"#;

#[test]
fn litellms_table() {
    let long_context = Some(LongContext {
        threshold: 200_000,
        input: PicoUsdPerToken(2_500_000),
        output: PicoUsdPerToken(15_000_000),
        cache_read: None,
    });
    let (input, output, cache_read) =
        (Some(usd(1_250_000)), Some(usd(10_000_000)), Some(usd(125_000)));
    let stated = Stated { input, output, cache_read, long_context, ..Stated::default() };
    check(LITELLM, Format::Litellm, "google/g", stated);
}

#[test]
fn models_devs_providers() {
    let text = r#"{"openai": {"name": "OpenAI", "models": {"m": {"cost": {"input": 1.75, "output": 14,
        "cache_read": 0.175, "cache_write": 0}}, "free": {}}}}"#;
    let (input, output, cache_read) =
        (Some(usd(1_750_000)), Some(usd(14_000_000)), Some(usd(175_000)));
    let stated = Stated { input, output, cache_read, ..Stated::default() };
    check(text, Format::ModelsDev, "openai/m", stated);
}

#[test]
fn genai_prices_rules_of_the_day() {
    let text = r#"[{"id": "x-ai", "models": [{"match": {"or": [{"equals": "m"}, {"starts_with": "m-"}]},
        "prices": [{"prices": {"input_mtok": {"base": 0.5, "tiers": []}}},
            {"constraint": {"start_date": "2026-09-01"}, "prices": {"input_mtok": 0.7, "output_mtok": 2}},
            {"constraint": {"start_date": "2027-01-01"}, "prices": {"input_mtok": 0.9}}]}]}]"#;
    let stated =
        Stated { input: Some(usd(700_000)), output: Some(usd(2_000_000)), ..Stated::default() };
    check(text, Format::GenaiPrices, "xai/m-1", stated);
    let early = PriceList::read(text).unwrap().stated("xai", "m", "2026-01-01").unwrap();
    assert_eq!(early.unwrap().input, Some(usd(500_000)));
}

#[test]
fn what_is_no_price_list_is_refused_in_words() {
    let refused = |text: &str| PriceList::read(text).unwrap_err().to_string();
    assert!(refused("<html>").starts_with("the price list is no JSON"));
    assert!(refused(&LITELLM[..200]).starts_with("the price list is no JSON"));
    for text in ["{}", "[]", "3", r#"{"a": {"b": 1}}"#, r#""text""#] {
        assert!(refused(text).starts_with("this is no price list"), "{text}");
    }
    assert!(refused(r#"[{"id": 3}]"#).starts_with("the genai-prices price list does not have"));
    assert!(refused(r#"{"openai": {"models": []}}"#).starts_with("the models.dev price list"));
    let bad = PriceList::read(LITELLM).unwrap().stated("openai", "bad", DAY).unwrap_err();
    assert!(matches!(&bad, PriceListError::NoPrice { text, .. } if text == "-1"));
    assert!(bad.to_string().contains("input_cost_per_token of bad is -1"));
}

#[test]
fn what_is_not_stated_stays() {
    let before = Prices {
        input: PicoUsdPerToken(1),
        output: PicoUsdPerToken(2),
        cache_write_1h: Some(usd(3)),
        ..Prices::default()
    };
    let stated = Stated { output: Some(usd(5)), ..Stated::default() };
    let after = stated.over(Some(&before)).unwrap();
    assert_eq!(after, Prices { output: PicoUsdPerToken(5), ..before });
    assert_eq!(stated.over(None), None);
}

#[test]
fn the_published_lists_say_what_the_catalog_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/prices");
    if !folder.exists() {
        println!("skipped: no ../shared/data/prices beside the repository");
        return;
    }
    let catalog = Catalog::built_in().unwrap();
    let lists = [
        ("litellm/model_prices_and_context_window.json", Format::Litellm, 400, 10),
        ("models.dev/providers_compiled.json", Format::ModelsDev, 400, 50),
        ("genai-prices/data.json", Format::GenaiPrices, 400, 200),
    ];
    for (file, format, at_least, changes_at_most) in lists {
        let text = read(&folder.join(file));
        let list = PriceList::read(&text).unwrap();
        assert_eq!(list.format(), format);
        let (mut known, mut changed) = (0, 0);
        for provider in catalog.providers() {
            for model in catalog.models_of(provider.as_str()) {
                let stated = list.stated(provider.as_str(), model.name.as_str(), DAY).unwrap();
                let Some(stated) = stated else { continue };
                known += 1;
                changed += u32::from(compare(Some(&model.prices), &stated).is_some());
            }
        }
        println!("{file}: {known} of our models, {changed} with other prices");
        assert!(known >= at_least && changed <= changes_at_most, "{file}: {known}, {changed}");
    }
}

#[allow(clippy::disallowed_methods, reason = "a test reads its data")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
