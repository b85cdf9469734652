//! The table of the suite. A case that is added here is run in every dialect and form, and shown in
//! `docs/chaos.md`.

use std::time::{Duration, SystemTime};

use simulator::Fault;
use terms::dialect::Dialect;

use super::case::{
    Case, Form, Group, Misbehaves,
    Misbehaves::{By, NoSuchName, NoTls, Refuses, SelfSigned, SilentTls},
    Outcome, both, broken, first, second, told,
};
use crate::harness::{FOX, MESSAGES, RESPONSES};

/// Its fourth word has a character of two bytes.
const UMLAUT: &str = "Der schnelle braune Füchsin-Mäntel näht Öl.";

/// Milliseconds that nobody waits.
pub(super) const FOR_EVER: u64 = 3_600_000;

/// Another answer, and how the usual one is gone on with after its third word.
pub(super) const OTHER: &str = "A slow red hen sleeps.";
pub(super) const REST: &str = "fox jumps over the lazy dog.";

fn status(status: u16) -> Misbehaves {
    By(Fault::status(status))
}

fn said(status: u16, code: &str, message: &str) -> Misbehaves {
    let (code, message) = (Some(code.to_owned()), Some(message.to_owned()));
    By(Fault::Status { status, code, message, headers: Vec::new(), times: None })
}

fn asking(status: u16, headers: &[(&str, &str)], times: Option<u32>) -> Misbehaves {
    let headers = owned(headers);
    By(Fault::Status { status, code: None, message: None, headers, times })
}

fn once(status: u16, headers: &[(&str, &str)]) -> Misbehaves {
    asking(status, headers, Some(1))
}

fn always(status: u16, headers: &[(&str, &str)]) -> Misbehaves {
    asking(status, headers, None)
}

fn owned(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The end of an hour that began now, as HTTP writes it.
fn in_an_hour() -> String {
    httpdate::fmt_http_date(SystemTime::now() + Duration::from_hours(1))
}

/// Whether the dialect's last event is no more than a terminator.
fn ends_twice(dialect: Dialect) -> bool {
    dialect != RESPONSES
}

pub(super) fn all() -> Vec<Case> {
    [statuses(), headers(), streams(), connections(), everybody()].into_iter().flatten().collect()
}

fn statuses() -> Vec<Case> {
    let case = |name, how, outcome| Case::new(Group::Status, name, how, outcome);
    vec![
        case("400", || status(400), |_, _| told(400, (1, 0))),
        case(
            "400, the input is too long",
            || said(400, "context_length_exceeded", "too long"),
            |_, _| told(400, (1, 0)),
        ),
        case(
            "400, the content is refused",
            || said(400, "content_policy_violation", "no"),
            |_, _| told(400, (1, 0)),
        ),
        case("401", || status(401), |_, _| second(1, "credential_dead")),
        case("402", || status(402), |_, _| second(1, "credential_dead")),
        case("403", || status(403), |_, _| second(1, "credential_dead")),
        case(
            "404, the model is gone",
            || said(404, "model_not_found", "The model `m` does not exist"),
            |_, _| second(1, "model_gone"),
        ),
        case(
            "404, an unknown path",
            || said(404, "unknown_url", "Invalid URL"),
            |_, _| second(2, "transient"),
        ),
        case("408", || status(408), |_, _| second(2, "transient")),
        case("409", || status(409), |_, _| second(2, "transient")),
        case("410", || status(410), |_, _| second(1, "model_gone")),
        case("413", || status(413), |_, _| told(413, (1, 0))),
        case("418, as any other 4xx", || status(418), |_, _| told(418, (1, 0))),
        case("422", || status(422), |_, _| told(422, (1, 0))),
        case("429 without a wait", || status(429), |_, _| second(1, "rate_limited")),
        case(
            "429, no funds",
            || said(429, "insufficient_quota", "no"),
            |_, _| second(1, "credential_dead"),
        ),
        case(
            "429 once, `retry-after-ms: 30`",
            || once(429, &[("retry-after-ms", "30")]),
            |_, _| first(2),
        ),
        case(
            "429 once, `retry-after: 0.03`",
            || once(429, &[("retry-after", "0.03")]),
            |_, _| first(2),
        ),
        case(
            "429 once, `x-ratelimit-reset-requests: 30ms`",
            || once(429, &[("x-ratelimit-reset-requests", "30ms")]),
            |_, _| first(2),
        ),
        case(
            "429 once, no tokens left, `x-ratelimit-reset-tokens: 0.03s`",
            || {
                once(
                    429,
                    &[
                        ("x-ratelimit-remaining-tokens", "0"),
                        ("x-ratelimit-reset-tokens", "0.03s"),
                        ("x-ratelimit-reset-requests", "1h"),
                    ],
                )
            },
            |_, _| first(2),
        ),
        case(
            "429, `retry-after: 60`",
            || always(429, &[("retry-after", "60")]),
            |_, _| second(1, "rate_limited"),
        ),
        case(
            "429, `retry-after` with a date an hour ahead",
            || always(429, &[("retry-after", &in_an_hour())]),
            |_, _| second(1, "rate_limited"),
        ),
        case(
            "429, `retry-after` with a date that has passed",
            || always(429, &[("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")]),
            |_, _| second(1, "rate_limited"),
        ),
        case(
            "429, `anthropic-ratelimit-tokens-reset` a century ahead",
            || {
                always(
                    429,
                    &[
                        ("anthropic-ratelimit-tokens-remaining", "0"),
                        ("anthropic-ratelimit-tokens-reset", "2126-01-01T00:00:00Z"),
                    ],
                )
            },
            |_, _| second(1, "rate_limited"),
        ),
        case(
            "429, `retry-after: 1e300`",
            || always(429, &[("retry-after", "1e300")]),
            |_, _| second(1, "rate_limited"),
        ),
        case(
            "429, `retry-after: soon`",
            || always(429, &[("retry-after", "soon")]),
            |_, _| second(1, "rate_limited"),
        ),
        case(
            "429, `retry-after: -5`",
            || always(429, &[("retry-after", "-5")]),
            |_, _| second(1, "rate_limited"),
        ),
        case("500 once", || once(500, &[]), |_, _| first(2)),
        case("500", || status(500), |_, _| second(2, "transient")),
        case("502", || status(502), |_, _| second(2, "transient")),
        case("503", || status(503), |_, _| second(2, "transient")),
        case(
            "503 once, `retry-after-ms: 30`",
            || once(503, &[("retry-after-ms", "30")]),
            |_, _| first(2),
        ),
        case(
            "503, `retry-after: 60`",
            || always(503, &[("retry-after", "60")]),
            |_, _| second(1, "transient"),
        ),
        case("504", || status(504), |_, _| second(2, "transient")),
        case("529", || status(529), |_, _| second(1, "rate_limited")),
    ]
}

fn headers() -> Vec<Case> {
    let case = |name, how, outcome| Case::new(Group::Headers, name, how, outcome);
    vec![
        case(
            "no headers, for ever",
            || By(Fault::Hang),
            |_, _| second(1, "timed_out").cancelled(1),
        ),
        case("headers within the limit", || By(Fault::SlowHeaders(50)), |_, _| first(1)),
        case(
            "headers after the limit",
            || By(Fault::SlowHeaders(FOR_EVER)),
            |_, _| second(1, "timed_out").cancelled(1),
        ),
        case(
            "headers, then nothing",
            || By(Fault::MidStreamStall { after_chunks: 0 }),
            |_, _| second(1, "timed_out").cancelled(1),
        ),
        case("no `content-type`", || By(Fault::NoContentType), |_, _| first(1)),
        case(
            "`content-type: text/plain`",
            || By(Fault::ContentType("text/plain")),
            |_, _| first(1),
        ),
        case(
            "a stream as `application/json`",
            || By(Fault::ContentType("application/json")),
            |form, _| {
                if form.is_streamed_upstream() {
                    second(1, "malformed").estimated()
                } else {
                    first(1)
                }
            },
        ),
        case("a web page with 200", || By(Fault::Html), |_, _| second(1, "malformed").estimated()),
        case(
            "a JSON document where a stream was asked for",
            || By(Fault::NotStreamed),
            |form, _| {
                if form == Form::Streamed { second(1, "malformed").estimated() } else { first(1) }
            },
        ),
        case(
            "gzip that was not asked for",
            || By(Fault::Gzip),
            |_, _| second(1, "malformed").estimated(),
        ),
        case(
            "`content-length` beyond the body",
            || By(Fault::LongLength),
            |form, _| {
                if form.is_streamed_upstream() {
                    first(1)
                } else {
                    second(1, "malformed").estimated()
                }
            },
        ),
        case(
            "200 with `retry-after: 60`",
            || By(Fault::Headers(owned(&[("retry-after", "60")]))),
            |_, _| first(1),
        ),
        case(
            "200 with `sunset` and `deprecation`",
            || {
                By(Fault::Headers(owned(&[
                    ("sunset", "Sat, 31 Dec 2033 23:59:59 GMT"),
                    ("deprecation", "@1767225600"),
                ])))
            },
            |_, _| first(1),
        ),
    ]
}

fn streams() -> Vec<Case> {
    let case = |name, how, outcome| Case::new(Group::Stream, name, how, outcome);
    vec![
        case(
            "an error as the first event",
            || By(Fault::FirstEventError),
            |form, dialect| {
                if dialect == MESSAGES && form.is_streamed_upstream() {
                    second(1, "rate_limited")
                } else {
                    second(2, "transient")
                }
            },
        ),
        case(
            "cut after tokens",
            || By(Fault::MidStreamCut { after_chunks: 3 }),
            |form, _| match form {
                Form::Streamed => both(),
                _ => second(1, "malformed").estimated(),
            },
        ),
        case(
            "reset after tokens",
            || By(Fault::MidStreamReset { after_chunks: 3 }),
            |form, _| match form {
                Form::Streamed => both(),
                Form::Gathered => second(2, "transient").estimated(),
                Form::Whole => second(1, "malformed").estimated(),
            },
        ),
        case(
            "silence after tokens",
            || By(Fault::MidStreamStall { after_chunks: 3 }),
            |form, _| match form {
                Form::Streamed => both().cancelled(1),
                _ => second(1, "timed_out").cancelled(1),
            },
        ),
        case(
            "an error event after tokens",
            || By(Fault::MidStreamError { after_chunks: 3 }),
            |form, dialect| match form {
                Form::Streamed => both(),
                Form::Gathered if dialect == MESSAGES => second(1, "rate_limited").estimated(),
                Form::Gathered => second(2, "transient").estimated(),
                Form::Whole => second(2, "transient"),
            },
        ),
        case(
            "cut within a tool call",
            || By(Fault::MidStreamCut { after_chunks: 2 }),
            |form, _| match form {
                Form::Streamed => both(),
                _ => second(1, "malformed").estimated(),
            },
        )
        .asking_for_a_tool(),
        case(
            "cut within a UTF-8 character",
            || By(Fault::CutInCharacter { after_chunks: 3 }),
            |form, _| {
                match form {
                    Form::Streamed => both(),
                    _ => second(1, "malformed").estimated(),
                }
                .says(UMLAUT)
            },
        )
        .telling(UMLAUT, UMLAUT),
        case(
            "cut after tokens, and the second tells another answer",
            || By(Fault::MidStreamCut { after_chunks: 3 }),
            |form, _| match form {
                Form::Streamed => Outcome { attempts: (1, 2), ..both() },
                _ => second(1, "malformed").estimated().says(OTHER),
            },
        )
        .telling(FOX, OTHER),
        case(
            "an unreadable record that carried output",
            || By(Fault::UnreadableOutput { after_chunks: 3 }),
            |form, _| match form {
                Form::Streamed => both(),
                // Asked for as a whole the second time.
                Form::Gathered => first(2).estimated(),
                Form::Whole => first(1),
            },
        ),
        case(
            "truncated JSON alone",
            || By(Fault::BadJson),
            |_, _| second(1, "malformed").estimated(),
        ),
        case("an empty stream", || By(Fault::EmptyBody), |_, _| second(1, "malformed").estimated()),
        case(
            "no terminator",
            || By(Fault::NoTerminator),
            |form, dialect| match form {
                _ if ends_twice(dialect) => first(1),
                Form::Streamed => both(),
                Form::Gathered => second(1, "malformed").estimated(),
                Form::Whole => first(1),
            },
        ),
        case(
            "silence after the stop reason",
            || By(Fault::SilentEnd),
            |form, dialect| match form {
                _ if ends_twice(dialect) => first(1),
                Form::Streamed => both().cancelled(1),
                Form::Gathered => second(1, "timed_out").cancelled(1),
                Form::Whole => first(1),
            },
        ),
        case("the terminator twice", || By(Fault::TerminatedTwice), |_, _| first(1)),
        case("no usage", || By(Fault::NoUsage), |_, _| first(1).estimated()),
        case("noise between the records", || By(Fault::Noise), |_, _| first(1)),
        case("CRLF and comments", || By(Fault::Crlf), |_, _| first(1)),
        case("byte by byte", || By(Fault::ByteByByte), |_, _| first(1)),
    ]
}

fn connections() -> Vec<Case> {
    let case = |name, how, outcome| Case::new(Group::Connection, name, how, outcome);
    vec![
        case("refused", || Refuses, |_, _| second(1, "unreachable")),
        case(
            "accepted and closed at once",
            || By(Fault::ClosedAtOnce),
            |_, _| second(2, "transient").estimated(),
        ),
        case(
            "closed without an answer",
            || By(Fault::ClosedUnanswered),
            |_, _| second(2, "transient").estimated(),
        ),
        case(
            "garbage instead of HTTP",
            || By(Fault::Garbage),
            |_, _| second(2, "transient").estimated(),
        ),
        case(
            "closed within the headers",
            || By(Fault::HalfHeaders),
            |_, _| second(2, "transient").estimated(),
        ),
        case("a name that does not exist", || NoSuchName, |_, _| second(1, "unreachable")),
        case("TLS to a port without it", || NoTls, |_, _| second(1, "unreachable")),
        case(
            "a certificate that nobody vouches for",
            || SelfSigned,
            |_, _| second(1, "unreachable"),
        ),
        case("TLS that is never answered", || SilentTls, |_, _| second(1, "unreachable")),
    ]
}

fn everybody() -> Vec<Case> {
    let case = |name, how, outcome| Case::new(Group::Everybody, name, how, outcome);
    vec![
        case("503", || status(503), |_, _| told(502, (2, 2))),
        case(
            "429, `retry-after: 60`",
            || always(429, &[("retry-after", "60")]),
            |_, _| told(429, (1, 1)),
        ),
        case(
            "529",
            || status(529),
            |_, dialect| told(if dialect == MESSAGES { 529 } else { 503 }, (1, 2)),
        ),
        case("401", || status(401), |_, _| told(502, (1, 1))),
        case(
            "404, the model is gone",
            || said(404, "model_not_found", "The model `m` does not exist"),
            |_, _| told(404, (1, 1)),
        ),
        case("no headers, for ever", || By(Fault::Hang), |_, _| told(504, (1, 1)).cancelled(1)),
        case("a web page with 200", || By(Fault::Html), |_, _| told(502, (1, 2)).estimated()),
        case("refused", || Refuses, |_, _| told(502, (1, 2))),
        case(
            "cut after tokens",
            || By(Fault::MidStreamCut { after_chunks: 3 }),
            |form, _| match form {
                Form::Streamed => broken((2, 2)),
                _ => told(502, (1, 2)).estimated(),
            },
        ),
    ]
}
