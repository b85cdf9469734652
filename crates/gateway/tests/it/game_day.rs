//! Faults that are injected on purpose: the caller sees what it would of real ones, the provider nothing.

use std::time::Duration;

use gateway::{ChaosRefused, Injection};
use http::Method;
use http_body_util::BodyExt;
use terms::time::Timestamp;

use crate::{
    harness::{
        CHAT, FOX, House, Reply, provider, question, table, table_whole, vendor, whole_text,
    },
    pass::{Fixed, VECTORS},
    tasks,
};

const PATH: &str = "/v1/chat/completions";

async fn asked_with(house: &House, fault: &str, stream: bool) -> Reply {
    let mut request = house.request(Method::POST, PATH, question("r", stream));
    request.headers_mut().insert("x-outlast-chaos", fault.parse().unwrap());
    house.send(request).await
}

#[tokio::test]
async fn a_fault_in_the_first_attempt_is_followed_like_a_real_one() {
    for (fault, by) in [
        // A lone server error is tried once more where it was.
        ("status:503", "first/m"),
        ("status:429", "second/m"),
        ("unreachable", "second/m"),
        ("silence", "second/m"),
        ("slow:20", "first/m"),
        ("cut:2", "first/m"),
    ] {
        for stream in [false, true] {
            // A gate that one fault shuts would send the next request elsewhere.
            let first = vendor("first", CHAT, &["m"]).await;
            let second = vendor("second", CHAT, &["m"]).await;
            let targets =
                [(provider("first", &first, CHAT), "m"), (provider("second", &second, CHAT), "m")];
            let house = House::open(table("r", &targets)).await;
            house.gateway.chaos().allow(vec!["ada".into()]);
            let reply = asked_with(&house, fault, stream).await;
            let case = format!("{fault}, stream: {stream}");
            assert_eq!(whole_text(CHAT, stream, &reply), FOX, "{case}");
            // What went wrong after the headers had left is in the trace alone.
            if !(fault == "cut:2" && stream) {
                assert_eq!(reply.header("x-outlast-target"), by, "{case}");
                let injected = reply.header("x-outlast-chaos");
                assert_eq!(injected, "injected", "{case}");
            }
            let what = format!("{:?}", house.traces()[0].steps);
            assert!(what.contains("Injected") || fault == "cut:2", "{case}: {what}");
        }
    }
}

#[tokio::test]
async fn only_those_who_may_inject_faults() {
    let only = vendor("only", CHAT, &["m"]).await;
    let house = House::open(table("r", &[(provider("only", &only, CHAT), "m")])).await;
    let refused = asked_with(&house, "status:503", false).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    house.gateway.chaos().allow(vec!["ada".into()]);
    let refused = asked_with(&house, "fire", false).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("status:503"), "it says what can be asked for");
    assert_eq!(only.stats().requests, 0);
}

#[tokio::test]
async fn a_fault_at_a_target_holds_for_all_until_it_is_ended() {
    let first = vendor("first", CHAT, &["m"]).await;
    let second = vendor("second", CHAT, &["m"]).await;
    let targets =
        [(provider("first", &first, CHAT), "m"), (provider("second", &second, CHAT), "m")];
    let house = House::open(table("r", &targets)).await;
    let injection = |at: &str| Injection {
        id: 0,
        at: at.to_owned(),
        fault: "unreachable".parse().unwrap(),
        percent: 100,
        until: Timestamp(0),
        by: "admin".to_owned(),
    };
    let unknown = house.gateway.begin_chaos(injection("nobody"), Duration::from_mins(1));
    assert_eq!(unknown, Err(ChaosRefused::NoTarget("nobody".to_owned())));
    let held = house.gateway.begin_chaos(injection("first"), Duration::from_mins(1)).unwrap();
    let reply = house.ask(CHAT, "r", true).await;
    assert_eq!(reply.header("x-outlast-target"), "second/m");
    assert_eq!(first.stats().requests, 0, "nothing is sent");
    assert_eq!(house.gateway.held_chaos().len(), 1);
    let both = house.gateway.begin_chaos(injection("second"), Duration::from_mins(1)).unwrap();
    let reply = house.ask(CHAT, "r", false).await;
    assert_eq!((reply.status.as_u16(), reply.header("x-outlast-chaos")), (502, "injected"));
    assert_eq!(house.gateway.end_chaos(Some(both.id)), 1);
    assert_eq!(house.gateway.end_chaos(Some(held.id)), 1);
    assert_eq!(house.gateway.held_chaos(), []);
}

#[tokio::test]
async fn what_is_passed_on_goes_wrong_too() {
    for (fault, by) in [
        ("status:429", "second/m"),
        ("unreachable", "second/m"),
        ("silence", "second/m"),
        ("slow:20", "first/m"),
        ("cut:5", "second/m"),
    ] {
        let first = Fixed::start(200, "application/json", VECTORS).await;
        let second = Fixed::start(200, "application/json", VECTORS).await;
        let targets =
            [(first.provider("first", CHAT), "m"), (second.provider("second", CHAT), "m")];
        let house = House::open(table("r", &targets)).await;
        house.gateway.chaos().allow(vec!["ada".into()]);
        let body = r#"{"model":"r","input":"a"}"#;
        let mut request = house.request(Method::POST, "/v1/embeddings", body);
        request.headers_mut().insert("x-outlast-chaos", fault.parse().unwrap());
        let reply = house.send(request).await;
        assert_eq!(reply.header("x-outlast-target"), by, "{fault}: {}", reply.text());
        assert_eq!(reply.header("x-outlast-chaos"), "injected", "{fault}");
    }
}

#[tokio::test]
async fn what_flows_is_cut_too() {
    let only = Fixed::start(200, "audio/mpeg", &[0xff, 0xfb, 0, 1, 2]).await;
    let house = House::open(table("tts", &[(only.provider("p", CHAT), "tts")])).await;
    house.gateway.chaos().allow(vec!["ada".into()]);
    let body = r#"{"model":"tts","input":"hello"}"#;
    let mut request = house.request(Method::POST, "/v1/audio/speech", body);
    request.headers_mut().insert("x-outlast-chaos", "cut:0".parse().unwrap());
    // The connection breaks, before the headers have left or after.
    let answer = match house.client.request(request).await {
        Err(_) => return,
        Ok(response) => response.into_body().collect().await,
    };
    assert!(answer.is_err(), "the caller sees that it is cut");
}

#[tokio::test]
async fn an_answer_that_is_got_whole_breaks_off_whatever_the_number() {
    let first = vendor("first", CHAT, &["m"]).await;
    let second = vendor("second", CHAT, &["m"]).await;
    let targets =
        [(provider("first", &first, CHAT), "m"), (provider("second", &second, CHAT), "m")];
    let house = House::open(table_whole("r", &targets)).await;
    house.gateway.chaos().allow(vec!["ada".into()]);
    let reply = asked_with(&house, "cut:5", false).await;
    assert_eq!(whole_text(CHAT, false, &reply), FOX);
    let what = format!("{:?}", house.traces()[0].steps);
    assert!(what.contains("Injected") && what.contains("broke off"), "{what}");
}

#[tokio::test]
async fn a_student_goes_wrong_like_anybody() {
    for (fault, by) in
        [("unreachable", "vendor/m"), ("cut:1", "vendor/m"), ("slow:20", "students/sure")]
    {
        let teacher = vendor("vendor", CHAT, &["m"]).await;
        let house = House::open(tasks::with_student(&teacher)).await;
        house.gateway.chaos().allow(vec!["ada".into()]);
        let body = tasks::asking("where is my card?", false);
        let mut request = house.request(Method::POST, PATH, body);
        request.headers_mut().insert("x-outlast-chaos", fault.parse().unwrap());
        let reply = house.send(request).await;
        assert_eq!(reply.header("x-outlast-target"), by, "{fault}: {}", reply.text());
    }
}

#[tokio::test]
async fn a_share_is_drawn_once_for_every_attempt() {
    let only = vendor("only", CHAT, &["m"]).await;
    let house = House::open(table("r", &[(provider("only", &only, CHAT), "m")])).await;
    let injection = Injection {
        id: 0,
        at: "only".to_owned(),
        fault: "slow:0".parse().unwrap(),
        percent: 50,
        until: Timestamp(0),
        by: "admin".to_owned(),
    };
    house.gateway.begin_chaos(injection, Duration::from_mins(1)).unwrap();
    let mut injected = 0;
    for _ in 0..100 {
        let reply = house.ask(CHAT, "r", true).await;
        injected += usize::from(reply.header("x-outlast-chaos") == "injected");
    }
    assert_eq!(injected, 50);
}
