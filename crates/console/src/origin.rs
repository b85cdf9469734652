//! Who is speaking to whom: only under names that are ours (against DNS rebinding), and a change
//! only from our own pages (against forged requests). Who the person is, is asked in `guard`.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, Method, header};

use crate::{cookie, error::ConsoleError, guard, state::App};

/// The host names under which the console answers, whatever the port.
#[derive(Debug, Clone)]
pub struct AllowedHosts(Arc<[String]>);

impl AllowedHosts {
    /// These names, without ports. An IPv6 address stands in brackets.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(names.into_iter().map(|name| name.into().to_ascii_lowercase()).collect())
    }

    /// The names of this machine for itself.
    pub fn loopback() -> Self {
        Self::new(["localhost", "127.0.0.1", "[::1]"])
    }

    /// Whether this value of a `Host` header names one of them.
    fn allows(&self, authority: &str) -> bool {
        let name = name_of(authority);
        self.0.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
    }
}

/// Refuses foreign hosts, and changes that do not come from our own pages. `/health` tells nothing
/// and is asked by address, so it is let through.
pub(crate) async fn check(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, ConsoleError> {
    if request.uri().path() != "/health" {
        let host = host_of(&request).ok_or(ConsoleError::ForeignHost)?;
        if !app.state.allowed_hosts.allows(host) {
            return Err(ConsoleError::ForeignHost);
        }
        if needs_own_origin(&request) && !is_own_origin(request.headers(), host) {
            return Err(ConsoleError::ForeignOrigin);
        }
    }
    Ok(next.run(request).await)
}

fn host_of(request: &Request) -> Option<&str> {
    match request.headers().get(header::HOST) {
        Some(host) => host.to_str().ok(),
        None => request.uri().authority().map(http::uri::Authority::as_str),
    }
}

/// Browsers add cookies by themselves, and forms need none to sign someone in; a bearer secret is
/// added by nobody but its holder.
fn needs_own_origin(request: &Request) -> bool {
    let changes = ![Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    let headers = request.headers();
    changes && (cookie::session(headers).is_some() || guard::bearer(headers).is_none())
}

/// What browsers say of where a request comes from: each sign that is there must be ours, and one
/// must be there.
fn is_own_origin(headers: &HeaderMap, host: &str) -> bool {
    let site = headers.get("sec-fetch-site").map(|site| site == "same-origin");
    let origin = headers.get(header::ORIGIN).map(|origin| {
        let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        origin.is_some_and(|(_scheme, authority)| authority.eq_ignore_ascii_case(host))
    });
    match (site, origin) {
        (None, None) => false,
        (site, origin) => site.unwrap_or(true) && origin.unwrap_or(true),
    }
}

/// An authority without its port.
fn name_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::AllowedHosts;

    #[test]
    fn a_host_is_allowed_by_its_name_whatever_the_port() {
        let hosts = AllowedHosts::loopback();
        for host in ["localhost", "LocalHost:4000", "127.0.0.1:80", "[::1]:4000", "[::1]"] {
            assert!(hosts.allows(host), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil:80", "[::2]:80"]
        {
            assert!(!hosts.allows(host), "{host}");
        }
    }
}
