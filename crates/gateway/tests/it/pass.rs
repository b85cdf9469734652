//! What is passed on as it is: embeddings, forms, speech, counting; under the same keys, failover and
//! books as answers.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use gateway::{Credential, Endpoint, Provider, Source};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use store::SpendDimension;
use terms::dialect::Dialect;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::harness::{
    CHAT, FAST, FOX, House, MESSAGES, RESPONSES, provider, question, table, vendor,
};

/// What a provider was sent.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) path: String,
    kind: String,
    authorization: String,
    pub(crate) body: Bytes,
}

/// A provider that answers everything with the same reply.
pub(crate) struct Fixed {
    base: String,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Fixed {
    pub(crate) async fn start(status: u16, kind: &'static str, reply: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let noted = Arc::clone(&noted);
                let service = service_fn(move |request: Request<Incoming>| {
                    let noted = Arc::clone(&noted);
                    async move {
                        let (parts, body) = request.into_parts();
                        let text = |name| {
                            let value =
                                parts.headers.get(name).and_then(|value| value.to_str().ok());
                            value.unwrap_or_default().to_owned()
                        };
                        let heard = Heard {
                            path: parts.uri.path().to_owned(),
                            kind: text(header::CONTENT_TYPE),
                            authorization: text(header::AUTHORIZATION),
                            body: body.collect().await.unwrap().to_bytes(),
                        };
                        noted.lock().unwrap().push(heard);
                        let response = Response::builder().status(status);
                        let response = response.header(header::CONTENT_TYPE, kind);
                        Ok::<_, Infallible>(
                            response.body(Full::new(Bytes::from_static(reply))).unwrap(),
                        )
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { base, heard }
    }

    pub(crate) fn provider(&self, name: &str, dialect: Dialect) -> Arc<Provider> {
        fixed_provider(name, &self.base, dialect)
    }

    pub(crate) fn requests(&self) -> usize {
        self.heard.lock().unwrap().len()
    }

    pub(crate) fn heard(&self) -> Heard {
        self.heard.lock().unwrap().last().cloned().unwrap()
    }
}

fn fixed_provider(name: &str, base: &str, dialect: Dialect) -> Arc<Provider> {
    let path = if dialect == CHAT { "/v1/chat/completions" } else { "/v1/messages" };
    Arc::new(Provider {
        name: name.into(),
        source: Source::Remote {
            endpoints: vec![Endpoint::at(dialect, format!("{base}{path}").parse().unwrap())],
            keys: Some(Credential::new("upstream-secret").unwrap()).into(),
        },
        limits: FAST,
    })
}

pub(crate) const VECTORS: &[u8] = br#"{"object":"list","data":[{"index":0,"embedding":[0.1,0.25]}],"usage":{"prompt_tokens":8,"total_tokens":8}}"#;

#[tokio::test]
async fn embeddings_pass_with_every_byte_but_the_models_name_and_are_booked() {
    let fixed = Fixed::start(200, "application/json", VECTORS).await;
    let house = House::open(table("r", &[(fixed.provider("p", CHAT), "e-5")])).await;
    let reply = house.post("/v1/embeddings", r#"{"input":["a"], "model":"r","x":1.0}"#).await;
    assert_eq!((reply.status, reply.body.as_ref()), (StatusCode::OK, VECTORS));
    assert_eq!(reply.header("x-outlast-target"), "p/e-5");
    let heard = fixed.heard();
    assert_eq!(heard.path, "/v1/embeddings");
    assert_eq!(heard.authorization, "Bearer upstream-secret");
    assert_eq!(heard.body, r#"{"input":["a"], "model":"e-5","x":1.0}"#);
    let rows = house.close(&[SpendDimension::Model]).await;
    assert_eq!((rows[0].labels[0].as_str(), rows[0].usage.uncached_in), ("e-5", 8));
    assert_eq!(rows[0].estimated_cost.0, 0, "the provider stated its counts");
}

#[tokio::test]
async fn a_form_passes_with_its_file_and_its_kind() {
    let fixed = Fixed::start(200, "application/json", br#"{"text":"hello"}"#).await;
    let house = House::open(table("whisper", &[(fixed.provider("p", CHAT), "whisper-1")])).await;
    let form = "--XX\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFF\r\n--XX--\r\n";
    let mut request = house.request(Method::POST, "/v1/audio/transcriptions", form);
    let kind = "multipart/form-data; boundary=XX";
    request.headers_mut().insert(header::CONTENT_TYPE, kind.parse().unwrap());
    let reply = house.send(request).await;
    assert_eq!((reply.status, reply.text()), (StatusCode::OK, r#"{"text":"hello"}"#));
    let heard = fixed.heard();
    assert_eq!((heard.path.as_str(), heard.kind.as_str()), ("/v1/audio/transcriptions", kind));
    assert_eq!(heard.body, form.replace("\r\nwhisper\r\n", "\r\nwhisper-1\r\n"));
}

#[tokio::test]
async fn speech_flows_as_it_is() {
    let fixed = Fixed::start(200, "audio/mpeg", &[0xff, 0xfb, 0, 1, 2]).await;
    let house = House::open(table("tts", &[(fixed.provider("p", CHAT), "tts")])).await;
    let reply = house.post("/v1/audio/speech", r#"{"model":"tts","input":"hello"}"#).await;
    assert_eq!(reply.body.as_ref(), [0xff, 0xfb, 0, 1, 2]);
    assert_eq!(reply.header("content-type"), "audio/mpeg");
    let rows = house.close(&[SpendDimension::Model]).await;
    assert_eq!((rows[0].attempts, rows[0].failed_attempts), (1, 0));
}

#[tokio::test]
async fn an_answer_that_breaks_off_never_looks_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = [0; 4096];
        let _ = stream.read(&mut heard).await;
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(b"3\r\nabc\r\n").await.unwrap();
    });
    let house = House::open(table("tts", &[(fixed_provider("p", &base, CHAT), "tts")])).await;
    let request = house.request(Method::POST, "/v1/audio/speech", r#"{"model":"tts","input":"a"}"#);
    let response = house.client.request(request).await.unwrap();
    assert!(response.into_body().collect().await.is_err(), "the caller sees that it is cut");
    let rows = house.close(&[SpendDimension::Model]).await;
    assert_eq!(rows[0].failed_attempts, 1);
}

#[tokio::test]
async fn a_failing_provider_is_left_for_one_that_offers_the_same() {
    let broken = Fixed::start(503, "application/json", b"{}").await;
    let page = Fixed::start(200, "text/html", b"<html>").await;
    let fixed = Fixed::start(200, "application/json", VECTORS).await;
    let messages = vendor("messages", MESSAGES, &["m"]).await;
    let targets = [
        (provider("messages", &messages, MESSAGES), "m"),
        (broken.provider("broken", CHAT), "m"),
        (page.provider("page", CHAT), "m"),
        (fixed.provider("fixed", CHAT), "m"),
    ];
    let house = House::open(table("r", &targets)).await;
    let reply = house.post("/v1/embeddings", r#"{"model":"r","input":"a"}"#).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    assert_eq!(reply.header("x-outlast-target"), "fixed/m");
    assert_eq!(messages.stats().requests, 0);
    let alone = House::open(table("r", &targets[..1])).await;
    let reply = alone.post("/v1/rerank", r#"{"model":"r","query":"a","documents":[]}"#).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert_eq!(reply.json()["error"]["code"], "not_offered");
}

#[tokio::test]
async fn what_is_no_request_is_refused_before_anything_is_sent() {
    let fixed = Fixed::start(200, "application/json", VECTORS).await;
    let house = House::open(table("r", &[(fixed.provider("p", CHAT), "m")])).await;
    for (path, body, code) in [
        ("/v1/embeddings", r#"{"input":"a"}"#, "missing_field"),
        ("/v1/embeddings", r#"{"input":"a","model":"#, "invalid_json"),
        ("/v1/embeddings", r#"{"input":"a","model":"nobody"}"#, "model_not_found"),
        ("/v1/moderations", r#"{"input":"a"}"#, "model_not_found"),
    ] {
        let reply = house.post(path, body).await;
        assert_eq!(reply.json()["error"]["code"], code, "{path} {body}");
    }
    assert!(fixed.heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn tokens_are_counted_by_the_provider_or_estimated_and_said_so() {
    let counts = Fixed::start(200, "application/json", br#"{"input_tokens":7}"#).await;
    let house = House::open(table("r", &[(counts.provider("p", MESSAGES), "claude")])).await;
    let reply = house.post("/v1/messages/count_tokens", question("r", false)).await;
    assert_eq!((reply.text(), reply.header("x-outlast-estimated")), (r#"{"input_tokens":7}"#, ""));
    assert_eq!(counts.heard().path, "/v1/messages/count_tokens");
    let rows = house.close(&[SpendDimension::Model]).await;
    assert_eq!(rows[0].cost.0, 0, "counting costs nothing");

    let chat = vendor("chat", CHAT, &["m"]).await;
    let house = House::open(table("r", &[(provider("chat", &chat, CHAT), "m")])).await;
    let reply = house.post("/v1/messages/count_tokens", question("r", false)).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.header("x-outlast-estimated"), "true");
    assert!(reply.json()["input_tokens"].as_u64().unwrap() > 0);
    assert_eq!(chat.stats().requests, 0);
}

#[tokio::test]
async fn a_stream_of_completions_flows_and_its_records_are_counted() {
    let stream = b"data: {\"choices\":[{\"text\":\"a\"}]}\n\ndata: {\"choices\":[{\"text\":\"b\"}]}\n\ndata: [DONE]\n\n";
    let fixed = Fixed::start(200, "text/event-stream", stream).await;
    let house = House::open(table("r", &[(fixed.provider("p", CHAT), "base")])).await;
    let reply = house.post("/v1/completions", r#"{"model":"r","prompt":"a","stream":true}"#).await;
    assert_eq!(reply.body.as_ref(), stream);
    assert_eq!(fixed.heard().path, "/v1/completions");
    let rows = house.close(&[SpendDimension::Model]).await;
    assert_eq!(rows[0].usage.visible_out, 3);
    assert!(rows[0].estimated_cost.0 > 0);
}

#[tokio::test]
async fn a_completion_is_answered_by_a_model_that_only_chats() {
    let text = |reply: &crate::harness::Reply, stream: bool| -> String {
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        if !stream {
            let json = reply.json();
            assert_eq!(json["object"], "text_completion");
            assert!(json["usage"]["completion_tokens"].as_u64().unwrap() > 0);
            return json["choices"][0]["text"].as_str().unwrap().to_owned();
        }
        let mut records = reply.text().lines().filter_map(|line| line.strip_prefix("data: "));
        let mut said = String::new();
        for record in records.by_ref().take_while(|record| *record != "[DONE]") {
            let json: serde_json::Value = serde_json::from_str(record).unwrap();
            assert_eq!(json["object"], "text_completion", "{record}");
            said += json["choices"][0]["text"].as_str().unwrap_or_default();
        }
        assert!(reply.text().trim_end().ends_with("data: [DONE]"));
        said
    };
    for dialect in [CHAT, MESSAGES, RESPONSES] {
        let only = vendor("only", dialect, &["m"]).await;
        let house = House::open(table("r", &[(provider("only", &only, dialect), "m")])).await;
        for stream in [false, true] {
            let body = format!(r#"{{"model":"r","prompt":["hi"],"stream":{stream}}}"#);
            let reply = house.post("/v1/completions", body).await;
            assert_eq!(text(&reply, stream), FOX, "{dialect}, stream={stream}");
            assert_eq!(reply.header("x-outlast-target"), "only/m");
        }
        let refused = house.post("/v1/completions", r#"{"model":"r","prompt":"a","n":2}"#).await;
        assert_eq!(refused.json()["error"]["code"], "unsupported_across_dialects");
        let rows = house.close(&[SpendDimension::Model]).await;
        assert_eq!((rows[0].requests, rows[0].failed_attempts), (3, 0));
    }
}

#[tokio::test]
async fn a_path_that_a_provider_does_not_know_is_no_sign_that_a_model_is_gone() {
    let no_path = br#"{"error":{"message":"This is a chat model","type":"invalid_request_error","code":null}}"#;
    let lacks = Fixed::start(404, "application/json", no_path).await;
    let house = House::open(table("r", &[(lacks.provider("p", CHAT), "m")])).await;
    for _ in 0..4 {
        let reply = house.post("/v1/embeddings", r#"{"model":"r","input":"a"}"#).await;
        assert_eq!(reply.json()["error"]["code"], "not_offered");
        assert!(reply.text().contains("This is a chat model"), "{}", reply.text());
    }
    let table = house.gateway.table();
    let (target, _) = &table.targets()["p/m"];
    assert!(house.gateway.gate(target).reason.is_none(), "its gate learned nothing");
}
