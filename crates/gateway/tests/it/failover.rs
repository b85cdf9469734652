//! Before the first token: what each failure of the first target leads to, in every dialect.

use simulator::Fault;
use terms::dialect::Dialect;

use crate::harness::{
    CHAT, FOX, GEMINI, House, MESSAGES, RESPONSES, implicit, provider, table, vendor, whole_text,
};

fn status(status: u16, code: &str, times: Option<u32>) -> Fault {
    Fault::Status {
        status,
        code: (!code.is_empty()).then(|| code.to_owned()),
        message: None,
        headers: Vec::new(),
        times,
    }
}

/// With this fault at the first target: how many tries it sees, and why the second answers (empty:
/// the first answers).
async fn check(name: &str, fault: impl Fn() -> Fault, tries: u64, reason: &str) {
    check_in(&[CHAT, RESPONSES, MESSAGES, GEMINI], name, fault, tries, reason).await;
}

async fn check_in(
    dialects: &[Dialect],
    name: &str,
    fault: impl Fn() -> Fault,
    tries: u64,
    reason: &str,
) {
    for dialect in dialects.iter().copied() {
        for stream in [false, true] {
            let first = vendor("first", dialect, &["m"]).await;
            let second = vendor("second", CHAT, &["m"]).await;
            first.set_fault(fault());
            let targets = [
                (provider("first", &first, dialect), "m"),
                (provider("second", &second, CHAT), "m"),
            ];
            let house = House::open(table("r", &targets)).await;
            let reply = house.ask(dialect, "r", stream).await;
            let case = format!("{name}, {dialect}, stream={stream}");
            assert_eq!(whole_text(dialect, stream, &reply), FOX, "{case}");
            assert_eq!(reply.header("x-outlast-fallback-reason"), reason, "{case}");
            assert_eq!(first.stats().requests, tries, "{case}");
            assert_eq!(second.stats().requests, u64::from(!reason.is_empty()), "{case}");
        }
    }
}

#[tokio::test]
async fn a_lone_server_error_is_retried_on_the_same_target() {
    check("500 once", || status(500, "", Some(1)), 2, "").await;
    check("500 for ever", || status(500, "", None), 2, "transient").await;
}

#[tokio::test]
async fn rate_limits_and_overload_move_on_at_once() {
    check("429", || status(429, "", None), 1, "rate_limited").await;
    check("529", || status(529, "", None), 1, "rate_limited").await;
}

#[tokio::test]
async fn our_own_credential_being_refused_moves_on_and_never_blames_the_caller() {
    check("401", || status(401, "", None), 1, "credential_dead").await;
    check("no funds", || status(429, "insufficient_quota", None), 1, "credential_dead").await;
}

#[tokio::test]
async fn a_silent_target_is_left_at_the_limit() {
    check("hang", || Fault::Hang, 1, "timed_out").await;
}

#[tokio::test]
async fn answers_that_are_none_move_on() {
    check("html", || Fault::Html, 1, "malformed").await;
    check("empty", || Fault::EmptyBody, 1, "malformed").await;
    check("truncated JSON", || Fault::BadJson, 1, "malformed").await;
}

#[tokio::test]
async fn an_error_hidden_in_a_success_is_caught_before_anything_was_sent() {
    for dialect in [CHAT, RESPONSES, MESSAGES, GEMINI] {
        let first = vendor("first", dialect, &["m"]).await;
        let second = vendor("second", CHAT, &["m"]).await;
        first.set_fault(Fault::FirstEventError);
        let targets =
            [(provider("first", &first, dialect), "m"), (provider("second", &second, CHAT), "m")];
        let house = House::open(table("r", &targets)).await;
        let reply = house.ask(dialect, "r", true).await;
        assert_eq!(whole_text(dialect, true, &reply), FOX);
        assert_eq!(reply.header("x-outlast-target"), "second/m", "{dialect}");
    }
}

#[tokio::test]
async fn noise_in_a_stream_changes_nothing() {
    check("crlf", || Fault::Crlf, 1, "").await;
    check("byte by byte", || Fault::ByteByByte, 1, "").await;
    check("noise", || Fault::Noise, 1, "").await;
    check("no content type", || Fault::NoContentType, 1, "").await;
    // The last event of Responses is its stop reason: without it that answer is cut.
    check_in(&[CHAT, MESSAGES], "no terminator", || Fault::NoTerminator, 1, "").await;
    check("no usage", || Fault::NoUsage, 1, "").await;
}

#[tokio::test]
async fn a_request_that_is_at_fault_is_not_sent_around() {
    for dialect in [CHAT, RESPONSES, MESSAGES, GEMINI] {
        let first = vendor("first", dialect, &["m"]).await;
        let second = vendor("second", CHAT, &["m"]).await;
        first.set_fault(status(400, "invalid_request_error", None));
        let targets =
            [(provider("first", &first, dialect), "m"), (provider("second", &second, CHAT), "m")];
        let house = House::open(table("r", &targets)).await;
        let reply = house.ask(dialect, "r", false).await;
        assert_eq!(reply.status, 400);
        assert!(reply.json()["error"]["message"].is_string());
        assert_eq!(second.stats().requests, 0);
    }
}

#[tokio::test]
async fn a_dead_target_is_left_alone_while_its_gate_is_shut() {
    let first = vendor("first", CHAT, &["m"]).await;
    let second = vendor("second", CHAT, &["m"]).await;
    first.set_fault(status(503, "", None));
    let targets =
        [(provider("first", &first, CHAT), "m"), (provider("second", &second, CHAT), "m")];
    let house = House::open(table("r", &targets)).await;
    for _ in 0..50 {
        let reply = house.ask(CHAT, "r", false).await;
        assert_eq!(whole_text(CHAT, false, &reply), FOX);
    }
    assert!(first.stats().requests <= 5, "{} tries", first.stats().requests);
    assert_eq!(second.stats().requests, 50);
}

#[tokio::test]
async fn when_all_fail_the_caller_learns_why() {
    let only = vendor("only", CHAT, &["m"]).await;
    let house = House::open(table("r", &[(provider("only", &only, CHAT), "m")])).await;
    for (fault, expect) in [
        (status(429, "", None), 429),
        (status(401, "", None), 502),
        (Fault::Html, 502),
        (Fault::Hang, 504),
    ] {
        only.set_fault(fault);
        let reply = house.ask(CHAT, "r", false).await;
        assert_eq!(reply.status, expect, "{}", reply.text());
        assert!(!reply.text().contains("upstream-secret"));
    }
    only.die().await;
    let reply = house.ask(MESSAGES, "r", false).await;
    assert_eq!(reply.status, 502);
    assert_eq!(reply.json()["type"], "error");
}

#[tokio::test]
async fn a_substitute_that_refuses_sampling_parameters_is_not_sent_any() {
    let anthropic = vendor("anthropic", MESSAGES, &["claude-opus-4-8"]).await;
    let house = House::open(implicit(vec![provider("anthropic", &anthropic, MESSAGES)])).await;
    // The model asked for is gone; its successor takes no `temperature` (catalog).
    let body = r#"{"model":"claude-opus-4-5","max_tokens":9,"temperature":0.2,"messages":[{"role":"user","content":"hi"}]}"#;
    let reply = house.post("/v1/messages", body).await;
    assert_eq!(reply.header("x-outlast-target"), "anthropic/claude-opus-4-8", "{}", reply.text());
    assert_eq!(reply.header("x-outlast-dropped"), "temperature");
    let sent = anthropic.received().last().unwrap().body.clone();
    assert!(!String::from_utf8_lossy(&sent).contains("temperature"));
}
