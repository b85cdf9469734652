//! A caller that leaves: its upstream call is cancelled, and what was used is booked.

use std::time::Duration;

use gateway::{IntakeLimits, ListenerLimits};
use http_body_util::BodyExt;
use simulator::{Answer, Vendor, VendorSpec};
use store::SpendDimension;
use tokio::time::timeout;

use crate::harness::{CHAT, House, provider, question, table};

const PATH: &str = "/v1/chat/completions";

/// The longest time between a caller's leaving and the end of its upstream call.
const CANCELLED_WITHIN: Duration = Duration::from_millis(100);

async fn slow() -> Vendor {
    let spec = VendorSpec {
        token_interval_ms: 10,
        answer: Answer::Words { at_least: 500, at_most: 500 },
        ..VendorSpec::new("slow", CHAT, &["m"])
    };
    Vendor::start(spec).await.unwrap()
}

#[tokio::test]
async fn a_caller_that_leaves_a_stream_cancels_it_and_pays_for_what_came() {
    let vendor = slow().await;
    let house = House::open(table("r", &[(provider("slow", &vendor, CHAT), "m")])).await;
    let request = house.request(http::Method::POST, PATH, question("r", true));
    let mut response = house.client.request(request).await.unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    timeout(CANCELLED_WITHIN, vendor.cancelled(1)).await.expect("cancelled in time");
    let rows = house.close(&[SpendDimension::Model]).await;
    assert_eq!((rows[0].attempts, rows[0].usage.output() > 0), (1, true));
    assert!(rows[0].estimated_cost.0 > 0);
}

#[tokio::test]
async fn a_caller_that_leaves_before_an_answer_cancels_it() {
    let spec = VendorSpec { first_token_ms: 60_000, ..VendorSpec::new("slow", CHAT, &["m"]) };
    let vendor = Vendor::start(spec).await.unwrap();
    let mut row = (*provider("slow", &vendor, CHAT)).clone();
    row.limits = gateway::TimeLimits::default();
    let house = House::open(table("r", &[(std::sync::Arc::new(row), "m")])).await;
    let request = house.request(http::Method::POST, PATH, question("r", false));
    let asking = tokio::spawn(house.client.request(request));
    vendor.arrived(1).await;
    asking.abort();
    timeout(CANCELLED_WITHIN, vendor.cancelled(1)).await.expect("cancelled in time");
    let rows = house.close(&[SpendDimension::Model]).await;
    assert_eq!(rows[0].attempts, 1, "it may have cost something: booked");
}

#[tokio::test]
async fn a_stream_that_is_open_at_the_end_of_the_drain_is_told_so() {
    let vendor = slow().await;
    let table = table("r", &[(provider("slow", &vendor, CHAT), "m")]);
    let listening =
        ListenerLimits { drain: Duration::from_millis(700), ..ListenerLimits::default() };
    let house = House::with_limits(table, IntakeLimits::default(), listening).await;
    let request = house.request(http::Method::POST, PATH, question("r", true));
    let mut response = house.client.request(request).await.unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    house.begin_to_stop();
    let rest = response.into_body().collect().await.unwrap().to_bytes();
    let rest = String::from_utf8_lossy(&rest);
    assert!(rest.contains("gateway_stopping") && !rest.contains("[DONE]"), "{rest}");
    let rows = house.close(&[SpendDimension::Model]).await;
    assert_eq!((rows[0].attempts, rows[0].failed_attempts), (1, 1), "booked as interrupted");
    assert!(rows[0].usage.output() > 0);
}

#[tokio::test]
async fn who_waits_at_the_end_of_the_drain_is_told_so() {
    for stream in [false, true] {
        let silent = VendorSpec { first_token_ms: 60_000, ..VendorSpec::new("s", CHAT, &["m"]) };
        let silent = Vendor::start(silent).await.unwrap();
        let mut row = (*provider("s", &silent, CHAT)).clone();
        row.limits = gateway::TimeLimits::default();
        let table = table("r", &[(std::sync::Arc::new(row), "m")]);
        let listening =
            ListenerLimits { drain: Duration::from_millis(700), ..ListenerLimits::default() };
        let house = House::with_limits(table, IntakeLimits::default(), listening).await;
        let request = house.request(http::Method::POST, PATH, question("r", stream));
        let asking = tokio::spawn(house.client.request(request));
        silent.arrived(1).await;
        house.begin_to_stop();
        let response = asking.await.unwrap().unwrap();
        assert_eq!(response.status(), 503);
        let said = response.into_body().collect().await.unwrap().to_bytes();
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains("gateway_stopping"), "{said}");
        let rows = house.close(&[SpendDimension::Model]).await;
        assert_eq!((rows[0].attempts, rows[0].failed_attempts), (1, 1), "booked as interrupted");
    }
}
