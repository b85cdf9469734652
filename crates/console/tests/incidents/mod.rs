//! The Incidents page and its API: what they show, and how a person closes an incident.

use console::{GateState, TargetRow};
use futures_util::StreamExt;
use http::{Method, StatusCode};
use terms::{incident::CanaryOutcome, time::Timestamp};

use crate::house::{
    House, get,
    incidents::{canary_run, incidents},
    post, with_method,
};

#[tokio::test]
async fn the_incidents_page_reads_as_it_should() {
    let house = House::new().await;
    let cookie = house.sign_in().await;
    let page = house.ask(get("/incidents").header("cookie", &cookie)).await;
    assert!(page.body.contains("Every target answers as it did"), "{}", page.body);
    house.store.put_incidents(&incidents(), b"").await.unwrap();
    let failed = CanaryOutcome::Failed("the answer is no JSON".to_owned());
    house.store.put_canary_run(&canary_run(failed), Timestamp(0)).await.unwrap();
    let page = house.ask(get("/incidents").header("cookie", &cookie)).await;
    insta::assert_snapshot!("incidents", page.body);
    let json = house.ask(get("/api/incidents").with_bearer()).await;
    let json: serde_json::Value = serde_json::from_str(&json.body).unwrap();
    assert_eq!(json["incidents"][0]["cause"]["sign"], "refusals");
    assert_eq!(json["canaries"][0]["outcome"]["failed"], "the answer is no JSON");
}

#[tokio::test]
async fn an_incident_is_closed_once_by_form_or_api_and_stays_listed() {
    let house = House::new().await;
    let cookie = house.sign_in().await;
    house.store.put_incidents(&incidents(), b"").await.unwrap();
    let path = "/incidents/inc_00000000000000aa";
    let foreign = house.ask(post(path, "").header("cookie", &cookie)).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN, "another site's form");
    let form = || post(path, "").with_origin().header("cookie", &cookie);
    house.ask(form()).await.must_redirect_to("/incidents");
    assert_eq!(house.ask(form()).await.status, StatusCode::NOT_FOUND);
    let page = house.ask(get("/incidents").header("cookie", &cookie)).await.body;
    assert!(page.contains("Closed by admin (console)"), "{page}");
    let other = "/api/incidents/inc_00000000000000bb";
    let close = || with_method(&Method::DELETE, other).with_bearer();
    assert_eq!(house.ask(close()).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.ask(close()).await.code(), "no_such_incident");
    let shown = house.ask(get(other).with_bearer()).await.body;
    assert!(shown.contains("admin (API)"), "{shown}");
}

#[tokio::test]
async fn an_incident_that_cannot_be_kept_as_closed_stays_open_and_the_person_is_told() {
    let house = House::new().await;
    let cookie = house.sign_in().await;
    house.store.put_incidents(&incidents(), b"").await.unwrap();
    house.incidents_fail();
    let form = post("/incidents/inc_00000000000000aa", "").with_origin().header("cookie", &cookie);
    let page = house.ask(form).await;
    assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR);
    let api = with_method(&Method::DELETE, "/api/incidents/inc_00000000000000bb").with_bearer();
    let api = house.ask(api).await;
    assert_eq!(api.code(), "not_closed");
    for told in [page.body, api.body] {
        assert!(told.contains("stays open") && told.contains("the disk is full"), "{told}");
    }
}

#[tokio::test]
async fn an_incident_appears_on_the_open_page_and_a_degraded_target_is_marked() {
    let house = House::new().await;
    let cookie = house.sign_in().await;
    let mut page = house.events_of("/live/incidents", &cookie).await;
    assert!(page.next().await.unwrap().contains("Every target answers as it did"));
    house.store.put_incidents(&incidents(), b"").await.unwrap();
    let is_open = |target: &&mut TargetRow| target.gate == GateState::Open;
    house.live.change(|overview| {
        overview.targets.iter_mut().find(is_open).unwrap().degraded = true;
    });
    let event = page.next().await.unwrap();
    assert!(event.starts_with("event: incidents\n"), "{event}");
    assert!(event.contains("2 targets answer otherwise than before"), "{event}");
    for path in ["/", "/providers"] {
        let page = house.ask(get(path).header("cookie", &cookie)).await.body;
        assert!(page.contains("Degraded") && page.contains("see Incidents"), "{path}: {page}");
    }
}
