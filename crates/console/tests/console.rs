//! The console through its router: who gets in, what they see, and what nobody may do.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod house;
mod incidents;
mod runs;

use access::SESSION_MS;
use console::{BreakerAnswer, Guard, ModelDecision, ROUTES};
use futures_util::StreamExt;
use house::{Answer, House, SECRET, get, post, with_method};
use http::{Method, StatusCode};
use terms::money::NanoUsd;

#[tokio::test]
async fn health_asks_for_nothing_and_tells_nothing() {
    let house = House::new().await;
    let answer = house.ask(get("/health").header("host", "10.1.2.3:4000")).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "ok\n"));
}

#[tokio::test]
async fn no_address_but_the_open_ones_answers_a_stranger() {
    let house = House::new().await;
    for route in ROUTES {
        let path = route.path.replace("{id}", "ok_aaaaaaaaaaaa").replace("{*file}", "console.css");
        let path = path.replace("{request}", "req_1").replace("{number}", "7");
        let path = path.replace("{run}", "run-1").replace("{execution}", "1");
        let path = path.replace("{side}", "inputs").replace("{name}", "text");
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let request = with_method(&method, &path).with_origin();
            let answer = house.ask(request).await;
            let open = answer.status == StatusCode::OK;
            match route.guard {
                Guard::Open => assert_eq!(open, method == Method::GET, "{method} {path}"),
                Guard::Page => answer.must_redirect_to("/sign-in"),
                Guard::Api => assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}"),
            }
        }
    }
    let open = ROUTES.iter().filter(|route| route.guard == Guard::Open).map(|route| route.path);
    assert_eq!(open.collect::<Vec<_>>(), ["/health", "/static/{*file}", "/sign-in"]);
}

#[tokio::test]
async fn the_secret_opens_a_session_and_sign_out_ends_it() {
    let house = House::new().await;
    let answer = house.ask(post("/sign-in", &format!("secret={SECRET}")).with_origin()).await;
    answer.must_redirect_to("/");
    let cookie = answer.header("set-cookie");
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap().to_owned();

    let page = house.ask(get("/").header("cookie", &cookie)).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("<h1"), "{}", page.body);
    house.ask(get("/sign-in").header("cookie", &cookie)).await.must_redirect_to("/");

    let out = house.ask(post("/sign-out", "").with_origin().header("cookie", &cookie)).await;
    out.must_redirect_to("/sign-in");
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    house.ask(get("/").header("cookie", &cookie)).await.must_redirect_to("/sign-in");
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    let house = House::new().await;
    let cookie = house.sign_in().await;
    house.clock.pass(SESSION_MS - 1);
    assert_eq!(house.ask(get("/").header("cookie", &cookie)).await.status, StatusCode::OK);
    house.clock.pass(1);
    house.ask(get("/").header("cookie", &cookie)).await.must_redirect_to("/sign-in");
}

#[tokio::test]
async fn a_sign_in_link_shows_a_button_and_works_once() {
    let house = House::new().await;
    let made = house.ask(post("/api/sign-in-codes", "").with_bearer()).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let made: serde_json::Value = serde_json::from_str(&made.body).unwrap();
    let (code, path) = (made["code"].as_str().unwrap(), made["path"].as_str().unwrap());

    for _ in 0..2 {
        let page = house.ask(get(path)).await;
        assert!(page.body.contains(code) && !page.body.contains("type=\"password\""));
    }
    let form = format!("code={code}");
    house.ask(post("/sign-in", &form).with_origin()).await.must_redirect_to("/");
    let again = house.ask(post("/sign-in", &form).with_origin()).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED);
    assert!(again.body.contains("used already"), "{}", again.body);
}

#[tokio::test]
async fn a_wrong_secret_is_refused_and_the_sixth_waits() {
    let house = House::new().await;
    for _ in 0..5 {
        let answer = house.ask(post("/sign-in", "secret=wrong").with_origin()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.body.contains("not the admin secret"), "{}", answer.body);
    }
    let right = format!("secret={SECRET}");
    let answer = house.ask(post("/sign-in", &right).with_origin()).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), "60");

    let bearer = house.ask(get("/api/keys").with_bearer()).await;
    assert_eq!(
        (bearer.status, bearer.code()),
        (StatusCode::TOO_MANY_REQUESTS, "too_many_tries".to_owned())
    );
    house.clock.pass(60_000);
    house.ask(post("/sign-in", &right).with_origin()).await.must_redirect_to("/");
}

#[tokio::test]
async fn a_change_must_come_from_our_own_pages() {
    let house = House::new().await;
    let cookie = house.sign_in().await;
    let signs: &[(&[(&str, &str)], bool)] = &[
        (&[], false),
        (&[("origin", "null")], false),
        (&[("origin", "https://evil.example")], false),
        (&[("origin", "http://localhost:9999")], false),
        (&[("sec-fetch-site", "cross-site")], false),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")], false),
        (&[("sec-fetch-site", "same-origin")], true),
        (&[("origin", "http://localhost:4000")], true),
    ];
    for (headers, fine) in signs {
        let mut request = post("/api/keys", KEY_ORDER)
            .header("cookie", &cookie)
            .header("content-type", "application/json");
        for (name, value) in *headers {
            request = request.header(*name, *value);
        }
        let answer = house.ask(request).await;
        let expected = if *fine { StatusCode::CREATED } else { StatusCode::FORBIDDEN };
        assert_eq!(answer.status, expected, "{headers:?} {}", answer.body);
    }
    let bearer_too = post("/sign-out", "").header("cookie", &cookie).with_bearer();
    assert_eq!(house.ask(bearer_too).await.status, StatusCode::FORBIDDEN);
    let without_cookie = post("/sign-in", &format!("secret={SECRET}"));
    assert_eq!(house.ask(without_cookie).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_foreign_host_is_turned_away_even_with_a_session() {
    let house = House::new().await;
    let cookie = house.sign_in().await;
    for host in ["evil.example", "evil.example:4000", "localhost.evil.example"] {
        let answer = house.ask(get("/").header("host", host).header("cookie", &cookie)).await;
        let expected = (StatusCode::MISDIRECTED_REQUEST, "foreign_host".to_owned());
        assert_eq!((answer.status, answer.code()), expected, "{host}");
    }
}

#[tokio::test]
async fn every_answer_bears_the_security_headers() {
    let house = House::new().await;
    let cookie = house.sign_in().await;
    for path in ["/", "/sign-in", "/health", "/nowhere", "/static/console.js", "/api/keys"] {
        let answer = house.ask(get(path).header("cookie", &cookie)).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer.header("content-security-policy"), @"default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'");
        }
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        let stored = answer.header("cache-control");
        assert_eq!(stored, if path.starts_with("/static") { "no-cache" } else { "no-store" });
    }
}

#[tokio::test]
async fn pages_hold_nothing_that_the_policy_forbids() {
    let house = House::new().await;
    let cookie = house.sign_in().await;
    let overview = house.ask(get("/").header("cookie", &cookie)).await.body;
    let breakers = house.ask(get("/breakers").header("cookie", &cookie)).await.body;
    let sign_in = house.ask(get("/sign-in")).await.body;
    let nowhere = house.ask(get("/nowhere").header("accept", "text/html")).await.body;
    for page in [overview, breakers, sign_in, nowhere] {
        for forbidden in
            ["style=", "<style", "onclick", "javascript:", "<script>", "http://", "https://"]
        {
            assert!(!page.contains(forbidden), "{forbidden} in {page}");
        }
        assert!(page.starts_with("<!doctype html>"));
    }
}

#[tokio::test]
async fn an_unchanged_file_is_not_sent_again() {
    let house = House::new().await;
    let first = house.ask(get("/static/console.css")).await;
    let again =
        house.ask(get("/static/console.css").header("if-none-match", first.header("etag"))).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(house.ask(get("/static/../Cargo.toml")).await.status, StatusCode::NOT_FOUND);
}

const KEY_ORDER: &str = r#"{"principal":"ada","team":"platform","name":"laptop"}"#;

#[tokio::test]
async fn a_key_is_made_shown_once_listed_and_disabled() {
    let house = House::new().await;
    let order =
        post("/api/keys", KEY_ORDER).with_bearer().header("content-type", "application/json");
    let made = house.ask(order).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let made: serde_json::Value = serde_json::from_str(&made.body).unwrap();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert_eq!(house.keys.identify(key).unwrap().principal.as_str(), "ada");

    let list = house.ask(get("/api/keys").with_bearer()).await;
    assert!(list.body.contains(id) && !list.body.contains(&key[16..]), "{}", list.body);

    let path = format!("/api/keys/{id}");
    let disable = || with_method(&Method::DELETE, &path).with_bearer();
    assert_eq!(house.ask(disable()).await.status, StatusCode::NO_CONTENT);
    assert!(house.keys.identify(key).is_err());
    let again = house.ask(disable()).await;
    assert_eq!((again.status, again.code()), (StatusCode::NOT_FOUND, "no_such_key".to_owned()));
}

#[tokio::test]
async fn a_bad_order_for_a_key_says_what_is_wrong() {
    let house = House::new().await;
    for (order, hint) in [
        ("{", "JSON"),
        (r#"{"principal":"ada"}"#, "team"),
        (r#"{"principal":"","team":"platform","name":"laptop"}"#, "principal"),
        (r#"{"principal":"ada","team":"platform","name":"x","admin":true}"#, "admin"),
    ] {
        let request =
            post("/api/keys", order).with_bearer().header("content-type", "application/json");
        let answer = house.ask(request).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::BAD_REQUEST, "bad_input".to_owned())
        );
        assert!(answer.body.contains(hint), "{}", answer.body);
    }
}

#[tokio::test]
async fn faults_are_ordered_listed_and_ended() {
    let house = House::new().await;
    let order = |fault: &str| {
        let body = format!(r#"{{"at":"openai","fault":"{fault}","percent":50,"seconds":60}}"#);
        post("/api/chaos", &body).header("content-type", "application/json").with_bearer()
    };
    let refused = house.ask(order("fire")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.body);
    let begun = house.ask(order("unreachable")).await;
    assert!(begun.body.contains(r#""id":7,"at":"openai""#), "{}", begun.body);
    let listed = house.ask(get("/api/chaos").with_bearer()).await;
    assert_eq!(listed.body, format!("[{}]", begun.body));
    let ended = house.ask(with_method(&Method::DELETE, "/api/chaos/7").with_bearer()).await;
    assert_eq!(ended.body, r#"{"ended":1}"#);
}

#[tokio::test]
async fn a_request_is_explained_by_its_trace_or_by_the_books() {
    let house = House::new().await;
    let id = house.spend().await;
    let unknown =
        house.ask(get("/api/requests/req_00000000000070008000000000000001").with_bearer()).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND, "{}", unknown.body);
    let odd = house.ask(get("/api/requests/nothing").with_bearer()).await;
    assert_eq!(odd.status, StatusCode::NOT_FOUND);
    let page = house.ask(get(&format!("/requests/{id}")).with_bearer()).await;
    assert!(page.body.contains("Answered by"), "{}", page.body);
    assert!(page.body.contains("attempt 1 goes to"), "{}", page.body);
    let list = house.ask(get("/requests").with_bearer()).await;
    assert!(list.body.contains("None so far"), "{}", list.body);
    let found = house.ask(get(&format!("/requests?id={id}")).with_bearer()).await;
    found.must_redirect_to(&format!("/requests/{id}"));
}

#[tokio::test]
async fn usage_is_summed_by_what_the_address_names() {
    let house = House::new().await;
    house.spend().await;
    let answer = house.ask(get("/api/usage?by=principal,day&since=2026-11-20").with_bearer()).await;
    insta::assert_snapshot!(answer.body, @r#"{"by":["principal","day"],"rows":[{"labels":{"day":"2026-11-20","principal":"ada"},"requests":1,"attempts":1,"failed_attempts":0,"usage":{"uncached_in":1200,"cache_read":0,"cache_write_5m":0,"cache_write_1h":0,"visible_out":80,"reasoning_out":0},"cost_nano_usd":8000000,"estimated_cost_nano_usd":0,"assumed_cost_nano_usd":0,"avoided_cost_nano_usd":0}]}"#);
    let none = house.ask(get("/api/usage?by=model&until=2026-11-20").with_bearer()).await;
    assert_eq!(none.body, r#"{"by":["model"],"rows":[]}"#);

    for path in
        ["/api/usage?by=prinzipal", "/api/usage?since=yesterday", "/api/usage?from=2026-11-20"]
    {
        let answer = house.ask(get(path).with_bearer()).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::BAD_REQUEST, "bad_input".to_owned())
        );
    }
}

#[tokio::test]
async fn the_overview_reads_as_it_should() {
    let house = House::new().await;
    let cookie = house.sign_in().await;
    let page = house.ask(get("/").header("cookie", &cookie)).await;
    insta::assert_snapshot!("overview", page.body);
    let json = house.ask(get("/overview.json").with_bearer()).await;
    let json: serde_json::Value = serde_json::from_str(&json.body).unwrap();
    assert_eq!(json["requests"]["rescued"], 12);
    assert_eq!(json["targets"][0]["gate"], "shut");
}

#[tokio::test]
async fn names_from_callers_are_text_and_nothing_else() {
    let house = House::new().await;
    house.live.change(|overview| overview.failovers[0].route = "<img src=x>\r\nevent: x".into());
    let cookie = house.sign_in().await;
    let page = house.ask(get("/").header("cookie", &cookie)).await;
    assert!(!page.body.contains("<img src=x>"));

    let mut events = house.events(&cookie).await;
    let event = events.next().await.unwrap();
    assert!(!event.contains("\nevent: x") && !event.contains('\r'), "{event}");
}

#[tokio::test]
async fn a_change_reaches_the_page_as_the_sections_that_changed() {
    let house = House::new().await;
    tokio::time::pause();
    let cookie = house.sign_in().await;
    let mut events = house.events(&cookie).await;
    let first = events.next().await.unwrap();
    assert!(first.starts_with("event: overview\n"), "{first}");
    for section in ["figures", "hour", "targets", "failovers", "principals"] {
        assert!(first.contains(&format!("id=\"{section}\"")), "{section}");
    }

    house.live.change(|overview| overview.requests.in_flight = 777);
    let second = events.next().await.unwrap();
    assert!(second.contains("777") && !second.contains("id=\"targets\""), "{second}");
}

#[tokio::test]
async fn many_changes_are_one_event_and_two_a_second_at_most() {
    let house = House::new().await;
    tokio::time::pause();
    let cookie = house.sign_in().await;
    let mut events = house.events(&cookie).await;
    events.next().await.unwrap();
    let started = tokio::time::Instant::now();
    for round in 1..=4_u64 {
        for change in 0..100 {
            house.live.change(|overview| overview.requests.in_flight = round * 1_000 + change);
        }
        let event = events.next().await.unwrap();
        assert!(event.contains(&format!("{round},099")), "{event}");
    }
    // Timers have a grain of a millisecond.
    let took = started.elapsed().as_millis();
    assert!((2_000..2_010).contains(&took), "{took}");
}

#[tokio::test]
async fn a_quiet_stream_beats_and_ends_with_its_session() {
    let house = House::new().await;
    tokio::time::pause();
    let cookie = house.sign_in().await;
    let mut events = house.events(&cookie).await;
    events.next().await.unwrap();
    let beat = events.next().await.unwrap();
    assert!(beat.starts_with(':'), "{beat}");

    house.clock.pass(SESSION_MS);
    let mut rest = events.filter(|event| std::future::ready(!event.starts_with(':')));
    let last = rest.next().await.unwrap();
    assert!(last.starts_with("event: signed-out\n"), "{last}");
    assert_eq!(rest.next().await, None);
}

#[tokio::test]
async fn streams_end_when_the_program_stops() {
    let house = House::new().await;
    tokio::time::pause();
    let cookie = house.sign_in().await;
    let mut events = house.events(&cookie).await;
    events.next().await.unwrap();
    house.closing.send(true).unwrap();
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn there_are_no_more_streams_than_can_be_served() {
    let house = House::new().await;
    tokio::time::pause();
    let cookie = house.sign_in().await;
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(house.events(&cookie).await);
    }
    let live = || get("/live").header("cookie", &cookie);
    let refused = house.ask(live()).await;
    let expected = (StatusCode::SERVICE_UNAVAILABLE, "too_many_streams".to_owned());
    assert_eq!((refused.status, refused.code()), expected);
    open.pop();
    drop(house.events(&cookie).await);
}

#[tokio::test]
async fn an_error_is_a_page_for_a_browser_and_json_for_a_program() {
    let house = House::new().await;
    let page: Answer = house.ask(get("/nowhere").header("accept", "text/html,*/*;q=0.8")).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.body.contains("there is nothing at this address"));
    let json = house.ask(get("/nowhere")).await;
    assert_eq!(
        (json.header("content-type"), json.code()),
        ("application/json", "not_found".to_owned())
    );
}

#[tokio::test]
async fn tasks_are_listed_and_a_refused_change_says_why() {
    let house = House::new().await;
    let listed = house.ask(get("/api/tasks").with_bearer()).await;
    assert!(listed.body.contains(r#""route":"task:intent""#), "{}", listed.body);
    let gone = house.ask(post("/api/tasks/intent/undeploy", "").with_bearer()).await;
    assert_eq!(gone.status, StatusCode::OK);
    let refused = house.ask(post("/api/tasks/intent/rollback", "").with_bearer()).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.body.contains("nothing else answered before"));
    let json = ("content-type", "application/json");
    let order = post("/api/tasks", r#"{"package":"/nowhere"}"#).header(json.0, json.1);
    let refused = house.ask(order.with_bearer()).await;
    assert!(refused.body.contains("there is no package"), "{}", refused.body);
    let unasked = house.ask(post("/api/tasks/intent/undeploy", "")).await;
    assert_eq!(unasked.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_breakers_page_reads_as_it_should() {
    let house = House::new().await;
    let cookie = house.sign_in().await;
    let page = house.ask(get("/breakers").header("cookie", &cookie)).await;
    insta::assert_snapshot!("breakers", page.body);
    let json = house.ask(get("/api/breakers").with_bearer()).await;
    let json: serde_json::Value = serde_json::from_str(&json.body).unwrap();
    assert_eq!(json["asking"][0]["session"]["principal"], "ada");
    assert_eq!(json["asking"][0]["evidence"]["used"]["cost"], 43_210_000_000_u64);
    assert_eq!(json["stopped"][0]["state"], "stopped");
    assert_eq!(json["events"][2]["change"]["confirmed"]["autonomous_ms"], 7_200_000);
}

#[tokio::test]
async fn the_providers_page_reads_as_it_should_and_lives() {
    let house = House::new().await;
    let cookie = house.sign_in().await;
    let page = house.ask(get("/providers").header("cookie", &cookie)).await;
    insta::assert_snapshot!("providers", page.body);
    let mut live = house.events_of("/live/providers", &cookie).await;
    let event = live.next().await.unwrap();
    assert!(event.contains("event: providers") && event.contains("211 gate shut"), "{event}");
}

#[tokio::test]
async fn an_answer_by_form_says_how_much_more_and_to_which_question() {
    let house = House::new().await;
    let cookie = house.sign_in().await;
    let confirm = |cost: i64, hours: Option<u64>| BreakerAnswer::Confirm {
        cost: Some(NanoUsd(cost * 10_000_000)),
        autonomous_ms: hours.map(|hours| hours * 3_600_000),
    };
    for (form, expect) in [
        ("decision=confirm&version=1&more=20&own=&hours=2", confirm(20_00, Some(2))),
        ("decision=confirm&version=1&more=own&own=0.50&hours=24", confirm(50, Some(24))),
        ("decision=confirm&version=1&more=5", confirm(5_00, None)),
        ("decision=stop&version=1&more=20&own=&hours=2", BreakerAnswer::Stop),
        ("decision=stop&version=1", BreakerAnswer::Stop),
    ] {
        let path = "/breakers/br_asks000000";
        let answer = house.ask(post(path, form).with_origin().header("cookie", &cookie)).await;
        answer.must_redirect_to("/breakers");
        let given = house.breakers.answers();
        let expect = ("br_asks000000".into(), Some(1), expect, "admin (console)".to_owned());
        assert_eq!(given, [expect], "{form}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_taken_says_why() {
    let house = House::new().await;
    let cookie = house.sign_in().await;
    for (id, form, status, code) in [
        ("br_asks000000", "decision=confirm&version=1&more=own&own=lots", 400, "bad_input"),
        ("br_asks000000", "decision=confirm&version=1&more=own&own=0", 400, "bad_input"),
        ("br_asks000000", "decision=confirm&version=1&more=own&own=", 400, "bad_input"),
        ("br_asks000000", "decision=confirm&version=1&more=5&own=50", 400, "bad_input"),
        ("br_asks000000", "decision=confirm&version=1&more=5&hours=9999", 400, "bad_input"),
        ("br_asks000000", "decision=perhaps&version=1", 400, "bad_input"),
        ("br_asks000000", "decision=stop&version=9", 409, "answer_refused"),
        ("br_nobody0000", "decision=stop&version=1", 404, "no_such_breaker"),
    ] {
        let path = format!("/breakers/{id}");
        let answer = house.ask(post(&path, form).with_origin().header("cookie", &cookie)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{form}");
    }
    let forged =
        post("/breakers/br_asks000000", "decision=stop&version=1").header("cookie", &cookie);
    assert_eq!(house.ask(forged).await.status, StatusCode::FORBIDDEN, "not from our own page");
    assert_eq!(house.breakers.answers(), [], "none of these holds");
}

#[tokio::test]
async fn a_program_answers_with_the_admin_secret() {
    let house = House::new().await;
    let order = |body: &str| {
        let json = "application/json";
        post("/api/breakers/br_asks000000", body).with_bearer().header("content-type", json)
    };
    let yes = r#"{"decision":"confirm","more_cost_nano_usd":20000000000}"#;
    assert_eq!(house.ask(order(yes)).await.status, StatusCode::NO_CONTENT);
    let more = BreakerAnswer::Confirm { cost: Some(NanoUsd(20_000_000_000)), autonomous_ms: None };
    let expect = ("br_asks000000".into(), None, more, "admin (API)".to_owned());
    assert_eq!(house.breakers.answers(), [expect]);
    let unknown_field = r#"{"decision":"stop","cost":1}"#;
    assert_eq!(house.ask(order(unknown_field)).await.code(), "bad_input");
}

#[tokio::test]
async fn a_question_reaches_the_overview_and_the_breakers_page() {
    let house = House::new().await;
    tokio::time::pause();
    let cookie = house.sign_in().await;
    house.live.change(|overview| overview.asking = 0);
    let mut overview = house.events(&cookie).await;
    let mut page = house.events_of("/live/breakers", &cookie).await;
    assert!(!overview.next().await.unwrap().contains("did you mean to spend this?"));
    assert!(page.next().await.unwrap().starts_with("event: breakers\n"));
    house.breakers.change(|board| board.asking[0].evidence.requests = 4_711);
    house.live.change(|overview| overview.asking = 2);
    let event = overview.next().await.unwrap();
    assert!(event.contains("2 sessions ask") && event.contains("href=\"/breakers\""), "{event}");
    let event = page.next().await.unwrap();
    assert!(event.contains("4,711") && !event.contains("id=\"running\""), "{event}");
}

#[tokio::test]
async fn what_a_client_calls_itself_is_text_and_nothing_else() {
    let house = House::new().await;
    house.breakers.change(|board| board.stopped[0].agent = "<img/src=x>".to_owned());
    let cookie = house.sign_in().await;
    let page = house.ask(get("/breakers").header("cookie", &cookie)).await;
    assert!(!page.body.contains("<img/src=x>") && page.body.contains("img/src=x"));
}

#[tokio::test]
async fn the_models_page_reads_as_it_should_and_its_forms_decide() {
    let house = House::new().await;
    let cookie = house.sign_in().await;
    let page = house.ask(get("/models").header("cookie", &cookie)).await;
    insta::assert_snapshot!("models", page.body);
    let post_as = async |form: &str| {
        house.ask(post("/models", form).header("cookie", &cookie).with_origin()).await
    };
    let answer = post_as("decision=hold&target=anthropic%2Fclaude-sonnet-4-5").await;
    answer.must_redirect_to("/models");
    post_as("decision=reject&target=openai%2Fgpt-5.5").await.must_redirect_to("/models");
    let refused = post_as("decision=confirm&target=openai%2Fnone").await;
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("no price of openai/none waits"));
    assert_eq!(post_as("decision=forget&target=openai%2Fnone").await.status, 400);
    let order = r#"{"decision":"release","target":"openai/gpt-5"}"#;
    let json = |order: &str| post("/api/models", order).header("content-type", "application/json");
    assert_eq!(house.ask(json(order).with_bearer()).await.status, 204);
    assert_eq!(house.ask(json(order)).await.status, 403);
    let decisions = house.models.decisions();
    let who: Vec<&str> = decisions.iter().map(|(_, by)| by.as_str()).collect();
    assert_eq!(who, ["admin (console)", "admin (console)", "admin (API)"]);
    assert_eq!(decisions[0].0, ModelDecision::Hold("anthropic/claude-sonnet-4-5".into()));
    assert_eq!(decisions[2].0, ModelDecision::Release("openai/gpt-5".into()));
    let refresh = post("/api/prices", r#"{"from":"/no/list.json"}"#);
    let refused = house.ask(refresh.header("content-type", "application/json").with_bearer()).await;
    assert!(refused.body.contains("/no/list.json cannot be read"), "{}", refused.body);
    let board = house.ask(get("/api/models").with_bearer()).await;
    assert!(board.body.contains(r#""stage":"ramping""#));
}
