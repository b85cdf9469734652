//! Files at providers: the id that a caller gets leads back to the provider that holds the file, for its
//! principal alone, and pins the requests that name it.

use access::Keys;
use http::{Method, StatusCode, header};

use crate::{
    harness::{CHAT, House, MESSAGES, RESPONSES, path, table},
    pass::Fixed,
};

const FILE: &[u8] = br#"{"id":"file-abc","object":"file","filename":"a.pdf"}"#;
const SAID: &[u8] = br#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}]}"#;

const FORM: &str =
    "--XX\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nuser_data\r\n--XX--\r\n";

async fn put(house: &House, provider: Option<&str>) -> String {
    let mut request = house.request(Method::POST, "/v1/files", FORM);
    let kind = "multipart/form-data; boundary=XX".parse().unwrap();
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    if let Some(provider) = provider {
        request.headers_mut().insert("x-outlast-provider", provider.parse().unwrap());
    }
    let reply = house.send(request).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    reply.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_file_is_put_asked_for_and_taken_away_at_the_provider_that_holds_it() {
    let first = Fixed::start(200, "application/json", FILE).await;
    let second = Fixed::start(200, "application/json", FILE).await;
    let targets = [(first.provider("one", CHAT), "m"), (second.provider("two", CHAT), "m")];
    let house = House::open(table("r", &targets)).await;
    let id = put(&house, Some("two")).await;
    assert!(id.starts_with("file-abc~two~"), "{id}");
    assert_eq!((second.heard().path.as_str(), second.heard().body), ("/v1/files", FORM.into()));
    let raw = "file-abc".to_owned();
    for (method, below, says) in
        [(Method::GET, "", &id), (Method::GET, "/content", &raw), (Method::DELETE, "", &id)]
    {
        let reply = house.send(house.request(method, &format!("/v1/files/{id}{below}"), "")).await;
        assert_eq!((reply.status, reply.json()["id"].as_str()), (StatusCode::OK, Some(&**says)));
        assert_eq!(second.heard().path, format!("/v1/files/file-abc{below}"));
    }
    assert!(put(&house, None).await.starts_with("file-abc~one~"), "the first that speaks the API");
}

#[tokio::test]
async fn nobody_reaches_anothers_file_or_the_list_of_all() {
    let only = Fixed::start(200, "application/json", FILE).await;
    let house = House::open(table("r", &[(only.provider("one", CHAT), "m")])).await;
    let id = put(&house, None).await;
    let bob = house.other_key("bob").await;
    let ask = async |id: &str, key: &str| {
        let mut request = house.request(Method::GET, &format!("/v1/files/{id}"), "");
        let key = format!("Bearer {key}").parse().unwrap();
        request.headers_mut().insert(header::AUTHORIZATION, key);
        house.send(request).await
    };
    assert_eq!(ask(&id, &house.key).await.status, StatusCode::OK);
    let own = &id[..id.find('~').unwrap()];
    let forged = format!("{own}~one~0123456789abcdef");
    for (id, key) in [(&*id, &*bob), (own, &*house.key), (&*forged, &*house.key)] {
        let reply = ask(id, key).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{id}");
        assert_eq!(reply.json()["error"]["code"], "file_not_found");
    }
    let list = house.send(house.request(Method::GET, "/v1/files", "")).await;
    assert_eq!(
        (list.status, list.json()["error"]["code"].as_str()),
        (StatusCode::NOT_FOUND, Some("not_offered"))
    );
    let post = house.send(house.request(Method::POST, &format!("/v1/files/{id}"), "")).await;
    assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_request_that_names_a_file_goes_to_its_holder_with_the_holders_own_id() {
    let first = Fixed::start(200, "application/json", FILE).await;
    let second = Fixed::start(200, "application/json", FILE).await;
    let targets = [(first.provider("one", CHAT), "m"), (second.provider("two", CHAT), "m")];
    let house = House::open(table("r", &targets)).await;
    let id = put(&house, Some("two")).await;
    let asks = |id: &str| {
        format!(
            r#"{{"model":"r","messages":[{{"role":"user","content":[{{"type":"file","file":{{"file_id":"{id}"}}}}]}}]}}"#
        )
    };
    house.post(path(CHAT), asks(&id)).await;
    assert_eq!(second.heard().path, "/v1/chat/completions");
    let sent = String::from_utf8(second.heard().body.to_vec()).unwrap();
    assert!(sent.contains(r#""file_id":"file-abc""#), "{sent}");
    let foreign = house.post(path(CHAT), asks("file-abc~two~0123456789abcdef")).await;
    assert_eq!(foreign.json()["error"]["code"], "file_not_found");
    let other = put(&house, Some("one")).await;
    let both = format!(
        r#"{{"model":"r","messages":[{{"role":"user","content":[{{"file_id":"{id}"}},{{"file_id":"{other}"}}]}}]}}"#
    );
    let both = house.post(path(CHAT), both).await;
    assert_eq!(both.json()["error"]["code"], "files_of_several_providers", "{}", both.text());
}

#[tokio::test]
async fn nothing_that_a_file_says_is_sealed_and_no_error_is() {
    let nested = br#"{"id":"file-mine","nested":{"id":"file-abc"}}"#;
    let only = Fixed::start(200, "application/json", nested).await;
    let house = House::open(table("r", &[(only.provider("one", CHAT), "m")])).await;
    let id = put(&house, None).await;
    assert!(id.starts_with("file-mine~"));
    let content = house.request(Method::GET, &format!("/v1/files/{id}/content"), "");
    assert_eq!(house.send(content).await.body.as_ref(), nested, "byte for byte");
    let about = house.send(house.request(Method::GET, &format!("/v1/files/{id}"), "")).await;
    assert_eq!(about.json()["nested"]["id"], "file-abc", "only the file's own id is sealed");

    let refused = Fixed::start(400, "application/json", br#"{"id":"file-abc"}"#).await;
    let house = House::open(table("r", &[(refused.provider("one", CHAT), "m")])).await;
    let reply = house.post("/v1/files", FORM).await;
    assert_eq!(
        (reply.status, reply.json()["id"].as_str()),
        (StatusCode::BAD_REQUEST, Some("file-abc"))
    );
    let denied = Fixed::start(401, "application/json", b"{}").await;
    let house = House::open(table("r", &[(denied.provider("one", CHAT), "m")])).await;
    let reply = house.post("/v1/files", FORM).await;
    assert_eq!(
        (reply.status, reply.json()["error"]["code"].as_str()),
        (StatusCode::BAD_GATEWAY, Some("upstream_credential"))
    );
}

#[tokio::test]
async fn a_providers_own_id_proves_nothing_and_a_tools_input_is_the_callers() {
    let only = Fixed::start(200, "application/json", SAID).await;
    let house = House::open(table("r", &[(only.provider("one", CHAT), "m")])).await;
    let content = |part: &str| {
        format!(r#"{{"model":"r","messages":[{{"role":"user","content":[{part}]}}]}}"#)
    };
    for own in [r#"{"file":{"file_id":"file-abc"}}"#, r#"{"file":{"file\u005fid":"file-abc"}}"#] {
        let reply = house.post(path(CHAT), content(own)).await;
        assert_eq!(reply.json()["error"]["code"], "file_not_found", "{own}");
    }
    let tools = r#"{"type":"text","text":"hi","input":{"file_id":"~/notes.txt"}}"#;
    assert_eq!(house.post(path(CHAT), content(tools)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_follows_a_reply_about_a_file_goes_where_the_file_is() {
    let first = Fixed::start(200, "application/json", FILE).await;
    let second = Fixed::start(200, "application/json", FILE).await;
    let targets = [(first.provider("one", CHAT), "m"), (second.provider("two", CHAT), "m")];
    let house = House::open(table("r", &targets)).await;
    let id = put(&house, Some("two")).await;
    let said = Fixed::start(200, "application/json", SAID).await;
    let targets = [(first.provider("one", CHAT), "m"), (said.provider("two", CHAT), "m")];
    house.gateway.reload(table("r", &targets));
    let input = format!(
        r#"[{{"role":"user","content":[{{"type":"input_text","text":"hi"}},{{"type":"input_image","file_id":"{id}"}}]}}]"#
    );
    let reply = house.post(path(RESPONSES), format!(r#"{{"model":"r","input":{input}}}"#)).await;
    // A chat provider cannot be told of the file, but it is the one that would be: nobody else is asked.
    assert_eq!(reply.json()["error"]["code"], "unsupported_across_dialects", "{}", reply.text());
    assert_eq!(first.requests(), 0);
}

#[tokio::test]
async fn a_file_where_the_route_does_not_lead_is_told_in_every_dialect() {
    let first = Fixed::start(200, "application/json", FILE).await;
    let second = Fixed::start(200, "application/json", SAID).await;
    let targets = [(first.provider("one", CHAT), "m"), (second.provider("two", CHAT), "m")];
    let house = House::open(table("r", &targets)).await;
    let id = put(&house, None).await;
    house.gateway.reload(table("r", &targets[1..]));
    for dialect in [CHAT, MESSAGES, RESPONSES] {
        let turns = if dialect == RESPONSES { "input" } else { "messages" };
        let body = format!(
            r#"{{"model":"r","max_tokens":9,"{turns}":[{{"role":"user","content":[{{"file_id":"{id}"}}]}}]}}"#
        );
        let reply = house.post(path(dialect), body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.text());
        assert!(reply.text().contains("does not lead"), "{}", reply.text());
    }
}

#[tokio::test]
async fn a_seal_is_for_one_use_one_principal_and_one_text() {
    let store = store::Store::in_memory().await.unwrap();
    let keys = Keys::load(&store).await.unwrap();
    let seal = keys.seal("file", &"ada".into(), "a");
    assert_eq!(seal, keys.seal("file", &"ada".into(), "a"));
    for other in [
        keys.seal("files", &"ada".into(), "a"),
        keys.seal("file", &"bob".into(), "a"),
        keys.seal("file", &"ada".into(), "b"),
    ] {
        assert_ne!(seal, other);
    }
    let again = Keys::load(&store).await.unwrap();
    assert_eq!(seal, again.seal("file", &"ada".into(), "a"), "holds over a restart");
}
