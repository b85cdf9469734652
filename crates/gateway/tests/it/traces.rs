//! What is left of a request to which something happened: its plan, every attempt, wait and skip.

use simulator::Fault;
use terms::{
    outcome::{Ending, Failure},
    trace::Happening,
};

use crate::harness::{CHAT, FOX, House, MESSAGES, provider, table, vendor, whole_text};

/// The words of what happened, in their order.
fn words(house: &House) -> Vec<String> {
    let traces = house.traces();
    assert_eq!(traces.len(), 1, "{traces:?}");
    let word = |what: &Happening| match what {
        Happening::Planned { targets } => format!("planned {}", targets.len()),
        Happening::Skipped { target, reason } => format!("skipped {target} {reason}"),
        Happening::Sent { attempt, target, key, .. } => format!("sent {attempt} {target} {key}"),
        Happening::Failed { target, failure, status, asked_ms, .. } => {
            format!("failed {target} {} {status} {asked_ms:?}", failure.name())
        }
        Happening::Waited { ms } => format!("waited {ms}"),
        Happening::Broke { target, failure } => format!("broke {target} {}", failure.name()),
        Happening::AskedForRest { target, way } => format!("asked {target} {way}"),
        Happening::GoesOn { target } => format!("goes on {target}"),
        Happening::Dropped { fields } => format!("dropped {fields:?}"),
        Happening::Noise { records } => format!("noise {records}"),
        Happening::Injected { target, fault } => format!("injected {target} {fault}"),
        Happening::Answers { target } => format!("answers {target}"),
    };
    traces[0].steps.iter().map(|step| word(&step.what)).collect()
}

#[tokio::test]
async fn one_attempt_that_goes_well_leaves_no_trace() {
    let only = vendor("only", CHAT, &["m"]).await;
    let house = House::open(table("r", &[(provider("only", &only, CHAT), "m")])).await;
    for stream in [false, true] {
        let reply = house.ask(CHAT, "r", stream).await;
        assert_eq!(whole_text(CHAT, stream, &reply), FOX);
    }
    assert_eq!(house.traces(), []);
}

#[tokio::test]
async fn every_attempt_and_wait_is_told_with_its_reason() {
    let first = vendor("first", CHAT, &["m"]).await;
    let second = vendor("second", CHAT, &["m"]).await;
    first.set_fault(Fault::Status {
        status: 429,
        code: None,
        message: Some("slow down".to_owned()),
        headers: vec![("retry-after-ms".to_owned(), "20".to_owned())],
        times: None,
    });
    let targets =
        [(provider("first", &first, CHAT), "m"), (provider("second", &second, CHAT), "m")];
    let house = House::open(table("r", &targets)).await;
    let reply = house.ask(CHAT, "r", false).await;
    let told = words(&house);
    assert_eq!(
        told[..3],
        ["planned 2", "sent 1 first/m 1", "failed first/m rate_limited 429 Some(20)"]
    );
    assert!(told[3].starts_with("waited "), "{told:?}");
    assert_eq!(
        told[4..],
        [
            "sent 2 first/m 1",
            "failed first/m rate_limited 429 Some(20)",
            "sent 3 second/m 1",
            "answers second/m",
        ]
    );
    let trace = &house.traces()[0];
    assert_eq!(trace.request.to_string(), reply.header("x-outlast-request-id"));
    assert_eq!((trace.ending, trace.principal.as_str()), (Ending::Answered, "ada"));
}

#[tokio::test]
async fn noise_in_a_stream_is_counted() {
    let only = vendor("only", CHAT, &["m"]).await;
    only.set_fault(Fault::Noise);
    let house = House::open(table("r", &[(provider("only", &only, CHAT), "m")])).await;
    let reply = house.ask(CHAT, "r", true).await;
    assert_eq!(whole_text(CHAT, true, &reply), FOX);
    assert!(words(&house).contains(&"noise 2".to_owned()), "{:?}", words(&house));
}

#[tokio::test]
async fn how_a_stream_was_gone_on_with_is_told() {
    let first = vendor("first", MESSAGES, &["m"]).await;
    let second = vendor("second", CHAT, &["m"]).await;
    first.set_fault(Fault::MidStreamReset { after_chunks: 3 });
    let targets =
        [(provider("first", &first, MESSAGES), "m"), (provider("second", &second, CHAT), "m")];
    let house = House::open(table("r", &targets)).await;
    let reply = house.ask(MESSAGES, "r", true).await;
    assert_eq!(whole_text(MESSAGES, true, &reply), FOX);
    assert_eq!(
        words(&house),
        [
            "planned 2",
            "sent 1 first/m 1",
            "answers first/m",
            "broke first/m cut",
            "sent 2 second/m 1",
            "asked second/m restart",
            "goes on second/m",
        ]
    );
}

#[tokio::test]
async fn a_request_that_nobody_answers_leaves_its_trace() {
    let only = vendor("only", CHAT, &["m"]).await;
    only.set_fault(Fault::status(400));
    let house = House::open(table("r", &[(provider("only", &only, CHAT), "m")])).await;
    house.ask(CHAT, "r", false).await;
    let trace = &house.traces()[0];
    assert_eq!(trace.ending, Ending::Failed(Failure::CallerFault));
}
