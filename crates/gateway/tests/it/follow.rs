//! Replies that are kept: followed, shown and forgotten, by their owner alone; the provider keeps
//! nothing and gets the whole input.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use simulator::Vendor;
use terms::dialect::Dialect;

use crate::harness::{
    CHAT, FOX, House, MESSAGES, RESPONSES, Reply, provider, table, vendor, whole_text,
};

async fn house(dialect: Dialect) -> (House, Vendor) {
    let only = vendor("only", dialect, &["m"]).await;
    let house = House::open(table("r", &[(provider("only", &only, dialect), "m")])).await;
    (house, only)
}

async fn ask(house: &House, input: Value, follows: Option<&str>, stream: bool) -> Reply {
    let mut body = json!({ "model": "r", "input": input, "stream": stream });
    if let Some(follows) = follows {
        body["previous_response_id"] = follows.into();
    }
    house.post("/v1/responses", body.to_string()).await
}

/// The reply object, whole or at the end of its stream.
fn object(reply: &Reply, stream: bool) -> Value {
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    if !stream {
        return reply.json();
    }
    let mut data = reply.text().lines().filter_map(|line| line.strip_prefix("data: "));
    let last: Value = serde_json::from_str(data.next_back().unwrap()).unwrap();
    last["response"].clone()
}

fn heard(vendor: &Vendor) -> Value {
    serde_json::from_slice(&vendor.received().pop().unwrap().body).unwrap()
}

#[tokio::test]
async fn a_reply_is_followed_with_everything_before_it() {
    for stream in [false, true] {
        let (house, only) = house(RESPONSES).await;
        let first = object(&ask(&house, json!("one"), None, stream).await, stream);
        let id = first["id"].as_str().unwrap();
        assert!(id.starts_with("resp_") && !id.contains("simulated"), "ids are ours: {id}");
        assert_eq!(first["store"], true);
        assert_eq!(heard(&only)["store"], false, "the provider keeps nothing");
        let input = json!([{ "role": "user", "content": "two" }]);
        let second = object(&ask(&house, input, Some(id), stream).await, stream);
        assert_eq!(second["previous_response_id"], id);
        let third = ask(&house, json!("three"), second["id"].as_str(), stream).await;
        assert_eq!(whole_text(RESPONSES, stream, &third), FOX);
        let sent = heard(&only);
        assert_eq!((&sent["store"], &sent["previous_response_id"]), (&json!(false), &Value::Null));
        let said: Vec<&str> = sent["input"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["content"].as_str().or(item["content"][0]["text"].as_str()).unwrap())
            .collect();
        assert_eq!(said, ["one", FOX, "two", FOX, "three"]);
    }
}

#[tokio::test]
async fn a_reply_is_followed_across_dialects() {
    for (dialect, count) in [(CHAT, 3), (MESSAGES, 3)] {
        for stream in [false, true] {
            let (house, only) = house(dialect).await;
            let first = object(&ask(&house, json!("one"), None, stream).await, stream);
            assert_eq!(first["store"], true);
            let second = ask(&house, json!("two"), first["id"].as_str(), stream).await;
            assert_eq!(whole_text(RESPONSES, stream, &second), FOX);
            let sent = heard(&only);
            let turns = sent["messages"].as_array().unwrap();
            assert_eq!(turns.len(), count, "{sent}");
            assert_eq!(turns[1]["role"], "assistant");
            assert!(turns[1].to_string().contains(FOX), "{sent}");
        }
    }
}

#[tokio::test]
async fn a_reply_is_shown_and_forgotten_to_its_owner_alone() {
    let (house, _only) = house(CHAT).await;
    let first = ask(&house, json!("one"), None, false).await;
    let id = first.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/responses/{id}");
    let shown = house.send(house.request(Method::GET, &path, "")).await;
    assert_eq!((shown.status, &shown.body), (StatusCode::OK, &first.body));

    let stranger = house.other_key("grace").await;
    for method in [Method::GET, Method::DELETE] {
        let mut request = house.request(method, &path, "");
        let bearer = format!("Bearer {stranger}").parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        let reply = house.send(request).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND);
        assert_eq!(reply.json()["error"]["type"], "invalid_request_error");
    }
    let body = json!({ "model": "r", "input": "x", "previous_response_id": id }).to_string();
    let mut request = house.request(Method::POST, "/v1/responses", body);
    let bearer = format!("Bearer {stranger}").parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    assert_eq!(house.send(request).await.status, StatusCode::BAD_REQUEST);

    let gone = house.send(house.request(Method::DELETE, &path, "")).await.json();
    assert_eq!(gone, json!({ "id": id, "object": "response", "deleted": true }));
    assert_eq!(house.send(house.request(Method::GET, &path, "")).await.status, 404);
    let follows = ask(&house, json!("two"), Some(&id), false).await;
    let error = &follows.json()["error"];
    assert_eq!(follows.status, StatusCode::BAD_REQUEST);
    assert_eq!(error["code"], "previous_response_not_found");
    assert_eq!(error["param"], "previous_response_id");
}

/// Everything that a reply answered, in pages, to its owner alone.
#[tokio::test]
async fn what_a_reply_answered_is_listed() {
    for dialect in [RESPONSES, CHAT] {
        let (house, _only) = house(dialect).await;
        let first = ask(&house, json!("one"), None, false).await.json();
        let input = json!([
            { "role": "user", "content": [{ "type": "input_text", "text": "two" }] },
            { "role": "user", "content": "three" },
        ]);
        let second = ask(&house, input, first["id"].as_str(), true).await;
        let id = object(&second, true)["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/responses/{id}/input_items");
        let list = async |query: &str| {
            let request = house.request(Method::GET, &format!("{path}{query}"), "");
            let reply = house.send(request).await;
            (reply.status.as_u16(), reply.json())
        };
        let said = |list: &Value| -> Vec<String> {
            let items = list["data"].as_array().unwrap().iter();
            items.map(|item| item["content"][0]["text"].as_str().unwrap().to_owned()).collect()
        };
        let (status, all) = list("?order=asc").await;
        assert_eq!(
            (status, &all["object"], &all["has_more"]),
            (200, &json!("list"), &json!(false))
        );
        assert_eq!(said(&all), ["one", FOX, "two", "three"]);
        let roles: Vec<&Value> =
            all["data"].as_array().unwrap().iter().map(|item| &item["role"]).collect();
        assert_eq!(roles, ["user", "assistant", "user", "user"]);
        assert_eq!(all["data"][1]["id"], first["output"][0]["id"]);

        let (_, newest) = list("?limit=3").await;
        assert_eq!(said(&newest), ["three", "two", FOX]);
        assert_eq!(newest["first_id"], all["data"][3]["id"]);
        assert_eq!(
            (&newest["last_id"], &newest["has_more"]),
            (&all["data"][1]["id"], &json!(true))
        );
        let after = format!("?limit=3&after={}", newest["last_id"].as_str().unwrap());
        let (_, oldest) = list(&after).await;
        assert_eq!((said(&oldest), &oldest["has_more"]), (vec!["one".to_owned()], &json!(false)));
        let after = format!("?after={}", oldest["last_id"].as_str().unwrap());
        let (_, none) = list(&after).await;
        assert_eq!((&none["data"], &none["first_id"]), (&json!([]), &Value::Null));

        for (wrong, param) in [("limit=101", "limit"), ("order=up", "order"), ("after=x", "after")]
        {
            let (status, told) = list(&format!("?{wrong}")).await;
            assert_eq!((status, &told["error"]["param"]), (400, &json!(param)), "{told}");
        }
        let stranger = house.other_key("grace").await;
        let mut request = house.request(Method::GET, &path, "");
        let bearer = format!("Bearer {stranger}").parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        assert_eq!(house.send(request).await.status, StatusCode::NOT_FOUND);
        let wrong = house.send(house.request(Method::DELETE, &path, "")).await;
        assert_eq!((wrong.status.as_u16(), wrong.header("allow")), (405, "GET"));
        // What it followed is kept no longer.
        let earlier = format!("/v1/responses/{}", first["id"].as_str().unwrap());
        house.send(house.request(Method::DELETE, &earlier, "")).await;
        assert_eq!(said(&list("?order=asc").await.1), ["two", "three"]);
    }
}

#[tokio::test]
async fn what_is_not_to_be_kept_is_not() {
    let (house, only) = house(RESPONSES).await;
    let body = json!({ "model": "r", "input": "one", "store": false }).to_string();
    let reply = house.post("/v1/responses", body).await.json();
    assert_eq!(reply["store"], false);
    assert!(reply["id"].as_str().unwrap().contains("simulated"), "its bytes are its provider's");
    let path = format!("/v1/responses/{}", reply["id"].as_str().unwrap());
    assert_eq!(house.send(house.request(Method::GET, &path, "")).await.status, 404);
    let odd = house.send(house.request(Method::GET, "/v1/responses/..%2f", "")).await;
    assert_eq!(odd.status, 404);
    let wrong = house.send(house.request(Method::PUT, &path, "")).await;
    assert_eq!((wrong.status.as_u16(), wrong.header("allow")), (405, "GET, DELETE"));
    assert_eq!(only.received().len(), 1);
}

/// The AI SDK names what was said before by its id wherever it may be kept.
#[tokio::test]
async fn an_item_that_is_only_named_is_sent_itself() {
    for dialect in [RESPONSES, CHAT] {
        let (house, only) = house(dialect).await;
        let first = ask(&house, json!("one"), None, false).await.json();
        let item = first["output"][0]["id"].as_str().unwrap();
        let named = json!({ "type": "item_reference", "id": item });
        let turns = json!([{ "role": "user", "content": "one" }, named, { "role": "user", "content": "two" }]);
        let second = ask(&house, turns, None, true).await;
        assert_eq!(whole_text(RESPONSES, true, &second), FOX);
        let sent = heard(&only);
        let turns = if dialect == CHAT { &sent["messages"] } else { &sent["input"] };
        assert_eq!(turns.as_array().unwrap().len(), 3);
        assert!(turns[1].to_string().contains(FOX) && turns[1]["role"] == "assistant", "{sent}");
        let lost = json!([{ "type": "item_reference", "id": "msg_lost" }]);
        let refused = ask(&house, lost, None, false).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND);
        assert_eq!(refused.json()["error"]["code"], "item_not_found");
    }
}
