//! What the gateway's tests rely on: the dialects' shapes, every fault seen from a client, death and
//! revival, and the record of what was received.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use simulator::{Answer, Ended, Fault, Vendor, VendorSpec};
use terms::dialect::Dialect;
use tokio::net::TcpStream;

const TEXT: &str = "Hello, \"world\": größe 你好 and done.";

async fn vendor(dialect: Dialect) -> Vendor {
    let mut spec = VendorSpec::new("acme", dialect, &["m-1", "m-2"]);
    spec.answer = Answer::Fixed(TEXT.into());
    Vendor::start(spec).await.unwrap()
}

/// The path of a call with this body.
fn path(dialect: Dialect, body: &Value) -> &'static str {
    match dialect {
        Dialect::Gemini if body["stream"] == true => "/v1beta/models/m-1:streamGenerateContent",
        Dialect::Gemini => "/v1beta/models/m-1:generateContent",
        Dialect::OpenaiChat => "/v1/chat/completions",
        Dialect::OpenaiResponses => "/v1/responses",
        Dialect::AnthropicMessages => "/v1/messages",
        Dialect::BedrockConverse => unreachable!("no caller speaks it"),
    }
}

fn body(stream: bool) -> Value {
    json!({"model": "m-1", "max_tokens": 500, "stream": stream, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "hi"}], "input": [{"role": "user", "content": "hi"}],
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}]})
}

/// Sends a request on a connection of its own.
async fn send(
    vendor: &Vendor,
    method: &str,
    path: &str,
    body: &Value,
) -> hyper::Result<Response<Incoming>> {
    let stream = TcpStream::connect(vendor.address()).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "vendor")
        .header("authorization", "Bearer right")
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap();
    sender.send_request(request).await
}

/// What a client saw: status, content type, all bytes that came, and whether the body ended well.
struct Seen {
    status: StatusCode,
    kind: Option<String>,
    text: String,
    clean: bool,
}

async fn see(vendor: &Vendor, dialect: Dialect, body: &Value) -> Seen {
    let reply = send(vendor, "POST", path(dialect, body), body).await.unwrap();
    let status = reply.status();
    let kind = reply.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    let (mut body, mut bytes, mut clean) = (reply.into_body(), Vec::new(), true);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Err(_) => clean = false,
        }
    }
    Seen { status, kind, text: String::from_utf8(bytes).unwrap(), clean }
}

/// The JSON of every event of a stream but `[DONE]`.
fn events(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// The text that the events of a stream add up to.
fn streamed_text(dialect: Dialect, events: &[Value]) -> String {
    let piece = |event: &Value| match dialect {
        Dialect::OpenaiChat => event["choices"][0]["delta"]["content"].as_str().map(str::to_owned),
        Dialect::OpenaiResponses => event["delta"].as_str().map(str::to_owned),
        Dialect::AnthropicMessages => event["delta"]["text"].as_str().map(str::to_owned),
        Dialect::BedrockConverse => unreachable!("no caller speaks it"),
        Dialect::Gemini => {
            event["candidates"][0]["content"]["parts"][0]["text"].as_str().map(str::to_owned)
        }
    };
    events.iter().filter_map(piece).collect()
}

#[tokio::test]
async fn every_dialect_answers_whole_and_streamed_with_usage() {
    let openai = vendor(Dialect::OpenaiChat).await;
    let seen = see(&openai, Dialect::OpenaiChat, &body(false)).await;
    let whole: Value = serde_json::from_str(&seen.text).unwrap();
    assert_eq!(whole["choices"][0]["message"]["content"], TEXT);
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");
    assert_eq!(whole["usage"]["total_tokens"], 1 + TEXT.len() / 4);
    let seen = see(&openai, Dialect::OpenaiChat, &body(true)).await;
    assert!(seen.text.ends_with("data: [DONE]\n\n"));
    assert_eq!(streamed_text(Dialect::OpenaiChat, &events(&seen.text)), TEXT);
    assert_eq!(events(&seen.text).last().unwrap()["usage"]["completion_tokens"], TEXT.len() / 4);

    let anthropic = vendor(Dialect::AnthropicMessages).await;
    let seen = see(&anthropic, Dialect::AnthropicMessages, &body(false)).await;
    let whole: Value = serde_json::from_str(&seen.text).unwrap();
    assert_eq!(whole["content"][0]["text"], TEXT);
    assert_eq!(whole["stop_reason"], "end_turn");
    let seen = see(&anthropic, Dialect::AnthropicMessages, &body(true)).await;
    let events = events(&seen.text);
    assert_eq!(streamed_text(Dialect::AnthropicMessages, &events), TEXT);
    assert_eq!(events[0]["message"]["usage"]["input_tokens"], 1);
    assert_eq!(events.last().unwrap()["type"], "message_stop");
    assert_eq!(anthropic.stats().completed, 2);

    let responses = vendor(Dialect::OpenaiResponses).await;
    let seen = see(&responses, Dialect::OpenaiResponses, &body(false)).await;
    let whole: Value = serde_json::from_str(&seen.text).unwrap();
    assert_eq!(whole["output"][0]["content"][0]["text"], TEXT);
    assert_eq!((&whole["status"], &whole["store"]), (&json!("completed"), &json!(false)));
    let seen = see(&responses, Dialect::OpenaiResponses, &body(true)).await;
    let events = self::events(&seen.text);
    assert_eq!(streamed_text(Dialect::OpenaiResponses, &events), TEXT);
    let numbers: Vec<u64> =
        events.iter().filter_map(|event| event["sequence_number"].as_u64()).collect();
    assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>());
    let last = events.last().unwrap();
    assert_eq!(last["response"]["usage"]["total_tokens"], 1 + TEXT.len() / 4);
}

#[tokio::test]
async fn responses_are_kept_by_nobody() {
    let vendor = vendor(Dialect::OpenaiResponses).await;
    let refused = |more: Value| {
        let mut body = body(false);
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let follows = refused(json!({"previous_response_id": "resp_1"}));
    let seen = see(&vendor, Dialect::OpenaiResponses, &follows).await;
    assert!(seen.status == 400 && seen.text.contains("previous_response_not_found"));
    let lost = refused(json!({"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}));
    assert_eq!(see(&vendor, Dialect::OpenaiResponses, &lost).await.status, 404);
    let forced = refused(
        json!({"tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
        "tool_choice": {"type": "function", "name": "f"}}),
    );
    let seen = see(&vendor, Dialect::OpenaiResponses, &forced).await;
    let whole: Value = serde_json::from_str(&seen.text).unwrap();
    assert_eq!(whole["output"][0]["name"], "f");
}

#[tokio::test]
async fn tools_schemas_and_limits_are_honoured() {
    let openai = vendor(Dialect::OpenaiChat).await;
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let mut ask = body(false);
    ask["tools"] =
        json!([{"type": "function", "function": {"name": "weather", "parameters": parameters}}]);
    ask["messages"] = json!([{"role": "user", "content": "CALLTOOL:weather and CALLTOOL:weather:{\"city\":\"Oslo\"}:END"}]);
    let whole: Value =
        serde_json::from_str(&see(&openai, Dialect::OpenaiChat, &ask).await.text).unwrap();
    let calls = &whole["choices"][0]["message"]["tool_calls"];
    assert_eq!(calls[0]["function"]["arguments"], r#"{"city":"Paris"}"#);
    assert_eq!(calls[1]["function"]["arguments"], r#"{"city":"Oslo"}"#);
    assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");

    let anthropic = vendor(Dialect::AnthropicMessages).await;
    let mut ask = body(true);
    ask["tools"] = json!([{"name": "weather", "input_schema": parameters}]);
    ask["tool_choice"] = json!({"type": "any"});
    let seen = see(&anthropic, Dialect::AnthropicMessages, &ask).await;
    let arguments: String = events(&seen.text)
        .iter()
        .filter_map(|event| event["delta"]["partial_json"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(arguments, r#"{"city":"Paris"}"#);
    assert!(seen.text.contains(r#""stop_reason":"tool_use""#));

    let mut ask = body(false);
    ask["response_format"] = json!({"type": "json_schema", "json_schema": {"schema": parameters}});
    let whole: Value =
        serde_json::from_str(&see(&openai, Dialect::OpenaiChat, &ask).await.text).unwrap();
    assert_eq!(whole["choices"][0]["message"]["content"], r#"{"city":"Paris"}"#);

    let mut ask = body(false);
    ask["max_tokens"] = json!(1);
    let whole: Value =
        serde_json::from_str(&see(&openai, Dialect::OpenaiChat, &ask).await.text).unwrap();
    assert_eq!(whole["choices"][0]["finish_reason"], "length");
    assert_eq!(whole["choices"][0]["message"]["content"], "Hello, ");
}

#[tokio::test]
async fn models_keys_and_retirement() {
    let mut spec = VendorSpec::new("acme", Dialect::OpenaiChat, &["m-1", "m-2"]);
    spec.api_key = Some("right".into());
    let vendor = Vendor::start(spec).await.unwrap();
    let list = send(&vendor, "GET", "/v1/models", &json!({})).await.unwrap();
    let list = list.into_body().collect().await.unwrap().to_bytes();
    let list: Value = serde_json::from_slice(&list).unwrap();
    assert_eq!(list["data"][1]["id"], "m-2");
    vendor.retire("m-1");
    let gone = see(&vendor, Dialect::OpenaiChat, &body(false)).await;
    assert_eq!(gone.status, 404);
    assert!(gone.text.contains("model_not_found"));

    let mut spec = VendorSpec::new("acme", Dialect::AnthropicMessages, &["m-1"]);
    spec.api_key = Some("another".into());
    let vendor = Vendor::start(spec).await.unwrap();
    let refused = see(&vendor, Dialect::AnthropicMessages, &body(false)).await;
    assert_eq!(refused.status, 401);
    assert!(refused.text.contains("authentication_error"));
}

/// Plays one fault on a stream and gives what a client saw of it.
async fn struck(dialect: Dialect, fault: Fault, stream: bool) -> Seen {
    let vendor = vendor(dialect).await;
    vendor.set_fault(fault);
    see(&vendor, dialect, &body(stream)).await
}

#[tokio::test]
async fn faults_of_a_stream_look_as_announced() {
    for dialect in Dialect::ALL.iter().copied() {
        let cut = struck(dialect, Fault::MidStreamCut { after_chunks: 2 }, true).await;
        assert!(cut.clean);
        assert_eq!(streamed_text(dialect, &events(&cut.text)), "Hello, \"world\": ");

        let reset = struck(dialect, Fault::MidStreamReset { after_chunks: 2 }, true).await;
        assert!(!reset.clean);
        assert_eq!(streamed_text(dialect, &events(&reset.text)), "Hello, \"world\": ");

        let error = struck(dialect, Fault::MidStreamError { after_chunks: 1 }, true).await;
        assert!(error.clean);
        assert!(events(&error.text).last().unwrap()["error"]["message"].is_string());

        let first = struck(dialect, Fault::FirstEventError, true).await;
        assert_eq!((first.status, events(&first.text).len()), (StatusCode::OK, 1));

        let bare = struck(dialect, Fault::NoTerminator, true).await;
        assert!(!bare.text.contains("[DONE]") && !bare.text.contains("message_stop"));
        assert_eq!(streamed_text(dialect, &events(&bare.text)), TEXT);

        let unpriced = struck(dialect, Fault::NoUsage, true).await;
        assert!(!unpriced.text.contains("usage"), "{}", unpriced.text);

        let crlf = struck(dialect, Fault::Crlf, true).await;
        assert!(crlf.text.starts_with(": a comment\r\n\r\n") && !crlf.text.contains("}\n"));
        assert_eq!(streamed_text(dialect, &events(&crlf.text)), TEXT);

        let bytewise = struck(dialect, Fault::ByteByByte, true).await;
        assert_eq!(streamed_text(dialect, &events(&bytewise.text)), TEXT);

        let noisy = struck(dialect, Fault::Noise, true).await;
        assert!(noisy.text.contains("data: {not json\n\n"));

        let untyped = struck(dialect, Fault::NoContentType, true).await;
        assert_eq!(untyped.kind, None);
    }
}

#[tokio::test]
async fn faults_of_a_whole_reply_look_as_announced() {
    for dialect in Dialect::ALL.iter().copied() {
        let fault = Fault::Status {
            status: 429,
            code: Some("busy".into()),
            message: None,
            headers: vec![("retry-after".into(), "3".into())],
            times: Some(1),
        };
        let vendor = vendor(dialect).await;
        vendor.set_fault(fault);
        let first = send(&vendor, "POST", path(dialect, &body(false)), &body(false)).await.unwrap();
        assert_eq!(
            (first.status().as_u16(), &first.headers()["retry-after"]),
            (429, &"3".parse().unwrap())
        );
        assert_eq!(see(&vendor, dialect, &body(false)).await.status, 200);

        let truncated = struck(dialect, Fault::BadJson, false).await;
        assert_eq!(truncated.status, 200);
        assert!(serde_json::from_str::<Value>(&truncated.text).is_err());
        assert_eq!(struck(dialect, Fault::Html, false).await.kind.as_deref(), Some("text/html"));
        assert_eq!(struck(dialect, Fault::EmptyBody, false).await.text, "");
        let half = struck(dialect, Fault::MidStreamReset { after_chunks: 0 }, false).await;
        assert!(!half.clean && !half.text.is_empty());
    }
}

#[tokio::test]
async fn faults_of_headers_and_records_look_as_announced() {
    for dialect in Dialect::ALL.iter().copied() {
        let labelled = struck(dialect, Fault::ContentType("text/plain"), true).await;
        assert_eq!(labelled.kind.as_deref(), Some("text/plain"));

        let whole = struck(dialect, Fault::NotStreamed, true).await;
        assert_eq!(whole.kind.as_deref(), Some("application/json"));
        assert!(serde_json::from_str::<Value>(&whole.text).unwrap().is_object());

        for stream in [true, false] {
            let long = struck(dialect, Fault::LongLength, stream).await;
            assert!(!long.clean && long.text.contains("größe"), "{}", long.text);
        }

        let unreadable = struck(dialect, Fault::UnreadableOutput { after_chunks: 1 }, true).await;
        let records = unreadable.text.lines().filter_map(|line| line.strip_prefix("data: "));
        let broken = records
            .filter(|data| *data != "[DONE]" && serde_json::from_str::<Value>(data).is_err());
        assert_eq!(broken.count(), 1, "{}", unreadable.text);

        let vendor = vendor(dialect).await;
        vendor.set_fault(Fault::CutInCharacter { after_chunks: 2 });
        let body = body(true);
        let reply = send(&vendor, "POST", path(dialect, &body), &body).await.unwrap();
        let bytes = reply.into_body().collect().await.unwrap().to_bytes();
        assert!(bytes.ends_with("gr\u{f6}".as_bytes().split_last().unwrap().1));

        vendor.set_fault(Fault::Gzip);
        let reply = send(&vendor, "POST", path(dialect, &body), &body).await.unwrap();
        assert_eq!(reply.headers()["content-encoding"], "gzip");
        assert!(reply.into_body().collect().await.unwrap().to_bytes().starts_with(&[0x1f, 0x8b]));
    }
    let twice = struck(Dialect::OpenaiChat, Fault::TerminatedTwice, true).await;
    assert_eq!(twice.text.matches("[DONE]").count(), 2);
}

#[tokio::test]
async fn faults_of_a_connection_look_as_announced() {
    let lines = [
        (Fault::ClosedAtOnce, 0),
        (Fault::ClosedUnanswered, 1),
        (Fault::Garbage, 1),
        (Fault::HalfHeaders, 1),
    ];
    for (fault, read) in lines {
        let vendor = vendor(Dialect::OpenaiChat).await;
        vendor.set_fault(fault.clone());
        let path = path(Dialect::OpenaiChat, &body(true));
        assert!(send(&vendor, "POST", path, &body(true)).await.is_err(), "{fault:?}");
        let stats = vendor.stats();
        assert_eq!((stats.connections, stats.requests), (1, read), "{fault:?}");
    }
}

#[tokio::test]
async fn a_peer_that_leaves_is_noticed_whether_before_or_after_the_headers() {
    let vendor = vendor(Dialect::OpenaiChat).await;
    vendor.set_fault_for("m-1", Fault::Hang);
    let hung = tokio::spawn({
        let address = vendor.address();
        async move { raw_request(address, &body(true)).await }
    });
    let stream = hung.await.unwrap();
    while vendor.stats().requests < 1 {
        tokio::task::yield_now().await;
    }
    drop(stream);
    vendor.cancelled(1).await;

    vendor.set_fault_for("m-1", Fault::MidStreamStall { after_chunks: 1 });
    let reply =
        send(&vendor, "POST", path(Dialect::OpenaiChat, &body(true)), &body(true)).await.unwrap();
    drop(reply);
    vendor.cancelled(2).await;
    let ends: Vec<Ended> = vendor.received().iter().map(|received| received.ended).collect();
    assert!(ends.iter().all(|ended| matches!(ended, Ended::Cancelled { .. })), "{ends:?}");
}

/// Writes a request and reads nothing.
async fn raw_request(address: SocketAddr, body: &Value) -> TcpStream {
    use tokio::io::AsyncWriteExt as _;
    let body = body.to_string();
    let length = body.len();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: v\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_dead_vendor_refuses_connections_and_comes_back_on_its_port() {
    let vendor = vendor(Dialect::OpenaiChat).await;
    vendor.set_fault(Fault::MidStreamStall { after_chunks: 1 });
    let mut open =
        send(&vendor, "POST", path(Dialect::OpenaiChat, &body(true)), &body(true)).await.unwrap();
    assert!(open.body_mut().frame().await.unwrap().is_ok());
    vendor.die().await;
    let broken = open.into_body().collect().await;
    assert!(broken.is_err());
    assert_eq!(vendor.received()[0].ended, Ended::Broken);
    let refused = TcpStream::connect(vendor.address()).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);

    vendor.revive().await.unwrap();
    vendor.set_fault(Fault::None);
    assert_eq!(see(&vendor, Dialect::OpenaiChat, &body(true)).await.status, 200);
}

#[tokio::test]
async fn the_record_shows_what_was_received() {
    let vendor = vendor(Dialect::OpenaiChat).await;
    see(&vendor, Dialect::OpenaiChat, &body(false)).await;
    let received = vendor.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].header("authorization"), Some("Bearer right"));
    assert_eq!(received[0].path, "/v1/chat/completions");
    assert_eq!(received[0].body, body(false).to_string());
    assert_eq!(received[0].ended, Ended::Completed);
}

#[tokio::test(start_paused = true)]
async fn pace_is_kept_by_the_clock() {
    let mut spec = VendorSpec::new("acme", Dialect::OpenaiChat, &["m-1"]);
    spec.answer = Answer::Fixed("one two three".into());
    (spec.first_token_ms, spec.token_interval_ms) = (400, 50);
    let vendor = Vendor::start(spec).await.unwrap();
    for stream in [false, true] {
        let started = tokio::time::Instant::now();
        see(&vendor, Dialect::OpenaiChat, &body(stream)).await;
        let took = started.elapsed().as_millis();
        assert!((500..520).contains(&took), "stream {stream}: {took} ms");
    }
}
