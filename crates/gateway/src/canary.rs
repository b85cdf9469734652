//! Asking a target a canary: one request to that target alone, on the way of every other request, so
//! that it is held, priced and booked like one. What is expected of the answer is `decide::canary`'s.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use decide::{attempt::AttemptLimits, heirs::Successors};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use terms::{
    dialect::Dialect,
    ids::{RequestId, RouteName},
    money::NanoUsd,
};
use tokio::time::{Instant, timeout};
use wire::SaidAnswer;

use crate::{
    flow::run,
    gateway::Gateway,
    history::Whole,
    outgoing::Asked,
    request::Request,
    table::{Route, Target},
};

/// Who asks canaries, in the books. Answers to it teach nothing about live traffic.
pub const CANARY: &str = "canary";

/// Milliseconds that the whole answer to a canary may take.
const WHOLE_MS: u64 = 120_000;

/// Characters of an error that are kept.
const SAID: usize = 300;

/// What became of a canary.
#[derive(Debug, Clone)]
pub struct CanaryReply {
    /// The request that it was.
    pub request: RequestId,
    /// What the target said; otherwise why there is no answer.
    pub said: Result<SaidAnswer, String>,
    /// Milliseconds to the first token.
    pub first_token_ms: u64,
    /// What the answer cost, by the prices in force; nothing where it did not come whole. The books have
    /// what a broken one cost.
    pub cost: NanoUsd,
}

impl Gateway {
    /// Asks a target, and no other, what `body` says: an openai-chat request for a stream. `key` is one
    /// that was lent to [`CANARY`].
    pub async fn ask_canary(
        self: &Arc<Self>,
        key: &str,
        name: &str,
        target: &Arc<Target>,
        body: Bytes,
    ) -> CanaryReply {
        let id = self.new_request_id();
        let began = Instant::now();
        let asked =
            timeout(Duration::from_millis(WHOLE_MS), self.asked(id, key, name, target, body)).await;
        let (said, first_token) = asked.unwrap_or_else(|_| {
            (Err(format!("no whole answer came within {} s", WHOLE_MS / 1_000)), None)
        });
        let usage = said.as_ref().ok().and_then(|said| said.usage);
        let prices = self.ledger.prices();
        let cost =
            usage.map(|usage| prices.quote(&target.provider.name, &target.model).cost(&usage));
        let first_token = first_token.map_or_else(|| began.elapsed(), |at| at - began);
        let first_token_ms = u64::try_from(first_token.as_millis()).unwrap_or(u64::MAX);
        CanaryReply { request: id, said, first_token_ms, cost: cost.unwrap_or(NanoUsd::ZERO) }
    }

    async fn asked(
        self: &Arc<Self>,
        id: RequestId,
        key: &str,
        name: &str,
        target: &Arc<Target>,
        body: Bytes,
    ) -> (Result<SaidAnswer, String>, Option<Instant>) {
        let dialect = Dialect::OpenaiChat;
        let Ok(caller) = self.keys.identify(key) else {
            return (Err("the canaries' own key is gone".to_owned()), None);
        };
        let head = match wire::read_head(dialect, &body) {
            Ok(head) => head,
            Err(bad) => return (Err(bad.message), None),
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let limits = AttemptLimits {
            attempts: 1,
            tries_per_target: 1,
            deadline_ms: WHOLE_MS,
            ..AttemptLimits::default()
        };
        let route = RouteName::from(format!("canary:{name}"));
        let route = Route::new(route, vec![Arc::clone(target)], limits);
        // Nobody stands in for who is asked.
        let route = Route { successors: Successors::None, ..route };
        let said = (Asked { dialect, headers, query: None }, Whole::alone(head, body));
        let request = Request::of_the_house(self, id, caller, said, route);
        let response = match run(request).await {
            Ok(response) => response,
            Err(error) => return (Err(error.message), None),
        };
        let first_token = Instant::now();
        let status = response.status();
        let limited = Limited::new(response.into_body(), self.intake.answer_bytes);
        let Ok(body) = limited.collect().await.map(http_body_util::Collected::to_bytes) else {
            return (Err("the answer broke off".to_owned()), Some(first_token));
        };
        if status != StatusCode::OK {
            let said = wire::read_error(dialect, &body).message;
            return (Err(said.chars().take(SAID).collect()), None);
        }
        // A stream that ends with an error has no whole answer in it.
        let is_whole = is_ended(&body);
        let whole = wire::gathered(dialect, &body).filter(|_| is_whole);
        let said = whole.and_then(|whole| wire::read_answer(dialect, &whole));
        (said.ok_or_else(|| "the answer broke off".to_owned()), Some(first_token))
    }
}

/// Whether a stream of openai-chat has its terminator.
fn is_ended(stream: &[u8]) -> bool {
    stream.trim_ascii_end().ends_with(b"data: [DONE]")
}
