//! Embeddings at providers that speak another dialect than their caller.

use http::StatusCode;
use serde_json::{Value, json};
use store::SpendDimension;

use crate::{
    harness::{CHAT, GEMINI, House, provider, table, vendor},
    recorder::{Recorder, Told},
    sealed,
};

#[tokio::test]
async fn an_openai_client_gets_vectors_of_a_provider_that_speaks_gemini() {
    let told = r#"{"embeddings":[{"values":[0.5,1]},{"values":[1,0]}]}"#;
    let google = Recorder::start(vec![Told::json(200, told)]).await;
    let row = sealed::at("google", &google, "/v1beta", GEMINI);
    let house = House::open(table("vectors", &[(row, "gemini-embedding-001")])).await;
    let body = r#"{"model":"vectors","input":["a","b"],"dimensions":2,"user":"ada"}"#;
    let reply = house.post("/v1/embeddings", body).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    let json = reply.json();
    assert_eq!(json["data"][1]["embedding"], json!([1, 0]));
    assert_eq!((&json["object"], &json["data"][1]["index"]), (&json!("list"), &json!(1)));
    assert_eq!(reply.header("x-outlast-dropped"), "user");
    let heard = google.last();
    assert!(heard.target.ends_with("/models/gemini-embedding-001:batchEmbedContents"));
    let sent: Value = serde_json::from_str(&heard.body).unwrap();
    assert_eq!(sent["requests"][0]["outputDimensionality"], 2);
    assert_eq!(sent["requests"][1]["content"]["parts"][0]["text"], "b");
    let tokens = house.post("/v1/embeddings", r#"{"model":"vectors","input":[1,2]}"#).await;
    assert_eq!(tokens.status, StatusCode::BAD_REQUEST);
    assert!(tokens.text().contains("input"), "{}", tokens.text());
}

#[tokio::test]
async fn a_gemini_client_gets_vectors_of_a_provider_that_speaks_openai() {
    let told = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,1]}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}"#;
    let openai = Recorder::start(vec![Told::json(200, told)]).await;
    let row = sealed::at("openai", &openai, "/v1/chat/completions", CHAT);
    let house = House::open(table("vectors", &[(row, "text-embedding-3-small")])).await;
    let part = r#"{"parts":[{"text":"café"}]}"#;
    let one = format!(r#"{{"content":{part}}}"#);
    let reply = house.post("/v1beta/models/vectors:embedContent", one).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    assert_eq!(reply.json()["embedding"]["values"], json!([0.5, 1]));
    let heard = openai.last();
    assert_eq!(heard.target, "/v1/embeddings");
    let sent: Value = serde_json::from_str(&heard.body).unwrap();
    assert_eq!(
        (&sent["model"], &sent["input"][0]),
        (&json!("text-embedding-3-small"), &json!("café"))
    );
    let batch = format!(r#"{{"requests":[{{"content":{part}}}]}}"#);
    let reply = house.post("/v1beta/models/vectors:batchEmbedContents", batch).await;
    assert_eq!(reply.json()["embeddings"][0]["values"], json!([0.5, 1]));
    let rows = house.close(&[SpendDimension::Model]).await;
    assert_eq!(rows[0].usage.uncached_in, 6);
}

#[tokio::test]
async fn vectors_of_half_the_texts_are_no_answer() {
    let half = r#"{"embeddings":[{"values":[0.5]}]}"#;
    let google = Recorder::start(vec![Told::json(200, half)]).await;
    let whole = vendor("other", CHAT, &["m"]).await;
    let row = sealed::at("google", &google, "/v1beta", GEMINI);
    let targets = [(row, "gemini-embedding-001"), (provider("other", &whole, CHAT), "m")];
    let house = House::open(table("vectors", &targets)).await;
    let body = r#"{"model":"vectors","input":["a","b"]}"#;
    let reply = house.post("/v1/embeddings", body).await;
    assert_ne!(reply.header("x-outlast-target"), "google/gemini-embedding-001");
    let steps = format!("{:?}", house.traces()[0].steps);
    assert!(steps.contains("Malformed"), "{steps}");
}
