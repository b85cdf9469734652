//! Calls that name their model in the address: keys, counting, streams, and what reaches a provider.

use http::Method;
use serde_json::Value;

use crate::harness::{CHAT, FOX, GEMINI, House, provider, table, vendor, whole_text};

const BODY: &str = r#"{"contents":[ {"role":"user","parts":[{"text":"caf\u00e9"}]}],"x":1.0}"#;

#[tokio::test]
async fn the_providers_address_names_its_model_and_the_body_keeps_its_bytes() {
    let google = vendor("google", GEMINI, &["gemini-3"]).await;
    let house =
        House::open(table("fast", &[(provider("google", &google, GEMINI), "gemini-3")])).await;
    for (method, stream) in [("generateContent", false), ("streamGenerateContent", true)] {
        let path = format!("/v1beta/models/fast:{method}?alt=sse&key={}", house.key);
        let mut request = house.request(Method::POST, &path, BODY);
        request.headers_mut().remove("authorization");
        let reply = house.send(request).await;
        assert_eq!(whole_text(GEMINI, stream, &reply), FOX);
        let received = google.received().pop().unwrap();
        assert_eq!(received.body, BODY);
        let query = if stream { "?alt=sse" } else { "" };
        assert_eq!(received.path, format!("/v1beta/models/gemini-3:{method}{query}"));
        assert_eq!(received.header("x-goog-api-key"), Some("upstream-secret"));
    }
}

#[tokio::test]
async fn keys_are_checked_and_errors_have_the_dialects_shape() {
    let google = vendor("google", GEMINI, &["m"]).await;
    let house = House::open(table("r", &[(provider("google", &google, GEMINI), "m")])).await;
    let key = house.key.clone();
    let ask = async |path: &str, key: Option<&str>, body: &'static str| {
        let mut request = house.request(Method::POST, path, body);
        request.headers_mut().remove("authorization");
        if let Some(key) = key {
            request.headers_mut().insert("x-goog-api-key", key.parse().unwrap());
        }
        let reply = house.send(request).await;
        (reply.status.as_u16(), reply.json()["error"]["status"].as_str().map(str::to_owned))
    };
    let call = "/v1/models/r:generateContent";
    assert_eq!(ask(call, Some(&key), BODY).await, (200, None));
    let refused = |status: u16, name: &str| (status, Some(name.to_owned()));
    assert_eq!(ask(call, None, BODY).await, refused(401, "UNAUTHENTICATED"));
    assert_eq!(ask(call, Some("wrong"), BODY).await, refused(401, "UNAUTHENTICATED"));
    assert_eq!(ask(call, Some(&key), "{").await, refused(400, "INVALID_ARGUMENT"));
    assert_eq!(ask(call, Some(&key), "{}").await, refused(400, "INVALID_ARGUMENT"));
    let gone = "/v1beta/models/nosuch:generateContent";
    assert_eq!(ask(gone, Some(&key), BODY).await, refused(404, "NOT_FOUND"));
    let array = "/v1beta/models/r:streamGenerateContent";
    assert_eq!(ask(array, Some(&key), BODY).await, refused(400, "INVALID_ARGUMENT"));
    assert_eq!(ask("/v1beta/nowhere", Some(&key), BODY).await, refused(404, "NOT_FOUND"));
    assert_eq!(google.stats().requests, 1);
}

#[tokio::test]
async fn tokens_are_counted_and_models_listed() {
    let other = vendor("other", CHAT, &["m"]).await;
    let house = House::open(table("r", &[(provider("other", &other, CHAT), "m")])).await;
    let counted = house.post("/v1beta/models/r:countTokens", BODY).await;
    assert_eq!((counted.json()["totalTokens"].as_u64(), counted.status.as_u16()), (Some(3), 200));
    assert_eq!(counted.header("x-outlast-estimated"), "true");
    assert_eq!(other.stats().requests, 0);
    let list = house.send(house.request(Method::GET, "/v1beta/models", "")).await.json();
    let names: Vec<&Value> =
        list["models"].as_array().unwrap().iter().map(|m| &m["name"]).collect();
    assert!(names.contains(&&Value::from("models/r")), "{list}");
    let one = house.send(house.request(Method::GET, "/v1beta/models/r", "")).await.json();
    assert_eq!(one["name"], "models/r");
}
