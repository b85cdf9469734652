//! `kill -9`: no answered request is lost, none is doubled, and one that was under way is booked as
//! interrupted.

use http_body_util::BodyExt;
use simulator::{Answer, Vendor, VendorSpec};
use terms::dialect::Dialect;

use crate::program::{Place, question};

#[tokio::test]
async fn nothing_is_lost_and_nothing_doubled() {
    let spec = VendorSpec {
        token_interval_ms: 20,
        answer: Answer::Words { at_least: 400, at_most: 400 },
        ..VendorSpec::new("slow", Dialect::OpenaiChat, &["gpt-5.4-mini"])
    };
    let slow = Vendor::start(spec).await.unwrap();
    let quick =
        Vendor::start(VendorSpec::new("quick", Dialect::AnthropicMessages, &["claude-haiku-4-5"]))
            .await
            .unwrap();
    let place = Place::new(&[
        ("ANTHROPIC_API_KEY", "a"),
        ("ANTHROPIC_BASE_URL", &quick.base_url()),
        ("OPENAI_API_KEY", "b"),
        ("OPENAI_BASE_URL", &format!("{}/v1", slow.base_url())),
    ]);
    let key = place.key();
    for round in 1..=3_u64 {
        let server = place.serve();
        for _ in 0..10 {
            let reply =
                server.post("/v1/messages", &key, &question("claude-haiku-4-5", false)).await;
            assert_eq!(reply.status, 200);
        }
        let mut open =
            server.open("/v1/chat/completions", &key, &question("gpt-5.4-mini", true)).await;
        open.body_mut().frame().await.unwrap().unwrap();
        server.kill();
        place.serve().stop();
        let rows = place.usage("model");
        let of =
            |model: &str| rows.iter().find(|row| row["labels"]["model"] == model).unwrap().clone();
        assert_eq!(of("claude-haiku-4-5")["attempts"], 10 * round, "answered, each once");
        assert_eq!(of("claude-haiku-4-5")["failed_attempts"], 0);
        assert_eq!(of("gpt-5.4-mini")["attempts"], round, "the open one, once");
        assert_eq!(of("gpt-5.4-mini")["failed_attempts"], round, "as interrupted");
        assert!(of("gpt-5.4-mini")["estimated_cost_nano_usd"].as_i64().unwrap() > 0, "never free");
    }
}
