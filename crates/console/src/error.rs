//! What the console answers when it cannot do what was asked: one enum, turned into an HTTP answer
//! in one place, as a page for browsers and as JSON for programs.

use access::{AccessError, SignInRefusal};
use askama::Template;
use axum::{
    Json,
    response::{Html, IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use store::StoreError;

use crate::breakers::AnswerRefused;

/// A request that was not served.
#[derive(Debug)]
pub(crate) enum ConsoleError {
    ForeignHost,
    ForeignOrigin,
    SignInNeeded,
    WrongSecret,
    TooManyTries {
        retry_after_ms: u64,
    },
    BadInput(String),
    /// What was sent is well formed and cannot run; a sentence for each mistake.
    Unfit(Vec<String>),
    NoSuchKey,
    NoSuchRequest,
    NoSuchRun,
    NoSuchBreaker,
    NoSuchIncident,
    /// An incident stays open, because it could not be kept as closed; why, in words.
    NotClosed(String),
    /// A breaker does not take this answer, in a sentence.
    AnswerRefused(String),
    NotFound,
    WrongMethod,
    TooManyStreams,
    /// Told to the log in full, to the asker only that it happened.
    Internal(String),
}

/// What is said of an error; rides along with the answer until it is known who asked.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    status: u16,
    message: &'a str,
}

#[derive(Serialize)]
struct Body<'a> {
    error: BodyError<'a>,
}

#[derive(Serialize)]
struct BodyError<'a> {
    code: &'a str,
    message: &'a str,
}

impl ConsoleError {
    fn status(&self) -> StatusCode {
        match self {
            Self::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::SignInNeeded | Self::WrongSecret => StatusCode::UNAUTHORIZED,
            Self::TooManyTries { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::BadInput(_) => StatusCode::BAD_REQUEST,
            Self::Unfit(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoSuchKey
            | Self::NoSuchRequest
            | Self::NoSuchRun
            | Self::NoSuchBreaker
            | Self::NoSuchIncident
            | Self::NotFound => StatusCode::NOT_FOUND,
            Self::AnswerRefused(_) => StatusCode::CONFLICT,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooManyStreams => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotClosed(_) | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn said(&self) -> Said {
        let (code, message) = match self {
            Self::ForeignHost => (
                "foreign_host",
                "the console does not answer under this host name; use one of its own, or add \
                 this one to the allowed hosts",
            ),
            Self::ForeignOrigin => (
                "foreign_origin",
                "this change did not come from one of the console's own pages; reload the page, \
                 or send the admin secret as a bearer token",
            ),
            Self::SignInNeeded => (
                "sign_in_needed",
                "sign in, or send the admin secret as `authorization: Bearer <secret>`",
            ),
            Self::WrongSecret => ("wrong_secret", "this is not the admin secret"),
            Self::TooManyTries { retry_after_ms } => {
                return Said { code: "too_many_tries", message: too_many_tries(*retry_after_ms) };
            }
            Self::BadInput(message) => {
                return Said { code: "bad_input", message: message.clone() };
            }
            Self::Unfit(problems) => {
                return Said { code: "cannot_run", message: problems.join("\n") };
            }
            Self::NoSuchRequest => (
                "no_such_request",
                "nothing is known of a request with this id: ids begin with req_; what happened in the last second may not be written yet",
            ),
            Self::NoSuchRun => ("no_such_run", "there is no run with this id"),
            Self::AnswerRefused(message) => {
                return Said { code: "answer_refused", message: message.clone() };
            }
            Self::NoSuchBreaker => {
                ("no_such_breaker", "no session has this breaker; it may have been forgotten since")
            }
            Self::NoSuchIncident => (
                "no_such_incident",
                "no incident of this name is open; it may have been closed since",
            ),
            Self::NotClosed(why) => {
                let message = format!(
                    "the incident stays open, because it could not be kept as closed ({why}); try again"
                );
                return Said { code: "not_closed", message };
            }
            Self::NoSuchKey => ("no_such_key", "there is no working key with this id"),
            Self::NotFound => ("not_found", "there is nothing at this address"),
            Self::WrongMethod => ("wrong_method", "this address does not take this method"),
            Self::TooManyStreams => (
                "too_many_streams",
                "too many pages are being kept live; close one, or reload this one to update it",
            ),
            Self::Internal(_) => ("internal", "the console failed to do this; the log says more"),
        };
        Said { code, message: message.to_owned() }
    }
}

pub(crate) fn too_many_tries(retry_after_ms: u64) -> String {
    let seconds = retry_after_ms.div_ceil(1_000);
    format!("too many wrong secrets came from your address; try again in {seconds} s")
}

impl IntoResponse for ConsoleError {
    fn into_response(self) -> Response {
        if let Self::Internal(error) | Self::NotClosed(error) = &self {
            tracing::error!(%error, "the console failed");
        }
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self.said());
        if let Self::TooManyTries { retry_after_ms } = self {
            response.headers_mut().insert(header::RETRY_AFTER, seconds(retry_after_ms));
        }
        response
    }
}

impl Said {
    /// The answer's body, as a page where a page was asked for.
    pub(crate) fn fill(&self, response: &mut Response, as_page: bool) {
        let status = response.status().as_u16();
        let (code, message) = (self.code, self.message.as_str());
        let filled = match (ErrorPage { status, message }).render() {
            Ok(page) if as_page => Html(page).into_response(),
            _ => Json(Body { error: BodyError { code, message } }).into_response(),
        };
        let (parts, body) = filled.into_parts();
        response.headers_mut().extend(parts.headers);
        *response.body_mut() = body;
    }
}

/// The value of a `Retry-After` header: whole seconds, rounded up.
pub(crate) fn seconds(ms: u64) -> HeaderValue {
    HeaderValue::from(ms.div_ceil(1_000))
}

impl From<SignInRefusal> for ConsoleError {
    fn from(refusal: SignInRefusal) -> Self {
        match refusal {
            SignInRefusal::Wrong => Self::WrongSecret,
            SignInRefusal::TooMany { retry_after_ms } => Self::TooManyTries { retry_after_ms },
            SignInRefusal::Failed(error) => error.into(),
        }
    }
}

impl From<AccessError> for ConsoleError {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::BadName { .. } => Self::BadInput(error.to_string()),
            _ => Self::Internal(error.to_string()),
        }
    }
}

impl From<AnswerRefused> for ConsoleError {
    fn from(refused: AnswerRefused) -> Self {
        match refused {
            AnswerRefused::Unknown => Self::NoSuchBreaker,
            AnswerRefused::Refused(message) => Self::AnswerRefused(message),
            AnswerRefused::Failed(error) => Self::Internal(error),
        }
    }
}

impl From<StoreError> for ConsoleError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<askama::Error> for ConsoleError {
    fn from(error: askama::Error) -> Self {
        Self::Internal(error.to_string())
    }
}
