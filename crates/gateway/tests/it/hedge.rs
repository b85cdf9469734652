//! A second attempt beside one that is slow: who answers, who is cancelled, and who pays.

use std::{sync::Arc, time::Duration};

use decide::{attempt::AttemptLimits, catalog::Catalog};
use gateway::{Hedge, Route, Table, Target};
use simulator::{Fault, Vendor};
use store::SpendDimension;

use crate::harness::{CHAT, FOX, House, provider, vendor, whole_text};

/// Longer than the hedge waits, and within the first-token limit.
const SLOW: Fault = Fault::SlowHeaders(250);

async fn house(percent: u32) -> (House, Vendor, Vendor) {
    let (first, second) =
        (vendor("first", CHAT, &["m"]).await, vendor("second", CHAT, &["m"]).await);
    let catalog = Arc::new(Catalog::built_in().unwrap());
    let providers = vec![provider("first", &first, CHAT), provider("second", &second, CHAT)];
    let target = |provider| Arc::new(Target::new(Arc::clone(provider), "m".into(), &catalog));
    let targets = providers.iter().map(target).collect();
    let limits = AttemptLimits::default();
    let hedge = Some(Hedge::new(Some(Duration::from_millis(20)), percent));
    let route = Route { hedge, ..Route::new("r".into(), targets, limits) };
    let house = House::open(Table::new(catalog, providers, vec![route], limits)).await;
    (house, first, second)
}

#[tokio::test]
async fn the_first_to_give_a_token_answers_and_the_other_is_cancelled_and_booked() {
    for stream in [false, true] {
        let (house, first, second) = house(100).await;
        first.set_fault(SLOW);
        let reply = house.ask(CHAT, "r", stream).await;
        assert_eq!(whole_text(CHAT, stream, &reply), FOX);
        assert_eq!(reply.header("x-outlast-target"), "second/m");
        assert_eq!(reply.header("x-outlast-attempts"), "2");
        assert_eq!(reply.header("x-outlast-fallback-reason"), "hedged");
        first.cancelled(1).await;
        assert_eq!((first.stats().requests, second.stats().requests), (1, 1));
        let rows = house.close(&[SpendDimension::Provider]).await;
        assert_eq!(rows.len(), 2, "both stand in the books: {rows:?}");
    }
}

#[tokio::test]
async fn a_quick_target_has_no_second_beside_it() {
    let (house, _first, second) = house(100).await;
    for _ in 0..3 {
        let reply = house.ask(CHAT, "r", true).await;
        assert_eq!(whole_text(CHAT, true, &reply), FOX);
        assert_eq!(reply.header("x-outlast-attempts"), "1");
    }
    assert_eq!(second.stats().requests, 0);
}

#[tokio::test]
async fn the_cap_of_a_route_is_kept() {
    let (house, first, second) = house(0).await;
    first.set_fault(SLOW);
    for _ in 0..4 {
        assert_eq!(whole_text(CHAT, false, &house.ask(CHAT, "r", false).await), FOX);
    }
    assert_eq!((first.stats().requests, second.stats().requests), (4, 1), "one a minute");
}

#[tokio::test]
async fn one_that_fails_leaves_it_to_the_other() {
    let (house, first, second) = house(100).await;
    first.set_fault(SLOW);
    second.set_fault(Fault::Html);
    let reply = house.ask(CHAT, "r", false).await;
    assert_eq!(whole_text(CHAT, false, &reply), FOX);
    assert_eq!(reply.header("x-outlast-target"), "first/m");
    // The first hangs, the second fails at once: both are tried to their end, and the caller is told.
    first.set_fault(Fault::Hang);
    let reply = house.ask(CHAT, "r", false).await;
    assert_eq!(reply.status, 502, "{}", reply.text());
    assert!(reply.text().contains("(3 attempts, the last at second/m)"), "{}", reply.text());
}

#[tokio::test]
async fn two_that_fail_together_leave_their_attempts_to_whoever_may_be_asked_again() {
    for stream in [false, true] {
        let (house, first, second) = house(100).await;
        // The second fails while the first is still silent, and is well when the first is given up.
        first.set_fault(Fault::Hang);
        second.set_fault_times(Fault::status(503), 1);
        let reply = house.ask(CHAT, "r", stream).await;
        assert_eq!(whole_text(CHAT, stream, &reply), FOX);
        assert_eq!(reply.header("x-outlast-target"), "second/m");
        assert_eq!(reply.header("x-outlast-attempts"), "3");
        assert_eq!((first.stats().requests, second.stats().requests), (1, 2));
    }
}

#[tokio::test]
async fn what_the_second_does_not_take_is_told_only_where_the_first_does_not_answer() {
    let (house, first, second) = house(100).await;
    first.set_fault(SLOW);
    second.set_fault(Fault::status(400));
    let reply = house.ask(CHAT, "r", false).await;
    assert_eq!(whole_text(CHAT, false, &reply), FOX);
    assert_eq!(reply.header("x-outlast-target"), "first/m");
    first.set_fault(Fault::Hang);
    let reply = house.ask(CHAT, "r", false).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert_eq!((first.stats().requests, second.stats().requests), (2, 2));
}

#[tokio::test]
async fn the_callers_own_fault_is_told_though_the_second_is_still_silent() {
    let (house, first, second) = house(100).await;
    // The vendor refuses a chat without messages, after a while.
    first.set_fault(Fault::SlowHeaders(100));
    second.set_fault(Fault::Hang);
    let reply = house.post("/v1/chat/completions", r#"{"model":"r","messages":[]}"#).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    second.cancelled(1).await;
    assert_eq!((first.stats().requests, second.stats().requests), (1, 1));
}

#[tokio::test]
async fn reasoning_that_the_second_refuses_is_not_its_callers_fault() {
    let (house, first, second) = house(100).await;
    first.set_fault(Fault::Hang);
    let message = "property 'reasoning_content' is unsupported".to_owned();
    let refused = Fault::Status {
        status: 400,
        code: None,
        message: Some(message),
        headers: Vec::new(),
        times: Some(1),
    };
    second.set_fault(refused);
    let body = r#"{"model":"r","stream":true,"messages":[{"role":"assistant","content":"a","reasoning_content":"SECRET"},{"role":"user","content":"b"}]}"#;
    let reply = house.post("/v1/chat/completions", body).await;
    assert_eq!(whole_text(CHAT, true, &reply), FOX, "{}", reply.text());
    assert_eq!(reply.header("x-outlast-target"), "second/m");
    let sent = second.received().iter().map(|sent| sent.body.clone()).collect::<Vec<_>>();
    let tells = |body: &[u8]| String::from_utf8_lossy(body).contains("SECRET");
    assert_eq!(sent.iter().map(|body| tells(body)).collect::<Vec<_>>(), [true, false]);
}
