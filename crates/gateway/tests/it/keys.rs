//! Several keys of one provider: which is shown, which takes itself out, and that none is told.

use std::{collections::BTreeSet, sync::Arc};

use decide::gate::GateState;
use gateway::{Credential, Endpoint, Keyring, Provider, Source};
use http::{HeaderMap, Method};
use simulator::{Vendor, VendorSpec};

use crate::{
    harness::{CHAT, FAST, FOX, House, Reply, provider, question, table, vendor, whole_text},
    recorder::{Recorder, Told},
};

/// A provider with these keys at an address.
fn with_keys(name: &str, base: &str, keys: &[&str]) -> Arc<Provider> {
    let uri = format!("{base}/v1/chat/completions").parse().unwrap();
    let credentials = keys.iter().map(|key| Credential::new(key).unwrap()).collect();
    Arc::new(Provider {
        name: name.into(),
        source: Source::Remote {
            endpoints: vec![Endpoint::at(CHAT, uri)],
            keys: Keyring::new(credentials),
        },
        limits: FAST,
    })
}

/// A short question of this session.
async fn ask_in(house: &House, session: u32) -> Reply {
    let body = question("r", false);
    let mut request = house.request(Method::POST, "/v1/chat/completions", body);
    let name = format!("session-{session}").parse().unwrap();
    request.headers_mut().insert("x-session-id", name);
    house.send(request).await
}

fn shown(headers: &HeaderMap) -> String {
    let value = headers.get("authorization").unwrap().to_str().unwrap();
    value.strip_prefix("Bearer ").unwrap().to_owned()
}

fn shown_to(vendor: &Vendor) -> Vec<String> {
    vendor.received().iter().map(|received| shown(&received.headers)).collect()
}

#[tokio::test]
async fn a_refused_key_takes_itself_out_and_not_its_provider() {
    let first = vendor("first", CHAT, &["m"]).await;
    let second = vendor("second", CHAT, &["m"]).await;
    let keys = ["dead-key-1", "upstream-secret", "dead-key-2"];
    let targets = [
        (with_keys("first", &first.base_url(), &keys), "m"),
        (provider("second", &second, CHAT), "m"),
    ];
    let house = House::open(table("r", &targets)).await;
    for session in 0..20 {
        let reply = ask_in(&house, session).await;
        assert_eq!(whole_text(CHAT, false, &reply), FOX);
        assert!(!format!("{:?} {}", reply.headers, reply.text()).contains("dead-key"));
    }
    let shown = shown_to(&first);
    let refused = shown.iter().filter(|key| key.starts_with("dead")).count();
    assert!((2..=6).contains(&refused), "each was tried once: {shown:?}");
    assert_eq!((shown.len() - refused, second.stats().requests), (20, 0), "{shown:?}");
    let table = house.gateway.table();
    let (target, _) = &table.targets()["first/m"];
    let view = house.gateway.gate(target);
    assert_eq!((view.state, view.keys), (GateState::Open, (1, 3)));
}

#[tokio::test]
async fn a_list_of_models_is_asked_for_with_a_key_that_works() {
    let first = vendor("first", CHAT, &["m"]).await;
    let house = House::open(table("r", &[(provider("first", &first, CHAT), "m")])).await;
    let list = async |keys: &[&str]| {
        house.gateway.list_models(&with_keys("first", &first.base_url(), keys)).await
    };
    assert!(list(&["dead-key-1", "upstream-secret"]).await.unwrap().contains("m"));
    assert!(list(&["dead-key-1", "dead-key-2"]).await.is_err());
}

#[tokio::test]
async fn a_limited_key_gives_way_to_another_at_once() {
    let limited = Told::json(429, r#"{"error":{"message":"slow down"}}"#);
    let answer = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;
    let recorder = Recorder::start(vec![limited, Told::json(200, answer)]).await;
    let targets = [(with_keys("p", &recorder.base, &["one", "two"]), "m")];
    let house = House::open(table("r", &targets)).await;
    let reply = house.ask(CHAT, "r", false).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let heard = recorder.heard();
    let keys: Vec<_> = heard.iter().map(|heard| shown(&heard.headers)).collect();
    assert_eq!(keys.len(), 2);
    assert_ne!(keys[0], keys[1]);
}

#[tokio::test]
async fn a_session_shows_one_key_and_sessions_share_them() {
    let only = Vendor::start(VendorSpec::new("only", CHAT, &["m"])).await.unwrap();
    let targets = [(with_keys("p", &only.base_url(), &["one", "two", "three"]), "m")];
    let house = House::open(table("r", &targets)).await;
    let mut used = BTreeSet::new();
    for session in 0..24 {
        for _ in 0..2 {
            ask_in(&house, session).await;
        }
        let shown = shown_to(&only);
        let [.., before, last] = shown.as_slice() else { panic!("two were sent") };
        assert_eq!(before, last, "session {session}");
        used.insert(last.clone());
    }
    assert_eq!(used.len(), 3);
}
