//! Runs the cases of a group: a gateway and two providers for each dialect and form, many at a time.

use std::{sync::Arc, time::Duration};

use decide::upstream_stream::UpstreamStream;
use gateway::{Credential, Endpoint, Provider, Source, Streaming, TimeLimits};
use http::{Method, StatusCode};
use serde_json::json;
use simulator::{Answer, Fault, Vendor, VendorSpec};
use store::{SpendDimension, SpendRow};
use terms::dialect::Dialect;
use tokio::{task::JoinSet, time::timeout};
use wire::GO_ON;

use super::{
    case::{Asks, By, CALLERS, Case, Form, Group, Misbehaves, Outcome, Sees},
    cases::{self, FOR_EVER, OTHER, REST},
    seen,
    tls::{SelfSigned, Silent},
};
use crate::harness::{
    CHAT, House, MESSAGES, RESPONSES, Reply, path, question, response_question, table_streaming,
};

/// What is waited for in vain is waited for this long.
const SHORT: Duration = Duration::from_millis(300);

/// What comes has this long to come, also on a busy machine.
const LONG: Duration = Duration::from_secs(30);

/// Nothing is left because it is slow.
pub(super) const PATIENT: TimeLimits = TimeLimits {
    connect: LONG,
    first_token: LONG,
    first_token_reasoning: LONG,
    idle: LONG,
    idle_reasoning: LONG,
    whole_answer: LONG,
    keep_alive: Duration::from_millis(100),
};

/// Within this, a provider has noticed that it was given up.
const NOTICED: Duration = LONG;

/// Cases under way at a time.
const AT_A_TIME: usize = 8;

const SECRET: &str = "upstream-secret";

/// Runs a group and tells of everything that failed.
pub(super) async fn group(group: Group) {
    let mut left = Vec::new();
    for case in cases::all().into_iter().filter(|case| case.group == group) {
        let case = Arc::new(case);
        for form in Form::ALL {
            left.extend(CALLERS.map(|caller| (Arc::clone(&case), form, caller)));
        }
    }
    let (mut running, mut failed) = (JoinSet::new(), Vec::new());
    loop {
        while running.len() < AT_A_TIME
            && let Some((case, form, caller)) = left.pop()
        {
            running.spawn(async move {
                let name = format!("{}, {caller}, {form:?}", case.name);
                let ran = tokio::spawn(async move { check(&case, form, caller).await }).await;
                (name, ran)
            });
        }
        let Some(ended) = running.join_next().await else { break };
        let (name, ran) = ended.unwrap();
        if let Err(panicked) = ran {
            let said = panicked.into_panic();
            let said = said.downcast::<String>().map_or_else(|_| String::new(), |said| *said);
            failed.push(format!("{name}: {said}"));
        }
    }
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}

/// The dialect of the second provider: never that of the caller.
fn other(caller: Dialect) -> Dialect {
    match caller {
        CHAT => MESSAGES,
        MESSAGES => RESPONSES,
        _ => CHAT,
    }
}

async fn check(case: &Case, form: Form, caller: Dialect) {
    let outcome = (case.outcome)(form, caller);
    let first = Party::start("first", caller, case.tells.0, (case.misbehaves)()).await;
    let second = match case.group {
        Group::Everybody => (case.misbehaves)(),
        _ => Misbehaves::By(Fault::None),
    };
    let second = Party::start("second", other(caller), case.tells.1, second).await;
    let upstream = match form {
        Form::Whole => UpstreamStream::Never,
        Form::Gathered => UpstreamStream::Always,
        Form::Streamed => UpstreamStream::Auto,
    };
    let targets = [(first.provider(), "m"), (second.provider(), "m")];
    let streaming = Streaming { upstream, ..Streaming::default() };
    let house = House::open(table_streaming("r", &targets, streaming)).await;
    let question = asked(case.asks, caller, form == Form::Streamed);
    let reply = house.send(house.request(Method::POST, path(caller), question)).await;

    check_reply(case, form, caller, &outcome, &reply);
    check_party(&first, outcome.attempts.0, outcome.cancelled).await;
    check_party(&second, outcome.attempts.1, 0).await;
    let snapshot = house.ledger().activity().snapshot();
    let (answered, failed) = match outcome.sees {
        Sees::Answer(_) => (1, 0),
        Sees::Told(_) | Sees::Broken => (0, 1),
    };
    assert_eq!((snapshot.answered, snapshot.failed), (answered, failed), "requests in the books");
    let by = match outcome.sees {
        Sees::Answer(by) => Some(by),
        Sees::Told(_) | Sees::Broken => None,
    };
    let rows = house.close(&[SpendDimension::Provider]).await;
    let (of_first, of_second) = outcome.attempts;
    check_books(&rows, "first", of_first, by == Some(By::First), outcome.is_estimated);
    let answers = matches!(by, Some(By::Second | By::Both));
    let everybody = case.group == Group::Everybody && outcome.is_estimated;
    // One that told another answer was paid for that, too, at the counts it stated.
    let retold = case.tells.0 != case.tells.1 && of_second > 1;
    check_books(&rows, "second", of_second, answers, everybody || retold);
}

/// What the caller saw.
fn check_reply(case: &Case, form: Form, caller: Dialect, outcome: &Outcome, reply: &Reply) {
    let stream = form == Form::Streamed;
    let text = String::from_utf8_lossy(&reply.body);
    assert!(!text.contains(SECRET), "{text}");
    match outcome.sees {
        Sees::Answer(by) => {
            match case.asks {
                Asks::Text => {
                    assert_eq!(seen::text(caller, stream, reply), outcome.says, "{text}");
                }
                Asks::Tool => {
                    let expect = json!({ "city": "Rome, the eternal one", "year": 1961 });
                    assert_eq!(seen::arguments(caller, stream, reply), expect, "{text}");
                }
            }
            if stream {
                assert_eq!(seen::ids(caller, reply).len(), 1, "one id: {text}");
            }
            let target = if by == By::Second { "second/m" } else { "first/m" };
            assert_eq!(reply.header("x-outlast-target"), target);
            assert_eq!(reply.header("x-outlast-fallback-reason"), outcome.reason);
            let before = if by == By::Both { 1 } else { outcome.attempts.0 + outcome.attempts.1 };
            assert_eq!(reply.header("x-outlast-attempts"), before.to_string());
            // Who states nothing is estimated in the books alone.
            if !stream && case.asks == Asks::Text && !(by == By::First && outcome.is_estimated) {
                let tokens = outcome.says.len() as u64 / 4;
                assert_eq!(seen::output_tokens(caller, reply), tokens, "the caller's usage");
            }
        }
        Sees::Told(status) => {
            assert_eq!(reply.status, StatusCode::from_u16(status).unwrap(), "{text}");
            seen::assert_error(caller, reply);
            if status == 429 {
                assert_eq!(reply.header("retry-after"), "30", "never longer than that");
            }
        }
        Sees::Broken => seen::assert_broken(caller, reply),
    }
}

/// What a provider saw.
async fn check_party(party: &Party, attempts: u64, cancelled: u64) {
    let Some(vendor) = &party.vendor else { return };
    let requests = if party.misbehaves.is_reached() { attempts } else { 0 };
    timeout(NOTICED, vendor.cancelled(cancelled)).await.expect("the provider is told to stop");
    let stats = vendor.stats();
    assert_eq!(stats.requests, requests, "requests at {}: {stats:?}", party.name);
    if party.misbehaves.is_reached() {
        assert!(vendor.received().iter().all(|received| received.path == path(party.dialect)));
    }
}

/// What the books hold of a provider.
fn check_books(rows: &[SpendRow], name: &str, attempts: u64, answers: bool, estimated: bool) {
    let row = rows.iter().find(|row| row.labels == [name]);
    let booked = row.map_or((0, 0), |row| (row.attempts, row.failed_attempts));
    assert_eq!(booked, (attempts, attempts - u64::from(answers)), "attempts at {name}");
    let cost = row.map_or((false, false), |row| (row.cost.0 > 0, row.estimated_cost.0 > 0));
    assert_eq!(cost, (answers || estimated, estimated), "cost at {name}, and what is estimated");
}

/// What the caller sends.
fn asked(asks: Asks, caller: Dialect, stream: bool) -> String {
    if asks == Asks::Text {
        return match caller {
            RESPONSES => response_question("r", stream),
            _ => question("r", stream),
        };
    }
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let said = "CALLTOOL:look:{\"city\":\"Rome, the eternal one\",\"year\":1961}:END";
    let messages = json!([{ "role": "user", "content": said }]);
    let body = match caller {
        CHAT => json!({
            "model": "r", "stream": stream, "messages": messages,
            "tools": [{ "type": "function", "function": { "name": "look", "parameters": schema } }],
        }),
        MESSAGES => json!({
            "model": "r", "stream": stream, "max_tokens": 64, "messages": messages,
            "tools": [{ "name": "look", "input_schema": schema }],
        }),
        _ => json!({
            "model": "r", "stream": stream, "store": false, "input": messages,
            "tools": [{ "type": "function", "name": "look", "parameters": schema }],
        }),
    };
    body.to_string()
}

impl Misbehaves {
    /// Limits that are short where it keeps silent, and nowhere else.
    fn limits(&self) -> TimeLimits {
        match self {
            Self::SilentTls | Self::NoSuchName => TimeLimits { connect: SHORT, ..PATIENT },
            Self::By(
                Fault::Hang
                | Fault::SlowHeaders(FOR_EVER..)
                | Fault::MidStreamStall { after_chunks: 0 },
            ) => TimeLimits { first_token: SHORT, whole_answer: SHORT, ..PATIENT },
            Self::By(Fault::MidStreamStall { .. }) => {
                TimeLimits { idle: SHORT, whole_answer: SHORT, ..PATIENT }
            }
            Self::By(Fault::SilentEnd) => TimeLimits { idle: SHORT, ..PATIENT },
            _ => PATIENT,
        }
    }
}

/// A provider of a case.
struct Party {
    name: &'static str,
    dialect: Dialect,
    misbehaves: Misbehaves,
    base: String,
    vendor: Option<Vendor>,
    _tls: Option<SelfSigned>,
    _silent: Option<Silent>,
}

impl Party {
    async fn start(
        name: &'static str,
        dialect: Dialect,
        tells: &str,
        misbehaves: Misbehaves,
    ) -> Self {
        let otherwise = Box::new(Answer::Fixed(tells.to_owned()));
        let rest = if tells == OTHER { vec![(GO_ON.to_owned(), REST.to_owned())] } else { vec![] };
        let spec = VendorSpec {
            api_key: Some(SECRET.to_owned()),
            answer: Answer::Known { answers: rest.into_iter().collect(), otherwise },
            ..VendorSpec::new(name, dialect, &["m"])
        };
        let vendor = Vendor::start(spec).await.unwrap();
        let address = vendor.address();
        let (mut tls, mut silent) = (None, None);
        let base = match &misbehaves {
            Misbehaves::By(fault) => {
                vendor.set_fault(fault.clone());
                vendor.base_url()
            }
            Misbehaves::Refuses => {
                vendor.die().await;
                vendor.base_url()
            }
            Misbehaves::NoSuchName => "http://nobody.invalid".to_owned(),
            Misbehaves::NoTls => format!("https://{address}"),
            Misbehaves::SelfSigned => {
                let server = tls.insert(SelfSigned::start().await);
                format!("https://localhost:{}", server.port())
            }
            Misbehaves::SilentTls => {
                let server = silent.insert(Silent::start().await);
                format!("https://{}", server.address())
            }
        };
        let vendor = Some(vendor);
        Self { name, dialect, misbehaves, base, vendor, _tls: tls, _silent: silent }
    }

    fn provider(&self) -> Arc<Provider> {
        let uri = format!("{}{}", self.base, path(self.dialect)).parse().unwrap();
        Arc::new(Provider {
            name: self.name.into(),
            source: Source::Remote {
                endpoints: vec![Endpoint::at(self.dialect, uri)],
                keys: Some(Credential::new(SECRET).unwrap()).into(),
            },
            limits: self.misbehaves.limits(),
        })
    }
}
