//! With two keys in the environment and no file: a model that is gone is answered by its successor,
//! a vendor that is down by another, in both dialects, streamed and not.

use simulator::{Vendor, VendorSpec};
use terms::dialect::Dialect;

use crate::program::{Place, Server, question};

const FOX: &str = "quick brown fox";

async fn check(server: &Server, key: &str, target: &str) {
    for path in ["/v1/chat/completions", "/v1/messages"] {
        for stream in [false, true] {
            let reply = server.post(path, key, &question("claude-fable-5", stream)).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            assert_eq!(reply.header("x-outlast-target"), target, "{path} stream={stream}");
            let said = reply.text.contains(FOX) || (stream && reply.text.contains("quick"));
            assert!(said, "{}", reply.text);
        }
    }
}

#[tokio::test]
async fn two_keys_and_no_file() {
    let models = ["claude-fable-5", "claude-opus-4-8"];
    let anthropic =
        Vendor::start(VendorSpec::new("anthropic", Dialect::AnthropicMessages, &models))
            .await
            .unwrap();
    let openai =
        Vendor::start(VendorSpec::new("openai", Dialect::OpenaiChat, &["gpt-5.5"])).await.unwrap();
    let place = Place::new(&[
        ("ANTHROPIC_API_KEY", "a"),
        ("ANTHROPIC_BASE_URL", &anthropic.base_url()),
        ("OPENAI_API_KEY", "b"),
        ("OPENAI_BASE_URL", &format!("{}/v1", openai.base_url())),
    ]);
    let server = place.serve();
    let key = place.key();
    check(&server, &key, "anthropic/claude-fable-5").await;
    anthropic.retire("claude-fable-5");
    check(&server, &key, "anthropic/claude-opus-4-8").await;
    anthropic.die().await;
    check(&server, &key, "openai/gpt-5.5").await;
    server.stop();
    let rows = place.usage("principal,model");
    let models: Vec<_> = rows.iter().map(|row| row["labels"]["model"].as_str().unwrap()).collect();
    for model in ["claude-fable-5", "claude-opus-4-8", "gpt-5.5"] {
        assert!(models.contains(&model), "{models:?}");
    }
    assert!(rows.iter().all(|row| row["labels"]["principal"] == "ada"));
}
