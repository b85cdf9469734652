//! Who may pass: everyone, or whoever signed in or carries the admin secret. Pages send a stranger
//! to the sign-in; the API says 401.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use access::AdminSession;
use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::MethodRouter,
};
use http::{Extensions, HeaderMap, header};

use crate::{cookie, error::ConsoleError, state::App};

/// Who may ask for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Everyone: the sign-in itself, its style sheet, health.
    Open,
    /// Whoever signed in; others are sent to the sign-in.
    Page,
    /// Whoever signed in or carries the admin secret; others get 401.
    Api,
}

/// What a request that passed rests on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Seat {
    /// A session of a browser.
    Session(AdminSession),
    /// The admin secret itself.
    Bearer,
}

impl Seat {
    /// Who decides, as it is written down: there is one administrator, who comes two ways.
    pub(crate) fn who(&self) -> &'static str {
        match self {
            Self::Session(_) => "admin (console)",
            Self::Bearer => "admin (API)",
        }
    }
}

/// A route behind its guard.
pub(crate) fn guarded(guard: Guard, route: MethodRouter<App>, app: &App) -> MethodRouter<App> {
    match guard {
        Guard::Open => route,
        Guard::Page => route.layer(middleware::from_fn_with_state(app.clone(), page)),
        Guard::Api => route.layer(middleware::from_fn_with_state(app.clone(), api)),
    }
}

async fn page(state: State<App>, request: Request, next: Next) -> Response {
    match seat(&state, &request) {
        Ok(seat) => pass(seat, request, next).await,
        Err(ConsoleError::SignInNeeded) => Redirect::to("/sign-in").into_response(),
        Err(error) => error.into_response(),
    }
}

async fn api(state: State<App>, request: Request, next: Next) -> Result<Response, ConsoleError> {
    let seat = seat(&state, &request)?;
    Ok(pass(seat, request, next).await)
}

async fn pass(seat: Seat, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(seat);
    next.run(request).await
}

fn seat(app: &App, request: &Request) -> Result<Seat, ConsoleError> {
    let (admin, moment) = (&app.state.admin, app.moment());
    if let Some(secret) = bearer(request.headers()) {
        admin.verify(source(request.extensions()), secret, moment)?;
        return Ok(Seat::Bearer);
    }
    cookie::session(request.headers())
        .and_then(|cookie| admin.session(cookie, moment))
        .map(Seat::Session)
        .ok_or(ConsoleError::SignInNeeded)
}

/// The secret of an `Authorization: Bearer` header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, secret) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

/// Where a request comes from, as far as the listener told.
pub(crate) fn source(extensions: &Extensions) -> IpAddr {
    extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| address.ip())
}
