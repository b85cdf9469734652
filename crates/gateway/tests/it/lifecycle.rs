//! Models that come to their end: what says so, who answers then, what callers see of it, and what is
//! tried ahead of time.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use decide::{
    attempt::AttemptLimits,
    catalog::Catalog,
    heirs::Successors,
    lifecycle::{LATEST, Life, LifecycleLimits, Stage, Verdict},
};
use gateway::{Provider, Route, Table, Target};
use simulator::{Fault, Vendor};
use store::SpendDimension;
use terms::{ids::TargetName, money::NanoUsd, time::Timestamp};

use crate::harness::{CHAT, FOX, House, MESSAGES, provider, vendor, whole_text};

const OLD: &str = "anthropic/claude-sonnet-4-5";
const NEW: &str = "anthropic/claude-sonnet-4-6";

/// A route `r` to the old model alone, or with others; two vendors, as the catalog knows them.
async fn house(successors: Successors, others: &[&str]) -> (House, Vendor, Vendor) {
    let models = ["claude-sonnet-4-5", "claude-sonnet-4-6", "claude-sonnet-5"];
    let anthropic = vendor("anthropic", MESSAGES, &models).await;
    let openai = vendor("openai", CHAT, &["gpt-5.4", "gpt-5.5"]).await;
    let catalog = Arc::new(Catalog::built_in().unwrap());
    let providers =
        vec![provider("anthropic", &anthropic, MESSAGES), provider("openai", &openai, CHAT)];
    let target = |name: &&str| {
        let (at, model) = name.split_once('/').unwrap();
        let of = |provider: &&Arc<Provider>| provider.name.as_str() == at;
        let provider = providers.iter().find(of).unwrap();
        Arc::new(Target::new(Arc::clone(provider), model.into(), &catalog))
    };
    let targets = [OLD].iter().chain(others).map(target).collect();
    let limits = AttemptLimits { backoff_ms: 1, ..AttemptLimits::default() };
    let route = Route { successors, ..Route::new("r".into(), targets, limits) };
    let table = Table::new(Arc::clone(&catalog), providers, vec![route], limits);
    (House::open(table).await, anthropic, openai)
}

fn life(house: &House, target: &str) -> Life {
    house.gateway.lives().all().remove(target).unwrap_or_default()
}

/// The old model's last day is so many days ahead.
fn dated(house: &House, days: i64) -> String {
    let today = house.ledger().now().day();
    let last = Timestamp::of_day(today + days);
    let dates = BTreeMap::from([(TargetName::from(OLD), last)]);
    house.gateway.lives().know_catalog(&dates, [(OLD.into(), NEW.into())]);
    last.date()
}

/// What is known once so many copies are over.
async fn after_copies(house: &House, count: u32) -> Life {
    loop {
        let life = life(house, OLD);
        if life.mirrored.asked >= count {
            return life;
        }
        house.gateway.lives().news().await;
    }
}

#[tokio::test]
async fn the_first_refusal_is_answered_by_the_successor_and_the_next_requests_go_there_at_once() {
    for dialect in [CHAT, MESSAGES] {
        for stream in [false, true] {
            let (house, anthropic, openai) = house(Successors::Any, &["openai/gpt-5.5"]).await;
            anthropic.retire("claude-sonnet-4-5");
            for asked in 0..8 {
                let reply = house.ask(dialect, "r", stream).await;
                let case = format!("{dialect}, stream={stream}, {asked}");
                assert_eq!(whole_text(dialect, stream, &reply), FOX, "{case}");
                assert_eq!(reply.header("x-outlast-target"), NEW, "{case}");
                assert_eq!(reply.header("x-outlast-fallback-reason"), "model_gone", "{case}");
            }
            assert_eq!(openai.stats().requests, 0, "the family answers before another vendor");
            assert_eq!(life(&house, NEW).stage, Stage::Live);
        }
    }
}

#[tokio::test]
async fn a_model_that_is_refused_and_missing_is_gone_until_it_answers() {
    let (house, anthropic, openai) = house(Successors::Any, &[]).await;
    dated(&house, -20);
    house.ask(CHAT, "r", false).await;
    assert_eq!(life(&house, OLD).stage, Stage::Live, "an old date ends nothing");
    anthropic.retire("claude-sonnet-4-5");
    // What says that it is past its date is that it answered just now.
    assert_eq!(house.ask(CHAT, "r", false).await.header("x-outlast-target"), NEW);
    assert_eq!(house.gateway.lives().all()[OLD].signs.refusals, 1);
    house.gateway.lives().listed(
        &"anthropic".into(),
        &HashSet::from(["claude-sonnet-4-5".to_owned()]),
        &[(OLD.into(), "claude-sonnet-4-5".into())],
    );
    let lost = HashSet::from(["claude-sonnet-4-6".to_owned()]);
    let matter =
        [(OLD.into(), "claude-sonnet-4-5".into()), (NEW.into(), "claude-sonnet-4-6".into())];
    house.gateway.lives().listed(&"anthropic".into(), &lost, &matter);
    let gone = life(&house, OLD);
    assert_eq!((gone.stage, gone.reason.as_str()), (Stage::Gone, "refused"));
    let before = anthropic.stats().requests;
    for _ in 0..5 {
        let reply = house.ask(CHAT, "r", false).await;
        assert_eq!(reply.header("x-outlast-target"), NEW);
        assert_eq!(reply.header("x-outlast-fallback-reason"), "model_gone");
        assert_eq!(reply.header("x-outlast-attempts"), "1");
    }
    assert_eq!(anthropic.stats().requests, before + 5, "the model that is gone is not asked");
    let checked = life(&house, OLD).in_place;
    assert!(checked.asked >= 5 && checked.verdict() == Verdict::Passed, "{checked:?}");
    // Its successor fails: the last one that is left is the model itself, which is back.
    anthropic.unretire("claude-sonnet-4-5");
    for model in ["claude-sonnet-4-6", "claude-sonnet-5"] {
        anthropic.set_fault_for(model, Fault::status(500));
    }
    openai.die().await;
    let reply = house.ask(CHAT, "r", false).await;
    assert_eq!(reply.header("x-outlast-target"), OLD);
    assert_eq!(life(&house, OLD).signs.refusals, 0);
}

#[tokio::test]
async fn a_route_can_forbid_successors_or_keep_them_in_the_family() {
    let (house, anthropic, _openai) = house(Successors::None, &[]).await;
    anthropic.retire("claude-sonnet-4-5");
    for _ in 0..3 {
        let reply = house.ask(CHAT, "r", false).await;
        assert_eq!((reply.status.as_u16(), reply.header("x-outlast-target")), (404, ""));
    }
    let (house, anthropic, openai) = self::house(Successors::Family, &[]).await;
    for model in ["claude-sonnet-4-5", "claude-sonnet-4-6"] {
        anthropic.retire(model);
    }
    let reply = house.ask(CHAT, "r", false).await;
    assert_eq!(reply.header("x-outlast-target"), "anthropic/claude-sonnet-5");
    anthropic.retire("claude-sonnet-5");
    assert_eq!(house.ask(CHAT, "r", false).await.status, 404);
    assert_eq!(openai.stats().requests, 0);
}

#[tokio::test]
async fn an_announced_end_is_told_in_headers_and_the_successor_checked_with_copies() {
    for stream in [false, true] {
        let (house, anthropic, _openai) = house(Successors::Any, &[]).await;
        let last = dated(&house, 20);
        assert_eq!(life(&house, OLD).stage, Stage::Announced);
        for copies in 1..=4 {
            let reply = house.ask(CHAT, "r", stream).await;
            assert_eq!(whole_text(CHAT, stream, &reply), FOX);
            assert_eq!(reply.header("x-outlast-target"), OLD, "nobody is moved yet");
            assert_eq!(reply.header("x-outlast-model-sunset"), last);
            assert_eq!(reply.header("x-outlast-model-successor"), NEW);
            after_copies(&house, copies).await;
        }
        let checked = life(&house, OLD);
        assert_eq!((checked.mirrored.asked, checked.mirrored.good), (4, 4));
        assert_eq!(checked.verdict(), Verdict::Passed);
        assert_eq!(anthropic.stats().requests, 8);
        let rows = house.close(&[SpendDimension::Principal, SpendDimension::Route]).await;
        let of = |label: &str| rows.iter().find(|row| row.labels[0] == label).unwrap();
        assert_eq!((of("ada").requests, of("outlast-mirror").requests), (4, 4));
        assert_eq!(of("outlast-mirror").labels[1], format!("mirror:{OLD}"));
        assert!(of("outlast-mirror").cost > NanoUsd::ZERO);
    }
}

#[tokio::test]
async fn copies_are_capped_and_a_successor_that_fails_them_gets_no_share() {
    let (house, anthropic, _openai) = house(Successors::Any, &[]).await;
    let limits = LifecycleLimits { mirrored: 3, ..LifecycleLimits::default() };
    house.gateway.lives().set_limits(limits);
    anthropic.set_fault_for("claude-sonnet-4-6", Fault::status(400));
    dated(&house, 20);
    for copies in 1..=3 {
        house.ask(CHAT, "r", false).await;
        after_copies(&house, copies).await;
    }
    for _ in 0..5 {
        house.ask(CHAT, "r", false).await;
    }
    assert_eq!(anthropic.stats().requests, 8 + 3);
    assert_eq!(life(&house, OLD).verdict(), Verdict::Failed);
    dated(&house, 0);
    assert_eq!(life(&house, OLD).stage, Stage::Announced);
    assert_eq!(house.ask(CHAT, "r", false).await.header("x-outlast-target"), OLD);
}

#[tokio::test]
async fn copies_that_fail_are_paid_for_too() {
    for (fault, asked) in [(Fault::BadJson, 1), (Fault::Hang, 0)] {
        let (house, anthropic, _openai) = house(Successors::Any, &[]).await;
        let limits = LifecycleLimits { mirrored_cost: NanoUsd(1), ..LifecycleLimits::default() };
        house.gateway.lives().set_limits(limits);
        anthropic.set_fault_for("claude-sonnet-4-6", fault);
        dated(&house, 20);
        house.ask(CHAT, "r", false).await;
        let checked = loop {
            let checked = life(&house, OLD).mirrored;
            if checked.cost > NanoUsd::ZERO {
                break checked;
            }
            house.gateway.lives().news().await;
        };
        assert_eq!(checked.asked, asked, "{checked:?}");
        for _ in 0..3 {
            assert_eq!(house.ask(CHAT, "r", false).await.header("x-outlast-target"), OLD);
        }
        let rows = house.close(&[SpendDimension::Principal]).await;
        let copies = rows.iter().find(|row| row.labels[0] == "outlast-mirror").unwrap();
        assert_eq!(copies.requests, 1, "its cost was the cap");
    }
}

#[tokio::test]
async fn no_copy_goes_to_a_successor_whose_gate_is_shut() {
    let (house, anthropic, _openai) = house(Successors::Any, &[]).await;
    let gone = Fault::Status {
        status: 429,
        code: None,
        message: None,
        headers: vec![("retry-after".to_owned(), "60".to_owned())],
        times: None,
    };
    anthropic.set_fault_for("claude-sonnet-4-6", gone);
    house.ask(CHAT, NEW, false).await;
    anthropic.set_fault_for("claude-sonnet-4-6", Fault::None);
    dated(&house, 20);
    for _ in 0..5 {
        assert_eq!(house.ask(CHAT, "r", false).await.header("x-outlast-target"), OLD);
    }
    let rows = house.close(&[SpendDimension::Principal]).await;
    assert!(rows.iter().all(|row| row.labels[0] != "outlast-mirror"), "{rows:?}");
}

#[tokio::test]
async fn a_successor_in_place_is_judged_by_its_latest_answers_and_not_by_callers_faults() {
    let (house, anthropic, _openai) = house(Successors::Family, &[]).await;
    anthropic.retire("claude-sonnet-4-5");
    house.ask(CHAT, "r", false).await;
    anthropic.set_fault(Fault::status(400));
    for _ in 0..10 {
        assert_eq!(house.ask(CHAT, "r", false).await.status, 400);
    }
    anthropic.set_fault(Fault::None);
    for _ in 0..LATEST {
        assert_eq!(house.ask(CHAT, "r", false).await.header("x-outlast-target"), NEW);
    }
    let checked = life(&house, OLD).in_place;
    assert_eq!((checked.good, checked.asked), (LATEST, LATEST), "{checked:?}");
    for _ in 0..5 {
        house.ask(CHAT, "r", false).await;
    }
    assert_eq!(life(&house, OLD).in_place, checked, "one more good answer is no news");
}

#[tokio::test]
async fn a_ramp_gives_everything_on_the_last_day_and_a_hold_takes_it_back() {
    let (house, _anthropic, _openai) = house(Successors::Any, &["openai/gpt-5.5"]).await;
    dated(&house, 0);
    let lives = house.gateway.lives();
    assert_eq!(life(&house, OLD).stage, Stage::Ramping);
    for _ in 0..5 {
        let reply = house.ask(CHAT, "r", false).await;
        assert_eq!(reply.header("x-outlast-target"), NEW);
        assert_eq!(reply.header("x-outlast-fallback-reason"), "model_retiring");
        assert_eq!(reply.header("x-outlast-model-successor"), NEW);
    }
    lives.hold(&OLD.into());
    let reply = house.ask(CHAT, "r", false).await;
    assert_eq!(
        (reply.header("x-outlast-target"), reply.header("x-outlast-model-sunset")),
        (OLD, "")
    );
    assert!(lives.release(&OLD.into()));
    assert_eq!(house.ask(CHAT, "r", false).await.header("x-outlast-target"), NEW);
}

#[tokio::test]
async fn headers_of_replies_announce_and_what_is_known_outlives_a_restart() {
    let (house, anthropic, _openai) = house(Successors::Any, &[]).await;
    let headers = [("Sunset", "Fri, 31 Dec 2100 23:59:59 GMT"), ("Deprecation", "@1688169599")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    anthropic.set_fault_for("claude-sonnet-4-5", Fault::Headers(headers.to_vec()));
    house.ask(CHAT, "r", true).await;
    let heard = life(&house, OLD);
    assert_eq!((heard.stage, heard.reason.as_str()), (Stage::Announced, "sunset"));
    assert_eq!(heard.signs.deprecated, Some(Timestamp(1_688_169_599_000)));
    let reply = house.ask(CHAT, "r", false).await;
    assert_eq!(reply.header("x-outlast-model-sunset"), "2100-12-31");
    let kept = house.gateway.lives().all();
    let (other, _anthropic, _openai) = self::house(Successors::Any, &[]).await;
    other.gateway.lives().restore(kept);
    assert_eq!(other.ask(CHAT, "r", false).await.header("x-outlast-model-sunset"), "2100-12-31");
}

#[tokio::test]
async fn a_providers_list_is_read_and_one_that_fails_says_nothing() {
    let (house, anthropic, openai) = house(Successors::Any, &[]).await;
    let list = async |at: usize| {
        let table = house.gateway.table();
        house.gateway.list_models(&table.providers()[at]).await
    };
    assert!(list(0).await.unwrap().contains("claude-sonnet-4-5"));
    assert!(list(1).await.unwrap().contains("gpt-5.5"));
    anthropic.retire("claude-sonnet-4-5");
    let left = list(0).await.unwrap();
    assert!(left.contains("claude-sonnet-4-6") && !left.contains("claude-sonnet-4-5"));
    anthropic.set_fault(Fault::Html);
    assert!(list(0).await.is_err());
    anthropic.set_fault(Fault::status(500));
    assert!(list(0).await.is_err());
    openai.die().await;
    assert!(list(1).await.is_err());
    let lives = house.gateway.lives();
    let matter = [(OLD.into(), "claude-sonnet-4-5".into())];
    let old = HashSet::from(["claude-sonnet-4-5".to_owned()]);
    lives.listed(&"anthropic".into(), &old, &matter);
    for _ in 0..3 {
        lives.listed(&"anthropic".into(), &HashSet::new(), &matter);
    }
    assert_eq!(life(&house, OLD).stage, Stage::Live, "an empty list proves nothing");
    lives.listed(&"anthropic".into(), &left, &matter);
    assert_eq!(life(&house, OLD).stage, Stage::Announced);
    lives.listed(&"anthropic".into(), &left, &matter);
    assert_eq!(life(&house, OLD).stage, Stage::Gone);
    anthropic.set_fault(Fault::None);
    assert_eq!(house.ask(CHAT, "r", false).await.header("x-outlast-target"), NEW);
}

#[tokio::test]
async fn a_conversation_stays_on_its_side_of_a_ramp() {
    let (house, _anthropic, _openai) = house(Successors::Any, &[]).await;
    // In the third of four days: a quarter, a half or three quarters, by the time of day.
    let limits = LifecycleLimits { ramp_ms: 4 * 86_400_000, ..LifecycleLimits::default() };
    house.gateway.lives().set_limits(limits);
    dated(&house, 1);
    assert_eq!(life(&house, OLD).stage, Stage::Ramping);
    let ask = async |name: u32| {
        let body = format!(
            r#"{{"model":"r","messages":[{{"role":"user","content":"I am number {name}"}}]}}"#
        );
        let reply = house.post("/v1/chat/completions", body).await;
        reply.header("x-outlast-target").to_owned()
    };
    let mut moved = 0;
    for name in 0..60 {
        let first = ask(name).await;
        for _ in 0..2 {
            assert_eq!(ask(name).await, first, "number {name}");
        }
        moved += u32::from(first == NEW);
    }
    assert!((5..=57).contains(&moved), "{moved} of 60");
}

#[tokio::test]
async fn nobody_stands_in_for_a_model_that_a_canary_asks() {
    let (house, anthropic, _) = house(Successors::Any, &[]).await;
    anthropic.retire("claude-sonnet-4-5");
    for _ in 0..2 {
        let reply = house.ask(CHAT, "r", false).await;
        assert_eq!(reply.header("x-outlast-target"), NEW);
    }
    let key = house.lend(gateway::CANARY);
    let (target, _) = house.gateway.table().targets().remove(OLD).unwrap();
    let body = format!(
        r#"{{"model":"{OLD}","stream":true,"messages":[{{"role":"user","content":"hi"}}]}}"#
    );
    let asked = house.gateway.ask_canary(&key, "greets", &target, body.into()).await;
    assert!(asked.said.is_err(), "{asked:?}");
}

#[tokio::test]
async fn models_of_a_long_list_leave_room_for_one_that_nobody_lists() {
    let (house, _, openai) = house(Successors::Any, &[]).await;
    let names: Vec<String> = (0..300).map(|number| format!("listed-{number}")).collect();
    let target = |name: &String| (format!("openai/{name}").as_str().into(), name.as_str().into());
    let matter: Vec<_> = names.iter().map(target).collect();
    house.gateway.lives().listed(&"openai".into(), &names.into_iter().collect(), &matter);
    openai.retire("nobody-lists-it");
    house.ask(CHAT, "openai/nobody-lists-it", false).await;
    assert_eq!(life(&house, "openai/nobody-lists-it").signs.refusals, 1);
    for number in 0..300 {
        openai.retire(&format!("made-up-{number}"));
        house.ask(CHAT, &format!("openai/made-up-{number}"), false).await;
    }
    let made_up = |name: &TargetName| name.as_str().starts_with("openai/made-up-");
    let kept = house.gateway.lives().all().into_keys().filter(made_up).count();
    assert!((100..200).contains(&kept), "names that callers make up are bounded: {kept}");
}
