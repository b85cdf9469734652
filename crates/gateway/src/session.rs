//! Which session a request belongs to, by what its client sends, and the refusal of one that a
//! person stopped. How long a session ran and what it may use is the ledger's and `decide`'s.

use std::sync::Arc;

use access::Caller;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, header};
use ledger::Stopped;
use terms::breaker::{AgentName, ClientFamily, SessionId, SessionKey};
use wire::{ErrorKind, ErrorReply, Head, human_spoke};

use crate::{errors, gateway::Gateway};

/// Ours, for whoever wants to name sessions without a client's help.
const OUR_SESSION: HeaderName = HeaderName::from_static("x-outlast-session-id");
/// Claude Code sends it since 2.1.86.
const CLAUDE_CODE_SESSION: HeaderName = HeaderName::from_static("x-claude-code-session-id");
/// Codex names itself here, and its session in a header too plain to be believed of anyone else.
const ORIGINATOR: HeaderName = HeaderName::from_static("originator");
const CODEX_SESSION: HeaderName = HeaderName::from_static("session-id");
/// What other agents send (OpenCode and its kin).
const ANY_SESSION: HeaderName = HeaderName::from_static("x-session-id");
/// Claude Code sends it where one of its own agents asks: what reads like a human's words there was
/// written by the agent that started it.
const CLAUDE_CODE_AGENT: HeaderName = HeaderName::from_static("x-claude-code-agent-id");

/// The request enters its session, if its client names one: always under the caller's own
/// principal, so that nobody joins, or stops, another's session.
pub(crate) fn enter(
    gateway: &Gateway,
    caller: &Caller,
    headers: &HeaderMap,
    head: &Head,
    body: &Bytes,
) -> Result<Option<Arc<SessionKey>>, ErrorReply> {
    let Some((client, session)) = named(headers) else { return Ok(None) };
    let key = SessionKey { principal: caller.principal.clone(), client, session };
    let human = !headers.contains_key(CLAUDE_CODE_AGENT) && human_spoke(head, body);
    let agent = AgentName::of(text(headers, &header::USER_AGENT).unwrap_or_default());
    let entered = gateway.ledger.enter_session(key, &agent, human);
    // Codex asks again after 402, and stops, showing the sentence, only on a usage limit.
    let kind = if is_codex(headers) { ErrorKind::UsageLimit } else { ErrorKind::Billing };
    entered.map(Some).map_err(|stopped| errors::reply(kind, "spend_stopped", sentence(&stopped)))
}

/// The first header that holds a session id, and whose it is; one that holds something else is none. The
/// family belongs to the header, so that another header beside it makes no other session.
fn named(headers: &HeaderMap) -> Option<(ClientFamily, SessionId)> {
    let codex = is_codex(headers).then_some((CODEX_SESSION, ClientFamily::Codex));
    [
        Some((OUR_SESSION, ClientFamily::Other)),
        Some((CLAUDE_CODE_SESSION, ClientFamily::ClaudeCode)),
        codex,
        Some((ANY_SESSION, ClientFamily::Other)),
    ]
    .into_iter()
    .flatten()
    .find_map(|(name, family)| Some((family, SessionId::parse(text(headers, &name)?)?)))
}

/// Its own name for the session is a common word, which counts from Codex alone.
fn is_codex(headers: &HeaderMap) -> bool {
    text(headers, &ORIGINATOR).is_some_and(|name| name.starts_with("codex"))
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// What the client shows: below 300 ASCII characters; what ran, for how long and for how much, and
/// who may let it go on, and where.
fn sentence(stopped: &Stopped) -> String {
    let Stopped { id, evidence, by, console } = stopped;
    let used = evidence.used;
    let place =
        if console.is_empty() { String::new() } else { format!("at {console}/breakers or ") };
    format!(
        "Spend stopped: this session ran {} on its own ({} request{}, {}) and was stopped by {by}. \
         The admin may let it go on {place}with `outlast breaker confirm {id}`.",
        span(used.autonomous_ms),
        evidence.requests,
        if evidence.requests == 1 { "" } else { "s" },
        used.cost,
    )
}

/// `42 s`, `12 min`, `10 h 12 min`.
fn span(ms: u64) -> String {
    let (seconds, minutes, hours) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    match ms {
        0..60_000 => format!("{seconds} s"),
        60_000..3_600_000 => format!("{minutes} min"),
        _ => format!("{hours} h {} min", minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use ledger::Stopped;
    use terms::{
        breaker::{Autonomy, BreakerId, ClientFamily, Evidence},
        money::NanoUsd,
    };

    use super::{named, sentence};

    fn check(headers: &[(&'static str, &str)], expect: Option<(ClientFamily, &str)>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let found = named(&map);
        let found = found.as_ref().map(|(client, session)| (*client, session.as_str()));
        assert_eq!(found, expect, "{headers:?}");
    }

    #[test]
    fn ours_goes_before_the_clients_and_what_is_no_id_is_none() {
        let (ours, theirs, any) =
            ("x-outlast-session-id", "x-claude-code-session-id", "x-session-id");
        check(&[], None);
        check(&[(any, "session-1")], Some((ClientFamily::Other, "session-1")));
        check(&[(theirs, "session-1")], Some((ClientFamily::ClaudeCode, "session-1")));
        check(
            &[(theirs, "session-1"), (ours, "session-2")],
            Some((ClientFamily::Other, "session-2")),
        );
        check(&[(ours, "not an id"), (any, "session-1")], Some((ClientFamily::Other, "session-1")));
        check(&[(any, "short")], None);
        let plain = "session-id";
        check(&[(plain, "session-1")], None);
        check(
            &[("originator", "codex_exec"), (plain, "session-1")],
            Some((ClientFamily::Codex, "session-1")),
        );
    }

    #[test]
    fn the_longest_sentence_is_short_and_plain() {
        let used = Autonomy { autonomous_ms: 36_720_000, cost: NanoUsd(143_000_000_000) };
        let stopped = Stopped {
            id: BreakerId::from_random(7),
            evidence: Evidence { used, requests: 612, ..Evidence::default() },
            by: "admin (console)".to_owned(),
            console: "http://console.intranet.example.com:4101".to_owned(),
        };
        let said = sentence(&stopped);
        assert_eq!(
            said,
            "Spend stopped: this session ran 10 h 12 min on its own (612 requests, $143.00) and was \
             stopped by admin (console). The admin may let it go on at \
             http://console.intranet.example.com:4101/breakers or with \
             `outlast breaker confirm br_7000000000`."
        );
        assert!(said.is_ascii() && said.len() < 300, "{}", said.len());
    }
}
