//! Same dialect: the bytes that the caller sent are the bytes that the provider gets, but for the
//! fields that are ours; nothing else of the caller reaches it.

use crate::harness::{CHAT, House, MESSAGES, provider, table, table_whole, vendor};

#[tokio::test]
async fn key_order_spaces_and_long_integers_survive() {
    let openai = vendor("openai", CHAT, &["gpt-5.5"]).await;
    let house =
        House::open(table_whole("fast", &[(provider("openai", &openai, CHAT), "gpt-5.5")])).await;
    let body = r#"{ "zeta":12345678901234567890, "model" : "fast","messages":[{"role":"user","content":"hi", "x":1e2}],"alpha":{"b":1,"a":2} }"#;
    let reply = house.post("/v1/chat/completions", body).await;
    assert!(reply.status.is_success(), "{}", reply.text());
    let received = openai.received();
    assert_eq!(received[0].body, body.replace("\"fast\"", "\"gpt-5.5\""));
}

#[tokio::test]
async fn a_model_of_the_same_name_leaves_the_body_untouched() {
    let anthropic = vendor("anthropic", MESSAGES, &["claude-opus-4-8"]).await;
    let house = House::open(table(
        "x",
        &[(provider("anthropic", &anthropic, MESSAGES), "claude-opus-4-8")],
    ))
    .await;
    let body = r#"{"max_tokens":5,"messages":[{"content":"é\u00e9","role":"user"}],"stream":true,"model":"claude-opus-4-8"}"#;
    house.post("/v1/messages", body).await;
    assert_eq!(anthropic.received()[0].body, body);
}

#[tokio::test]
async fn only_named_headers_reach_the_provider() {
    let anthropic = vendor("anthropic", MESSAGES, &["claude-opus-4-8"]).await;
    let house = House::open(table(
        "x",
        &[(provider("anthropic", &anthropic, MESSAGES), "claude-opus-4-8")],
    ))
    .await;
    let mut request = house.request(
        http::Method::POST,
        "/v1/messages?beta=true",
        r#"{"model":"x","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}"#,
    );
    for (name, value) in [
        ("anthropic-beta", "effort-2025-11-24"),
        ("cookie", "secret=1"),
        ("x-forwarded-host", "evil"),
        ("x-custom", "1"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    house.send(request).await;
    let received = &anthropic.received()[0];
    let header = |name: &str| received.header(name).map(str::to_owned);
    assert_eq!(received.path, "/v1/messages?beta=true");
    assert!(header("anthropic-beta").is_some());
    assert!(header("anthropic-version").is_some());
    assert!(header("x-api-key").is_some(), "the provider's own credential");
    for name in ["cookie", "x-forwarded-host", "x-custom", "authorization"] {
        assert!(header(name).is_none(), "{name} must not reach the provider");
    }
}

#[tokio::test]
async fn routing_fields_in_a_body_lead_nowhere() {
    let openai = vendor("openai", CHAT, &["gpt-5.5"]).await;
    let elsewhere = vendor("elsewhere", CHAT, &["gpt-5.5"]).await;
    let house = House::open(table("fast", &[(provider("openai", &openai, CHAT), "gpt-5.5")])).await;
    for field in ["api_base", "base_url", "api_url"] {
        let body = format!(
            r#"{{"model":"fast","{field}":"{}","messages":[{{"role":"user","content":"hi"}}]}}"#,
            elsewhere.base_url()
        );
        house.post("/v1/chat/completions", body).await;
    }
    assert_eq!((openai.stats().requests, elsewhere.stats().requests), (3, 0));
}
