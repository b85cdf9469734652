//! Azure and Amazon Bedrock: what goes out to each, and what its callers get back in their own dialects,
//! streamed and not; its errors; and that no caller's name leads anywhere else.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use gateway::{AwsKeys, Credential, Endpoint, Keyring, Provider, ProviderAddress, Serves, Source};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use store::SpendDimension;
use terms::dialect::Dialect;
use wire::{Envelope, Habits};

use crate::{
    harness::{CHAT, FAST, House, MESSAGES, question, table_whole, whole_text},
    recorder::{Recorder, Told},
};

const CONVERSE: Dialect = Dialect::BedrockConverse;
const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";
const CLAUDE: &str = "us.anthropic.claude-opus-4-6-v1:0";

pub(crate) fn provider(
    name: &str,
    endpoints: Vec<Endpoint>,
    credential: Credential,
) -> Arc<Provider> {
    let source = Source::Remote { endpoints, keys: Some(credential).into() };
    Arc::new(Provider { name: name.into(), source, limits: FAST })
}

pub(crate) fn of_model(
    dialect: Dialect,
    whole: &str,
    streamed: &str,
    envelope: Envelope,
) -> Endpoint {
    let serves = match envelope {
        Envelope::None => Serves::Others,
        Envelope::Bedrock => Serves::Containing("anthropic.claude"),
        Envelope::Vertex => Serves::Starting("claude"),
    };
    let habits = Habits { envelope, ..Habits::default() };
    let address = ProviderAddress::of_model(whole, streamed).unwrap();
    Endpoint { dialect, address, habits, serves, headers: Vec::new() }
}

fn aws() -> Credential {
    Credential::aws(AwsKeys {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: "never-shown".to_owned(),
        session_token: Some("session".to_owned()),
        region: "eu-central-1".to_owned(),
    })
    .unwrap()
}

/// Claude in its own dialect, every other model in Converse, as the config builds it.
fn bedrock(recorder: &Recorder, credential: Credential) -> Arc<Provider> {
    let call = format!("{}/model/{{model}}", recorder.base);
    let verb = |verb: &str| format!("{call}/{verb}");
    let claude = of_model(
        MESSAGES,
        &verb("invoke"),
        &verb("invoke-with-response-stream"),
        Envelope::Bedrock,
    );
    let any = of_model(CONVERSE, &verb("converse"), &verb("converse-stream"), Envelope::None);
    provider("bedrock", vec![claude, any], credential)
}

fn message(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
    let mut named = Vec::new();
    for (name, value) in headers {
        named.push(u8::try_from(name.len()).unwrap());
        named.extend_from_slice(name.as_bytes());
        named.push(7);
        named.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        named.extend_from_slice(value.as_bytes());
    }
    let total = u32::try_from(16 + named.len() + payload.len()).unwrap();
    let mut out = total.to_be_bytes().to_vec();
    out.extend_from_slice(&u32::try_from(named.len()).unwrap().to_be_bytes());
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(&named);
    out.extend_from_slice(payload.as_bytes());
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out
}

fn event(name: &str, payload: &Value) -> Vec<u8> {
    message(&[(":event-type", name), (":message-type", "event")], &payload.to_string())
}

fn exception(name: &str, words: &str) -> Vec<u8> {
    let payload = json!({ "message": words }).to_string();
    message(&[(":exception-type", name), (":message-type", "exception")], &payload)
}

fn converse_stream() -> Vec<u8> {
    [
        event("messageStart", &json!({ "role": "assistant" })),
        event("contentBlockDelta", &json!({ "contentBlockIndex": 0, "delta": { "text": "Hal" } })),
        event("contentBlockDelta", &json!({ "contentBlockIndex": 0, "delta": { "text": "lo" } })),
        event("contentBlockStop", &json!({ "contentBlockIndex": 0 })),
        event("messageStop", &json!({ "stopReason": "end_turn" })),
        event(
            "metadata",
            &json!({ "usage": { "inputTokens": 7, "outputTokens": 2,
            "cacheReadInputTokens": 11, "cacheWriteInputTokens": 13 } }),
        ),
    ]
    .concat()
}

const CONVERSE_REPLY: &str = r#"{"output":{"message":{"role":"assistant","content":[{"text":"Hallo"}]}},"stopReason":"end_turn","usage":{"inputTokens":7,"outputTokens":2,"cacheReadInputTokens":11,"cacheWriteInputTokens":13}}"#;

pub(crate) const MESSAGE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-4-6","content":[{"type":"text","text":"Hallo"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":7,"output_tokens":2}}"#;

fn message_events() -> Vec<Value> {
    vec![
        json!({ "type": "message_start", "message": { "id": "m", "type": "message", "role": "assistant", "model": "claude", "content": [], "usage": { "input_tokens": 7, "output_tokens": 1 } } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "Hallo" } }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 2 } }),
        json!({ "type": "message_stop" }),
    ]
}

/// As Bedrock carries them.
fn message_chunks() -> Vec<u8> {
    let packed = |record: &Value| json!({ "bytes": STANDARD.encode(record.to_string()) });
    message_events().iter().flat_map(|record| event("chunk", &packed(record))).collect()
}

/// As Vertex carries them.
pub(crate) fn message_records() -> String {
    let record =
        |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    message_events().iter().map(record).collect()
}

#[tokio::test]
async fn claude_on_bedrock_is_asked_in_its_own_words_and_signed() {
    let recorder = Recorder::start(vec![Told::json(200, MESSAGE)]).await;
    let house = House::open(table_whole("r", &[(bedrock(&recorder, aws()), CLAUDE)])).await;
    let body = r#"{"model":"r", "max_tokens":64,"stream":false,"messages":[{"role":"user","content":"hi"}],"x":1.0}"#;
    let mut request = house.request(Method::POST, "/v1/messages?beta=true", body);
    let betas = "claude-code-20250219,interleaved-thinking-2025-05-14";
    request.headers_mut().insert("anthropic-beta", betas.parse().unwrap());
    let reply = house.send(request).await;
    assert_eq!((reply.status, reply.text()), (StatusCode::OK, MESSAGE));
    assert_eq!(reply.header("x-outlast-dropped"), "anthropic-beta.claude-code-20250219");
    let heard = recorder.last();
    assert_eq!(heard.target, "/model/us.anthropic.claude-opus-4-6-v1%3A0/invoke");
    assert_eq!(
        heard.body,
        r#"{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["interleaved-thinking-2025-05-14"],"max_tokens":64,"messages":[{"role":"user","content":"hi"}],"x":1.0}"#
    );
    let authorization = heard.header("authorization");
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
    let signed = "/eu-central-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=";
    assert!(authorization.contains(signed), "{authorization}");
    assert_eq!(heard.header("x-amz-security-token"), "session");
    assert_eq!(heard.header("x-amz-date").len(), "20150830T123600Z".len());
    for name in ["anthropic-version", "anthropic-beta", "x-api-key"] {
        assert_eq!(heard.header(name), "", "{name}");
    }
}

#[tokio::test]
async fn claude_on_bedrock_answers_every_caller_streamed_and_not() {
    for stream in [false, true] {
        let told = if stream {
            Told::new(200, EVENT_STREAM, message_chunks())
        } else {
            Told::json(200, MESSAGE)
        };
        let recorder = Recorder::start(vec![told]).await;
        let token = Credential::bearer("bedrock-token").unwrap();
        let house = House::open(table_whole("r", &[(bedrock(&recorder, token), CLAUDE)])).await;
        for dialect in [CHAT, MESSAGES] {
            let reply = house.ask(dialect, "r", stream).await;
            assert_eq!(whole_text(dialect, stream, &reply), "Hallo", "{dialect}");
            if dialect == MESSAGES && stream {
                assert_eq!(reply.text(), message_records(), "the events keep their bytes");
            }
            let heard = recorder.last();
            let verb = if stream { "invoke-with-response-stream" } else { "invoke" };
            assert!(heard.target.ends_with(&format!("v1%3A0/{verb}")), "{}", heard.target);
            assert_eq!(heard.header("authorization"), "Bearer bedrock-token");
            let body: Value = serde_json::from_str(&heard.body).unwrap();
            assert_eq!(body["anthropic_version"], "bedrock-2023-05-31");
            assert!(body.get("model").is_none() && body.get("stream").is_none());
        }
        let rows = house.close(&[SpendDimension::Model]).await;
        assert_eq!((rows[0].usage.uncached_in, rows[0].usage.visible_out), (14, 4));
    }
}

#[tokio::test]
async fn other_models_on_bedrock_are_asked_in_converse() {
    for stream in [false, true] {
        let told = if stream {
            Told::new(200, EVENT_STREAM, converse_stream())
        } else {
            Told::json(200, CONVERSE_REPLY)
        };
        let recorder = Recorder::start(vec![told]).await;
        let nova = "eu.amazon.nova-pro-v1:0";
        let house = House::open(table_whole("r", &[(bedrock(&recorder, aws()), nova)])).await;
        for dialect in [CHAT, MESSAGES] {
            let reply = house.ask(dialect, "r", stream).await;
            assert_eq!(whole_text(dialect, stream, &reply), "Hallo", "{dialect}");
            let heard = recorder.last();
            let verb = if stream { "converse-stream" } else { "converse" };
            assert_eq!(heard.target, format!("/model/eu.amazon.nova-pro-v1%3A0/{verb}"));
            let accepted = if stream { EVENT_STREAM } else { "application/json" };
            assert_eq!(heard.header("accept"), accepted);
            assert_eq!(
                heard.body,
                r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}],"inferenceConfig":{"maxTokens":64}}"#
            );
        }
        let rows = house.close(&[SpendDimension::Model]).await;
        let usage = rows[0].usage;
        assert_eq!((usage.uncached_in, usage.cache_read, usage.cache_write_5m), (14, 22, 26));
    }
}

#[tokio::test]
async fn bedrocks_errors_are_understood() {
    let check = async |told: Told, stream: bool, status: u16, code: &str| {
        let recorder = Recorder::start(vec![told]).await;
        let nova = "amazon.nova-pro-v1:0";
        let house = House::open(table_whole("r", &[(bedrock(&recorder, aws()), nova)])).await;
        let reply = house.ask(CHAT, "r", stream).await;
        assert_eq!(
            (reply.status.as_u16(), reply.json()["error"]["code"].as_str()),
            (status, Some(code))
        );
    };
    let error = |status, name: &str, words: &str| {
        Told::json(status, &json!({ "message": words }).to_string())
            .with("x-amzn-errortype", &format!("{name}:http://internal.amazon.com/coral/"))
    };
    check(
        error(400, "ValidationException", "max tokens is wrong"),
        false,
        400,
        "rejected_by_provider",
    )
    .await;
    check(
        error(400, "ValidationException", "The provided model identifier is invalid."),
        false,
        404,
        "model_not_found",
    )
    .await;
    check(error(403, "ExpiredTokenException", "expired"), false, 502, "upstream_credential").await;
    check(error(429, "ThrottlingException", "slow down"), true, 429, "upstream_rate_limited").await;
    let long = "Input is too long for requested model.";
    check(error(400, "ValidationException", long), true, 400, "context_length_exceeded").await;
    let early = |name| Told::new(200, EVENT_STREAM, exception(name, "words"));
    check(early("throttlingException"), true, 429, "upstream_rate_limited").await;
    check(early("validationException"), true, 400, "rejected_by_provider").await;
    check(early("internalServerException"), true, 502, "upstream_error").await;
}

#[tokio::test]
async fn an_exception_before_the_first_output_is_another_targets_chance() {
    let start = event("messageStart", &json!({ "role": "assistant" }));
    let broken = [start, exception("internalServerException", "it broke")].concat();
    let failing = Recorder::start(vec![Told::new(200, EVENT_STREAM, broken)]).await;
    let working = Recorder::start(vec![Told::new(200, EVENT_STREAM, converse_stream())]).await;
    let converse = |recorder: &Recorder, name: &str| {
        let call = format!("{}/model/{{model}}/converse", recorder.base);
        let endpoint = of_model(CONVERSE, &call, &format!("{call}-stream"), Envelope::None);
        provider(name, vec![endpoint], aws())
    };
    let targets = [(converse(&failing, "a"), "nova"), (converse(&working, "b"), "nova")];
    let house = House::open(table_whole("r", &targets)).await;
    let reply = house.ask(MESSAGES, "r", true).await;
    assert_eq!(whole_text(MESSAGES, true, &reply), "Hallo");
    assert_eq!(reply.header("x-outlast-target"), "b/nova");
}

#[tokio::test]
async fn a_stream_of_bedrock_that_breaks_off_ends_with_an_error() {
    let whole = converse_stream();
    for (case, end) in [("cut", whole.len() / 2), ("between", 240)] {
        let told = Told::new(200, EVENT_STREAM, whole[..end].to_vec());
        let recorder = Recorder::start(vec![told]).await;
        let target = [(bedrock(&recorder, aws()), "nova")];
        let reply = House::open(table_whole("r", &target)).await.ask(CHAT, "r", true).await;
        assert!(reply.text().contains("stream_cut"), "{case}: {}", reply.text());
        assert!(!reply.text().contains("[DONE]"), "{case}");
    }
}

#[tokio::test]
async fn no_name_leads_to_another_address() {
    let recorder = Recorder::start(vec![Told::json(200, CONVERSE_REPLY)]).await;
    let house = House::open(table_whole("any-*", &[(bedrock(&recorder, aws()), "*")])).await;
    for name in ["any-/../../admin", "any-/./x", "any-%2e%2e", "any-//host", "any-\\\\..\\\\x"] {
        let reply = house.post("/v1/chat/completions", question(name, false)).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{name}: {}", reply.text());
        assert_eq!(reply.json()["error"]["code"], "model_not_found");
    }
    assert!(recorder.heard().is_empty());
    let reply = house.post("/v1/chat/completions?q=1", question("any-a/b?c#d", false)).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(recorder.last().target, "/model/any-a%2Fb%3Fc%23d/converse");
}

fn azure(recorder: &Recorder, classic: bool) -> Arc<Provider> {
    let base = &recorder.base;
    let endpoint = if classic {
        let call =
            format!("{base}/openai/deployments/{{model}}/chat/completions?api-version=2024-10-21");
        of_model(CHAT, &call, &call, Envelope::None)
    } else {
        Endpoint::at(CHAT, format!("{base}/openai/v1/chat/completions").parse().unwrap())
    };
    provider("azure", vec![endpoint], Credential::header("api-key", "azure-secret").unwrap())
}

pub(crate) const CHAT_REPLY: &str = r#"{"id":"c","object":"chat.completion","model":"gpt","choices":[{"index":0,"message":{"role":"assistant","content":"Hallo"},"finish_reason":"stop","content_filter_results":{"hate":{"filtered":false}}}],"prompt_filter_results":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}"#;

const AZURE_STREAM: &str = r#"data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false}}}]}

data: {"choices":[{"content_filter_results":{},"delta":{"content":"","role":"assistant"},"finish_reason":null,"index":0}],"created":1,"id":"c","model":"gpt","object":"chat.completion.chunk"}

data: {"choices":[{"delta":{"content":"Hallo"},"finish_reason":null,"index":0}],"created":1,"id":"c","model":"gpt","object":"chat.completion.chunk"}

data: {"choices":[{"delta":{},"finish_reason":"stop","index":0}],"created":1,"id":"c","model":"gpt","object":"chat.completion.chunk"}

data: {"choices":[],"created":1,"id":"c","model":"gpt","object":"chat.completion.chunk","usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}

data: [DONE]

"#;

#[tokio::test]
async fn azure_is_asked_at_both_of_its_apis() {
    for classic in [false, true] {
        for stream in [false, true] {
            let told = if stream {
                Told::new(200, "text/event-stream", AZURE_STREAM)
            } else {
                Told::json(200, CHAT_REPLY)
            };
            let recorder = Recorder::start(vec![told]).await;
            let house =
                House::open(table_whole("r", &[(azure(&recorder, classic), "my gpt")])).await;
            for dialect in [CHAT, MESSAGES] {
                let reply = house.ask(dialect, "r", stream).await;
                assert_eq!(whole_text(dialect, stream, &reply), "Hallo", "{dialect}");
                if dialect == CHAT && stream {
                    assert!(reply.text().starts_with("data: {\"choices\":[],\"created\":0"));
                }
                let heard = recorder.last();
                let path = if classic {
                    "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"
                } else {
                    "/openai/v1/chat/completions"
                };
                assert_eq!(heard.target, path);
                assert_eq!(heard.header("api-key"), "azure-secret");
                assert_eq!(heard.header("authorization"), "");
                let body: Value = serde_json::from_str(&heard.body).unwrap();
                assert_eq!(body["model"], "my gpt");
            }
            let rows = house.close(&[SpendDimension::Model]).await;
            assert_eq!((rows[0].usage.uncached_in, rows[0].usage.visible_out), (14, 4));
        }
    }
}

#[tokio::test]
async fn embeddings_stand_beside_azures_deployments() {
    let vectors = r#"{"object":"list","data":[{"index":0,"embedding":[0.1]}],"usage":{"prompt_tokens":8,"total_tokens":8}}"#;
    let recorder = Recorder::start(vec![Told::json(200, vectors)]).await;
    let house = House::open(table_whole("r", &[(azure(&recorder, true), "ada")])).await;
    let reply = house.post("/v1/embeddings", r#"{"model":"r","input":"a"}"#).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    let heard = recorder.last();
    assert_eq!(heard.target, "/openai/deployments/ada/embeddings?api-version=2024-10-21");
    assert_eq!(heard.header("api-key"), "azure-secret");
}

#[tokio::test]
async fn a_key_that_azure_or_bedrock_refuses_gives_way_to_the_next_in_the_same_request() {
    let refused = r#"{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint."}}"#;
    let azure = |secret| Credential::header("api-key", secret).unwrap();
    let bedrock = |secret| Credential::bearer(secret).unwrap();
    let rings =
        [("api-key", ["one", "two"].map(azure)), ("authorization", ["one", "two"].map(bedrock))];
    for (header, ring) in rings {
        let told = vec![Told::json(401, refused), Told::json(200, CHAT_REPLY)];
        let recorder = Recorder::start(told).await;
        let uri = format!("{}/openai/v1/chat/completions", recorder.base).parse().unwrap();
        let endpoints = vec![Endpoint::at(CHAT, uri)];
        let source = Source::Remote { endpoints, keys: Keyring::new(ring.to_vec()) };
        let cloud = Arc::new(Provider { name: "cloud".into(), source, limits: FAST });
        let house = House::open(table_whole("r", &[(cloud, "gpt")])).await;
        let reply = house.ask(CHAT, "r", false).await;
        assert_eq!(whole_text(CHAT, false, &reply), "Hallo");
        let mut shown: Vec<String> = recorder
            .heard()
            .iter()
            .map(|heard| heard.header(header).replace("Bearer ", ""))
            .collect();
        shown.sort_unstable();
        assert_eq!(shown, ["one", "two"]);
    }
}

#[tokio::test]
async fn azures_content_filter_is_a_refusal_and_no_other_target_is_asked() {
    let filtered = r#"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true,"severity":"high"}}}}}"#;
    let recorder = Recorder::start(vec![Told::json(400, filtered)]).await;
    let second = Recorder::start(vec![Told::json(200, CHAT_REPLY)]).await;
    let other = Arc::new(Provider { name: "other".into(), ..(*azure(&second, false)).clone() });
    let house =
        House::open(table_whole("r", &[(azure(&recorder, false), "gpt"), (other, "gpt")])).await;
    let reply = house.ask(CHAT, "r", false).await;
    assert_eq!((reply.status, reply.text()), (StatusCode::BAD_REQUEST, filtered));
    let reply = house.ask(MESSAGES, "r", false).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(reply.json()["error"]["code"], "content_policy");
    assert!(second.heard().is_empty());
}

#[tokio::test]
async fn fields_that_a_vendor_refuses_do_not_reach_it() {
    let recorder = Recorder::start(vec![Told::new(200, "text/event-stream", AZURE_STREAM)]).await;
    let uri = format!("{}/v1/chat/completions", recorder.base).parse().unwrap();
    let habits = Habits { no_stream_options: true, only_max_tokens: true, ..Habits::default() };
    let headers = vec![("x-openrouter-title".parse().unwrap(), "Outlast".parse().unwrap())];
    let endpoint = Endpoint { habits, headers, ..Endpoint::at(CHAT, uri) };
    let provider = provider("strict", vec![endpoint], Credential::new("key").unwrap());
    let house = House::open(table_whole("r", &[(provider, "m")])).await;
    let body = r#"{"model":"r","stream":true,"max_completion_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
    let reply = house.post("/v1/chat/completions", body).await;
    assert_eq!(whole_text(CHAT, true, &reply), "Hallo");
    let heard = recorder.last();
    assert_eq!(
        heard.body,
        r#"{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#
    );
    assert_eq!(heard.header("x-openrouter-title"), "Outlast");
    house.ask(MESSAGES, "r", true).await;
    assert!(!recorder.last().body.contains("stream_options"));
}
