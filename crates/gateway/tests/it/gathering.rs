//! Answers that are wanted whole are got as streams, so that a target that dies in its middle, or falls
//! silent, is left as early as in a stream.

use std::{sync::Arc, time::Duration};

use gateway::{Provider, Streaming};
use serde_json::Value;
use simulator::{Fault, Vendor};
use terms::dialect::Dialect;

use crate::harness::{
    CHAT, FOX, GEMINI, House, MESSAGES, RESPONSES, provider, table, table_streaming, vendor,
    whole_text,
};

const ALL: [Dialect; 4] = [CHAT, RESPONSES, MESSAGES, GEMINI];

/// A fault by name.
type Case = (&'static str, fn() -> Fault);

fn asks_for_stream(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).unwrap()["stream"] == true
}

#[tokio::test]
async fn a_target_that_dies_in_its_middle_is_left_for_the_next() {
    let deaths: [Case; 4] = [
        ("cut", || Fault::MidStreamCut { after_chunks: 3 }),
        ("reset", || Fault::MidStreamReset { after_chunks: 3 }),
        ("error event", || Fault::MidStreamError { after_chunks: 3 }),
        ("stall", || Fault::MidStreamStall { after_chunks: 3 }),
    ];
    for (name, fault) in deaths {
        for caller in ALL {
            for upstream in ALL {
                let case = format!("{name}, {upstream} to {caller}");
                let first = vendor("first", upstream, &["m"]).await;
                first.set_fault(fault());
                let second = vendor("second", CHAT, &["m"]).await;
                let targets = [
                    (provider("first", &first, upstream), "m"),
                    (provider("second", &second, CHAT), "m"),
                ];
                let house = House::open(table("r", &targets)).await;
                let reply = house.ask(caller, "r", false).await;
                assert_eq!(whole_text(caller, false, &reply), FOX, "{case}");
                assert_eq!(reply.header("content-type"), "application/json", "{case}");
                assert_eq!(reply.header("x-outlast-target"), "second/m", "{case}");
                assert_eq!(second.stats().requests, 1, "{case}");
                assert!(asks_for_stream(&second.received()[0].body), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_target_that_does_not_stream_is_asked_for_the_whole_from_then_on() {
    let only = vendor("only", CHAT, &["m"]).await;
    let unverified = Fault::Status {
        status: 400,
        code: None,
        message: Some("Your organization must be verified to stream this model.".to_owned()),
        headers: Vec::new(),
        times: None,
    };
    only.set_fault_times(unverified, 1);
    let house = House::open(table("r", &[(provider("only", &only, CHAT), "m")])).await;
    for _ in 0..2 {
        let reply = house.ask(MESSAGES, "r", false).await;
        assert_eq!(whole_text(MESSAGES, false, &reply), FOX);
        assert_eq!(reply.header("x-outlast-attempts"), "1");
    }
    let streamed: Vec<bool> =
        only.received().iter().map(|received| asks_for_stream(&received.body)).collect();
    assert_eq!(streamed, [true, false, false]);
}

/// A provider whose first token is waited for less long than a whole answer.
fn patient(name: &str, vendor: &Vendor) -> Arc<Provider> {
    let mut row = (*provider(name, vendor, CHAT)).clone();
    row.limits.first_token = Duration::from_millis(50);
    row.limits.whole_answer = Duration::from_secs(5);
    Arc::new(row)
}

#[tokio::test]
async fn a_target_that_may_not_stream_is_not_left_for_nobody() {
    let slow = vendor("slow", CHAT, &["m"]).await;
    slow.set_fault(Fault::SlowHeaders(200));
    let other = vendor("other", CHAT, &["m"]).await;
    let alone = House::open(table("r", &[(patient("slow", &slow), "m")])).await;
    let reply = alone.ask(CHAT, "r", false).await;
    assert_eq!(whole_text(CHAT, false, &reply), FOX);
    // It did stream: from now on its silence is one.
    let reply = alone.ask(CHAT, "r", false).await;
    assert_eq!(reply.status, 504, "{}", reply.text());
    let targets = [(patient("slow", &slow), "m"), (provider("other", &other, CHAT), "m")];
    let house = House::open(table("r", &targets)).await;
    let reply = house.ask(CHAT, "r", false).await;
    assert_eq!(reply.header("x-outlast-target"), "other/m");
}

#[tokio::test]
async fn an_upstream_that_is_named_in_a_refusal_still_streams() {
    let only = vendor("only", CHAT, &["m"]).await;
    let refusal = Fault::Status {
        status: 400,
        code: None,
        message: Some("upstream error: bad request".to_owned()),
        headers: Vec::new(),
        times: None,
    };
    only.set_fault_times(refusal, 1);
    let house = House::open(table("r", &[(provider("only", &only, CHAT), "m")])).await;
    assert_eq!(house.ask(CHAT, "r", false).await.status, 400);
    assert_eq!(whole_text(CHAT, false, &house.ask(CHAT, "r", false).await), FOX);
    assert!(only.received().iter().all(|received| asks_for_stream(&received.body)));
}

#[tokio::test]
async fn an_answer_longer_than_any_may_be_is_left() {
    let only = vendor("only", CHAT, &["m"]).await;
    let intake = gateway::IntakeLimits { answer_bytes: 100, ..gateway::IntakeLimits::default() };
    let targets = [(provider("only", &only, CHAT), "m")];
    let house = House::with_intake(table("r", &targets), intake).await;
    let reply = house.ask(CHAT, "r", false).await;
    assert_eq!(reply.status, 502, "{}", reply.text());
}

#[tokio::test]
async fn what_broke_as_a_stream_is_asked_for_as_a_whole() {
    let only = vendor("only", CHAT, &["m"]).await;
    only.set_fault_times(Fault::MidStreamError { after_chunks: 3 }, 1);
    let house = House::open(table("r", &[(provider("only", &only, CHAT), "m")])).await;
    let reply = house.ask(CHAT, "r", false).await;
    assert_eq!(whole_text(CHAT, false, &reply), FOX);
    let streamed: Vec<bool> =
        only.received().iter().map(|received| asks_for_stream(&received.body)).collect();
    assert_eq!(streamed, [true, false]);
}

#[tokio::test]
async fn the_counts_are_those_of_the_provider() {
    for upstream in ALL {
        let only = vendor("only", upstream, &["m"]).await;
        let targets = [(provider("only", &only, upstream), "m")];
        let always = Streaming {
            upstream: decide::upstream_stream::UpstreamStream::Always,
            ..Streaming::default()
        };
        let house = House::open(table_streaming("r", &targets, always)).await;
        let reply = house.ask(CHAT, "r", false).await;
        let usage = &reply.json()["usage"];
        assert!(usage["completion_tokens"].as_u64().is_some_and(|n| n > 0), "{upstream}: {usage}");
        let rows = house.close(&[store::SpendDimension::Model]).await;
        assert_eq!(rows[0].estimated_cost.0, 0, "{upstream}");
    }
}
