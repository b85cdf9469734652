//! The demo's runaway job: an agent that was told once what to do, and then reads file after file on its
//! own, as fast as it can. It names its session, as real agents do, and ends when it is refused.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use serde::Deserialize;
use tokio::task::JoinSet;

use crate::{
    demo::call::{HttpClient, Line},
    terminal,
};

/// Whose job it is.
pub(crate) const PRINCIPAL: &str = "nightly-refactor";

/// Who pays for it.
pub(crate) const TEAM: &str = "platform";

/// What it names its session.
const SESSION: &str = "nightly-refactor-0412";

/// Agents that work side by side.
const HANDS: usize = 3;

/// Steps of one hand at most: a demo that nobody watches must end, too.
const STEPS: usize = 400;

/// Bytes of the file that each step hands to the model.
const FILE_BYTES: usize = 48 << 10;

/// Starts the job; it is over when every hand has ended or the set is dropped.
pub(crate) fn start(line: &Line, hands: &mut JoinSet<()>) {
    for hand in 0..HANDS {
        hands.spawn(work(line.clone(), hand));
    }
}

async fn work(line: Line, hand: usize) {
    for step in 0..STEPS {
        match ask(&line.client, &line, hand, step).await {
            Some((StatusCode::PAYMENT_REQUIRED, said)) => {
                if hand == 0 {
                    terminal::event(&format!("       {PRINCIPAL} ends; its client shows: {said}"));
                }
                return;
            }
            Some(_) => {}
            // The gateway is gone: the demo ends.
            None => return,
        }
    }
}

/// One step: the result of a tool goes in, no human speaks.
async fn ask(
    client: &HttpClient,
    line: &Line,
    hand: usize,
    step: usize,
) -> Option<(StatusCode, String)> {
    let call = format!("call_{hand}_{step}");
    let file = "fn part() { todo_later(); }\n".repeat(FILE_BYTES / 28);
    let body = serde_json::json!({
        "model": "claude-opus-4-8",
        "max_tokens": 1024,
        "messages": [
            { "role": "user", "content": "Refactor the whole repository. Do not ask, go on until it is done." },
            { "role": "assistant", "content": [
                { "type": "tool_use", "id": call, "name": "read_file",
                  "input": { "path": format!("src/part_{hand}_{step}.rs") } },
            ] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": call, "content": file },
            ] },
        ],
    });
    let request = Request::post(format!("{}/v1/messages", line.base_url))
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-api-key", &line.key)
        .header("x-session-id", SESSION)
        .header(header::USER_AGENT, "demo-agent/1.0")
        .body(Full::new(Bytes::from(body.to_string())))
        .ok()?;
    let response = client.request(request).await.ok()?;
    let status = response.status();
    let body = response.into_body().collect().await.ok()?.to_bytes();
    let said = serde_json::from_slice::<Refusal>(&body).map(|refusal| refusal.error.message);
    Some((status, said.unwrap_or_default()))
}

#[derive(Deserialize)]
struct Refusal {
    error: Said,
}

#[derive(Deserialize)]
struct Said {
    message: String,
}
