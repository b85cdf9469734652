//! Routes that spread their requests: shares, sessions that stay, and where they go when their target is
//! away.

use decide::{attempt::AttemptLimits, catalog::Catalog, spray::Spray};
use gateway::{Route, Table, Target};
use http::Method;
use ledger::PriceBook;
use simulator::{Fault, Vendor};
use std::sync::Arc;
use terms::{model::Prices, money::PicoUsdPerToken};

use crate::harness::{CHAT, FOX, House, Reply, provider, question, vendor, whole_text};

const NAMES: [&str; 3] = ["a", "b", "c"];

async fn house(spray: Spray, weights: [f64; 3]) -> (House, Vec<Vendor>) {
    with(|route| Route { spray, weights: weights.map(Some).to_vec(), ..route }).await
}

async fn preferring(spray: Spray, prefers_cost: bool) -> (House, Vec<Vendor>) {
    with(|route| Route { spray, prefers_cost, ..route }).await
}

async fn with(change: impl FnOnce(Route) -> Route) -> (House, Vec<Vendor>) {
    let catalog = Arc::new(Catalog::built_in().unwrap());
    let (mut vendors, mut providers, mut targets) = (Vec::new(), Vec::new(), Vec::new());
    for name in NAMES {
        let vendor = vendor(name, CHAT, &["m"]).await;
        let provider = provider(name, &vendor, CHAT);
        targets.push(Arc::new(Target::new(Arc::clone(&provider), "m".into(), &catalog)));
        providers.push(provider);
        vendors.push(vendor);
    }
    let limits = AttemptLimits { backoff_ms: 1, ..AttemptLimits::default() };
    let route = change(Route::new("r".into(), targets, limits));
    let table = Table::new(catalog, providers, vec![route], limits);
    (House::open(table).await, vendors)
}

async fn ask(house: &House, session: Option<u32>) -> Reply {
    let body = question("r", false);
    let mut request = house.request(Method::POST, "/v1/chat/completions", body);
    if let Some(session) = session {
        let name = format!("session-{session}").parse().unwrap();
        request.headers_mut().insert("x-session-id", name);
    }
    let reply = house.send(request).await;
    assert_eq!(whole_text(CHAT, false, &reply), FOX);
    reply
}

#[tokio::test]
async fn sessions_spread_by_weight_and_one_of_weight_0_waits() {
    let (house, vendors) = house(Spray::Weights, [3.0, 1.0, 0.0]).await;
    for session in 0..120 {
        ask(&house, Some(session)).await;
    }
    let [a, b, c] = [0, 1, 2].map(|index: usize| vendors[index].stats().requests);
    assert_eq!((a + b, c), (120, 0));
    assert!((75..=105).contains(&a), "{a} of 120 where three quarters are wanted");
}

#[tokio::test]
async fn a_conversation_without_a_session_stays_too() {
    let (house, _vendors) = house(Spray::Weights, [1.0, 1.0, 1.0]).await;
    let first = ask(&house, None).await.header("x-outlast-target").to_owned();
    for _ in 0..10 {
        assert_eq!(ask(&house, None).await.header("x-outlast-target"), first);
    }
}

#[tokio::test]
async fn a_session_moves_when_its_target_is_away_and_stays_where_it_went() {
    for spray in [Spray::Weights, Spray::Adaptive] {
        let (house, vendors) = house(spray, [1.0, 1.0, 1.0]).await;
        let target = ask(&house, Some(7)).await.header("x-outlast-target").to_owned();
        let home = NAMES.iter().position(|name| target.starts_with(name)).unwrap();
        vendors[home].set_fault(Fault::Hang);
        let moved = ask(&house, Some(7)).await;
        let (there, reason) = (
            moved.header("x-outlast-target").to_owned(),
            moved.header("x-outlast-fallback-reason"),
        );
        assert_ne!(there, target);
        assert_eq!(reason, "timed_out", "{spray:?}");
        vendors[home].set_fault(Fault::None);
        for _ in 0..5 {
            let again = ask(&house, Some(7)).await;
            assert_eq!(again.header("x-outlast-target"), there, "its cache is warm there");
            assert_eq!(again.header("x-outlast-fallback-reason"), "");
        }
    }
}

/// A price of so many dollars in and out per million tokens.
fn price_at(house: &House, dollars: [u64; 3]) {
    let mut book = PriceBook::default();
    for (name, dollars) in NAMES.into_iter().zip(dollars) {
        let price = PicoUsdPerToken(dollars * 1_000_000);
        let prices = Prices { input: price, output: price, ..Prices::default() };
        book.set(name.into(), "m".into(), prices);
    }
    house.ledger().set_prices(book);
}

#[tokio::test]
async fn where_cost_is_preferred_the_cheapest_goes_first_as_soon_as_it_is() {
    let (house, vendors) = preferring(Spray::Order, true).await;
    let first = async || ask(&house, None).await.header("x-outlast-target").to_owned();
    price_at(&house, [3, 2, 4]);
    assert_eq!(first().await, "b/m");
    price_at(&house, [3, 5, 4]);
    assert_eq!(first().await, "a/m");
    price_at(&house, [2, 2, 2]);
    assert_eq!(first().await, "a/m", "what costs the same keeps its order");
    vendors[0].set_fault(Fault::status(503));
    assert_eq!(first().await, "b/m");
}

#[tokio::test]
async fn an_adaptive_route_follows_a_price_that_changes() {
    let (house, vendors) = house(Spray::Adaptive, [1.0, 1.0, 0.0]).await;
    price_at(&house, [1, 9, 1]);
    for session in 0..100 {
        ask(&house, Some(session)).await;
    }
    let before = vendors[0].stats().requests;
    assert!(before > 80, "{before} of 100 at the cheap one");
    price_at(&house, [9, 1, 1]);
    for session in 100..200 {
        ask(&house, Some(session)).await;
    }
    let after = vendors[0].stats().requests - before;
    assert!(after < 20, "{after} of 100 at the one that became dear");
}
