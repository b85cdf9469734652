//! After the first token: a stream that dies is finished by whoever may still be asked, and its caller
//! reads one answer. Both sides of the wire and the books are looked at.

use std::{collections::HashMap, sync::Arc};

use gateway::{BrokenStream, Provider, Source, Streaming};
use http::Method;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use simulator::{Answer, Fault, Vendor, VendorSpec};
use store::SpendDimension;
use terms::dialect::Dialect;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Notify,
};
use wire::{GO_ON, Prefill};

use crate::harness::{
    CHAT, FOX, GEMINI, House, MESSAGES, RESPONSES, Reply, path, provider, provider_at, question,
    table, table_streaming, vendor, whole_text,
};
use crate::recorder::{Recorder, Told};

const ALL: [Dialect; 4] = [CHAT, RESPONSES, MESSAGES, GEMINI];

/// What the first target says before it dies.
const SAID: &str = "The quick brown ";

/// A fault by name.
type Case = (&'static str, fn() -> Fault);

const DEATHS: [Case; 4] = [
    ("cut", || Fault::MidStreamCut { after_chunks: 3 }),
    ("reset", || Fault::MidStreamReset { after_chunks: 3 }),
    ("error event", || Fault::MidStreamError { after_chunks: 3 }),
    ("stall", || Fault::MidStreamStall { after_chunks: 3 }),
];

/// A vendor that says one thing to what it was not told to expect, and another to that.
async fn speaker(name: &str, dialect: Dialect, says: &str, to: &[(&str, &str)]) -> Vendor {
    let answers: HashMap<String, String> =
        to.iter().map(|(asked, said)| ((*asked).to_owned(), (*said).to_owned())).collect();
    let otherwise = Box::new(Answer::Fixed(says.to_owned()));
    let spec = VendorSpec {
        api_key: Some("upstream-secret".to_owned()),
        answer: Answer::Known { answers, otherwise },
        ..VendorSpec::new(name, dialect, &["m", "claude-haiku-4-5"])
    };
    Vendor::start(spec).await.unwrap()
}

async fn house(first: (&Vendor, Dialect), second: (&Vendor, Dialect, &str)) -> House {
    let (second, dialect, model) = second;
    let targets = [
        (provider("first", first.0, first.1), "m"),
        (provider("anthropic", second, dialect), model),
    ];
    House::open(table("r", &targets)).await
}

/// The ids that a stream gives its answer.
fn ids(dialect: Dialect, reply: &Reply) -> Vec<String> {
    let records = reply.text().lines().filter_map(|line| line.strip_prefix("data: "));
    let pointer = match dialect {
        CHAT => "/id",
        RESPONSES => "/response/id",
        MESSAGES => "/message/id",
        _ => "/responseId",
    };
    let mut ids: Vec<String> = records
        .filter_map(|data| serde_json::from_str::<Value>(data).ok())
        .filter_map(|record| Some(record.pointer(pointer)?.as_str()?.to_owned()))
        .collect();
    ids.dedup();
    ids
}

#[tokio::test]
async fn a_stream_that_dies_is_finished_by_another_target_in_every_dialect() {
    for (name, fault) in DEATHS {
        for upstream in ALL {
            for caller in ALL {
                let case = format!("{name}, {upstream} to {caller}");
                let first = vendor("first", upstream, &["m"]).await;
                let second = vendor("second", CHAT, &["m"]).await;
                first.set_fault(fault());
                let house = house((&first, upstream), (&second, CHAT, "m")).await;
                let reply = house.ask(caller, "r", true).await;
                assert_eq!(whole_text(caller, true, &reply), FOX, "{case}");
                assert_eq!(ids(caller, &reply).len(), 1, "{case}: {}", reply.text());
                assert_eq!((first.stats().requests, second.stats().requests), (1, 1), "{case}");
                let snapshot = house.ledger().activity().snapshot();
                let seen = (snapshot.answered, snapshot.rescued, snapshot.failed);
                assert_eq!(seen, (1, 1, 0), "{case}");
                let rows = house.close(&[SpendDimension::Provider]).await;
                let mut booked: Vec<_> =
                    rows.iter().map(|row| (row.attempts, row.failed_attempts)).collect();
                booked.sort_unstable();
                assert_eq!(booked, [(1, 0), (1, 1)], "{case}");
                assert!(rows.iter().all(|row| row.usage.output() > 0), "both parts are booked");
            }
        }
    }
}

#[tokio::test]
async fn without_another_target_the_same_one_is_asked_once_more() {
    let only = vendor("only", MESSAGES, &["m"]).await;
    only.set_fault_times(Fault::MidStreamReset { after_chunks: 3 }, 1);
    let house = House::open(table("r", &[(provider("only", &only, MESSAGES), "m")])).await;
    let reply = house.ask(MESSAGES, "r", true).await;
    assert_eq!(whole_text(MESSAGES, true, &reply), FOX);
    assert_eq!(only.stats().requests, 2);
}

#[tokio::test]
async fn a_target_that_tells_another_answer_is_told_to_go_on() {
    for caller in ALL {
        let first = vendor("first", caller, &["m"]).await;
        first.set_fault(Fault::MidStreamCut { after_chunks: 3 });
        let rest = [(GO_ON, "brown fox jumps over the lazy dog.")];
        let second = speaker("second", CHAT, "A slow red hen sleeps.", &rest).await;
        let house = house((&first, caller), (&second, CHAT, "m")).await;
        let reply = house.ask(caller, "r", true).await;
        // What it repeats is short enough to have been meant.
        assert_eq!(whole_text(caller, true, &reply), format!("{SAID}{}", rest[0].1), "{caller}");
        assert_eq!(second.stats().requests, 2, "one answer that differs, and one that goes on");
    }
}

#[tokio::test]
async fn a_target_that_can_goes_on_from_a_last_turn_of_its_own() {
    for caller in ALL {
        let first = vendor("first", caller, &["m"]).await;
        first.set_fault(Fault::MidStreamError { after_chunks: 3 });
        let rest = [(SAID.trim(), " fox jumps over the lazy dog.")];
        let second = speaker("second", MESSAGES, "A slow red hen sleeps.", &rest).await;
        let house = house((&first, caller), (&second, MESSAGES, "claude-haiku-4-5")).await;
        let reply = house.ask(caller, "r", true).await;
        assert_eq!(whole_text(caller, true, &reply), FOX, "{caller}");
        assert_eq!(second.stats().requests, 1);
        let sent: Value = serde_json::from_slice(&second.received()[0].body).unwrap();
        let turns = sent["messages"].as_array().unwrap();
        assert_eq!(turns.last().unwrap()["role"], "assistant");
    }
}

/// A provider that is told to go on as its vendor wants it.
fn with_prefill(name: &str, vendor: &Vendor, prefill: Prefill) -> Arc<Provider> {
    let mut row = (*provider(name, vendor, CHAT)).clone();
    if let Source::Remote { endpoints, .. } = &mut row.source {
        endpoints[0].habits.prefill = prefill;
    }
    Arc::new(row)
}

#[tokio::test]
async fn a_server_of_ones_own_is_told_to_go_on_as_it_wants_it() {
    const SAID: &str = "The quick brown fox jumps over";
    let tells_again = (Prefill::Prefix, FOX, "prefix");
    let goes_on = (Prefill::ContinueFinalMessage, " the lazy dog.", "continue_final_message");
    for (prefill, rest, marked) in [tells_again, goes_on] {
        for caller in ALL {
            let first = vendor("first", caller, &["m"]).await;
            first.set_fault(Fault::MidStreamCut { after_chunks: 6 });
            let second = speaker("second", CHAT, "A slow red hen sleeps.", &[(SAID, rest)]).await;
            let targets = [
                (provider("first", &first, caller), "m"),
                (with_prefill("second", &second, prefill), "m"),
            ];
            let house = House::open(table("r", &targets)).await;
            let reply = house.ask(caller, "r", true).await;
            assert_eq!(whole_text(caller, true, &reply), FOX, "{caller}, {marked}");
            assert_eq!(second.stats().requests, 1);
            let sent = second.received()[0].body.clone();
            let sent = String::from_utf8(sent.to_vec()).unwrap();
            assert!(sent.contains(&format!("\"{marked}\":true")), "{sent}");
        }
    }
}

#[tokio::test]
async fn a_target_that_refuses_a_turn_of_its_own_is_asked_in_another_way() {
    let first = vendor("first", CHAT, &["m"]).await;
    first.set_fault(Fault::MidStreamError { after_chunks: 3 });
    let second = speaker("second", MESSAGES, FOX, &[]).await;
    second.set_fault_times(Fault::status(400), 1);
    let house = house((&first, CHAT), (&second, MESSAGES, "claude-haiku-4-5")).await;
    let reply = house.ask(CHAT, "r", true).await;
    assert_eq!(whole_text(CHAT, true, &reply), FOX);
    assert_eq!(second.stats().requests, 2);
}

#[tokio::test]
async fn where_nobody_can_go_on_the_caller_is_told() {
    for caller in ALL {
        let first = vendor("first", caller, &["m"]).await;
        first.set_fault(Fault::MidStreamCut { after_chunks: 3 });
        let second = vendor("second", CHAT, &["m"]).await;
        second.set_fault(Fault::status(503));
        let house = house((&first, caller), (&second, CHAT, "m")).await;
        let reply = house.ask(caller, "r", true).await;
        assert!(reply.text().contains("the answer of first/m broke off"), "{}", reply.text());
        let ends = ["[DONE]", "message_stop", "response.completed", "finishReason"];
        assert!(!ends.iter().any(|end| reply.text().contains(end)), "{}", reply.text());
        let snapshot = house.ledger().activity().snapshot();
        assert_eq!((snapshot.answered, snapshot.failed), (0, 1), "{caller}");
    }
}

#[tokio::test]
async fn an_answer_whose_stop_reason_was_seen_is_whole_whatever_follows() {
    for caller in [CHAT, MESSAGES] {
        let first = vendor("first", caller, &["m"]).await;
        first.set_fault(Fault::SilentEnd);
        let second = vendor("second", CHAT, &["m"]).await;
        let house = house((&first, caller), (&second, CHAT, "m")).await;
        let reply = house.ask(caller, "r", true).await;
        assert_eq!(whole_text(caller, true, &reply), FOX, "{caller}");
        assert_eq!(second.stats().requests, 0, "{caller}");
        let rows = house.close(&[SpendDimension::Provider]).await;
        assert_eq!((rows[0].attempts, rows[0].failed_attempts), (1, 0), "{caller}");
    }
}

#[tokio::test]
async fn a_caller_who_waits_is_told_so_where_its_clients_skip_it() {
    for (caller, sign) in [(CHAT, ": waiting"), (RESPONSES, ": waiting"), (MESSAGES, "event: ping")]
    {
        let first = vendor("first", caller, &["m"]).await;
        first.set_fault(Fault::MidStreamCut { after_chunks: 3 });
        let second = vendor("second", CHAT, &["m"]).await;
        second.set_fault(Fault::SlowHeaders(150));
        let house = house((&first, caller), (&second, CHAT, "m")).await;
        let reply = house.ask(caller, "r", true).await;
        assert_eq!(whole_text(caller, true, &reply), FOX, "{caller}");
        assert!(reply.text().contains(sign), "{caller}: {}", reply.text());
    }
}

#[tokio::test]
async fn a_model_that_dies_while_it_thinks_is_followed_by_another() {
    let thinks = [
        r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":7,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"A fox? "}}"#,
    ];
    let begun = format!("data: {}\n\n", thinks.join("\n\ndata: "));
    let first = Recorder::start(vec![Told::new(200, "text/event-stream", begun)]).await;
    let second = vendor("second", MESSAGES, &["m"]).await;
    let targets = [
        (provider_at("first", &first.base, MESSAGES), "m"),
        (provider("second", &second, MESSAGES), "m"),
    ];
    let house = House::open(table("r", &targets)).await;
    let reply = house.ask(MESSAGES, "r", true).await;
    assert_eq!(whole_text(MESSAGES, true, &reply), FOX);
    assert!(!reply.text().contains("event: error"), "{}", reply.text());
    assert_eq!(ids(MESSAGES, &reply), ["msg_1"]);
    let signed = reply.text().find("signature_delta").unwrap();
    assert!(signed < reply.text().find("text_delta").unwrap(), "the first thought has its end");
}

/// A provider that says a word, and once it may, another one and an error in one piece.
async fn breaks_in_its_second_piece(may: Arc<Notify>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let record = |text: &str| {
        let delta = json!({"id": "c1", "choices": [{"index": 0, "delta": {"content": text}}]});
        format!("data: {delta}\n\n")
    };
    let chunk = |bytes: &str| format!("{:x}\r\n{bytes}\r\n", bytes.len());
    let error = "data: {\"error\":{\"message\":\"overloaded\"}}\n\n";
    let pieces = [chunk(&record("The quick ")), chunk(&format!("{}{error}", record("brown ")))];
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = [0; 4096];
        let _ = stream.read(&mut heard).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(format!("{head}{}", pieces[0]).as_bytes()).await.unwrap();
        may.notified().await;
        stream.write_all(pieces[1].as_bytes()).await.unwrap();
        let _ = stream.read(&mut heard).await;
    });
    base
}

#[tokio::test]
async fn what_came_with_the_break_is_not_waited_for() {
    let may = Arc::new(Notify::new());
    let base = breaks_in_its_second_piece(Arc::clone(&may)).await;
    let second = vendor("second", CHAT, &["m"]).await;
    second.set_fault(Fault::SlowHeaders(150));
    let targets =
        [(provider_at("first", &base, CHAT), "m"), (provider("second", &second, CHAT), "m")];
    let house = House::open(table("r", &targets)).await;
    let request = house.request(Method::POST, path(CHAT), question("r", true));
    let mut response = house.client.request(request).await.unwrap();
    let mut pieces = Vec::new();
    while let Some(frame) = response.body_mut().frame().await {
        may.notify_one();
        let piece = frame.unwrap().into_data().unwrap();
        pieces.push(String::from_utf8(piece.to_vec()).unwrap());
    }
    let at = |text: &str| pieces.iter().position(|piece| piece.contains(text)).unwrap();
    assert!(at("brown") < at(": waiting") && at(": waiting") < at("fox"), "{pieces:?}");
}

#[tokio::test]
async fn a_kept_reply_that_two_targets_told_is_kept_whole() {
    let first = vendor("first", RESPONSES, &["m"]).await;
    first.set_fault(Fault::MidStreamReset { after_chunks: 3 });
    let second = vendor("second", CHAT, &["m"]).await;
    let house = house((&first, RESPONSES), (&second, CHAT, "m")).await;
    let reply = house.post("/v1/responses", r#"{"model":"r","stream":true,"input":"hi"}"#).await;
    assert_eq!(whole_text(RESPONSES, true, &reply), FOX);
    let id = ids(RESPONSES, &reply).remove(0);
    let kept = house.send(house.request(Method::GET, &format!("/v1/responses/{id}"), "")).await;
    assert_eq!(kept.json()["output"][0]["content"][0]["text"], FOX, "{}", kept.text());
}

/// A question that has a tool called, in a dialect.
fn tool_question(dialect: Dialect) -> String {
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let ask = "CALLTOOL:look:{\"city\":\"Rome, the eternal one\",\"year\":1961}:END";
    let messages = json!([{ "role": "user", "content": ask }]);
    match dialect {
        CHAT => json!({
            "model": "r", "stream": true, "messages": messages,
            "tools": [{ "type": "function", "function": { "name": "look", "parameters": schema } }],
        }),
        MESSAGES => json!({
            "model": "r", "stream": true, "max_tokens": 64, "messages": messages,
            "tools": [{ "name": "look", "input_schema": schema }],
        }),
        _ => json!({
            "model": "r", "stream": true, "store": false, "input": messages,
            "tools": [{ "type": "function", "name": "look", "parameters": schema }],
        }),
    }
    .to_string()
}

/// The arguments that a stream called a tool with, all pieces together.
fn arguments(dialect: Dialect, reply: &Reply) -> String {
    let pointer = match dialect {
        CHAT => "/choices/0/delta/tool_calls/0/function/arguments",
        MESSAGES => "/delta/partial_json",
        _ => "/delta",
    };
    let records = reply.text().lines().filter_map(|line| line.strip_prefix("data: "));
    let records = records.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    records.filter_map(|record| Some(record.pointer(pointer)?.as_str()?.to_owned())).collect()
}

#[tokio::test]
async fn a_call_that_broke_off_is_told_again_and_joined() {
    for caller in [CHAT, RESPONSES, MESSAGES] {
        for hold_arguments in [false, true] {
            let case = format!("{caller}, held: {hold_arguments}");
            let first = vendor("first", caller, &["m"]).await;
            let second = vendor("second", CHAT, &["m"]).await;
            first.set_fault(Fault::MidStreamCut { after_chunks: 2 });
            let targets = [
                (provider("first", &first, caller), "m"),
                (provider("second", &second, CHAT), "m"),
            ];
            let streaming = Streaming { hold_arguments, ..Streaming::default() };
            let house = House::open(table_streaming("r", &targets, streaming)).await;
            let path = crate::harness::path(caller);
            let reply = house.send(house.request(Method::POST, path, tool_question(caller))).await;
            let called: Value = serde_json::from_str(&arguments(caller, &reply))
                .unwrap_or_else(|error| panic!("{case}: {error}: {}", reply.text()));
            let expected = json!({ "city": "Rome, the eternal one", "year": 1961 });
            assert_eq!(called, expected, "{case}");
            assert_eq!((first.stats().requests, second.stats().requests), (1, 1), "{case}");
        }
    }
}

#[tokio::test]
async fn a_route_may_send_nothing_before_the_answer_is_whole() {
    for (name, fault) in DEATHS {
        let first = vendor("first", CHAT, &["m"]).await;
        first.set_fault(fault());
        let second = speaker("second", CHAT, "A slow red hen sleeps.", &[]).await;
        let targets =
            [(provider("first", &first, CHAT), "m"), (provider("second", &second, CHAT), "m")];
        let buffer = Streaming { broken: BrokenStream::Buffer, ..Streaming::default() };
        let house = House::open(table_streaming("r", &targets, buffer)).await;
        let reply = house.ask(CHAT, "r", true).await;
        assert_eq!(whole_text(CHAT, true, &reply), "A slow red hen sleeps.", "{name}");
        assert_eq!(reply.header("x-outlast-target"), "second/m");
    }
}
