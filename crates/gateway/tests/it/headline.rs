//! The headline case: a model that is gone is answered by its successor, a vendor that is down by
//! another vendor, in every dialect, streamed and not, without any configured route.

use simulator::Vendor;

use crate::harness::{
    CHAT, FOX, GEMINI, House, MESSAGES, RESPONSES, implicit, provider, vendor, whole_text,
};

async fn vendors() -> (Vendor, Vendor) {
    (
        vendor("anthropic", MESSAGES, &["claude-fable-5", "claude-opus-4-8"]).await,
        vendor("openai", CHAT, &["gpt-5.5"]).await,
    )
}

async fn open(anthropic: &Vendor, openai: &Vendor) -> House {
    House::open(implicit(vec![
        provider("anthropic", anthropic, MESSAGES),
        provider("openai", openai, CHAT),
    ]))
    .await
}

/// Asks for `claude-fable-5` in every dialect, streamed and not, and checks who answers.
async fn check(house: &House, target: &str, reason: &str) {
    for dialect in [CHAT, RESPONSES, MESSAGES, GEMINI] {
        for stream in [false, true] {
            let reply = house.ask(dialect, "claude-fable-5", stream).await;
            assert_eq!(whole_text(dialect, stream, &reply), FOX);
            assert_eq!(reply.header("x-outlast-target"), target, "{dialect} stream={stream}");
            // The book of these tests knows no price; the cost of a stream comes too late for a header.
            let assumed = if stream { "" } else { "true" };
            assert_eq!(reply.header("x-outlast-cost-assumed"), assumed, "{dialect}");
            assert_eq!(
                reply.header("x-outlast-fallback-reason"),
                reason,
                "{dialect} stream={stream}"
            );
        }
    }
}

#[tokio::test]
async fn the_model_itself_answers_while_it_is_there() {
    let (anthropic, openai) = vendors().await;
    check(&open(&anthropic, &openai).await, "anthropic/claude-fable-5", "").await;
}

#[tokio::test]
async fn a_model_that_is_gone_is_answered_by_its_successor() {
    let (anthropic, openai) = vendors().await;
    anthropic.retire("claude-fable-5");
    check(&open(&anthropic, &openai).await, "anthropic/claude-opus-4-8", "model_gone").await;
    assert_eq!(openai.stats().requests, 0);
}

#[tokio::test]
async fn a_vendor_that_is_down_is_answered_for_by_another() {
    let (anthropic, openai) = vendors().await;
    let house = open(&anthropic, &openai).await;
    anthropic.die().await;
    check(&house, "openai/gpt-5.5", "unreachable").await;
}

#[tokio::test]
async fn the_vendor_is_used_again_when_it_is_back() {
    let (anthropic, openai) = vendors().await;
    let house = open(&anthropic, &openai).await;
    anthropic.die().await;
    house.ask(CHAT, "claude-fable-5", false).await;
    anthropic.revive().await.unwrap();
    // One failure is not enough to shut a gate: the very next request asks the vendor again.
    let reply = house.ask(CHAT, "claude-fable-5", false).await;
    assert_eq!(reply.header("x-outlast-target"), "anthropic/claude-fable-5");
}
