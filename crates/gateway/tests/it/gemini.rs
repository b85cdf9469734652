//! Calls that name their model in the address: keys, counting, streams, and what reaches a provider.

use http::Method;
use serde_json::Value;

use crate::{
    harness::{
        CHAT, FOX, GEMINI, House, MESSAGES, provider, table, table_whole, vendor, whole_text,
    },
    recorder::{Recorder, Told},
};

const BODY: &str = r#"{"contents":[ {"role":"user","parts":[{"text":"caf\u00e9"}]}],"x":1.0}"#;

#[tokio::test]
async fn the_providers_address_names_its_model_and_the_body_keeps_its_bytes() {
    let google = vendor("google", GEMINI, &["gemini-3"]).await;
    let house =
        House::open(table_whole("fast", &[(provider("google", &google, GEMINI), "gemini-3")]))
            .await;
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
    let form = "/v1beta/models/r:streamGenerateContent?alt=proto";
    assert_eq!(ask(form, Some(&key), BODY).await, refused(400, "INVALID_ARGUMENT"));
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

/// Without `alt=sse` a stream is one JSON array, whoever answers.
#[tokio::test]
async fn a_stream_without_sse_is_one_array() {
    for dialect in [GEMINI, CHAT] {
        let vendor = vendor("v", dialect, &["m"]).await;
        let house = House::open(table("r", &[(provider("v", &vendor, dialect), "m")])).await;
        for query in ["", "?alt=json"] {
            let path = format!("/v1beta/models/r:streamGenerateContent{query}");
            let reply = house.post(&path, BODY).await;
            assert_eq!(reply.header("content-type"), "application/json; charset=utf-8");
            let elements = reply.json();
            let elements = elements.as_array().unwrap();
            assert!(elements.len() > 2, "{elements:?}");
            let said = |element: &Value| {
                let text = element.pointer("/candidates/0/content/parts/0/text");
                text.and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            assert_eq!(elements.iter().map(said).collect::<String>(), FOX);
            assert_eq!(elements.last().unwrap()["candidates"][0]["finishReason"], "STOP");
        }
    }
}

#[tokio::test]
async fn embeddings_go_to_whoever_speaks_the_dialect() {
    let told = r#"{"embeddings":[{"values":[0.5]},{"values":[1]}]}"#;
    let recorder = Recorder::start(vec![Told::json(200, told)]).await;
    let address = format!("{}/v1beta", recorder.base);
    let google = crate::sealed::at("google", &recorder, "/v1beta", GEMINI);
    let other = vendor("other", CHAT, &["m"]).await;
    let targets = [(provider("other", &other, CHAT), "m"), (google, "gemini-embedding-001")];
    let house = House::open(table("vectors", &targets)).await;

    let path = "/v1beta/models/vectors:batchEmbedContents";
    let part = r#"{"parts":[{"text":"caf\u00e9"}]}"#;
    let body = format!(
        r#"{{"requests":[{{"model":"models/vectors","content":{part}}},{{"content":{part}}}]}}"#
    );
    let reply = house.post(path, body).await;
    assert_eq!((reply.status.as_u16(), reply.text()), (200, told));
    let heard = recorder.last();
    let uri = format!("{address}/models/gemini-embedding-001");
    assert!(uri.ends_with(heard.target.strip_suffix(":batchEmbedContents").unwrap()));
    let sent: Value = serde_json::from_str(&heard.body).unwrap();
    for request in sent["requests"].as_array().unwrap() {
        assert_eq!(request["model"], "models/gemini-embedding-001");
        assert_eq!(request["content"]["parts"][0]["text"], "caf\u{e9}");
    }

    let one =
        house.post("/v1/models/vectors:embedContent", format!(r#"{{"content":{part}}}"#)).await;
    assert_eq!(one.status.as_u16(), 200, "{}", one.text());
    let heard = recorder.last();
    assert!(heard.target.ends_with("/v1beta/models/gemini-embedding-001:embedContent"));
    assert_eq!(heard.header("x-goog-api-key"), "upstream-secret");
    assert_eq!(
        heard.body,
        format!(r#"{{"model":"models/gemini-embedding-001","content":{part}}}"#)
    );

    let messages = vendor("messages", MESSAGES, &["m"]).await;
    let row = provider("messages", &messages, MESSAGES);
    let alone = House::open(table("r", &[(row, "m")])).await;
    let refused =
        alone.post("/v1beta/models/r:embedContent", format!(r#"{{"content":{part}}}"#)).await;
    let told = &refused.json()["error"]["message"];
    assert_eq!(told, "no target of this route offers embedContent");
}
