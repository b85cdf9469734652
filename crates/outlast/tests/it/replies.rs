//! Kept replies outlive the process, and only as long as the config says.

use serde_json::{Value, json};
use simulator::{Vendor, VendorSpec};
use terms::dialect::Dialect;

use crate::program::{Place, Server};

fn config(base: &str, extra: &str) -> String {
    format!(
        "[[provider]]\nname = \"local\"\nbase_url = \"{base}/v1\"\nfree = true\n\n[[route]]\nname = \"fast\"\ntargets = [\"local/m\"]\n{extra}"
    )
}

async fn ask(server: &Server, key: &str, follows: Option<&Value>) -> Value {
    let mut body = json!({ "model": "fast", "input": "hi" });
    if let Some(follows) = follows {
        body["previous_response_id"] = follows.clone();
    }
    let reply = server.post("/v1/responses", key, &body.to_string()).await;
    serde_json::from_str(&reply.text).unwrap()
}

#[tokio::test]
async fn a_reply_is_followed_after_a_restart() {
    let vendor =
        Vendor::start(VendorSpec::new("local", Dialect::OpenaiChat, &["m"])).await.unwrap();
    let place = Place::new(&[]);
    place.write("outlast.toml", &config(&vendor.base_url(), ""));
    let server = place.serve();
    let key = place.key();
    let first = ask(&server, &key, None).await;
    server.stop();
    let server = place.serve();
    let second = ask(&server, &key, Some(&first["id"])).await;
    assert_eq!(second["status"], "completed", "{second}");
    assert_eq!(second["previous_response_id"], first["id"]);
    let sent: Value = serde_json::from_slice(&vendor.received().pop().unwrap().body).unwrap();
    assert_eq!(sent["messages"].as_array().unwrap().len(), 3, "{sent}");
    server.stop();

    place.write("outlast.toml", &config(&vendor.base_url(), "\n[responses]\nkeep_days = 0\n"));
    let server = place.serve();
    let third = ask(&server, &key, Some(&second["id"])).await;
    assert_eq!(third["error"]["code"], "previous_response_not_found", "{third}");
    assert_eq!(ask(&server, &key, None).await["store"], false);
    server.stop();
}
