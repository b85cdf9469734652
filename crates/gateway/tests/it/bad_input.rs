//! Input that no client should send: an error in the caller's dialect with a stable code, no panic,
//! no try at a provider, no row in the books.

use gateway::IntakeLimits;
use http::{HeaderValue, Method, StatusCode};
use store::SpendDimension;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{CHAT, House, MESSAGES, RESPONSES, path, provider, question, table, vendor};

async fn house() -> House {
    let only = vendor("only", CHAT, &["m"]).await;
    let row = provider("only", &only, CHAT);
    let intake = IntakeLimits { body_bytes: 1 << 20, ..IntakeLimits::default() };
    House::with_intake(table("r", &[(row, "m")]), intake).await
}

#[tokio::test]
async fn broken_bodies_are_refused_in_the_callers_dialect() {
    let house = house().await;
    let nested =
        format!(r#"{{"model":"r","messages":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let bodies: [&[u8]; 8] = [
        b"",
        b"{\"model\":\"r\",\"messages\":[{",
        b"[]",
        b"{\"model\":\"r\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\xfe\"}]}",
        b"{\"model\":\"r\",\"model\":\"s\",\"max_tokens\":1,\"messages\":[]}",
        b"{\"model\":\"r\",\"max_tokens\":1e400,\"messages\":[]}",
        b"{\"model\":\"r\",\"max_tokens\":1,\"messages\":\"hi\"}",
        nested.as_bytes(),
    ];
    for dialect in [CHAT, RESPONSES, MESSAGES] {
        for body in bodies {
            let reply = house.post(path(dialect), body.to_vec()).await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            assert_eq!(reply.status, 400, "{shown}");
            let json = reply.json();
            assert!(
                json["error"]["message"].as_str().is_some_and(|text| !text.is_empty()),
                "{shown}"
            );
            if dialect == MESSAGES {
                assert_eq!(json["type"], "error");
            }
        }
    }
    assert!(house.close(&[SpendDimension::Model]).await.is_empty(), "nothing was dispatched");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_from_its_length_alone() {
    let house = house().await;
    let mut socket = TcpStream::connect(house.authority()).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 104857600\r\n\r\n",
        house.key
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
    let reply = house.post("/v1/chat/completions", vec![b' '; (1 << 20) + 1]).await;
    assert_eq!(reply.status, 413);
}

#[tokio::test]
async fn a_bad_key_is_refused_before_the_body_is_read() {
    let house = house().await;
    let mut socket = TcpStream::connect(house.authority()).await.unwrap();
    let head = "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: ok_wrong\r\ncontent-length: 1000\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 401");
}

#[tokio::test]
async fn compressed_and_form_bodies_are_refused() {
    let house = house().await;
    for (name, value) in
        [("content-encoding", "gzip"), ("content-type", "application/x-www-form-urlencoded")]
    {
        let mut request = house.request(Method::POST, "/v1/chat/completions", "x");
        request.headers_mut().insert(name, HeaderValue::from_static(value));
        assert_eq!(house.send(request).await.status, 415, "{name}");
    }
}

#[tokio::test]
async fn a_smuggled_second_request_is_never_answered() {
    let house = house().await;
    let mut socket = TcpStream::connect(house.authority()).await.unwrap();
    let text = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n",
        house.key
    );
    socket.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    let answers = String::from_utf8_lossy(&answer).matches("HTTP/1.1 ").count();
    assert_eq!(answers, 1);
}

#[tokio::test]
async fn a_model_name_cannot_forge_a_log_line() {
    let house = house().await;
    let body = r#"{"model":"r\nFAKE \u001b[31m","messages":[{"role":"user","content":"hi"}]}"#;
    let reply = house.post("/v1/chat/completions", body).await;
    assert_eq!(
        (reply.status.as_u16(), reply.json()["error"]["param"].as_str()),
        (400, Some("model"))
    );
}

#[tokio::test]
async fn json_that_a_client_calls_a_form_is_taken() {
    let house = house().await;
    let mut request = house.request(
        Method::POST,
        "/v1/chat/completions",
        crate::harness::question("nosuch", false),
    );
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert("content-type", form);
    assert_eq!(house.send(request).await.status, 404, "read, and its model is unknown");
}

#[tokio::test]
async fn bodies_that_would_fill_the_memory_are_asked_to_come_again() {
    let only = vendor("only", CHAT, &["m"]).await;
    let table = table("r", &[(provider("only", &only, CHAT), "m")]);
    let intake = IntakeLimits { all_bodies_bytes: 200, ..IntakeLimits::default() };
    let house = House::with_intake(table, intake).await;
    let long = question("r", false).replace("hi", &"h".repeat(200));
    let reply = house.post(path(CHAT), long).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(reply.json()["error"]["code"], "gateway_full");
    assert_eq!(
        house.ask(CHAT, "r", false).await.status,
        StatusCode::OK,
        "what was taken is given back"
    );
}
