//! The teacher, by way of the gateway: one question, one answer, in the dialect of OpenAI chat. No retry
//! here: failover, retries and time limits are the gateway's, and so is the count of what it cost.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::{Deserialize, Serialize};
use terms::money::NanoUsd;

use crate::error::DistillError;

/// Bytes of a reply at most; a label is a few of them.
const MOST_REPLY_BYTES: usize = 4 << 20;

/// Longer than the gateway's own deadline, so that its answer is the one that is heard.
const PATIENCE: Duration = Duration::from_mins(11);

/// Characters of what somebody said that are kept as a reason.
const MOST_SAID: usize = 200;

/// How to reach the gateway.
#[derive(Clone)]
pub struct TeacherAccess {
    base_url: String,
    key: String,
}

impl TeacherAccess {
    /// `base_url` is plain HTTP, with or without `/v1`: the gateway is on this machine or in this
    /// network. The key is a virtual key of the gateway.
    pub fn new(base_url: impl Into<String>, key: impl Into<String>) -> Self {
        Self { base_url: base_url.into(), key: key.into() }
    }
}

/// The key is never shown.
impl fmt::Debug for TeacherAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TeacherAccess").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The teacher spoke.
    Said(String),
    /// This input is not answered, and would not be the next time.
    Rejected(String),
    /// The gateway or all of its targets fail at the moment.
    Failing(String),
    /// The gateway wants no more of us: key, licence to spend.
    Refused(String),
}

/// A reply with its price.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) reply: Reply,
    /// What the gateway says it cost; `None` where it does not say.
    pub(crate) cost: Option<NanoUsd>,
    /// Whether that rests on a price that the gateway had to assume.
    pub(crate) is_assumed: bool,
}

impl Answered {
    fn failing(why: String) -> Self {
        Self { reply: Reply::Failing(why), cost: None, is_assumed: false }
    }
}

/// A teacher with its instruction.
#[derive(Debug)]
pub(crate) struct Teacher {
    client: Client<HttpConnector, Full<Bytes>>,
    url: Uri,
    authorization: HeaderValue,
    route: String,
    system_prompt: String,
}

impl Teacher {
    pub(crate) fn new(
        access: &TeacherAccess,
        route: &str,
        system_prompt: String,
    ) -> Result<Self, DistillError> {
        let base = access.base_url.trim_end_matches('/').trim_end_matches("/v1");
        let url: Uri = format!("{base}/v1/chat/completions").parse().map_err(|_| {
            DistillError::Data(format!("`{}` is not the address of a gateway", access.base_url))
        })?;
        if url.scheme_str() != Some("http") {
            let message = format!("the gateway's address must start with http://, not be `{base}`");
            return Err(DistillError::Data(message));
        }
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", access.key))
            .map_err(|_| DistillError::Data("the key holds a character that no key has".into()))?;
        authorization.set_sensitive(true);
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(Self { client, url, authorization, route: route.to_owned(), system_prompt })
    }

    /// What makes two questions the same: route, instruction and input.
    pub(crate) fn fingerprint(&self, text: &str) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in [&self.route, &self.system_prompt, text] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Asks once.
    pub(crate) async fn ask(&self, text: &str) -> Answered {
        match tokio::time::timeout(PATIENCE, self.exchange(text)).await {
            Ok(Ok((status, headers, body))) => Answered {
                reply: read(status, &body),
                cost: cost(&headers),
                is_assumed: headers.contains_key("x-outlast-cost-assumed"),
            },
            Ok(Err(why)) => Answered::failing(why),
            Err(_) => Answered::failing("no answer in time".to_owned()),
        }
    }

    async fn exchange(&self, text: &str) -> Result<(StatusCode, HeaderMap, Bytes), String> {
        let body = Question {
            model: &self.route,
            messages: [
                Message { role: "system", content: &self.system_prompt },
                Message { role: "user", content: text },
            ],
        };
        let body = serde_json::to_vec(&body).expect("a question is plain data");
        let request = Request::post(self.url.clone())
            .header(header::AUTHORIZATION, self.authorization.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(body))
            .expect("a request of checked parts");
        let response = self.client.request(request).await;
        let response = response.map_err(|error| {
            if error.is_connect() {
                "the gateway cannot be reached".to_owned()
            } else {
                "the connection to the gateway broke".to_owned()
            }
        })?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MOST_REPLY_BYTES).collect().await;
        let body = body.map_err(|_| "the gateway's reply broke off or is too long".to_owned())?;
        Ok((parts.status, parts.headers, body.to_bytes()))
    }
}

#[derive(Serialize)]
struct Question<'a> {
    model: &'a str,
    messages: [Message<'a>; 2],
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Spoken,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Spoken {
    content: Option<String>,
}

#[derive(Deserialize)]
struct Failure {
    error: FailureSaid,
}

#[derive(Deserialize)]
struct FailureSaid {
    message: Option<String>,
    code: Option<String>,
}

fn read(status: StatusCode, body: &[u8]) -> Reply {
    if status.is_success() {
        return read_completion(body);
    }
    let said = serde_json::from_slice::<Failure>(body).ok().map(|failure| failure.error);
    let (code, message) =
        said.map_or((None, None), |said| (said.code.filter(|code| !code.is_empty()), said.message));
    let why = [code, message].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let why = shortened(if why.is_empty() { status.as_str() } else { &why });
    match status.as_u16() {
        // A recorded teacher has no answer to this input, under whatever status that arrives.
        _ if why.contains("not_recorded") => Reply::Rejected(why),
        // Nobody answers under this name: asking about the next row would not help.
        404 if why.starts_with("model_not_found") => Reply::Refused(why),
        400 | 404 | 409 | 413 | 422 => Reply::Rejected(why),
        401..=403 => Reply::Refused(why),
        _ => Reply::Failing(why),
    }
}

fn read_completion(body: &[u8]) -> Reply {
    let Ok(completion) = serde_json::from_slice::<Completion>(body) else {
        return Reply::Failing("the reply is not a chat completion".to_owned());
    };
    match completion.choices.into_iter().next() {
        Some(choice) if choice.finish_reason.as_deref() == Some("length") => {
            Reply::Rejected("the answer was cut at the token limit".to_owned())
        }
        Some(Choice { message: Spoken { content: Some(content) }, .. }) => Reply::Said(content),
        _ => Reply::Rejected("the answer holds no text".to_owned()),
    }
}

/// The first characters of a text that somebody else wrote.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(MOST_SAID).collect()
}

/// `x-outlast-cost`: dollars with nine decimals.
fn cost(headers: &HeaderMap) -> Option<NanoUsd> {
    let text = headers.get("x-outlast-cost")?.to_str().ok()?;
    let (dollars, nanos) = text.split_once('.')?;
    let nine_digits = nanos.len() == 9 && nanos.bytes().all(|byte| byte.is_ascii_digit());
    let (dollars, nanos): (i64, i64) = (dollars.parse().ok()?, nanos.parse().ok()?);
    (nine_digits && dollars >= 0)
        .then(|| NanoUsd(dollars.saturating_mul(1_000_000_000).saturating_add(nanos)))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use terms::money::NanoUsd;

    use super::{Reply, Teacher, TeacherAccess, cost, read};

    fn check(status: u16, body: &str, expect: Reply) {
        assert_eq!(read(StatusCode::from_u16(status).unwrap(), body.as_bytes()), expect, "{body}");
    }

    #[test]
    fn replies_are_sorted_by_what_to_do_next() {
        let choice = |rest: &str| format!(r#"{{"choices":[{{"message":{rest}}}]}}"#);
        check(200, &choice(r#"{"content":"refund"}"#), Reply::Said("refund".into()));
        check(
            200,
            &choice(r#"{"content":null}"#),
            Reply::Rejected("the answer holds no text".into()),
        );
        let cut = r#"{"choices":[{"message":{"content":"re"},"finish_reason":"length"}]}"#;
        check(200, cut, Reply::Rejected("the answer was cut at the token limit".into()));
        check(200, "<html>", Reply::Failing("the reply is not a chat completion".into()));
        let error = |code: &str| format!(r#"{{"error":{{"message":"no","code":"{code}"}}}}"#);
        check(404, &error("not_found"), Reply::Rejected("not_found: no".into()));
        check(404, &error("model_not_found"), Reply::Refused("model_not_found: no".into()));
        check(502, &error("not_recorded"), Reply::Rejected("not_recorded: no".into()));
        check(402, &error("insufficient_quota"), Reply::Refused("insufficient_quota: no".into()));
        check(503, "", Reply::Failing("503".into()));
    }

    #[test]
    fn the_cost_is_read_to_the_nano_dollar() {
        let read = |text: &str| {
            cost(&HeaderMap::from_iter([(
                "x-outlast-cost".parse().unwrap(),
                text.parse().unwrap(),
            )]))
        };
        assert_eq!(read("1.000000042"), Some(NanoUsd(1_000_000_042)));
        for odd in ["0.1", "free", "-1.000000000", "1.00000000x", ""] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }

    #[test]
    fn the_key_is_not_shown_and_only_plain_http_is_spoken() {
        let access = TeacherAccess::new("https://example.com", "ok_secret");
        assert!(!format!("{access:?}").contains("secret"));
        assert!(Teacher::new(&access, "gpt-4", String::new()).is_err());
        let teacher = Teacher::new(&TeacherAccess::new("http://[::1]:1/v1/", "k"), "r", "s".into());
        assert_eq!(teacher.unwrap().url, "http://[::1]:1/v1/chat/completions");
    }
}
