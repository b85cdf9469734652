//! A model that goes while the program runs: who answers, who is told, what is kept over a restart, and
//! a person who wants it otherwise.

use serde_json::Value;
use simulator::{Vendor, VendorSpec};
use terms::dialect::Dialect;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

use crate::program::{Place, question};

const OLD: &str = "anthropic/claude-fable-5";
const NEW: &str = "anthropic/claude-opus-4-8";

/// A server that takes what it is told and passes it on. The first call is refused.
async fn webhook() -> (String, mpsc::UnboundedReceiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/hook?secret=s3cr3t", listener.local_addr().unwrap());
    let (told, hears) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for call in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut heard, mut part) = (String::new(), [0; 4096]);
            let body = loop {
                let count = stream.read(&mut part).await.unwrap();
                heard.push_str(std::str::from_utf8(&part[..count]).unwrap());
                let whole = heard.split_once("\r\n\r\n").filter(|(_, body)| body.ends_with('}'));
                if let Some((_, body)) = whole {
                    break serde_json::from_str(body).unwrap();
                }
            };
            let status = if call == 0 { "500 No" } else { "204 Taken" };
            let reply =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(reply.as_bytes()).await.unwrap();
            if call > 0 && told.send(body).is_err() {
                return;
            }
        }
    });
    (address, hears)
}

#[tokio::test]
async fn a_model_that_goes_is_replaced_told_kept_and_can_be_held() {
    let models = ["claude-fable-5", "claude-opus-4-8"];
    let spec = VendorSpec::new("anthropic", Dialect::AnthropicMessages, &models);
    let vendor = Vendor::start(spec).await.unwrap();
    let (address, mut hears) = webhook().await;
    let place = Place::new(&[]);
    let config = |hold: &str| {
        format!(
            "[[provider]]\nname = \"anthropic\"\nbase_url = \"{}\"\napi_key = \"k\"\ndialects = [\"anthropic-messages\"]\n\n\
             [[route]]\nname = \"best\"\ntargets = [\"{OLD}\"]\n\n\
             [notify]\nwebhook = \"{address}\"\n\n[lifecycle]\nlists_hours = 0\nhold = [{hold}]\n\n[limits]\ngate_shut_ms = 1\n",
            vendor.base_url()
        )
    };
    place.write("outlast.toml", &config(""));
    let server = place.serve();
    let key = place.key();
    let body = question("best", false);
    assert_eq!(server.post("/v1/messages", &key, &body).await.header("x-outlast-target"), OLD);
    vendor.retire("claude-fable-5");
    // Until its gate, which opens at once here, has let a second request see the refusal, each is answered
    // all the same.
    let mut refusals = 0;
    while refusals < 2 {
        let reply = server.post("/v1/messages", &key, &body).await;
        assert_eq!((reply.status.as_u16(), reply.header("x-outlast-target")), (200, NEW));
        assert_eq!(reply.header("x-outlast-fallback-reason"), "model_gone");
        refusals += u32::from(reply.header("x-outlast-attempts") == "2");
    }
    let told = hears.recv().await.unwrap();
    assert_eq!(told["event"], "model_lifecycle");
    assert_eq!((told["stage"].as_str(), told["target"].as_str()), (Some("gone"), Some(OLD)));
    assert_eq!(told["successor"], NEW);
    assert_eq!(told["text"], format!("{OLD} is gone (refused); {NEW} answers in its place"));
    let listed = place.print(&["models", "--ending", "--provider", "anthropic"]);
    let row = listed.lines().find(|line| line.contains("claude-fable-5 ")).unwrap();
    assert!(row.ends_with("gone"), "{row}");
    server.stop();

    let known = place.print(&["models", "best"]);
    assert!(known.contains("anthropic/claude-fable-5 is gone (refused)"), "{known}");
    let server = place.serve();
    let asked = vendor.stats().requests;
    let reply = server.post("/v1/messages", &key, &body).await;
    assert_eq!((reply.header("x-outlast-target"), reply.header("x-outlast-attempts")), (NEW, "1"));
    assert_eq!(vendor.stats().requests, asked + 1, "what is gone is known after a restart");

    vendor.unretire("claude-fable-5");
    place.print(&["models", "hold", OLD]);
    assert_eq!(server.post("/v1/messages", &key, &body).await.header("x-outlast-target"), OLD);
    place.print(&["models", "release", OLD]);
    assert_eq!(
        server.post("/v1/messages", &key, &body).await.header("x-outlast-target"),
        OLD,
        "it answered, so that nothing speaks against it"
    );
    let refused = place.run(&["models", "release", OLD]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is not held"));
    let refused = place.run(&["models", "hold", "openai/none"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no route leads to `openai/none`"));
    place.write("outlast.toml", &config(&format!("\"{OLD}\"")));
    server.signal("HUP");
    server.logs("config reloaded");
    let refused = place.run(&["models", "release", OLD]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("held by the config"));
    server.stop();
}

#[tokio::test]
async fn a_model_gone_at_one_account_is_answered_by_the_same_model_at_another() {
    let start = |models: &'static [&'static str]| {
        Vendor::start(VendorSpec::new("openai", Dialect::OpenaiChat, models))
    };
    let (second, first) = (start(&["gpt-4o"]).await.unwrap(), start(&["gpt-5.5"]).await.unwrap());
    let place = Place::new(&[]);
    let provider = |name: &str, vendor: &Vendor| {
        format!(
            "[[provider]]\nname = \"{name}\"\nvendor = \"openai\"\nbase_url = \"{}/v1\"\napi_key = \"k\"\ndialects = [\"openai-chat\"]\n\n",
            vendor.base_url()
        )
    };
    let config = provider("second", &second) + &provider("openai", &first);
    place.write("outlast.toml", &(config + "[lifecycle]\nlists_hours = 0\n"));
    let server = place.serve();
    let key = place.key();
    let body = question("second/gpt-5.5", false);
    let reply = server.post("/v1/chat/completions", &key, &body).await;
    assert_eq!((reply.status.as_u16(), reply.header("x-outlast-target")), (200, "openai/gpt-5.5"));
    // A fault may be injected where no route leads by name.
    let begun = place.print(&["chaos", "start", "second/*", "unreachable"]);
    assert!(begun.contains("unreachable holds at second/*"), "{begun}");
    place.print(&["chaos", "start", "openai/anything", "silence"]);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_its_providers_list_lacks_twice_is_gone_before_anybody_asks() {
    let models = ["claude-fable-5", "claude-opus-4-8"];
    let spec = VendorSpec::new("anthropic", Dialect::AnthropicMessages, &models);
    let vendor = Vendor::start(spec).await.unwrap();
    let place = Place::new(&[
        ("ANTHROPIC_API_KEY", "a"),
        ("ANTHROPIC_BASE_URL", &vendor.base_url()),
        ("OUTLAST_LOG", "info,outlast=debug"),
    ]);
    let key = place.key();
    let body = question("claude-fable-5", false);
    // A look is taken soon after each start; what it saw is kept.
    let look = || {
        let server = place.serve();
        let seen = server.logs("its list of models");
        assert!(!seen.contains("not known"), "{seen}");
        server
    };
    look().stop();
    vendor.retire("claude-fable-5");
    let server = look();
    let state = place.print(&["models", "claude-fable-5"]);
    assert!(state.contains("claude-fable-5 is announced (unlisted)"), "{state}");
    server.stop();
    let server = look();
    let reply = server.post("/v1/messages", &key, &body).await;
    assert_eq!((reply.header("x-outlast-target"), reply.header("x-outlast-attempts")), (NEW, "1"));
    assert_eq!(reply.header("x-outlast-fallback-reason"), "model_gone");
    server.stop();
}
