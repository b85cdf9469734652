//! A teacher behind a gateway, as far as a client can tell: a scripted HTTP server on a free port.

use std::{
    convert::Infallible,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use distill::TeacherAccess;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::Deserialize;

/// What the teacher does with an input.
pub(crate) enum Says {
    /// Answers, at this many nano-USD.
    Text(String, u64),
    /// The same at a price that the gateway had to assume.
    AtAssumedPrice(String, u64),
    /// An error of the gateway.
    Error(u16, &'static str),
}

type Script = dyn Fn(&str) -> Says + Send + Sync;

/// A running teacher; gone with the test's process.
pub(crate) struct Teacher {
    pub(crate) access: TeacherAccess,
    asked: Arc<AtomicUsize>,
}

#[derive(Deserialize)]
struct Question {
    model: String,
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: String,
}

impl Teacher {
    pub(crate) fn start(script: impl Fn(&str) -> Says + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let (script, counted): (Arc<Script>, _) = (Arc::new(script), asked.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(serve(listener, script, counted));
        });
        Self { access: TeacherAccess::new(format!("http://{address}"), "ok_test"), asked }
    }

    /// Questions so far.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

async fn serve(listener: TcpListener, script: Arc<Script>, asked: Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (script, asked) = (script.clone(), asked.clone());
        let service = service_fn(move |request| answer(request, script.clone(), asked.clone()));
        tokio::spawn(async move {
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    script: Arc<Script>,
    asked: Arc<AtomicUsize>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    asked.fetch_add(1, Ordering::Relaxed);
    assert_eq!(request.uri().path(), "/v1/chat/completions");
    assert_eq!(request.headers()["authorization"], "Bearer ok_test");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let question: Question = serde_json::from_slice(&body).unwrap();
    assert_eq!(question.model, "gpt-4-recorded");
    let roles: Vec<_> = question.messages.iter().map(|message| message.role.as_str()).collect();
    assert_eq!(roles, ["system", "user"]);
    assert!(question.messages[0].content.contains("Answer with exactly one of these labels"));
    let says = script(&question.messages[1].content);
    let is_assumed = matches!(says, Says::AtAssumedPrice(..));
    Ok(match says {
        Says::Text(text, nanos) | Says::AtAssumedPrice(text, nanos) => {
            let text = serde_json::to_string(&text).unwrap();
            let body = format!(
                r#"{{"choices":[{{"message":{{"role":"assistant","content":{text}}},"finish_reason":"stop"}}]}}"#
            );
            let cost = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
            let mut response =
                Response::builder().header("x-outlast-cost", cost).body(body.into()).unwrap();
            if is_assumed {
                let told = "true".parse().unwrap();
                response.headers_mut().insert("x-outlast-cost-assumed", told);
            }
            response
        }
        Says::Error(status, code) => {
            let body = format!(r#"{{"error":{{"message":"scripted","code":"{code}"}}}}"#);
            Response::builder().status(status).body(body.into()).unwrap()
        }
    })
}
