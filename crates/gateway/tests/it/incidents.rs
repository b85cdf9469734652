//! Targets that are changed without a word: what is noticed of it in live answers and by canaries, what
//! it does to their standing, and how it ends.

use std::sync::Arc;

use decide::{attempt::AttemptLimits, catalog::Catalog, signs::SignLimits};
use gateway::{OnDegraded, Route, Table, Target};
use http::Method;
use serde_json::json;
use simulator::{Answer, Fault, Manner, Vendor, VendorSpec};
use store::SpendDimension;
use terms::{
    dialect::Dialect,
    incident::{Cause, Incident, Sign},
    time::Timestamp,
};

use crate::harness::{CHAT, House, MESSAGES, Reply, path, provider, table, vendor};

/// Limits for a few answers within a moment.
const QUICK: SignLimits =
    SignLimits { history: 30, false_alarm_in: 1_000.0, lasts_ms: 0, quiet_ms: 0 };

const SORRY: &str = "I'm sorry, but I can't help with that.";

/// Two vendors with the same model on one route; live answers of the first are watched.
async fn house(on_degraded: OnDegraded) -> (House, Vendor, Vendor) {
    let (first, second) = (vendor("a", CHAT, &["m"]).await, vendor("b", CHAT, &["m"]).await);
    let catalog = Arc::new(Catalog::built_in().unwrap());
    let providers = vec![provider("a", &first, CHAT), provider("b", &second, CHAT)];
    let target = |index: usize| Target::new(Arc::clone(&providers[index]), "m".into(), &catalog);
    let targets = vec![Arc::new(target(0)), Arc::new(target(1))];
    let limits = AttemptLimits { backoff_ms: 1, ..AttemptLimits::default() };
    let route = Route { on_degraded, ..Route::new("r".into(), targets, limits) };
    let house = House::open(Table::new(catalog, providers, vec![route], limits)).await;
    house.gateway.watch_signs(Some(QUICK));
    (house, first, second)
}

/// What is asked beside a question.
#[derive(Clone, Copy)]
enum Kind {
    Plain,
    Json,
    Tools,
}

async fn ask(house: &House, dialect: Dialect, kind: Kind, stream: bool) -> Reply {
    let mut body = json!({
        "model": "r", "max_tokens": 400, "stream": stream,
        "messages": [{ "role": "user", "content": "hi" }],
    });
    match (kind, dialect) {
        (Kind::Plain, _) => {}
        (Kind::Json, MESSAGES) => {
            body["output_config"] =
                json!({ "format": { "type": "json_schema", "schema": { "type": "object" } } });
        }
        (Kind::Json, _) => body["response_format"] = json!({ "type": "json_object" }),
        (Kind::Tools, MESSAGES) => {
            body["tools"] = json!([{ "name": "add", "input_schema": { "type": "object" } }]);
            body["tool_choice"] = json!({ "type": "any" });
        }
        (Kind::Tools, _) => {
            let function = json!({ "name": "add", "parameters": { "type": "object" } });
            body["tools"] = json!([{ "type": "function", "function": function }]);
            body["tool_choice"] = json!("required");
        }
    }
    let reply = house.send(house.request(Method::POST, path(dialect), body.to_string())).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply
}

/// Answers of a sound target, then of a changed one, until this is noticed.
async fn noticed(
    (house, vendor): (&House, &Vendor),
    (dialect, kind, stream): (Dialect, Kind, bool),
    manner: Manner,
    sign: Sign,
) -> Incident {
    for _ in 0..60 {
        ask(house, dialect, kind, stream).await;
    }
    assert_eq!(house.gateway.incidents(), []);
    vendor.set_manner(manner);
    for _ in 0..120 {
        ask(house, dialect, kind, stream).await;
        let open = house.gateway.incidents();
        if let Some(incident) = open.into_iter().find(|open| open.cause == Cause::Sign(sign)) {
            return incident;
        }
    }
    panic!("nothing was noticed");
}

#[tokio::test]
async fn every_sign_is_noticed_in_both_dialects_whole_and_streamed() {
    let call = |name: &str, arguments: &str| Manner::Call {
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    };
    let cases = [
        (Kind::Plain, Manner::Text(SORRY.to_owned()), Sign::Refusals),
        (Kind::Plain, Manner::Text("so on ".repeat(90)), Sign::Longer),
        (Kind::Plain, Manner::Text("So.".to_owned()), Sign::Shorter),
        (Kind::Json, Manner::Text("```json {} ```".to_owned()), Sign::InvalidJson),
        (Kind::Tools, call("add", r#"{"a": 1"#), Sign::InvalidCalls),
        (Kind::Tools, call("subtract", "{}"), Sign::InvalidCalls),
    ];
    for dialect in [CHAT, MESSAGES] {
        for stream in [false, true] {
            for (kind, manner, sign) in cases.clone() {
                let (house, first, _second) = house(OnDegraded::Tell).await;
                let what = format!("{dialect:?} {stream} {manner:?}");
                let incident =
                    noticed((&house, &first), (dialect, kind, stream), manner, sign).await;
                assert_eq!(incident.target.as_str(), "a/m");
                let numbers = incident.comparison.unwrap();
                let rose = numbers.after.value > numbers.before.high;
                let fell = numbers.after.value < numbers.before.low;
                assert!(if sign == Sign::Shorter { fell } else { rose }, "{what}: {numbers:?}");
                assert!(!incident.examples.is_empty() && numbers.callers == 1);
            }
        }
    }
}

#[tokio::test]
async fn a_stream_that_flows_slower_is_noticed() {
    // A word every two milliseconds: long words flow fast, short ones slowly.
    let spec = VendorSpec {
        api_key: Some("upstream-secret".to_owned()),
        token_interval_ms: 2,
        answer: Answer::Fixed("interchangeable ".repeat(40)),
        ..VendorSpec::new("a", CHAT, &["m"])
    };
    let only = Vendor::start(spec).await.unwrap();
    let house = House::open(table("r", &[(provider("a", &only, CHAT), "m")])).await;
    let limits = SignLimits { history: 10, false_alarm_in: 100.0, ..QUICK };
    house.gateway.watch_signs(Some(limits));
    for _ in 0..15 {
        ask(&house, CHAT, Kind::Plain, true).await;
    }
    only.set_manner(Manner::Text("so ".repeat(200)));
    for _ in 0..40 {
        ask(&house, CHAT, Kind::Plain, true).await;
        if house.gateway.incidents().iter().any(|open| open.cause == Cause::Sign(Sign::Slower)) {
            return;
        }
    }
    panic!("nothing was noticed: {:?}", house.gateway.incidents());
}

#[tokio::test]
async fn a_degraded_target_is_told_of_and_stays_where_it_is() {
    let (house, first, second) = house(OnDegraded::Tell).await;
    let manner = Manner::Text(SORRY.to_owned());
    noticed((&house, &first), (CHAT, Kind::Plain, false), manner, Sign::Refusals).await;
    let (target, _) = house.gateway.table().targets().remove("a/m").unwrap();
    assert!(house.gateway.gate(&target).is_degraded);
    assert_eq!(ask(&house, CHAT, Kind::Plain, false).await.header("x-outlast-target"), "a/m");
    assert_eq!(second.stats().requests, 0);
}

#[tokio::test]
async fn where_the_route_says_so_it_goes_behind_the_sound_ones_and_returns_when_it_is_normal() {
    let (house, first, second) = house(OnDegraded::Shift).await;
    let manner = Manner::Text(SORRY.to_owned());
    let incident =
        noticed((&house, &first), (CHAT, Kind::Plain, false), manner, Sign::Refusals).await;
    let before = second.stats().requests;
    let mut shifted = 0;
    for _ in 0..40 {
        let reply = ask(&house, CHAT, Kind::Plain, false).await;
        if reply.header("x-outlast-target") == "b/m" {
            assert_eq!(reply.header("x-outlast-fallback-reason"), "degraded");
            shifted += 1;
        }
    }
    assert!(shifted >= 30 && second.stats().requests - before == shifted, "{shifted} of 40");
    // The last that answers is never passed by.
    second.set_fault(Fault::status(503));
    let reply = ask(&house, CHAT, Kind::Plain, false).await;
    assert_eq!(reply.header("x-outlast-target"), "a/m");
    // While the other is away everything goes there, and shows that it is well again.
    first.set_manner(Manner::Ordinary);
    for _ in 0..300 {
        ask(&house, CHAT, Kind::Plain, false).await;
        if house.gateway.incidents().is_empty() {
            break;
        }
    }
    let (changes, _) = house.gateway.take_incidents();
    let [opened, closed] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!((opened, &closed.id), (&incident, &incident.id));
    assert_eq!(closed.closed.as_ref().unwrap().by, None);
    let (target, _) = house.gateway.table().targets().remove("a/m").unwrap();
    assert!(!house.gateway.gate(&target).is_degraded);
}

#[tokio::test]
async fn what_a_person_dismisses_is_normal_from_then_on() {
    let (house, first, _second) = house(OnDegraded::Shift).await;
    let manner = Manner::Text(SORRY.to_owned());
    let incident =
        noticed((&house, &first), (CHAT, Kind::Plain, false), manner, Sign::Refusals).await;
    assert_eq!(house.gateway.close_incident(&"inc_of_nobody".into(), "eve"), None);
    assert!(house.gateway.close_incident(&incident.id, "ada").is_some());
    assert_eq!(house.gateway.close_incident(&incident.id, "ada"), None, "it is closed");
    for _ in 0..100 {
        let reply = ask(&house, CHAT, Kind::Plain, false).await;
        assert_eq!(reply.header("x-outlast-target"), "a/m");
    }
    assert_eq!(house.gateway.incidents(), []);
    let (changes, _) = house.gateway.take_incidents();
    assert_eq!(changes.last().unwrap().closed.as_ref().unwrap().by.as_deref(), Some("ada"));
}

#[tokio::test]
async fn what_is_known_survives_a_restart_and_what_lost_its_history_is_closed() {
    let (house, first, _second) = house(OnDegraded::Tell).await;
    let manner = Manner::Text(SORRY.to_owned());
    let incident =
        noticed((&house, &first), (CHAT, Kind::Plain, false), manner, Sign::Refusals).await;
    let (_, history) = house.gateway.take_incidents();
    let text = serde_json::to_string(&history).unwrap();
    for (is_kept, left) in [(true, 1), (false, 0)] {
        let (later, _first, _second) = self::house(OnDegraded::Tell).await;
        let history = is_kept.then(|| serde_json::from_str::<gateway::SignHistory>(&text).unwrap());
        later.gateway.restore_incidents(history, vec![incident.clone()]);
        assert_eq!(later.gateway.incidents().len(), left);
        let (target, _) = later.gateway.table().targets().remove("a/m").unwrap();
        assert_eq!(later.gateway.gate(&target).is_degraded, is_kept);
    }
}

#[tokio::test]
async fn a_canary_is_asked_of_its_target_alone_and_is_in_the_books_under_its_own_name() {
    let (house, first, second) = house(OnDegraded::Tell).await;
    let key = house.lend(gateway::CANARY);
    let (target, _) = house.gateway.table().targets().remove("a/m").unwrap();
    let body = r#"{"model":"a/m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}"#;
    let asked = house.gateway.ask_canary(&key, "greets", &target, body.into()).await;
    let said = asked.said.unwrap();
    assert_eq!(said.text, crate::harness::FOX);
    assert!(said.usage.unwrap().output() > 0 && asked.cost.0 > 0);
    for fault in [Fault::status(503), Fault::MidStreamCut { after_chunks: 2 }, Fault::Hang] {
        first.set_fault(fault);
        let asked = house.gateway.ask_canary(&key, "greets", &target, body.into()).await;
        assert!(asked.said.is_err() && asked.cost.0 == 0, "{asked:?}");
    }
    assert_eq!(second.stats().requests, 0, "nobody stands in for it");
    let rows = house.close(&[SpendDimension::Principal, SpendDimension::Route]).await;
    let names: Vec<_> = rows.iter().map(|row| row.labels.clone()).collect();
    assert_eq!(names, [["canary", "canary:greets"]]);
}

#[tokio::test]
async fn a_canary_counts_when_it_fails_twice_in_a_row() {
    let (house, ..) = house(OnDegraded::Tell).await;
    let request = terms::ids::RequestId::from_parts(1, 1);
    let target = "a/m".into();
    let answered = |unmet| {
        house.gateway.canary_answered(&target, &"greets".into(), request, unmet);
        house.gateway.incidents()
    };
    assert_eq!(answered(Some("no greeting")), []);
    let open = answered(Some("no greeting"));
    assert_eq!((open.len(), open[0].unmet.as_deref()), (1, Some("no greeting")));
    assert_eq!(open[0].cause, Cause::Canary("greets".into()));
    assert_eq!(answered(None).len(), 1);
    assert_eq!(answered(None).len(), 1);
    assert_eq!(answered(None), []);
    answered(Some("no greeting"));
    assert_eq!(answered(Some("no greeting")).len(), 1);
    house.gateway.retain_canaries(|_, _| false);
    assert_eq!(house.gateway.incidents(), []);
    let last = house.gateway.take_incidents().0.pop().unwrap().closed.unwrap();
    assert!(last.at > Timestamp(0) && last.by.as_deref() == Some("the config"));
}
