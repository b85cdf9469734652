//! Signing in and out. The form takes the admin secret; a printed link brings a single-use code
//! instead. Opening the link only shows a button, because link previews open links too.

use askama::Template;
use axum::{
    Form,
    extract::{Query, State, rejection::FormRejection},
    response::{AppendHeaders, Html, IntoResponse, Redirect, Response},
};
use http::{Extensions, HeaderMap, StatusCode, header};
use serde::Deserialize;

use access::SignInRefusal;

use crate::{
    cookie,
    error::{ConsoleError, seconds, too_many_tries},
    guard::source,
    state::App,
};

/// The address of the page.
#[derive(Deserialize)]
pub(crate) struct SignInLink {
    code: Option<String>,
}

/// What the page sends: the secret, or the code that it was opened with.
#[derive(Deserialize)]
pub(crate) struct SignInForm {
    secret: Option<String>,
    code: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    code: Option<&'a str>,
    refusal: Option<&'a str>,
}

pub(crate) async fn show(
    State(app): State<App>,
    Query(link): Query<SignInLink>,
    headers: HeaderMap,
) -> Result<Response, ConsoleError> {
    let cookie = cookie::session(&headers);
    if cookie.is_some_and(|cookie| app.state.admin.session(cookie, app.moment()).is_some()) {
        return Ok(Redirect::to("/").into_response());
    }
    let page = SignInPage { code: link.code.as_deref(), refusal: None };
    Ok(Html(page.render()?).into_response())
}

pub(crate) async fn act(
    State(app): State<App>,
    extensions: Extensions,
    form: Result<Form<SignInForm>, FormRejection>,
) -> Result<Response, ConsoleError> {
    let Form(form) = form.map_err(|error| ConsoleError::BadInput(error.body_text()))?;
    let (admin, source, moment) = (&app.state.admin, source(&extensions), app.moment());
    let signed_in = match (&form.secret, &form.code) {
        (Some(secret), _) => admin.sign_in(source, secret.trim(), moment),
        (None, Some(code)) => admin.sign_in_with_code(source, code, moment),
        (None, None) => {
            let message = "the form has neither a secret nor a code".to_owned();
            return Err(ConsoleError::BadInput(message));
        }
    };
    match signed_in {
        Ok(session) => {
            let cookie = AppendHeaders([(header::SET_COOKIE, cookie::begin(&session))]);
            Ok((cookie, Redirect::to("/")).into_response())
        }
        Err(refusal) => refuse(refusal, form.secret.is_none()),
    }
}

pub(crate) async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Response {
    if let Some(cookie) = cookie::session(&headers) {
        app.state.admin.sign_out(cookie, app.moment());
    }
    let cookie = AppendHeaders([(header::SET_COOKIE, cookie::end())]);
    (cookie, Redirect::to("/sign-in")).into_response()
}

/// The form again, with the reason. A code that was refused is not worth trying again.
fn refuse(refusal: SignInRefusal, was_code: bool) -> Result<Response, ConsoleError> {
    let (status, retry_after_ms, message) = match refusal {
        SignInRefusal::Wrong if was_code => {
            let message = "This link was used already or is too old. Sign in with the secret.";
            (StatusCode::UNAUTHORIZED, None, message.to_owned())
        }
        SignInRefusal::Wrong => {
            let message = "This is not the admin secret. Check it and try again.";
            (StatusCode::UNAUTHORIZED, None, message.to_owned())
        }
        SignInRefusal::TooMany { retry_after_ms } => {
            let message = too_many_tries(retry_after_ms);
            (StatusCode::TOO_MANY_REQUESTS, Some(retry_after_ms), message)
        }
        SignInRefusal::Failed(error) => return Err(error.into()),
    };
    let page = SignInPage { code: None, refusal: Some(&message) };
    let mut response = (status, Html(page.render()?)).into_response();
    if let Some(ms) = retry_after_ms {
        response.headers_mut().insert(header::RETRY_AFTER, seconds(ms));
    }
    Ok(response)
}
