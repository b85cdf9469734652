//! A new table holds for new requests; a request under way keeps the one that it began with.

use simulator::{Answer, Vendor, VendorSpec};

use crate::harness::{CHAT, House, provider, question, table, vendor};

#[tokio::test]
async fn an_open_stream_survives_a_reload_and_new_requests_follow_the_new_table() {
    let spec = VendorSpec {
        token_interval_ms: 1,
        answer: Answer::Words { at_least: 200, at_most: 200 },
        ..VendorSpec::new("old", CHAT, &["m"])
    };
    let old = Vendor::start(spec).await.unwrap();
    let new = vendor("new", CHAT, &["m"]).await;
    let house = House::open(table("r", &[(provider("old", &old, CHAT), "m")])).await;
    let request = house.request(http::Method::POST, "/v1/chat/completions", question("r", true));
    let response = house.client.request(request).await.unwrap();
    house.gateway.reload(table("r", &[(provider("new", &new, CHAT), "m")]));
    let reply = house.ask(CHAT, "r", false).await;
    assert_eq!(reply.header("x-outlast-target"), "new/m");
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    assert!(body.ends_with(b"data: [DONE]\n\n"));
}
