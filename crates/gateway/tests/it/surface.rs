//! Paths, methods, keys and models lists.

use http::Method;

use crate::harness::{CHAT, GEMINI, House, MESSAGES, RESPONSES, provider, table, vendor};

async fn house() -> House {
    let only = vendor("openai", CHAT, &["gpt-5.5"]).await;
    let house = House::open(table("fast", &[(provider("openai", &only, CHAT), "gpt-5.5")])).await;
    // The vendor is not asked in these tests.
    drop(only);
    house
}

#[tokio::test]
async fn routes_and_catalog_models_are_listed_in_both_dialects() {
    let house = house().await;
    let list = house.send(house.request(Method::GET, "/v1/models", "")).await.json();
    let names: Vec<_> =
        list["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert!(names.contains(&"fast") && names.contains(&"gpt-5.5"));
    let mut request = house.request(Method::GET, "/v1/models", "");
    request.headers_mut().insert("anthropic-version", "2023-06-01".parse().unwrap());
    let list = house.send(request).await.json();
    assert_eq!(list["data"][0]["type"], "model");
    let one = house.send(house.request(Method::GET, "/v1/models/fast", "")).await.json();
    assert_eq!(one["id"], "fast");
    assert_eq!(house.send(house.request(Method::GET, "/v1/models/nosuch", "")).await.status, 404);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let house = house().await;
    assert_eq!(house.send(house.request(Method::POST, "/v1/no/such", "{}")).await.status, 404);
    let reply = house.send(house.request(Method::DELETE, "/v1/chat/completions", "")).await;
    assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, "POST"));
    for path in ["/", "/health"] {
        assert_eq!(house.send(house.request(Method::GET, path, "")).await.status, 200);
    }
}

#[tokio::test]
async fn an_unknown_model_is_named_in_the_error() {
    let house = house().await;
    for dialect in [CHAT, RESPONSES, MESSAGES, GEMINI] {
        let reply = house.ask(dialect, "nosuch-model", false).await;
        assert_eq!(reply.status, 404);
        assert!(reply.json()["error"]["message"].as_str().unwrap().contains("nosuch-model"));
    }
}

#[tokio::test]
async fn both_ways_to_send_a_key_work_and_a_wrong_one_is_never_echoed() {
    let house = house().await;
    let mut request = house.request(Method::GET, "/v1/models", "");
    let key = house.key.clone();
    request.headers_mut().remove("authorization");
    request.headers_mut().insert("x-api-key", key.parse().unwrap());
    assert_eq!(house.send(request).await.status, 200);
    for wrong in ["sk-wrong", "ok_aaaaaaaaaaaa_x", "' OR '1'='1"] {
        let mut request = house.request(Method::GET, "/v1/models", "");
        request.headers_mut().insert("authorization", format!("Bearer {wrong}").parse().unwrap());
        let reply = house.send(request).await;
        assert_eq!(reply.status, 401);
        assert!(!reply.text().contains(wrong));
    }
}
