//! Google Vertex AI: what goes out to it, what its callers get back, and the tokens that it is asked
//! with.

use std::sync::Arc;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use gateway::{Credential, Endpoint, GoogleKeyError, GoogleTokens, Provider, Serves};
use http::{Method, StatusCode};
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};
use store::SpendDimension;
use terms::dialect::Dialect;
use wire::Envelope;

use crate::{
    clouds::{CHAT_REPLY, MESSAGE, message_records, of_model, provider},
    harness::{CHAT, House, MESSAGES, path, question, table_whole, whole_text},
    recorder::{Recorder, Told},
};

fn vertex(recorder: &Recorder, credential: Credential) -> Arc<Provider> {
    let place = format!("{}/v1/projects/p/locations/eu", recorder.base);
    let call = format!("{place}/publishers/anthropic/models/{{model}}");
    let claude = of_model(
        MESSAGES,
        &format!("{call}:rawPredict"),
        &format!("{call}:streamRawPredict"),
        Envelope::Vertex,
    );
    let chat = format!("{place}/endpoints/openapi/chat/completions").parse().unwrap();
    let call = format!("{place}/publishers/google/models/{{model}}");
    let gemini = of_model(
        Dialect::Gemini,
        &format!("{call}:generateContent"),
        &format!("{call}:streamGenerateContent?alt=sse"),
        Envelope::None,
    );
    let gemini = Endpoint { serves: Serves::Starting("gemini"), ..gemini };
    provider("vertex", vec![claude, gemini, Endpoint::at(CHAT, chat)], credential)
}

#[tokio::test]
async fn claude_on_vertex_answers_every_caller_streamed_and_not() {
    for stream in [false, true] {
        let told = if stream {
            Told::new(200, "text/event-stream", message_records())
        } else {
            Told::json(200, MESSAGE)
        };
        let recorder = Recorder::start(vec![told]).await;
        let credential = Credential::bearer("google-token").unwrap();
        let model = "claude-opus-4-5@20251101";
        let house = House::open(table_whole("r", &[(vertex(&recorder, credential), model)])).await;
        for dialect in [CHAT, MESSAGES] {
            let mut request = house.request(Method::POST, path(dialect), question("r", stream));
            request
                .headers_mut()
                .insert("anthropic-beta", "context-1m-2025-08-07".parse().unwrap());
            let reply = house.send(request).await;
            assert_eq!(whole_text(dialect, stream, &reply), "Hallo", "{dialect}");
            let heard = recorder.last();
            let verb = if stream { "streamRawPredict" } else { "rawPredict" };
            let path = "/v1/projects/p/locations/eu/publishers/anthropic/models";
            assert_eq!(heard.target, format!("{path}/{model}:{verb}"));
            assert_eq!(heard.header("authorization"), "Bearer google-token");
            assert_eq!(heard.header("x-api-key"), "");
            assert_eq!(heard.header("anthropic-version"), "");
            let beta = if dialect == MESSAGES { "context-1m-2025-08-07" } else { "" };
            assert_eq!(heard.header("anthropic-beta"), beta);
            let body: Value = serde_json::from_str(&heard.body).unwrap();
            assert_eq!(body["anthropic_version"], "vertex-2023-10-16");
            assert!(body.get("model").is_none() && body.get("stream").is_none());
            assert_eq!(body["max_tokens"], 64);
        }
    }
}

#[tokio::test]
async fn gemini_on_vertex_is_asked_in_its_own_words() {
    let told = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hallo"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":2,"totalTokenCount":9}}"#;
    for stream in [false, true] {
        let told = if stream {
            Told::new(200, "text/event-stream", format!("data: {told}\n\n"))
        } else {
            Told::json(200, told)
        };
        let recorder = Recorder::start(vec![told]).await;
        let credential = Credential::bearer("google-token").unwrap();
        let model = "gemini-2.5-pro";
        let house = House::open(table_whole("r", &[(vertex(&recorder, credential), model)])).await;
        for dialect in [CHAT, MESSAGES] {
            let reply = house.ask(dialect, "r", stream).await;
            assert_eq!(whole_text(dialect, stream, &reply), "Hallo", "{dialect}");
            let heard = recorder.last();
            let verb = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
            let path = "/v1/projects/p/locations/eu/publishers/google/models";
            assert_eq!(heard.target, format!("{path}/{model}:{verb}"));
            assert_eq!(heard.header("authorization"), "Bearer google-token");
            let body: Value = serde_json::from_str(&heard.body).unwrap();
            assert_eq!(body["contents"][0]["parts"][0]["text"], "hi");
            assert!(body.get("model").is_none() && body.get("stream").is_none());
        }
    }
}

#[tokio::test]
async fn other_models_on_vertex_are_asked_at_its_compatible_endpoint() {
    let recorder = Recorder::start(vec![Told::json(200, CHAT_REPLY)]).await;
    let credential = Credential::bearer("google-token").unwrap();
    let model = "google/gemini-2.5-pro";
    let house = House::open(table_whole("r", &[(vertex(&recorder, credential), model)])).await;
    let reply = house.ask(MESSAGES, "r", false).await;
    assert_eq!(whole_text(MESSAGES, false, &reply), "Hallo");
    let heard = recorder.last();
    assert_eq!(heard.target, "/v1/projects/p/locations/eu/endpoints/openapi/chat/completions");
    let body: Value = serde_json::from_str(&heard.body).unwrap();
    assert_eq!(body["model"], model);
}

const ACCOUNT: &str = include_str!("data/service-account.json");

fn account(recorder: &Recorder) -> String {
    ACCOUNT.replace("http://127.0.0.1:1", &recorder.base)
}

#[tokio::test]
async fn a_service_account_is_exchanged_for_a_token_once() {
    let token = r#"{"access_token":"ya29.token","expires_in":3599,"token_type":"Bearer"}"#;
    let google = Recorder::start(vec![Told::json(200, token)]).await;
    let recorder = Recorder::start(vec![Told::json(200, MESSAGE)]).await;
    let tokens = GoogleTokens::from_credentials(&account(&google)).unwrap();
    let credential = Credential::google(tokens);
    let house = House::open(table_whole("r", &[(vertex(&recorder, credential), "claude-x")])).await;
    for _ in 0..3 {
        let reply = house.ask(MESSAGES, "r", false).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    }
    assert_eq!(recorder.last().header("authorization"), "Bearer ya29.token");
    let asked = google.heard();
    assert_eq!((asked.len(), asked[0].target.as_str()), (1, "/token"));
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    let assertion = asked[0].body.strip_prefix(grant).unwrap();
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let part = |at: usize| -> Value {
        let packed = signed.split('.').nth(at).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(packed).unwrap()).unwrap()
    };
    assert_eq!(part(0), json!({ "alg": "RS256", "typ": "JWT", "kid": "kid-1" }));
    let claims = part(1);
    assert_eq!(claims["iss"], "tests@example.iam.gserviceaccount.com");
    assert_eq!(claims["aud"], format!("{}/token", google.base));
    assert_eq!(claims["scope"], "https://www.googleapis.com/auth/cloud-platform");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    let pem = serde_json::from_str::<Value>(ACCOUNT).unwrap()["private_key"].to_string();
    let packed: String = pem.split("-----").nth(2).unwrap().replace("\\n", "");
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(packed).unwrap()).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref())
        .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .unwrap();
}

#[tokio::test]
async fn a_token_that_ends_at_once_is_fetched_for_every_request() {
    let token = r#"{"access_token":"short","expires_in":200}"#;
    let google = Recorder::start(vec![Told::json(200, token)]).await;
    let recorder = Recorder::start(vec![Told::json(200, MESSAGE)]).await;
    let person = json!({ "type": "authorized_user", "client_id": "id", "client_secret": "s&s",
        "refresh_token": "r", "token_uri": format!("{}/token", google.base) });
    let tokens = GoogleTokens::from_credentials(&person.to_string()).unwrap();
    let target = [(vertex(&recorder, Credential::google(tokens)), "claude-x")];
    let house = House::open(table_whole("r", &target)).await;
    for _ in 0..2 {
        assert_eq!(house.ask(MESSAGES, "r", false).await.status, StatusCode::OK);
    }
    assert_eq!(google.heard().len(), 2);
    let form = "grant_type=refresh_token&client_id=id&client_secret=s%26s&refresh_token=r";
    assert_eq!(google.last().body, form);
}

#[tokio::test]
async fn credentials_that_google_refuses_are_told_without_the_key() {
    let words = r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#;
    let google = Recorder::start(vec![Told::json(400, words)]).await;
    let recorder = Recorder::start(vec![Told::json(200, MESSAGE)]).await;
    let tokens = GoogleTokens::from_credentials(&account(&google)).unwrap();
    let target = [(vertex(&recorder, Credential::google(tokens)), "claude-x")];
    let house = House::open(table_whole("r", &target)).await;
    let reply = house.ask(MESSAGES, "r", false).await;
    assert_eq!(reply.status, StatusCode::BAD_GATEWAY);
    assert_eq!(reply.json()["error"]["code"], "upstream_credential");
    assert!(reply.text().contains("invalid_grant Invalid JWT Signature."), "{}", reply.text());
    assert!(recorder.heard().is_empty());
    let rows = house.close(&[SpendDimension::Model]).await;
    assert_eq!(rows[0].cost.0, 0);
}

#[test]
fn what_is_no_credentials_file_is_refused() {
    let check = |json: &str, expect| {
        assert_eq!(GoogleTokens::from_credentials(json).unwrap_err(), expect);
    };
    check("{}", GoogleKeyError::Shape);
    check(r#"{"type":"external_account"}"#, GoogleKeyError::Shape);
    check(
        r#"{"type":"service_account","client_email":"a","private_key":"none"}"#,
        GoogleKeyError::Key,
    );
    check(&ACCOUNT.replace("http://127.0.0.1:1", "http://elsewhere"), GoogleKeyError::TokenUri);
}
