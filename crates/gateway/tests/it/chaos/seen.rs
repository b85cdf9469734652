//! What a caller of each dialect makes of a reply. An answer that is not whole, or a stream that ends well
//! though its answer does not, is a panic.

use serde_json::Value;
use terms::dialect::Dialect;

use crate::harness::{CHAT, MESSAGES, RESPONSES, Reply, whole_text};

/// The text of an answer with a proper end and a stop reason that says so.
pub(super) fn text(caller: Dialect, stream: bool, reply: &Reply) -> String {
    let text = whole_text(caller, stream, reply);
    let stop = match (caller, stream) {
        (CHAT, _) => r#""finish_reason":"stop""#,
        (MESSAGES, _) => r#""stop_reason":"end_turn""#,
        _ => r#""status":"completed""#,
    };
    assert_eq!(reply.text().matches(stop).count().min(1), 1, "a stop reason: {}", reply.text());
    assert!(!reply.text().contains("\"error\":{"), "{}", reply.text());
    text
}

/// The arguments of the one call that an answer makes.
pub(super) fn arguments(caller: Dialect, stream: bool, reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    if stream {
        assert!(is_ended_well(caller, reply), "{}", reply.text());
        let pointer = match caller {
            CHAT => "/choices/0/delta/tool_calls/0/function/arguments",
            MESSAGES => "/delta/partial_json",
            _ => "/delta",
        };
        let said: String = records(reply)
            .iter()
            .filter_map(|record| record.pointer(pointer)?.as_str().map(str::to_owned))
            .collect();
        return serde_json::from_str(&said).unwrap();
    }
    let json = reply.json();
    match caller {
        CHAT => {
            let call = &json["choices"][0]["message"]["tool_calls"][0]["function"];
            serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap()
        }
        MESSAGES => json["content"][0]["input"].clone(),
        _ => serde_json::from_str(json["output"][0]["arguments"].as_str().unwrap()).unwrap(),
    }
}

/// The ids that a stream gives its answer.
pub(super) fn ids(caller: Dialect, reply: &Reply) -> Vec<String> {
    let pointer = match caller {
        CHAT => "/id",
        MESSAGES => "/message/id",
        _ => "/response/id",
    };
    let records = records(reply);
    let ids = records.iter().filter_map(|record| record.pointer(pointer)?.as_str());
    let mut ids: Vec<String> = ids.map(str::to_owned).collect();
    ids.dedup();
    ids
}

/// What a whole answer tells its caller that it used.
pub(super) fn output_tokens(caller: Dialect, reply: &Reply) -> u64 {
    let usage = &reply.json()["usage"];
    let field = if caller == CHAT { "completion_tokens" } else { "output_tokens" };
    usage[field].as_u64().unwrap_or_else(|| panic!("no usage: {}", reply.text()))
}

/// An error in the caller's dialect, as its clients read it.
pub(super) fn assert_error(caller: Dialect, reply: &Reply) {
    assert_eq!(reply.header("content-type"), "application/json");
    let json = reply.json();
    let error = &json["error"];
    assert!(error["message"].as_str().is_some_and(|said| !said.is_empty()), "{json}");
    assert!(error["type"].is_string(), "{json}");
    if caller == MESSAGES {
        assert_eq!(json["type"], "error", "{json}");
    }
}

/// What had come stays, an error in the caller's dialect follows, and no clean end.
pub(super) fn assert_broken(caller: Dialect, reply: &Reply) {
    let said = reply.text();
    assert_eq!(reply.status, 200, "{said}");
    assert!(said.contains("quick"), "what was sent before stays: {said}");
    assert!(!is_ended_well(caller, reply), "a clean end: {said}");
    let last = records(reply).pop().unwrap();
    let error = match caller {
        RESPONSES => {
            assert_eq!(last["type"], "response.failed", "{said}");
            &last["response"]["error"]
        }
        _ => &last["error"],
    };
    assert!(error["message"].as_str().is_some_and(|said| said.contains("broke off")), "{said}");
}

/// Whether a stream ends as one of a whole answer does.
fn is_ended_well(caller: Dialect, reply: &Reply) -> bool {
    let terminator = match caller {
        CHAT => "data: [DONE]",
        MESSAGES => "event: message_stop",
        _ => "event: response.completed",
    };
    reply.text().contains(terminator)
}

/// The JSON of every record of a stream.
fn records(reply: &Reply) -> Vec<Value> {
    let records = reply.text().lines().filter_map(|line| line.strip_prefix("data: "));
    let records = records.filter(|data| *data != "[DONE]");
    records.map(|data| serde_json::from_str(data).unwrap()).collect()
}
