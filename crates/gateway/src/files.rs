//! Files at providers: put there, asked for and taken away through the gateway, and named in requests. The
//! id that a caller gets says which provider holds the file and is sealed for its principal, so that
//! nobody reaches another's file and nothing has to be kept here.

use std::sync::Arc;

use access::Caller;
use bytes::Bytes;
use decide::spray::Spray;
use http::{HeaderMap, HeaderName, Method, Response, StatusCode, Uri, header, request::Parts};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use terms::{
    dialect::Dialect,
    ids::{ProviderName, RequestId},
};
use tokio::time::{Instant, timeout_at};
use wire::{ErrorKind, ErrorReply, mark_file_id, unmark_file_ids};

use crate::{
    body::ReplyBody,
    errors,
    gateway::Gateway,
    headers,
    intake::{identify, read_body},
    outgoing::{self, Asked},
    provider::Provider,
    room::Room,
    table::Route,
};

/// What a seal is for.
const SEAL: &str = "file";

/// Stands between the parts of an id; no vendor's id has it.
const BETWEEN: char = '~';

/// Names the provider that a file is put to, where it should not be the first.
const PROVIDER: HeaderName = HeaderName::from_static("x-outlast-provider");

/// What is asked for below `/v1/files`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileCall<'a> {
    /// `POST /v1/files`.
    All,
    /// `GET` or `DELETE /v1/files/{id}`, or `GET /v1/files/{id}/content`.
    One { id: &'a str, content: bool },
}

impl<'a> FileCall<'a> {
    /// The call at this path.
    pub(crate) fn at(path: &'a str) -> Option<Self> {
        let rest = path.strip_prefix("/v1/files")?;
        let Some(rest) = rest.strip_prefix('/') else {
            return rest.is_empty().then_some(Self::All);
        };
        let (id, content) = rest.strip_suffix("/content").map_or((rest, false), |id| (id, true));
        (!id.is_empty() && !id.contains('/')).then_some(Self::One { id, content })
    }
}

/// A file at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    provider: ProviderName,
    id: String,
}

/// Answers a call about files.
pub(crate) async fn answer<B>(
    gateway: &Arc<Gateway>,
    call: FileCall<'_>,
    parts: &Parts,
    body: B,
) -> Response<ReplyBody>
where
    B: Body<Data = Bytes> + Unpin,
{
    let id = gateway.new_request_id();
    let dialect = dialect(&parts.headers);
    match asked(gateway, dialect, id, call, parts, body).await {
        Ok(response) => response,
        Err(error) => errors::response(dialect, &error, id),
    }
}

/// Both vendors' APIs stand at the same path; Anthropic's clients name their version.
fn dialect(headers: &HeaderMap) -> Dialect {
    if headers.contains_key("anthropic-version") {
        Dialect::AnthropicMessages
    } else {
        Dialect::OpenaiChat
    }
}

async fn asked<B>(
    gateway: &Arc<Gateway>,
    dialect: Dialect,
    id: RequestId,
    call: FileCall<'_>,
    parts: &Parts,
    body: B,
) -> Result<Response<ReplyBody>, ErrorReply>
where
    B: Body<Data = Bytes> + Unpin,
{
    let caller = identify(gateway, &parts.headers)?;
    // Only an answer about the file holds its id; its content and errors are the provider's words.
    let is_about_it = !matches!(call, FileCall::One { content: true, .. });
    let (provider, below) = match call {
        FileCall::All if parts.method == Method::POST => {
            (holder(gateway, dialect, &parts.headers)?, String::new())
        }
        FileCall::All => return Err(no_list()),
        FileCall::One { content, .. }
            if parts.method == Method::POST || (content && parts.method != Method::GET) =>
        {
            return Err(errors::reply(
                ErrorKind::MethodNotAllowed,
                "method_not_allowed",
                "a file is asked for with GET and taken away with DELETE; its content takes GET",
            ));
        }
        FileCall::One { id, content } => {
            let held = opened(gateway, &caller, id)?;
            let content = if content { "/content" } else { "" };
            (named(gateway, &held.provider)?, format!("/{}{content}", held.id))
        }
    };
    let mut room = Room::new(&gateway.bodies, gateway.intake.all_bodies_bytes);
    let body = read_body(&parts.headers, body, &gateway.intake, &mut room).await?;
    let Some((endpoint, call, credential)) = provider.beside(dialect) else {
        return Err(no_files(&provider.name));
    };
    let uri = place(call, &below).ok_or_else(|| no_files(&provider.name))?;
    let asked = Asked { dialect, headers: parts.headers.clone(), query: None };
    let mut request = outgoing::passed(uri, endpoint, &asked, body.clone());
    *request.method_mut() = parts.method.clone();
    let until = Instant::now() + provider.limits.whole_answer;
    if let Some(credential) = credential {
        let shown = credential.show(&mut request, &body, endpoint.dialect, gateway, until).await;
        shown.map_err(|_| unreachable(&provider.name))?;
    }
    let sent = gateway.upstream.send(request, provider.limits.connect);
    let response = match timeout_at(until, sent).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => return Err(unreachable(&provider.name)),
        Err(_) => return Err(silent(&provider.name)),
    };
    let (head, body) = response.into_parts();
    let limited = Limited::new(body, gateway.intake.answer_bytes);
    let body = match timeout_at(until, limited.collect()).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(_)) => return Err(unreachable(&provider.name)),
        Err(_) => return Err(silent(&provider.name)),
    };
    if matches!(head.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return Err(credential_refused(&provider.name));
    }
    let mark = |own: &str| sealed(gateway, &caller, &provider.name, own);
    let marked = (head.status.is_success() && is_about_it).then(|| mark_file_id(&body, mark));
    let mut response = Response::new(ReplyBody::whole(marked.flatten().unwrap_or(body)));
    *response.status_mut() = head.status;
    for name in [header::CONTENT_TYPE, header::RETRY_AFTER] {
        if let Some(value) = head.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    headers::name_request(response.headers_mut(), id);
    Ok(response)
}

/// The provider that a new file is put to.
fn holder(
    gateway: &Gateway,
    dialect: Dialect,
    headers: &HeaderMap,
) -> Result<Arc<Provider>, ErrorReply> {
    if let Some(name) = headers.get(PROVIDER) {
        let name = ProviderName::from(name.to_str().unwrap_or_default());
        return named(gateway, &name);
    }
    let table = gateway.table();
    let speaks = |provider: &&Arc<Provider>| {
        provider.beside(dialect).is_some_and(|(endpoint, ..)| endpoint.dialect == dialect)
    };
    table.providers().iter().find(speaks).cloned().ok_or_else(|| {
        errors::reply(
            ErrorKind::NotFound,
            "not_offered",
            "no provider here takes files of this API",
        )
    })
}

fn named(gateway: &Gateway, name: &ProviderName) -> Result<Arc<Provider>, ErrorReply> {
    let table = gateway.table();
    let found = table.providers().iter().find(|provider| provider.name == *name).cloned();
    found.ok_or_else(|| {
        let message = format!("there is no provider `{name}` here (any more)");
        errors::reply(ErrorKind::NotFound, "provider_not_found", message)
    })
}

/// Where a provider keeps files, beside its calls.
fn place(call: &Uri, below: &str) -> Option<Uri> {
    let path = call.path();
    let base = ["/chat/completions", "/responses", "/messages"]
        .iter()
        .find_map(|own| path.strip_suffix(own))?;
    let mut parts = call.clone().into_parts();
    parts.path_and_query = Some(format!("{base}/files{below}").parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// The id that a caller gets for a provider's own.
fn sealed(gateway: &Gateway, caller: &Caller, provider: &ProviderName, own: &str) -> String {
    let text = format!("{own}{BETWEEN}{provider}");
    let seal = gateway.keys.seal(SEAL, &caller.principal, &text);
    format!("{text}{BETWEEN}{seal}")
}

/// What a caller's id stands for. Another principal's file is as unknown as none.
fn opened(gateway: &Gateway, caller: &Caller, id: &str) -> Result<Held, ErrorReply> {
    let unknown = || {
        let shown: String = id.chars().filter(|c| !c.is_control()).take(100).collect();
        let message = format!("there is no file `{shown}`; files are known to who put them here");
        errors::reply(ErrorKind::NotFound, "file_not_found", message)
    };
    let (text, seal) = id.rsplit_once(BETWEEN).ok_or_else(unknown)?;
    if gateway.keys.seal(SEAL, &caller.principal, text) != seal {
        return Err(unknown());
    }
    let (own, provider) = text.rsplit_once(BETWEEN).ok_or_else(unknown)?;
    Ok(Held { provider: provider.into(), id: own.to_owned() })
}

/// What goes out, with its files' own ids, and the provider that holds them, where it names any. Every
/// reference must be one that this principal got here: a provider's own id proves nothing.
pub(crate) fn pinned(
    gateway: &Gateway,
    caller: &Caller,
    body: &Bytes,
    holder: &mut Option<ProviderName>,
) -> Result<Bytes, ErrorReply> {
    unmark_file_ids(body, |id| {
        let held = opened(gateway, caller, id)?;
        if *holder.get_or_insert_with(|| held.provider.clone()) != held.provider {
            return Err(errors::reply(
                ErrorKind::BadRequest,
                "files_of_several_providers",
                "the files of one request must be at one provider; put them there with x-outlast-provider",
            ));
        }
        Ok(held.id)
    })
}

/// The part of a route that leads to the provider that holds the files.
pub(crate) fn only_at(route: &Route, provider: &ProviderName) -> Result<Route, ErrorReply> {
    let targets: Vec<_> =
        route.targets.iter().filter(|target| target.provider.name == *provider).cloned().collect();
    if targets.is_empty() {
        return Err(errors::reply(
            ErrorKind::BadRequest,
            "file_elsewhere",
            format!("the file is at {provider}, where `{}` does not lead", route.name),
        ));
    }
    // The files lie in the account of the first key.
    let (spray, first_key_only) = (Spray::Order, true);
    Ok(Route { targets, spray, first_key_only, ..route.clone() })
}

fn no_list() -> ErrorReply {
    errors::reply(
        ErrorKind::NotFound,
        "not_offered",
        "the gateway lists no files, because the providers' lists hold those of all principals; keep the ids that you get",
    )
}

fn no_files(provider: &ProviderName) -> ErrorReply {
    errors::reply(ErrorKind::NotFound, "not_offered", format!("{provider} takes no files"))
}

fn credential_refused(provider: &ProviderName) -> ErrorReply {
    let message =
        format!("the gateway's own credential at {provider} was refused; your key is fine");
    errors::reply(ErrorKind::Upstream, "upstream_credential", message)
}

fn unreachable(provider: &ProviderName) -> ErrorReply {
    let message = format!("{provider} cannot be reached, and nobody else holds its files");
    errors::reply(ErrorKind::Upstream, "upstream_unreachable", message)
}

fn silent(provider: &ProviderName) -> ErrorReply {
    let message = format!("{provider} stayed silent past its limit");
    errors::reply(ErrorKind::Timeout, "upstream_timeout", message)
}

#[cfg(test)]
mod tests {
    use super::{FileCall, place};

    #[test]
    fn paths_are_read_whole_or_not_at_all() {
        let one = |id, content| Some(FileCall::One { id, content });
        for (path, call) in [
            ("/v1/files", Some(FileCall::All)),
            ("/v1/files/a~p~0", one("a~p~0", false)),
            ("/v1/files/a/content", one("a", true)),
            ("/v1/files/", None),
            ("/v1/files/a/b", None),
            ("/v1/filesystem", None),
        ] {
            assert_eq!(FileCall::at(path), call, "{path}");
        }
    }

    #[test]
    fn files_stand_beside_the_calls() {
        let at =
            |call: &str, below| place(&call.parse().unwrap(), below).map(|uri| uri.to_string());
        let expect = Some("https://h/v1/files/file-1/content".to_owned());
        assert_eq!(at("https://h/v1/chat/completions", "/file-1/content"), expect);
        assert_eq!(at("https://h/v1/messages", ""), Some("https://h/v1/files".to_owned()));
        assert_eq!(at("https://h/model/invoke", ""), None);
    }
}
