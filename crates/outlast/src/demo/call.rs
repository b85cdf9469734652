//! One call of a demo client: a real HTTP request, and a strict look at whether the answer is whole.

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use terms::dialect::Dialect;

use crate::demo::people::Person;

pub(crate) type HttpClient = Client<HttpConnector, Full<Bytes>>;

/// How a call went, as its caller saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A whole answer.
    Answered {
        /// By another target than the one asked for.
        by_fallback: bool,
    },
    /// It began and broke off with an explicit error.
    BrokeOff,
    /// An error, or an answer that is not whole.
    Failed,
}

/// Where and as whom a person calls.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) client: HttpClient,
    pub(crate) base_url: String,
    pub(crate) key: String,
}

pub(crate) async fn call(line: &Line, person: &Person, question: &str, stream: bool) -> Outcome {
    let Ok(request) = request(line, person, question, stream) else { return Outcome::Failed };
    let Ok(response) = line.client.request(request).await else { return Outcome::Failed };
    // What a student leaves to its teacher is no fallback.
    let reason = response.headers().get("x-outlast-fallback-reason");
    let by_fallback = reason.is_some_and(|reason| reason != "declined");
    let is_ok = response.status().is_success();
    let Ok(body) = response.into_body().collect().await else { return Outcome::Failed };
    let body = body.to_bytes();
    let text = String::from_utf8_lossy(&body);
    if is_ok && is_whole(&text, person.dialect, stream) {
        Outcome::Answered { by_fallback }
    } else if is_ok && stream && text.contains("error") {
        Outcome::BrokeOff
    } else {
        Outcome::Failed
    }
}

fn request(
    line: &Line,
    person: &Person,
    question: &str,
    stream: bool,
) -> http::Result<Request<Full<Bytes>>> {
    let path = match person.dialect {
        Dialect::OpenaiChat => "/v1/chat/completions".to_owned(),
        Dialect::OpenaiResponses => "/v1/responses".to_owned(),
        Dialect::AnthropicMessages => "/v1/messages".to_owned(),
        Dialect::Gemini => {
            let method = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
            format!("/v1beta/models/{}:{method}", person.model)
        }
        Dialect::BedrockConverse => unreachable!("no caller speaks it"),
    };
    let body = serde_json::json!({
        "model": person.model,
        "max_tokens": 1024,
        "stream": stream,
        "messages": [{ "role": "user", "content": question }],
    });
    let body = match person.dialect {
        Dialect::OpenaiResponses => serde_json::json!({
            "model": person.model,
            "max_output_tokens": 1024,
            "store": false,
            "stream": stream,
            "input": question,
        }),
        Dialect::Gemini => serde_json::json!({
            "contents": [{ "role": "user", "parts": [{ "text": question }] }],
            "generationConfig": { "maxOutputTokens": 1024 },
        }),
        _ => body,
    };
    Request::post(format!("{}{path}", line.base_url))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {}", line.key))
        .header(header::USER_AGENT, format!("{}/1.0", person.principal))
        .header("x-session-id", format!("demo-{}", person.principal))
        .body(Full::new(Bytes::from(body.to_string())))
}

/// Whether the answer carries its dialect's sign of completeness.
fn is_whole(text: &str, dialect: Dialect, stream: bool) -> bool {
    match (dialect, stream) {
        (Dialect::OpenaiChat, true) => {
            text.contains("\"finish_reason\":\"stop\"") && text.trim_end().ends_with("data: [DONE]")
        }
        (Dialect::OpenaiChat, false) => text.contains("\"finish_reason\":\"stop\""),
        (Dialect::OpenaiResponses, true) => text.contains("event: response.completed"),
        (Dialect::OpenaiResponses, false) => text.contains("\"status\":\"completed\""),
        (Dialect::Gemini, _) => text.contains("\"finishReason\":\"STOP\""),
        (Dialect::AnthropicMessages, true) => {
            text.contains("event: message_stop") && text.contains("\"stop_reason\":\"end_turn\"")
        }
        (Dialect::AnthropicMessages, false) => text.contains("\"stop_reason\":\"end_turn\""),
        (Dialect::BedrockConverse, _) => unreachable!("no caller speaks it"),
    }
}
